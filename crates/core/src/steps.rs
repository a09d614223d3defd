//! The seams of the training loop: who may change what in a step.

use tch::Tensor;

use crate::{Mode, NamedTensors, Network, Result};

/// A batch on its way through a training step.
#[derive(Debug)]
pub struct Batch {
    /// Numbers of its rows in the training set, i64, B.
    pub rows: Tensor,
    /// Content: images u8 or f32 B×H×W×C in 0–255, or a table f32 B×D.
    pub inputs: Tensor,
    /// Labels, i64, B.
    pub labels: Tensor,
}

/// An adversary's hand in the victim's input pipeline: it changes each batch as it is gathered, before it is
/// augmented. This is more than poisoning data, since the adversary controls training.
pub trait Feed: Send + Sync {
    /// The batch that the victim gets in place of `batch` at step `step` (from 0, over all epochs). Draws come
    /// from the attack's own stream and `step`.
    ///
    /// # Errors
    /// The batch is of another kind.
    fn feed(&self, batch: Batch, step: usize) -> Result<Batch>;
}

/// What may differ from plain training in a step. The default is plain training: cross-entropy on the logits.
pub trait Steps {
    /// An epoch begins, counted from 0.
    fn epoch(&mut self, _epoch: usize) {}

    /// The augmented batch before it goes through the network. Labels must stay class numbers; who mixes them
    /// keeps what it needs for [`Steps::loss`].
    ///
    /// # Errors
    /// The batch is of another kind.
    fn batch(&mut self, batch: Batch) -> Result<Batch> {
        Ok(batch)
    }

    /// Logits, B×K, of an input as [`Network::stage`] takes it. Whoever needs maps of stages takes them here.
    fn logits(&mut self, network: &dyn Network, input: &Tensor, mode: Mode) -> Tensor {
        network.logits(input, mode)
    }

    /// The loss of a batch from logits (f32, B×K) and labels (i64, B), a differentiable number: by default the
    /// mean cross-entropy.
    fn loss(&mut self, logits: &Tensor, labels: &Tensor) -> Tensor {
        logits.cross_entropy_for_logits(labels)
    }

    /// The weights have been changed. They are shared with the network and may be changed further.
    fn stepped(&mut self, _weights: &[(String, Tensor)]) {}
}

/// Plain training.
#[derive(Debug, Default)]
pub struct Plain;

impl Steps for Plain {}

/// Which weights are trained.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Part {
    /// All of them.
    #[default]
    All,
    /// A fresh last linear layer over the features of the weights that training starts from, which stay as
    /// they are.
    Head,
}

/// A course of training with constant steps, in place of what `[train]` says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Passes over the data; none of them gives the weights that it started from.
    pub epochs: usize,
    /// Rows per step, at least 1.
    pub batch_size: usize,
    /// Constant learning rate, above 0.
    pub lr: f64,
}

/// How a training differs from what `[train]` says. The default does not.
#[derive(Default)]
pub struct Course<'a> {
    /// The weights that it starts from; fresh ones if there are none.
    pub start: Option<&'a NamedTensors>,
    /// Which weights are trained; the head alone needs a start.
    pub part: Part,
    /// Epochs, batch size and learning rate in place of those of `[train]`.
    pub pace: Option<Pace>,
    /// The adversary's hand in the input pipeline.
    pub feed: Option<&'a dyn Feed>,
    /// What a step does otherwise.
    pub steps: Option<&'a mut dyn Steps>,
}

impl std::fmt::Debug for Course<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Course")
            .field("part", &self.part)
            .field("pace", &self.pace)
            .field("start", &self.start.is_some())
            .field("feed", &self.feed.is_some())
            .field("steps", &self.steps.is_some())
            .finish()
    }
}
