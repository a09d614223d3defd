//! IPM: a little of the honest mean, turned round.

use aconite_core::{Attack, FromOwn, Goal, Info, Own, Result, Seed, Trigger, UpdateAttack};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::rows::{check_positive, mean, repeat};

/// Sends the honest mean turned round, so that the aggregate's inner product with it falls below 0.
///
/// Paper: Xie, Koyejo, Gupta 2019, "Fall of Empires: Breaking Byzantine-tolerant SGD by Inner Product Manipulation".
///
/// Every malicious client sends −ε·mean(u_i). A small ε passes rules that look at distances (Krum, the median); a
/// large one, 100 say, is for plain means. The mean is of the honest updates where attackers see them, as in the
/// paper, else of what stands for them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Ipm {
    /// Share ε of the mean's length, above 0.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub epsilon: f64,
}

impl Default for Ipm {
    fn default() -> Self {
        Self { epsilon: 0.5 }
    }
}

impl Kind for Ipm {}

impl FromOwn for Ipm {
    fn craft(&self, own: &Own<'_>) -> Result<Tensor> {
        repeat(&mean(own.reference)?.f_mul_scalar(-self.epsilon)?, own.malicious())
    }
}

impl Attack for Ipm {
    fn goal(&self, _: &Info) -> Goal {
        Goal::Availability
    }

    fn check(&self, _: &Info) -> Result<()> {
        check_positive("epsilon", "an ε", self.epsilon)
    }

    fn trigger(&self, _: &Info, _: Seed) -> Result<Option<Box<dyn Trigger>>> {
        Ok(None)
    }

    fn updates(&self) -> Option<UpdateAttack<'_>> {
        Some(UpdateAttack::Own(self))
    }
}
