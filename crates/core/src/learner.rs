//! Victims: what is trained, and what comes out.

use std::collections::BTreeMap;

use tch::Tensor;

use crate::{Dataset, Info, Result, Rows, Seed};

/// Tensors by name, as they go into and come out of a safetensors file.
pub type NamedTensors = BTreeMap<String, Tensor>;

/// Something that learns from a data set.
pub trait Learner {
    /// Checks the settings against the data before anything runs.
    ///
    /// # Errors
    /// Names the setting, its value and the range.
    fn check(&self, info: &Info) -> Result<()>;

    /// Learns. The streams `init`, `batches` and `augment` below `seed` are the only randomness.
    ///
    /// # Errors
    /// The numbers stopped being finite, or libtorch refused.
    fn fit(&self, data: &Dataset, seed: Seed, watch: &mut dyn Observer) -> Result<Box<dyn Model>>;

    /// What identifies the content of a file that the victim is read from; nothing if it is all in the
    /// settings. It belongs into the key of whatever is computed with it.
    ///
    /// # Errors
    /// The file cannot be read.
    fn content(&self) -> Result<Option<String>> {
        Ok(None)
    }

    /// Whether its models have penultimate activations to show.
    fn has_features(&self) -> bool {
        true
    }

    /// How much its models compute and hold, for estimates of cost. Zeros where that is not what costs.
    fn work(&self, _info: &Info) -> Work {
        Work::default()
    }

    /// Rebuilds a model from what [`Model::tensors`] gave.
    ///
    /// # Errors
    /// A tensor is missing or has another shape.
    fn restore(&self, info: &Info, tensors: &NamedTensors) -> Result<Box<dyn Model>>;
}

/// What a model computes and holds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Work {
    /// Multiply-adds of one row's forward pass.
    pub macs: f64,
    /// Numbers in the model.
    pub weights: f64,
    /// Numbers in a row's features.
    pub features: f64,
}

/// A trained model.
pub trait Model {
    /// Scores per class (logits for a net), f32, rows × classes.
    ///
    /// # Errors
    /// The rows are of another kind than it was trained on, or libtorch refused.
    fn scores(&self, rows: &Rows) -> Result<Tensor>;

    /// Penultimate activations, f32, rows × width.
    ///
    /// # Errors
    /// As [`Model::scores`].
    fn features(&self, rows: &Rows) -> Result<Tensor>;

    /// Everything needed to rebuild it.
    fn tensors(&self) -> NamedTensors;

    /// The predicted label per row: the highest score, the smaller class on a tie.
    ///
    /// # Errors
    /// As [`Model::scores`].
    fn predict(&self, rows: &Rows) -> Result<Vec<usize>> {
        best_class(&self.scores(rows)?)
    }
}

/// The class with the highest score per row of scores (rows × classes), the smaller class on a tie.
///
/// # Errors
/// libtorch refused.
pub fn best_class(scores: &Tensor) -> Result<Vec<usize>> {
    let best = Vec::<i64>::try_from(scores.argmax(-1, false))?;
    Ok(best.into_iter().map(|label| label as usize).collect())
}

/// Watches training. All methods do nothing by default.
pub trait Observer {
    /// A step ended: steps so far, steps in all, the batch's mean loss if it was asked for.
    fn step(&mut self, _done: usize, _total: usize) {}

    /// An epoch ended: its number from 1, and the mean loss over its rows.
    fn epoch(&mut self, _epoch: usize, _loss: f64) {}
}

/// An observer that does not look.
#[derive(Debug, Default)]
pub struct Silent;

impl Observer for Silent {}
