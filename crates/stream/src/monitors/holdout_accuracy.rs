//! Accuracy on rows that the operator trusts.

use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Look, Monitor, Sees};

/// Watches how much accuracy the model just trained has lost on the trusted holdout since the reference window.
///
/// Paper: none of its own; quality control by a holdout.
///
/// a(r) − a(w), a the accuracy on the holdout of the model trained after a window, r the reference. It looks at every
/// model before it serves, and sees what hurts accuracy; a backdoor does not.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HoldoutAccuracy {}

impl Kind for HoldoutAccuracy {}

impl Monitor for HoldoutAccuracy {
    fn sees(&self) -> Sees {
        Sees { holdout: true, ..Sees::default() }
    }

    fn drift(&self, reference: &Look, now: &Look) -> Option<f64> {
        Some(reference.holdout_accuracy? - now.holdout_accuracy?)
    }
}
