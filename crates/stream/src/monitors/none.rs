//! Nobody watches.

use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Look, Monitor, Sees};

/// No monitor: no alarm is ever raised.
///
/// Paper: none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Blind {}

impl Kind for Blind {}

impl Monitor for Blind {
    fn watches(&self) -> bool {
        false
    }

    fn sees(&self) -> Sees {
        Sees::default()
    }

    fn drift(&self, _: &Look, _: &Look) -> Option<f64> {
        None
    }
}
