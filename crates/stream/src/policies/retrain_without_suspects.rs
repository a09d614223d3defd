//! Away with what is suspicious.

use aconite_core::{Error, Result};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Operator, Policy};

/// Drops the window of the alarm, and trains a fresh model on what is left.
///
/// Paper: none of its own.
///
/// The suspects are all rows of the alarm's window and of `before` windows before it. They are lost for good, clean ones
/// too, and are counted as the cost in labelled rows. The fresh model is trained on the windows that the schedule trains
/// on, without those that were dropped; under `incremental` on all that are left.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RetrainWithoutSuspects {
    /// Windows before the alarm's that are dropped with it. More where alarms come late.
    pub before: usize,
}

impl Kind for RetrainWithoutSuspects {}

impl Policy for RetrainWithoutSuspects {
    fn check(&self, windows: usize) -> Result<()> {
        match self.before >= windows {
            true => Err(Error::at(
                "before",
                format!("{} windows before an alarm are more than there are: {windows}", self.before),
            )),
            false => Ok(()),
        }
    }

    fn act(&self, operator: &mut Operator<'_, '_>) -> Result<()> {
        operator.drop_suspects(self.before);
        operator.retrain()
    }
}
