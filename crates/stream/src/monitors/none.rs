//! Nobody watches.

use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Monitor;

/// No monitor: no alarm is ever raised.
///
/// Paper: none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Blind {}

impl Kind for Blind {}

impl Monitor for Blind {
    fn parts(&self) -> Option<&[Value]> {
        Some(&[])
    }
}
