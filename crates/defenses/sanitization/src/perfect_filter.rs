//! The control arm that knows the truth.

use aconite_core::{ControlArm, Defense, Knowledge, Result, Role, Seed, Truth, Verdict};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Removes exactly the poisoned rows: the best that filtering can do.
///
/// Paper: none of its own; the control arm of truth, above which no filter of the same rows can come.
///
/// The score is 1 for a poisoned row and 0 for any other; rows of score 1 go.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PerfectFilter {}

impl Kind for PerfectFilter {}

impl Defense for PerfectFilter {
    fn role(&self) -> Role<'_> {
        Role::Control(self)
    }

    fn knowledge(&self) -> Vec<Knowledge> {
        vec![Knowledge::PoisonedRows]
    }
}

impl ControlArm for PerfectFilter {
    fn judge(&self, truth: Truth<'_>, _seed: Seed) -> Result<Verdict> {
        let scores = truth.poisoned.iter().map(|&poisoned| f64::from(u8::from(poisoned))).collect();
        Ok(Verdict::new(scores, truth.poisoned.to_vec()))
    }
}
