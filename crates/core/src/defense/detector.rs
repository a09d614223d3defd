//! Detectors: they flag inputs of a model, or the model itself, and change neither.

use std::fmt::Debug;

use crate::{Dataset, Info, Learner, Model, Observer, Rate, Result, Rows, Seed};

/// The model under suspicion, and what a detector may look at.
pub struct Subject<'a> {
    /// The victim's learner.
    pub learner: &'a dyn Learner,
    /// The model.
    pub model: &'a dyn Model,
    /// What is known of the data without their content.
    pub info: &'a Info,
    /// Clean training rows with their right labels, as many as the detector asks for.
    pub clean: &'a Dataset,
    /// The defense's own stream.
    pub seed: Seed,
}

impl Debug for Subject<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subject").field("seed", &self.seed).finish_non_exhaustive()
    }
}

/// What an input detector says.
#[derive(Debug, Clone, PartialEq)]
pub struct Flags {
    /// A score per input, higher meaning more suspicious.
    pub scores: Vec<f64>,
    /// Inputs that score above it are flagged. It was chosen without looking at the inputs.
    pub threshold: f64,
}

/// Flags inputs. It gets untouched and triggered inputs in one pile and does not know which are which.
pub trait InputDetector: Debug + Send + Sync {
    /// How many clean samples it is given, as a share of the training set, above 0.
    fn clean(&self) -> Rate;

    /// Inputs of each sort (untouched, triggered) that are looked at, at most.
    fn inputs(&self) -> usize;

    /// Whether it looks into a network; if not, scores are all that it needs of a model.
    fn needs_net(&self) -> bool {
        true
    }

    /// Scores the inputs, and sets the threshold from the clean samples.
    ///
    /// # Errors
    /// There are too few clean samples, or the rows are of a kind that it does not fit.
    fn judge(&self, subject: &Subject<'_>, inputs: &Rows, watch: &mut dyn Observer) -> Result<Flags>;
}

/// A trigger that was reverse-engineered for a class: B×H×W×C floats.
#[derive(Debug, Clone, PartialEq)]
pub struct ReversedTrigger {
    /// How much of each pixel is replaced, H×W, in [0, 1].
    pub mask: Vec<f32>,
    /// What it is replaced by, H×W×C, in [0, 255].
    pub pattern: Vec<f32>,
}

/// What a model detector found.
#[derive(Debug, Clone, PartialEq)]
pub struct Findings {
    /// An index per class, higher meaning more suspicious.
    pub index: Vec<f64>,
    /// Whether the class is taken for a backdoor's target.
    pub flagged: Vec<bool>,
    /// The reversed trigger per class, for a detector that reverses triggers.
    pub triggers: Vec<ReversedTrigger>,
}

/// Flags a model, class by class.
pub trait ModelDetector: Debug + Send + Sync {
    /// How many clean samples it is given, as a share of the training set; 0 for a detector without data.
    fn clean(&self) -> Rate;

    /// Looks at the model.
    ///
    /// # Errors
    /// The victim is no network, or the rows are of a kind that it does not fit.
    fn inspect(&self, subject: &Subject<'_>, watch: &mut dyn Observer) -> Result<Findings>;
}
