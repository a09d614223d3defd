//! What the filters of this crate share: which classes they look at, and how the rows of a class go.

use aconite_core::{Error, Evidence, Rate, Removal, Result, Told, Verdict, top_scores};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

/// The classes that are looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Scope {
    /// Every class.
    #[default]
    AllClasses,
    /// The attack's target class, which the defense is told; every class when the attack has no single target.
    TargetClass,
}

/// A class of at least two rows.
pub(crate) struct Class {
    /// Its number.
    pub number: usize,
    /// Its rows in the training set, ascending.
    pub rows: Vec<usize>,
    /// Their features, f64, rows × width.
    pub features: Tensor,
}

/// What a filter makes of a class: a score for each of its rows, and its own rule about which go.
pub(crate) struct Opinion {
    pub scores: Vec<f64>,
    pub rule: Rule,
}

/// The rows of a class that go by the filter's own rule.
pub(crate) enum Rule {
    /// So many with the highest scores.
    Top(usize),
    /// Those that are marked.
    Marked(Vec<bool>),
}

impl Opinion {
    /// About a class in which nothing can be told apart.
    pub fn none(rows: usize) -> Self {
        Self { scores: vec![0.0; rows], rule: Rule::Top(0) }
    }
}

/// Asks for an opinion on each class in the scope, and removes by `removal` where it is given, by the filter's
/// own rule where it is not. Rows that are not looked at score 0 and stay.
pub(crate) fn judge(
    evidence: &Evidence<'_>,
    scope: Scope,
    removal: Option<Removal>,
    mut opinion: impl FnMut(&Class) -> Result<Opinion>,
) -> Result<Verdict> {
    let (data, features) = (evidence.data, evidence.features()?);
    let classes = match (scope, evidence.told.target_class) {
        (Scope::TargetClass, Some(target)) => target..target + 1,
        (Scope::TargetClass, None) | (Scope::AllClasses, _) => 0..data.num_classes(),
    };
    let mut scores = vec![0.0; data.len()];
    let mut removed = vec![false; data.len()];
    for number in classes {
        let rows = data.rows_of(number);
        if rows.len() < 2 {
            continue;
        }
        let of_class = features.f_index_select(0, &index(&rows)?)?.f_to_kind(Kind::Double)?;
        let class = Class { number, rows, features: of_class };
        let Opinion { scores: of_class, rule } = opinion(&class)?;
        for (&row, score) in class.rows.iter().zip(of_class) {
            scores[row] = score;
        }
        match (removal, rule) {
            (Some(removal), _) => removal.cut(&scores, &class.rows, &mut removed),
            (None, Rule::Top(count)) => top_scores(&scores, &class.rows, count, &mut removed),
            (None, Rule::Marked(marked)) => {
                for (&row, gone) in class.rows.iter().zip(marked) {
                    removed[row] = gone;
                }
            }
        }
    }
    if removed.iter().all(|&gone| gone) {
        return Err(Error::new("the filter removes every training row: nothing is left to train on")
            .hint("choose settings that remove a smaller share of each class"));
    }
    Ok(Verdict::new(scores, removed))
}

/// Rows as an index tensor.
pub(crate) fn index(rows: &[usize]) -> Result<Tensor> {
    let rows: Vec<i64> = rows.iter().map(|&row| row as i64).collect();
    Ok(Tensor::f_from_slice(&rows)?)
}

/// The share of poisoned rows in a class: assumed, or told.
pub(crate) fn poisoned_share(assumed: Option<Rate>, told: &Told, instead: &str) -> Result<f64> {
    let told = told.poison_rate.map(Rate::try_from).transpose().map_err(Error::new)?;
    let share = assumed.or(told).ok_or_else(|| {
        Error::new("the share of poisoned rows is not known").hint(format!("set {instead}"))
    })?;
    Ok(share.get())
}

/// ⌊share·n⌋, at most n, immune to the last bit as [`Rate::count`] is; a share may exceed 1.
pub(crate) fn count(share: f64, n: usize) -> usize {
    ((share * n as f64 + 1e-9).floor() as usize).min(n)
}

/// Refuses a number that is not above 0.
pub(crate) fn above_zero(key: &str, what: &str, value: f64) -> Result<()> {
    if value.is_finite() && value > 0.0 {
        return Ok(());
    }
    Err(Error::at(key, format!("{what} of {value} is not above 0")))
}
