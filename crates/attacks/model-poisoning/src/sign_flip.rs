//! Sign flip: each malicious client's own update, turned round.

use aconite_core::{Attack, FromOwn, Goal, Info, Own, Result, Seed, Trigger, UpdateAttack};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::rows::check_positive;

/// Turns each malicious client's own update round.
///
/// Paper: Li, Xu, Chen, Giannakis, Ling 2019, "RSA: Byzantine-Robust Stochastic Aggregation Methods for Distributed
/// Learning from Heterogeneous Datasets" (sign flipping; there the models sent are multiplied).
///
/// Client i sends −`scale`·u_i, where u_i is what it would send if it were honest. Nobody else's update is needed;
/// to turn the mean of the honest ones round, take `ipm`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SignFlip {
    /// Factor of the length, above 0; 1 keeps it.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub scale: f64,
}

impl Default for SignFlip {
    fn default() -> Self {
        Self { scale: 1.0 }
    }
}

impl Kind for SignFlip {}

impl FromOwn for SignFlip {
    fn craft(&self, own: &Own<'_>) -> Result<Tensor> {
        Ok(own.own.f_mul_scalar(-self.scale)?)
    }
}

impl Attack for SignFlip {
    fn goal(&self, _: &Info) -> Goal {
        Goal::Availability
    }

    fn check(&self, _: &Info) -> Result<()> {
        check_positive("scale", "a scale", self.scale)
    }

    fn trigger(&self, _: &Info, _: Seed) -> Result<Option<Box<dyn Trigger>>> {
        Ok(None)
    }

    fn updates(&self) -> Option<UpdateAttack<'_>> {
        Some(UpdateAttack::Own(self))
    }
}
