//! No stream.

use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Schedule, Training};

/// No stream: all rows are there at once.
///
/// Paper: none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Still {}

impl Kind for Still {}

impl Schedule for Still {
    fn streams(&self) -> bool {
        false
    }

    fn training(&self, _: usize) -> Training {
        Training::Fresh
    }
}
