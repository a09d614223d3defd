//! What the attackers of Fang et al. know.

use aconite_core::All;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// What the attackers know of the honest clients.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Knowledge {
    /// All updates of the round; the federation must let attackers see them.
    #[default]
    Full,
    /// What their own clients would send from clean data.
    Partial,
}

/// The honest clients' updates; what stands for them in a round that has no honest client.
pub(crate) fn honest<'a>(all: &All<'a>) -> &'a Tensor {
    if all.honest.size().first().is_some_and(|&n| n > 0) { all.honest } else { all.own.reference }
}
