//! Going on from the last model.

use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Schedule, Training};

/// One model that goes on learning: in every window from its last weights, on that window alone.
///
/// Paper: none of its own; online gradient descent in batches.
///
/// The first window is trained on from fresh weights, each later one as `[train]` says from the weights that serve:
/// epochs over the window's rows, the optimiser and the course of the learning rate anew in each. No row is seen again.
/// For victims that are trained in gradient steps. An operator who retrains does it on all rows that are left.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Incremental {}

impl Kind for Incremental {
    // 2: an alarm after the attack detects it no more.
    const VERSION: u32 = 2;
}

impl Schedule for Incremental {
    fn training(&self, window: usize) -> Training {
        if window == 0 { Training::Fresh } else { Training::Continue }
    }

    fn needs_steps(&self) -> bool {
        true
    }
}
