//! Min-Max: no farther from any update than the two farthest honest ones from each other.

use aconite_core::{Attack, FromOwn, Goal, Info, Own, Result, Seed, Trigger, UpdateAttack};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::deviation::{Deviation, Search};

/// Goes from the mean against the honest direction as far as no distance to an update exceeds the largest between two.
///
/// Paper: Shejwalkar, Houmansadr 2021, "Manipulating the Byzantine: Optimizing Model Poisoning Attacks and Defenses
/// for Federated Learning" (Min-Max).
///
/// Every malicious client sends w = mean − γ·dev with the largest γ that keeps
/// max_i ‖w − u_i‖² ≤ max_{i,j} ‖u_i − u_j‖². γ starts at `gamma` and goes up by steps that halve while the bound
/// holds, else down, and the last γ that held is taken: never 2·`gamma` or more, also where the bound allows it.
///
/// The u_i are the honest updates where attackers see them, else what stands for them. A single one leaves no room:
/// it is sent itself. Of the three directions only the standard deviation (by n) knows no "against": the paper takes it
/// off a mean of gradients, which for updates would be to add it; here it is taken off, as the others are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MinMax {
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

impl Default for MinMax {
    fn default() -> Self {
        Self { deviation: Deviation::Unit, gamma: 10.0, tolerance: 1e-5 }
    }
}

impl Kind for MinMax {}

impl MinMax {
    fn search(&self) -> Search {
        let Self { deviation, gamma, tolerance } = *self;
        Search { deviation, gamma, tolerance, size: |squares| squares.iter().copied().fold(0.0, nan_max) }
    }
}

/// The larger number, and not a number where either is none: what has diverged must not look near.
fn nan_max(a: f64, b: f64) -> f64 {
    if a.is_nan() || a > b { a } else { b }
}

impl FromOwn for MinMax {
    fn craft(&self, own: &Own<'_>) -> Result<Tensor> {
        self.search().craft(own)
    }
}

impl Attack for MinMax {
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
