//! Gaussian: noise instead of updates, or on them.

use aconite_core::{Attack, Error, FromOwn, Goal, Info, Own, Result, Seed, Trigger, UpdateAttack};
use aconite_grid::Kind;
use rand_distr::StandardNormal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::draws;
use crate::rows::{deviation, mean};

/// Sends Gaussian noise.
///
/// Paper: Blanchard, El Mhamdi, Guerraoui, Stainer 2017, "Machine Learning with Adversaries: Byzantine Tolerant
/// Gradient Descent" (`around = "zero"`); Fang, Cao, Jia, Gong 2020, "Local Model Poisoning Attacks to
/// Byzantine-Robust Federated Learning" (`around = "fitted"`).
///
/// Client i sends c + σ·ε_i with ε_i ~ N(0, I): c = 0 and σ = 200 in the first paper; in the second c and σ are the
/// mean and the standard deviation (by n) of each coordinate. They are fitted to the honest updates where attackers
/// see them, else to what stands for them (in the paper to all, malicious clients' updates before the attack
/// included). `around = "own"` adds the noise to what the client would send if it were honest.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Gaussian {
    /// What the noise lies around.
    pub around: Around,
    /// Standard deviation σ of each coordinate, in its units, above 0; none is 200, or what is fitted.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub sd: Option<f64>,
}

/// What noise lies around.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Around {
    /// No update at all.
    #[default]
    Zero,
    /// The client's own update.
    Own,
    /// The mean of the honest updates, spread as they are.
    Fitted,
}

impl Kind for Gaussian {}

/// The first paper's standard deviation.
const SD: f64 = 200.0;

impl FromOwn for Gaussian {
    fn craft(&self, own: &Own<'_>) -> Result<Tensor> {
        let sd = self.sd.unwrap_or(SD);
        let rows = |make: &dyn Fn(i64, &Tensor) -> Result<Tensor>| {
            draws::rows(own.own.size2()?, own.seed.derive("noise"), &StandardNormal, make)
        };
        match self.around {
            Around::Zero => rows(&|_, noise| Ok(noise.f_mul_scalar(sd)?)),
            Around::Own => rows(&|row, noise| Ok(own.own.f_get(row)?.f_add(&noise.f_mul_scalar(sd)?)?)),
            Around::Fitted => {
                let mean = mean(own.reference)?;
                let deviation = deviation(own.reference, &mean)?;
                rows(&|_, noise| Ok(mean.f_addcmul(&deviation, noise)?))
            }
        }
    }
}

impl Attack for Gaussian {
    fn goal(&self, _: &Info) -> Goal {
        Goal::Availability
    }

    fn check(&self, _: &Info) -> Result<()> {
        match (self.around, self.sd) {
            (Around::Fitted, Some(_)) => {
                Err(Error::at("sd", "a standard deviation that is fitted cannot be set")
                    .hint("leave sd out, or set around = \"zero\" or \"own\""))
            }
            (_, Some(sd)) => crate::rows::check_positive("sd", "a standard deviation", sd),
            (_, None) => Ok(()),
        }
    }

    fn trigger(&self, _: &Info, _: Seed) -> Result<Option<Box<dyn Trigger>>> {
        Ok(None)
    }

    fn updates(&self) -> Option<UpdateAttack<'_>> {
        Some(UpdateAttack::Own(self))
    }
}
