//! Trust nothing: labels by hand.

use aconite_core::{Error, Result};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Operator, Policy};

/// Has the rows labelled anew by hand, and trains a fresh model on them alone.
///
/// Paper: none of its own.
///
/// Somebody labels the rows of the last `windows` windows as they should be, and throws out what the attack added; older
/// windows are dropped. Every row that is looked at counts as the cost in labelled rows, once. Labels are mended, contents
/// are not: a trigger on a row with its true label does no harm, a clean-label poison stays. What arrives later is
/// trusted as before, until the next alarm.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RetrainFromScratch {
    /// Windows up to the alarm's that are labelled, at least 1; none for all that the schedule trains
    /// on.
    #[schemars(range(min = 1))]
    pub windows: Option<usize>,
}

impl Kind for RetrainFromScratch {}

impl Policy for RetrainFromScratch {
    fn check(&self, windows: usize) -> Result<()> {
        match self.windows {
            Some(0) => Err(Error::at("windows", "0 windows are nothing to train on: at least 1")),
            Some(n) if n > windows => {
                Err(Error::at("windows", format!("{n} windows are to be labelled, and there are {windows}"))
                    .hint("leave it out for all that the schedule trains on"))
            }
            _ => Ok(()),
        }
    }

    fn labels_by_hand(&self) -> bool {
        true
    }

    fn act(&self, operator: &mut Operator<'_, '_>) -> Result<()> {
        operator.label_by_hand(self.windows);
        operator.retrain()
    }
}
