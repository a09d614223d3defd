//! Retraining on the latest windows.

use aconite_core::{Error, Result};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Schedule, Training};

/// A fresh model in every window, trained on the last few windows alone.
///
/// Paper: none of its own; the forgetting window of concept drift, Widmer, Kubat 1996, "Learning in the Presence of
/// Concept Drift and Hidden Contexts".
///
/// After window w the model is that of a plain training on the last `keep` windows up to w; windows that an operator
/// dropped do not count. Poison is forgotten `keep` windows after the attack, and weighs more until then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sliding {
    /// Windows to train on, at least 1 and at most all.
    #[schemars(range(min = 1))]
    pub keep: usize,
}

impl Default for Sliding {
    fn default() -> Self {
        Self { keep: 5 }
    }
}

impl Kind for Sliding {
    // 2: an alarm after the attack detects it no more.
    const VERSION: u32 = 2;
}

impl Schedule for Sliding {
    fn check(&self, windows: usize) -> Result<()> {
        match self.keep {
            0 => Err(Error::at("keep", "0 windows are nothing to train on: at least 1")),
            keep if keep > windows => {
                Err(Error::at("keep", format!("{keep} windows are kept, and there are {windows}"))
                    .hint("every keeps all of them"))
            }
            _ => Ok(()),
        }
    }

    fn training(&self, _: usize) -> Training {
        Training::Fresh
    }

    fn span(&self) -> Option<usize> {
        Some(self.keep)
    }
}
