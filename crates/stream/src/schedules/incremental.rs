//! Going on from the last model.

use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Schedule, Training};

/// One model that goes on learning: in every window from its last weights, on that window alone.
///
/// Paper: none of its own; online gradient descent in batches.
///
/// The first window is learnt from nothing, each later one from the model that serves; no row is seen again. A net is
/// trained as `[train]` says from its last weights: epochs over the window's rows, the optimiser and the course of the
/// learning rate anew in each. `spambayes` adds the window to its counts, so that it is the filter of all mail so far
/// and costs one window: it forgets nothing, and to be rid of a window an operator must put an older filter back or
/// count anew. Other victims are refused. An operator who retrains does it on all rows that are left.
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

    fn goes_on(&self) -> bool {
        true
    }
}
