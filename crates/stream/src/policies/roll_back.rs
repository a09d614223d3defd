//! Back to an earlier model.

use aconite_core::{Error, Result};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Operator, Policy};

/// Puts the last model before the alarm back.
///
/// Paper: none of its own.
///
/// The model just trained does not serve; the one that served `back` windows before does. It costs no row and nearly no
/// time. The data stay as they are: a schedule that trains on old windows takes their poison in again at the next
/// window, and only the next alarm keeps it out; `incremental` has lost it, with all else that it learned there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RollBack {
    /// Windows from the alarm's to that after which the model served, at least 1. More where alarms come late: models
    /// of the windows in between are poisoned too.
    #[schemars(range(min = 1))]
    pub back: usize,
}

impl Default for RollBack {
    fn default() -> Self {
        Self { back: 1 }
    }
}

impl Kind for RollBack {}

impl Policy for RollBack {
    fn check(&self, windows: usize) -> Result<()> {
        match self.back {
            0 => Err(Error::at("back", "0 windows back is the model of the alarm itself: at least 1")),
            back if back >= windows => {
                Err(Error::at("back", format!("{back} windows back lie before the first of {windows}")))
            }
            _ => Ok(()),
        }
    }

    fn looks_back(&self) -> usize {
        self.back
    }

    fn act(&self, operator: &mut Operator<'_, '_>) -> Result<()> {
        operator.roll_back(self.back)
    }
}
