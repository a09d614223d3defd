//! Filters: they score training rows and say which go.

use std::fmt::Debug;

use tch::{Kind, Tensor};

use super::Told;
use crate::{Dataset, Error, Learner, Rate, Result, Seed, Truth};

/// What of the model trained on the data a filter looks at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reads {
    /// Features and scores of the training rows under a model trained on all of them.
    pub model: bool,
    /// Scores of each training row under a model trained without it: the number of folds, at least 2.
    pub folds: Option<usize>,
    /// The victim's learner, to be trained on trial.
    pub victim: bool,
}

impl Reads {
    /// Nothing: the filter looks at the rows themselves.
    pub const NOTHING: Self = Self { model: false, folds: None, victim: false };
    /// Features and scores of a model trained on all rows.
    pub const MODEL: Self = Self { model: true, folds: None, victim: false };
}

/// All that a filter may look at: the data, what a model trained on them makes of them, and what it declared
/// that it must be told. There is no poison mask in it.
pub struct Evidence<'a> {
    /// The training set as given.
    pub data: &'a Dataset,
    /// Penultimate activations of the model trained on `data`, f32, rows × width; present when [`Reads::model`].
    pub features: Option<Tensor>,
    /// Scores (logits) of that model, f32, rows × classes; present when [`Reads::model`].
    pub scores: Option<Tensor>,
    /// Scores (logits) of each row under a model trained without it, f32, rows × classes; present when
    /// [`Reads::folds`].
    pub out_of_sample: Option<Tensor>,
    /// The victim's learner; present when [`Reads::victim`].
    pub learner: Option<&'a dyn Learner>,
    /// Training rows that are known to be clean, with their right labels, as many as [`Filter::clean`] asks for.
    pub clean: Option<Dataset>,
    /// What the defense declared as its knowledge.
    pub told: Told,
    /// The defense's own stream.
    pub seed: Seed,
}

impl Debug for Evidence<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Evidence")
            .field("rows", &self.data.len())
            .field("told", &self.told)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

impl<'a> Evidence<'a> {
    /// The data alone.
    pub fn new(data: &'a Dataset, told: Told, seed: Seed) -> Self {
        Self {
            data,
            features: None,
            scores: None,
            out_of_sample: None,
            learner: None,
            clean: None,
            told,
            seed,
        }
    }

    /// The victim's learner.
    ///
    /// # Errors
    /// The filter did not ask for it.
    pub fn learner(&self) -> Result<&'a dyn Learner> {
        self.learner.ok_or_else(|| Error::new("the filter was given no victim"))
    }

    /// The features, one row per row of the data, all finite.
    ///
    /// # Errors
    /// They were not computed, have another number of rows, or are not finite.
    pub fn features(&self) -> Result<&Tensor> {
        self.of_rows(self.features.as_ref(), "features")
    }

    /// The model's scores, one row per row of the data, all finite.
    ///
    /// # Errors
    /// As [`Evidence::features`].
    pub fn scores(&self) -> Result<&Tensor> {
        self.of_rows(self.scores.as_ref(), "scores")
    }

    /// Class probabilities of each row under a model trained without it: the softmax of its scores, f64,
    /// rows × classes.
    ///
    /// # Errors
    /// As [`Evidence::features`].
    pub fn out_of_sample(&self) -> Result<Tensor> {
        Ok(self.of_rows(self.out_of_sample.as_ref(), "out-of-sample scores")?.f_softmax(-1, Kind::Double)?)
    }

    fn of_rows<'t>(&self, given: Option<&'t Tensor>, what: &str) -> Result<&'t Tensor> {
        let given = given.ok_or_else(|| Error::new(format!("no {what} were computed")))?;
        if given.dim() != 2 || given.size()[0] != self.data.len() as i64 {
            return Err(Error::new(format!("{:?} {what} for {} rows", given.size(), self.data.len())));
        }
        if !bool::try_from(given.isfinite().all())? {
            return Err(Error::new(format!("the model's {what} are not finite: its training diverged"))
                .hint("lower train.optimizer.lr"));
        }
        Ok(given)
    }
}

/// What a filter says: a score per row, higher meaning more suspicious, which rows to remove, and which labels
/// to mend.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// One score per row.
    pub scores: Vec<f64>,
    /// Whether to remove the row.
    pub removed: Vec<bool>,
    /// The labels to train with, for a filter that mends labels; none leaves them as they are.
    pub labels: Option<Vec<usize>>,
}

impl Verdict {
    /// Scores and what they cut away; labels stay.
    pub fn new(scores: Vec<f64>, removed: Vec<bool>) -> Self {
        Self { scores, removed, labels: None }
    }
}

/// A filter sees the data set and features of a model trained on it, never the poison mask.
pub trait Filter: Debug + Send + Sync {
    /// What it looks at beside the rows.
    fn reads(&self) -> Reads;

    /// Whether it removes a share of the rows that it was told or given, whatever the rows are.
    fn removes_a_share(&self) -> bool {
        false
    }

    /// How many clean samples it is given, as a share of the training set; 0 for a filter that is given none. More
    /// than 0 is knowledge that it must declare.
    fn clean(&self) -> Rate {
        Rate::literal(0.0)
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
