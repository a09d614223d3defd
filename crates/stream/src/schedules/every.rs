//! Retraining on everything, window by window.

use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Schedule, Training};

/// A fresh model in every window, trained on all rows so far.
///
/// Paper: none of its own; the retraining of Nelson et al. 2008, "Exploiting Machine Learning to Subvert Your Spam
/// Filter", there weekly.
///
/// After window w the model is that of a plain training on the windows 0 … w as they arrived, from the same first
/// weights in every window: after the last one, what training on all rows but the holdout gives, in that order. Poison
/// stays in the data and is diluted by what comes after it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Every {}

impl Kind for Every {
    // 2: an alarm after the attack detects it no more.
    const VERSION: u32 = 2;
}

impl Schedule for Every {
    fn training(&self, _: usize) -> Training {
        Training::Fresh
    }
}
