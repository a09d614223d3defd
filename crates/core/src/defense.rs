//! The family of defenses.

use std::fmt::Debug;

use tch::Tensor;

use crate::{Dataset, Error, Info, Result, Seed, Truth};

/// What a defense was given beyond the data. It is declared in code and printed beside the defense's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Knowledge {
    /// The largest share of poisoned rows in any class.
    PoisonRate,
    /// The attack's target class.
    TargetClass,
    /// Which rows are poisoned: only control arms.
    PoisonedRows,
}

impl Knowledge {
    /// The word used in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::PoisonRate => "poison_rate",
            Self::TargetClass => "target_class",
            Self::PoisonedRows => "poisoned_rows",
        }
    }
}

/// What a defense is told: exactly what it declared, nothing else is filled in.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Told {
    /// The largest share of poisoned rows among the rows that carry one label.
    pub poison_rate: Option<f64>,
    /// The attack's target class; `None` also when the attack has no single one.
    pub target_class: Option<usize>,
}

/// A defense: what it is, what it must be told, and the part it plays.
pub trait Defense: Debug + Send + Sync {
    /// The part it plays.
    fn role(&self) -> Role<'_>;

    /// What it is given beyond the data, under its present settings.
    fn knowledge(&self) -> Vec<Knowledge> {
        Vec::new()
    }

    /// Checks the settings against the data before anything runs.
    ///
    /// # Errors
    /// Names the setting, its value and the range.
    fn check(&self, _info: &Info) -> Result<()> {
        Ok(())
    }
}

/// The part a defense plays.
#[derive(Debug)]
pub enum Role<'a> {
    /// No defense.
    None,
    /// Scores and removes training rows.
    Filter(&'a dyn Filter),
    /// A filter that is told the truth, to show what filtering could do at best or by chance.
    Control(&'a dyn ControlArm),
}

/// All that a filter may look at: the data, what a model trained on them makes of them, and what it declared
/// that it must be told. There is no poison mask in it.
#[derive(Debug)]
pub struct Evidence<'a> {
    /// The training set as given.
    pub data: &'a Dataset,
    /// Penultimate activations of the model trained on `data`, f32, rows × width; present when the filter's
    /// [`Filter::needs_features`] says so.
    pub features: Option<Tensor>,
    /// What the defense declared as its knowledge.
    pub told: Told,
    /// The defense's own stream.
    pub seed: Seed,
}

impl Evidence<'_> {
    /// The features, one row per row of the data, all finite.
    ///
    /// # Errors
    /// They were not computed, have another number of rows, or are not finite.
    pub fn features(&self) -> Result<&Tensor> {
        let features = self.features.as_ref().ok_or_else(|| Error::new("no features were computed"))?;
        if features.dim() != 2 || features.size()[0] != self.data.len() as i64 {
            return Err(Error::new(format!("{:?} features for {} rows", features.size(), self.data.len())));
        }
        if !bool::try_from(features.isfinite().all())? {
            return Err(Error::new("the model's features are not finite: its training diverged")
                .hint("lower train.optimizer.lr"));
        }
        Ok(features)
    }
}

/// What a filter says: a score per row, higher meaning more suspicious, and which rows to remove.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// One score per row.
    pub scores: Vec<f64>,
    /// Whether to remove the row.
    pub removed: Vec<bool>,
}

/// A filter sees the data set and features of a model trained on it, never the poison mask.
pub trait Filter: Debug + Send + Sync {
    /// Whether it needs the features of the model trained on the poisoned data.
    fn needs_features(&self) -> bool;

    /// Whether it removes a share of the rows that it was told or given, whatever the rows are.
    fn removes_a_share(&self) -> bool {
        false
    }

    /// Scores every row and says which to remove.
    ///
    /// # Errors
    /// The data do not allow it (a class that is too small, features that are not finite).
    fn judge(&self, evidence: &Evidence<'_>) -> Result<Verdict>;
}

/// A control arm is given the truth; its declared knowledge says so.
pub trait ControlArm: Debug + Send + Sync {
    /// Scores every row and says which to remove.
    ///
    /// # Errors
    /// The settings do not fit the data.
    fn judge(&self, truth: Truth<'_>, seed: Seed) -> Result<Verdict>;
}

/// Marks the `count` highest scores among `rows`; ties go to the earlier row.
pub fn top_scores(scores: &[f64], rows: &[usize], count: usize, removed: &mut [bool]) {
    let mut order = rows.to_vec();
    order.sort_by(|&a, &b| by_score(scores, a, b));
    for &row in order.iter().take(count) {
        removed[row] = true;
    }
}

/// Order of two rows by falling score, then by row.
pub fn by_score(scores: &[f64], a: usize, b: usize) -> std::cmp::Ordering {
    scores[b].total_cmp(&scores[a]).then(a.cmp(&b))
}
