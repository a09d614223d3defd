//! Nothing is done.

use aconite_core::Result;
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Operator, Policy};

/// Nothing is done: alarms are only written down.
///
/// Paper: none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Nothing {}

impl Kind for Nothing {}

impl Policy for Nothing {
    fn acts(&self) -> bool {
        false
    }

    fn act(&self, _: &mut Operator<'_, '_>) -> Result<()> {
        Ok(())
    }
}
