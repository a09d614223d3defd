//! `none`: no attack.

use aconite_core::{Attack, Dataset, Goal, Info, Poison, Result, Seed, Trigger};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// No attack: the victim learns from the data as they are.
///
/// Paper: none.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NoAttack {}

impl Kind for NoAttack {}

impl Attack for NoAttack {
    fn goal(&self, _: &Info) -> Goal {
        Goal::None
    }

    fn check(&self, _: &Info) -> Result<()> {
        Ok(())
    }

    fn poison(&self, _: &Dataset, _: Seed) -> Result<Poison> {
        Ok(Poison::default())
    }

    fn trigger(&self, _: &Info, _: Seed) -> Result<Option<Box<dyn Trigger>>> {
        Ok(None)
    }
}
