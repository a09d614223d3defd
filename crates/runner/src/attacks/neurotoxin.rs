//! A backdoor in the weights that nobody else moves.

use aconite_core::{
    Attack, Dataset, Error, FromOwn, Goal, Info, Member, Own, Poison, Rate, Result, Seed, Trigger,
    UpdateAttack,
};
use aconite_grid::{Kind, Nested};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::Tensor;

use super::carried::{self, carried};

/// Malicious clients learn a backdoor on poisoned rows and leave the weights alone that the others move most.
///
/// Paper: Zhang, Panda, Song, Yang, Mahoney, Mittal, Gonzalez, Ramchandran 2022, "Neurotoxin: Durable Backdoors in
/// Federated Learning", Algorithm 1.
///
/// S are the ⌊`top`·d⌋ coordinates of the largest |g|, g what the last round added to the global weights; a malicious
/// client sends its update with the coordinates of S set to 0, and shortened to `bound`, if there is one. Of equal
/// sizes the earlier coordinate is in S. In the first round nothing is known and nothing is masked. The paper masks
/// the gradient at every local step; here the update is masked once, which is the same for one local step and lets the
/// steps between see weights that will not be sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Neurotoxin {
    /// What is done to the rows of malicious clients: an attack with a trigger, or on a class, as in `[attack]`.
    pub(crate) backdoor: Value,
    /// Share of the coordinates that are left alone, in [0, 1).
    #[schemars(extend("exclusiveMaximum" = 1))]
    pub(crate) top: Rate,
    /// Largest length (ℓ2) of what is sent, above 0; none does not bound it.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub(crate) bound: Option<f64>,
}

impl Default for Neurotoxin {
    fn default() -> Self {
        Self { backdoor: serde_json::json!({ "kind": "none" }), top: Rate::literal(0.05), bound: None }
    }
}

impl Kind for Neurotoxin {
    const NESTED: Option<Nested> = Some(Nested::One("backdoor"));
}

impl Attack for Neurotoxin {
    carried!();

    fn check(&self, info: &Info) -> Result<()> {
        if self.top.get() >= 1.0 {
            return Err(Error::at("top", "a share of 1 leaves nothing to send: below 1"));
        }
        if let Some(bound) = self.bound.filter(|bound| !(bound.is_finite() && *bound > 0.0)) {
            return Err(Error::at("bound", format!("{bound} is not above 0")));
        }
        carried::check(&self.backdoor, info)
    }
}

impl FromOwn for Neurotoxin {
    fn craft(&self, own: &Own<'_>) -> Result<Tensor> {
        let mut sent = own.own.f_mul_scalar(1.0)?;
        if let Some(last) = own.last {
            let count = self.top.count(last.numel());
            let (_, order) = last.f_abs()?.f_sort_stable(true, 0, true)?;
            let _ = sent.f_index_fill_(1, &order.f_narrow(0, 0, count as i64)?, 0.0)?;
        }
        match self.bound {
            Some(bound) => carried::shortened(&sent, bound),
            None => Ok(sent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // g = (0.1, -3, 0.2, 2); keep = np.argsort(-abs(g), kind="stable")[int(0.5 * 4):]; the rest of u is 0.
    #[test]
    fn what_others_move_most_is_left_alone() {
        let matrix = Tensor::from_slice(&[1.0f32, 2.0, -4.0, 5.0, 3.0, 1.0, 4.0, 1.0]).view([2, 4]);
        let last = Tensor::from_slice(&[0.1f32, -3.0, 0.2, 2.0]);
        let zeros = Tensor::zeros([4], (tch::Kind::Float, tch::Device::Cpu));
        let own = |last| Own {
            own: &matrix,
            reference: &matrix,
            clients: 10,
            global: &zeros,
            last,
            server_lr: 1.0,
            seed: Seed(0),
        };
        let numbers = |attack: &Neurotoxin, own: &Own<'_>| -> Vec<f32> {
            Vec::try_from(FromOwn::craft(attack, own).unwrap().flatten(0, -1)).unwrap()
        };
        let half = Neurotoxin { top: Rate::literal(0.5), ..Neurotoxin::default() };
        assert_eq!(numbers(&half, &own(Some(&last))), [1.0, 0.0, -4.0, 0.0, 3.0, 0.0, 4.0, 0.0]);
        assert_eq!(numbers(&half, &own(None)), [1.0, 2.0, -4.0, 5.0, 3.0, 1.0, 4.0, 1.0]);
        // ‖(3, 4)‖ = 5, cut to 1.
        let short = Neurotoxin { bound: Some(1.0), ..half };
        assert_eq!(numbers(&short, &own(Some(&last)))[4..], [0.6, 0.0, 0.8, 0.0]);
    }
}
