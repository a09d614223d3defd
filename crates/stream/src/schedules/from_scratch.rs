//! Rebuilding the model from time to time.

use aconite_core::{Error, Result};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Schedule, Training};

/// A model that is built anew from time to time, on all rows so far, and serves unchanged in between.
///
/// Paper: none of its own; retraining in batches, as by the night or by the month.
///
/// A fresh model is trained after window 0, because something must serve, and then after every `period`-th window: after
/// the windows period − 1, 2·period − 1, … In between nothing is learned and poison waits. `period = 1` is `every`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FromScratch {
    /// Windows from one training to the next, at least 1 and at most all.
    #[schemars(range(min = 1))]
    pub period: usize,
}

impl Default for FromScratch {
    fn default() -> Self {
        Self { period: 5 }
    }
}

impl Kind for FromScratch {
    // 2: an alarm after the attack detects it no more.
    const VERSION: u32 = 2;
}

impl Schedule for FromScratch {
    fn check(&self, windows: usize) -> Result<()> {
        match self.period {
            0 => Err(Error::at("period", "a period of 0 windows never ends: at least 1")),
            period if period > windows => Err(Error::at(
                "period",
                format!("a period of {period} windows is never over: there are {windows}"),
            )),
            _ => Ok(()),
        }
    }

    fn training(&self, window: usize) -> Training {
        match window == 0 || (window + 1).is_multiple_of(self.period) {
            true => Training::Fresh,
            false => Training::Keep,
        }
    }
}
