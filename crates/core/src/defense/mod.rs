//! The family of defenses.

mod certificate;
mod detector;
mod filter;
mod regime;
mod repair;

use std::fmt::Debug;

use crate::{Aggregator, Info, Mixing, Result};

pub use certificate::{Certificate, Certified};
pub use detector::{Findings, Flags, InputDetector, ModelDetector, ReversedTrigger, Subject};
pub use filter::{ControlArm, Evidence, Filter, Reads, Verdict};
pub use regime::{Regime, Training};
pub use repair::{Damaged, Repair};

/// What a defense was given beyond the data. It is declared in code and printed beside the defense's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Knowledge {
    /// The largest share of poisoned rows in any class.
    PoisonRate,
    /// The attack's target class.
    TargetClass,
    /// Which rows are poisoned: only control arms.
    PoisonedRows,
    /// How many clients of a federation are malicious.
    MaliciousCount,
    /// Training rows that are known to be clean, with their right labels.
    CleanSamples,
    /// The right labels of rows that somebody labels by hand.
    LabelsByHand,
    /// The attack's trigger.
    Trigger,
    /// Test data with labels: only declared oracles.
    TestSet,
}

impl Knowledge {
    /// The word used in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::PoisonRate => "poison_rate",
            Self::TargetClass => "target_class",
            Self::PoisonedRows => "poisoned_rows",
            Self::MaliciousCount => "malicious_count",
            Self::CleanSamples => "clean_samples",
            Self::LabelsByHand => "labels_by_hand",
            Self::Trigger => "trigger",
            Self::TestSet => "test_set",
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

    /// About how many forward passes of single rows it makes itself, a backward pass counting as two: for
    /// estimates of cost. `training` are those of training the victim once as `[train]` says, `epochs` its epochs.
    fn passes(&self, _info: &Info, training: f64, _epochs: f64) -> f64 {
        training
    }
}

/// The part a defense plays.
#[derive(Debug)]
pub enum Role<'a> {
    /// No defense.
    None,
    /// Scores and removes training rows, or mends their labels.
    Filter(&'a dyn Filter),
    /// A filter that is told the truth, to show what filtering could do at best or by chance.
    Control(&'a dyn ControlArm),
    /// Another way to train.
    Regime(&'a dyn Regime),
    /// Another way to train whose predictions come with a proof.
    Certificate(&'a dyn Certificate),
    /// Mends a trained model.
    Repair(&'a dyn Repair),
    /// Flags inputs of a model.
    InputDetector(&'a dyn InputDetector),
    /// Flags a model.
    ModelDetector(&'a dyn ModelDetector),
    /// A federation's rule: makes one update of many.
    Aggregator(&'a dyn Aggregator),
    /// Mixes a federation's updates before a rule.
    Mixing(&'a dyn Mixing),
    /// Several defenses in a row, which the runner takes apart.
    Chain,
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
