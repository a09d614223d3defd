//! Confident learning: rows that a model trained without them confidently puts into another class go.

use aconite_core::{Defense, Error, Evidence, Filter, Info, Reads, Result, Role, Verdict};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::joint::{ConfidentJoint, TOLERANCE, best};

/// Removes as many rows as the joint distribution of given and true labels says are mislabelled.
///
/// Paper: Northcutt, Jiang, Chuang 2021, "Confident Learning: Estimating Uncertainty in Dataset Labels", section 3
/// and Algorithm 1.
///
/// p̂(j; x) is the probability of class j under a model that was trained without x, by cross-validation. Thresholds
/// t_j = mean of p̂(j; x) over the rows labelled j. The confident joint C_ij counts the rows labelled i with
/// j = argmax p̂(l; x) over the l with p̂(l; x) ≥ t_l. The joint Q_ij ∝ C_ij/Σ_j C_ij·n_i, and n·Q is rounded so
/// that each i keeps its number n_i of rows. Then, with the names of `prune`:
/// `by_noise_rate`: for all i ≠ j, the n·Q_ij rows labelled i with the largest p̂(j; x) − p̂(i; x);
/// `by_class`: for each i, the n·Σ_{j≠i} Q_ij rows labelled i with the smallest p̂(i; x);
/// `both`: the rows that both of these remove; `confident_joint`: the rows counted in C off its diagonal;
/// `confusion`: the rows whose most probable class is not their label.
/// The score of a row is 1 − p̂(y; x).
///
/// The authors' library keeps whatever is predicted as labelled (`keep_agreeing = true`), and where several classes
/// reach their thresholds it takes the most probable of all classes. As there, thresholds are reached to within
/// 10⁻⁶ and C_ii is at least 1. Of each class the row with the largest p̂(y; x) stays in any case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ConfidentLearning {
    /// Parts of the training set, each of which is scored by a model trained on the others; at least 2.
    #[schemars(range(min = 2))]
    pub folds: usize,
    /// Which rows go.
    pub prune: Prune,
    /// Whether rows stay whose most probable class is their label, as in the authors' library.
    pub keep_agreeing: bool,
}

/// Which rows go, given the confident joint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Prune {
    /// As many of each pair of given and true class as it says, those with the largest margin.
    #[default]
    ByNoiseRate,
    /// As many of each given class as it says, those with the smallest self-confidence.
    ByClass,
    /// What both of the others remove.
    Both,
    /// The rows that it counted off its diagonal.
    ConfidentJoint,
    /// Whatever is predicted as another class; the joint is not used.
    Confusion,
}

impl Default for ConfidentLearning {
    fn default() -> Self {
        Self { folds: 5, prune: Prune::ByNoiseRate, keep_agreeing: false }
    }
}

impl Kind for ConfidentLearning {}

impl Defense for ConfidentLearning {
    fn role(&self) -> Role<'_> {
        Role::Filter(self)
    }

    fn check(&self, info: &Info) -> Result<()> {
        let rows = info.total();
        if (2..=rows).contains(&self.folds) {
            return Ok(());
        }
        Err(Error::at(
            "folds",
            format!("{} folds are outside 2 to {rows}, the number of training rows", self.folds),
        ))
    }
}

impl Filter for ConfidentLearning {
    fn reads(&self) -> Reads {
        Reads { folds: Some(self.folds), ..Reads::NOTHING }
    }

    fn judge(&self, evidence: &Evidence<'_>) -> Result<Verdict> {
        let (labels, classes) = (evidence.data.labels(), evidence.data.num_classes());
        let probabilities = evidence.out_of_sample()?;
        if probabilities.size()[1] != classes as i64 {
            return Err(Error::new(format!(
                "scores of {} classes for labels of {classes}",
                probabilities.size()[1]
            )));
        }
        let probabilities = Vec::<f64>::try_from(probabilities.f_flatten(0, -1)?)?;
        let table = Probabilities { all: &probabilities, labels, classes };
        let removed = self.removed(&table, &evidence.data.info().rows);
        let scores = (0..labels.len()).map(|row| 1.0 - table.own(row)).collect();
        Ok(Verdict::new(scores, removed))
    }
}

impl ConfidentLearning {
    /// The rows that go; `sizes` are the numbers of rows of each label.
    fn removed(&self, table: &Probabilities<'_>, sizes: &[usize]) -> Vec<bool> {
        let joint = ConfidentJoint::new(table.all, table.labels, table.classes);
        let counts = joint.calibrated(sizes);
        let other = |row: usize, class: Option<usize>| class.is_some_and(|class| class != table.labels[row]);
        let rows = 0..table.labels.len();
        let mut removed: Vec<bool> = match self.prune {
            Prune::ByNoiseRate => table.by_noise_rate(&counts),
            Prune::ByClass => table.by_class(&counts),
            Prune::Both => {
                let (one, two) = (table.by_noise_rate(&counts), table.by_class(&counts));
                one.into_iter().zip(two).map(|(one, two)| one && two).collect()
            }
            Prune::ConfidentJoint => rows.map(|row| other(row, joint.confident[row])).collect(),
            Prune::Confusion => rows.map(|row| other(row, best(0..table.classes, table.of(row)))).collect(),
        };
        for row in (0..removed.len()).filter(|_| self.keep_agreeing) {
            removed[row] &= table.of(row).iter().any(|&p| p > table.own(row) + TOLERANCE);
        }
        for class in 0..table.classes {
            if let Some(&surest) = table.ascending(class, |row| -table.own(row)).first() {
                removed[surest] = false;
            }
        }
        removed
    }
}

/// Out-of-sample probabilities, row after row, and the given labels.
struct Probabilities<'a> {
    all: &'a [f64],
    labels: &'a [usize],
    classes: usize,
}

impl Probabilities<'_> {
    /// Those of one row.
    fn of(&self, row: usize) -> &[f64] {
        &self.all[row * self.classes..(row + 1) * self.classes]
    }

    /// The self-confidence of a row: that of its label.
    fn own(&self, row: usize) -> f64 {
        self.of(row)[self.labels[row]]
    }

    /// The rows of a label by rising value, the earlier first on a tie.
    fn ascending(&self, class: usize, value: impl Fn(usize) -> f64) -> Vec<usize> {
        let mut rows: Vec<usize> = (0..self.labels.len()).filter(|&row| self.labels[row] == class).collect();
        rows.sort_by(|&a, &b| value(a).total_cmp(&value(b)));
        rows
    }

    fn by_class(&self, counts: &[Vec<usize>]) -> Vec<bool> {
        let mut removed = vec![false; self.labels.len()];
        for (class, counts) in counts.iter().enumerate() {
            let wrong = counts.iter().sum::<usize>() - counts[class];
            for row in self.ascending(class, |row| self.own(row)).into_iter().take(wrong) {
                removed[row] = true;
            }
        }
        removed
    }

    fn by_noise_rate(&self, counts: &[Vec<usize>]) -> Vec<bool> {
        let mut removed = vec![false; self.labels.len()];
        for (given, counts) in counts.iter().enumerate() {
            for (class, &wrong) in counts.iter().enumerate().filter(|&(class, _)| class != given) {
                let margin = |row: usize| self.own(row) - self.of(row)[class];
                for row in self.ascending(given, margin).into_iter().take(wrong) {
                    removed[row] = true;
                }
            }
        }
        removed
    }
}
