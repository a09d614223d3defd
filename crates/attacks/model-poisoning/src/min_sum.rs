//! Min-Sum: no farther from all updates together than some honest one.

use aconite_core::{Attack, FromOwn, Goal, Info, Own, Result, Seed, Trigger, UpdateAttack};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::deviation::{Deviation, Search};

/// Goes from the mean against the honest direction as far as the sum of distances to all updates is one of theirs.
///
/// Paper: Shejwalkar, Houmansadr 2021, "Manipulating the Byzantine: Optimizing Model Poisoning Attacks and Defenses
/// for Federated Learning" (Min-Sum).
///
/// Every malicious client sends w = mean − γ·dev with the largest γ that keeps
/// Σ_i ‖w − u_i‖² ≤ max_i Σ_j ‖u_i − u_j‖². γ is searched as in `min_max`, and what is said there holds here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MinSum {
    /// Direction dev: the mean over its length, its signs, or the standard deviations.
    pub deviation: Deviation,
    /// First γ, in lengths of dev, above 0.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub gamma: f64,
    /// Distance from the last γ that held at which the search ends, in lengths of dev, above 0; the largest γ is at
    /// most twice as far.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub tolerance: f64,
}

impl Default for MinSum {
    fn default() -> Self {
        Self { deviation: Deviation::Unit, gamma: 10.0, tolerance: 1e-5 }
    }
}

impl Kind for MinSum {}

impl MinSum {
    fn search(&self) -> Search {
        let Self { deviation, gamma, tolerance } = *self;
        Search { deviation, gamma, tolerance, size: |squares| squares.iter().sum() }
    }
}

impl FromOwn for MinSum {
    fn craft(&self, own: &Own<'_>) -> Result<Tensor> {
        self.search().craft(own)
    }
}

impl Attack for MinSum {
    fn goal(&self, _: &Info) -> Goal {
        Goal::Availability
    }

    fn check(&self, _: &Info) -> Result<()> {
        self.search().check()
    }

    fn trigger(&self, _: &Info, _: Seed) -> Result<Option<Box<dyn Trigger>>> {
        Ok(None)
    }

    fn updates(&self) -> Option<UpdateAttack<'_>> {
        Some(UpdateAttack::Own(self))
    }
}
