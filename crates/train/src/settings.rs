//! `[train]`: how a network is trained.

use std::num::NonZeroU32;

use aconite_core::{Error, Part, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Augment;

/// How a network is trained: epochs, batches, precision, threads and augmentation. The optimiser and the
/// schedule are tables of their own, `train.optimizer` and `train.schedule`.
///
/// Paper: Robbins and Monro 1951, A stochastic approximation method.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Train {
    /// Passes over the training set, at least 1.
    pub epochs: NonZeroU32,
    /// Rows per step, at least 1. The last batch of an epoch may be shorter; it is never dropped.
    pub batch_size: NonZeroU32,
    /// Arithmetic of the forward and backward passes; weights and their updates are f32 in either case.
    pub precision: Precision,
    /// Threads of the worker that computes a stage. Part of the result's key, since the last bits depend on
    /// it.
    pub threads: NonZeroU32,
    /// Random changes of the training images, in this order, drawn anew for every batch: `crop`, `flip`,
    /// `cutout`, `rotate`.
    pub augment: Vec<Augment>,
    /// Where training starts and what of the net it changes: `none` trains all weights from fresh ones, `head` a
    /// fresh last layer over the frozen features of a model that was trained in the same way on the clean training
    /// set, `full` all weights from those of that model.
    pub transfer: Transfer,
}

impl Default for Train {
    fn default() -> Self {
        Self {
            epochs: count(4),
            batch_size: count(128),
            precision: Precision::F32,
            threads: NonZeroU32::MIN,
            augment: Vec::new(),
            transfer: Transfer::None,
        }
    }
}

/// `n` as a count, 1 for 0.
const fn count(n: u32) -> NonZeroU32 {
    match NonZeroU32::new(n) {
        Some(n) => n,
        None => NonZeroU32::MIN,
    }
}

impl aconite_grid::Kind for Train {}

impl Train {
    /// Checks what single fields cannot know.
    ///
    /// # Errors
    /// The same augmentation twice.
    pub fn check(&self) -> Result<()> {
        for (i, a) in self.augment.iter().enumerate() {
            if self.augment[..i].contains(a) {
                return Err(Error::at("augment", format!("{a:?} is listed twice").to_lowercase()));
            }
        }
        if self.transfer == Transfer::Head && !self.augment.is_empty() {
            return Err(Error::at(
                "augment",
                "a frozen extractor sees each row once: it cannot be augmented",
            )
            .hint("leave augment out, or train all weights: transfer = \"full\""));
        }
        Ok(())
    }

    /// Steps in an epoch over `rows` rows.
    pub fn steps_per_epoch(&self, rows: usize) -> usize {
        rows.div_ceil(self.batch_size.get() as usize)
    }
}

/// Where training starts and what it changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Transfer {
    /// Fresh weights, all of them trained.
    #[default]
    None,
    /// The features of a pretrained model, and a fresh last layer.
    Head,
    /// The weights of a pretrained model, all of them trained.
    Full,
}

impl Transfer {
    /// Which weights are trained.
    pub fn part(self) -> Part {
        match self {
            Self::Head => Part::Head,
            Self::None | Self::Full => Part::All,
        }
    }
}

/// Arithmetic of the passes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Precision {
    /// 32-bit floats throughout.
    #[default]
    F32,
    /// bfloat16 arithmetic with f32 master weights. Faster only where the processor has bf16 instructions.
    Bf16,
}

impl Precision {
    /// libtorch's kind of number.
    pub fn kind(self) -> tch::Kind {
        match self {
            Self::F32 => tch::Kind::Float,
            Self::Bf16 => tch::Kind::BFloat16,
        }
    }
}
