//! A backdoor whose carriers shout: their updates are scaled so that the server's model becomes theirs.

use aconite_core::{
    Attack, Dataset, Error, FromOwn, Goal, Info, Member, Own, Poison, Result, Seed, Trigger, UpdateAttack,
};
use aconite_grid::{Kind, Nested};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::Tensor;

use super::carried::{self, carried};

/// Malicious clients learn a backdoor on poisoned rows and scale their updates so that the average becomes theirs.
///
/// Paper: Bagdasaryan, Veit, Hua, Estrin, Shmatikov 2020, "How To Backdoor Federated Learning", equation 3 and section
/// 4.2.
///
/// Client i of the m that attack sends γ·(wᵢ − w) in place of wᵢ − w, with γ = n/(η·m) unless it is given: the mean of
/// n updates times the server's rate η then takes w to the mean of the attackers' models, if the others' updates are
/// small. The paper has one attacker, γ = n/η. `boost_norm` shrinks what is sent to a length, for an adversary who knows
/// that long updates are cut.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ModelReplacement {
    /// What is done to the rows of malicious clients: an attack with a trigger, or on a class, as in `[attack]`.
    pub(crate) backdoor: Value,
    /// Factor γ of the updates, above 0; none is n/(η·m).
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub(crate) gamma: Option<f64>,
    /// Largest length (ℓ2) of what is sent, above 0; none does not bound it.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub(crate) boost_norm: Option<f64>,
}

impl Default for ModelReplacement {
    fn default() -> Self {
        Self { backdoor: serde_json::json!({ "kind": "none" }), gamma: None, boost_norm: None }
    }
}

impl Kind for ModelReplacement {
    const NESTED: Option<Nested> = Some(Nested::One("backdoor"));
}

impl Attack for ModelReplacement {
    carried!();

    fn check(&self, info: &Info) -> Result<()> {
        for (key, value) in [("gamma", self.gamma), ("boost_norm", self.boost_norm)] {
            if value.is_some_and(|value| !(value.is_finite() && value > 0.0)) {
                return Err(Error::at(key, format!("{} is not above 0", value.unwrap_or_default())));
            }
        }
        carried::check(&self.backdoor, info)
    }
}

impl FromOwn for ModelReplacement {
    fn craft(&self, own: &Own<'_>) -> Result<Tensor> {
        let gamma = self
            .gamma
            .unwrap_or_else(|| own.clients as f64 / (own.server_lr * own.malicious().max(1) as f64));
        let sent = own.own.f_mul_scalar(gamma)?;
        match self.boost_norm {
            Some(bound) => carried::shortened(&sent, bound),
            None => Ok(sent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aconite_core::Seed;

    // γ = n/(η·m) = 10/(0.5·2) = 10; ‖(3, 4)·10‖ = 50, cut to 5.
    #[test]
    fn updates_are_scaled_and_cut() {
        let matrix = Tensor::from_slice(&[3.0f32, 4.0, 0.1, 0.0]).view([2, 2]);
        let own = Own {
            own: &matrix,
            reference: &matrix,
            clients: 10,
            global: &Tensor::zeros([2], (tch::Kind::Float, tch::Device::Cpu)),
            last: None,
            server_lr: 0.5,
            seed: Seed(0),
        };
        let numbers = |attack: ModelReplacement| -> Vec<f32> {
            Vec::try_from(FromOwn::craft(&attack, &own).unwrap().flatten(0, -1)).unwrap()
        };
        assert_eq!(numbers(ModelReplacement::default()), [30.0, 40.0, 1.0, 0.0]);
        assert_eq!(
            numbers(ModelReplacement { boost_norm: Some(5.0), ..Default::default() }),
            [3.0, 4.0, 1.0, 0.0]
        );
        assert_eq!(
            numbers(ModelReplacement { gamma: Some(2.0), ..Default::default() }),
            [6.0, 8.0, 0.2, 0.0]
        );
    }
}
