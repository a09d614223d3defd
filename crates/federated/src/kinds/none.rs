//! No federation.

use aconite_core::Result;
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Local;

/// No federation: one learner has all rows.
///
/// Paper: none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Alone {}

impl Kind for Alone {}

impl Local for Alone {
    fn federates(&self) -> bool {
        false
    }

    fn check(&self) -> Result<()> {
        Ok(())
    }

    fn rows(&self, rows: usize, _: usize) -> usize {
        rows
    }
}
