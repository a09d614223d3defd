//! ALIE: every coordinate off the mean by what a majority of honest clients exceeds.

use aconite_core::{Attack, Error, FromOwn, Goal, Info, Own, Result, Seed, Trigger, UpdateAttack};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::{Kind as Number, Tensor};

use crate::rows::{deviation, mean, repeat};

/// Moves every coordinate off the mean by as many standard deviations as still leave enough honest clients farther off.
///
/// Paper: Baruch, Baruch, Goldberg 2019, "A Little Is Enough: Circumventing Defenses For Distributed Learning"
/// (preventing convergence; its backdoor is not built here).
///
/// Every malicious client sends mean − z·sd, coordinate by coordinate. Of n clients, m of them malicious,
/// s = ⌊n/2 + 1⌋ − m honest ones are missing to a majority, and z = Φ⁻¹((n − m − s)/(n − m)). With few malicious
/// clients z is negative, as the formula says. Where it has no value (the malicious are the majority, s < 1) the share
/// is taken half a client from 0 or 1.
///
/// Mean and sd (by n, as in the authors' code) are those of the malicious clients' own updates, which they would
/// send if they were honest; of the honest updates where attackers see them. A single row has no spread: it is sent.
///
/// The sign depends on what the rows are. The authors' code takes z·sd off *gradients*; an update is a negative
/// multiple of a gradient, so that on updates their attack is `shift = "plus"`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Alie {
    /// Standard deviations z off the mean, finite; none is the paper's z of the numbers of clients in the round.
    pub z: Option<f64>,
    /// Whether they are taken off the mean or added to it.
    pub shift: Shift,
}

impl Default for Alie {
    fn default() -> Self {
        Self { z: None, shift: Shift::Minus }
    }
}

/// The side of the mean.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Shift {
    /// Below: mean − z·sd.
    #[default]
    Minus,
    /// Above: mean + z·sd.
    Plus,
}

impl Kind for Alie {}

/// The paper's z for n clients of which m are malicious.
fn z(clients: usize, malicious: usize) -> Result<f64> {
    let (n, m) = (clients as f64, malicious as f64);
    let missing = (n / 2.0 + 1.0).floor() - m;
    let honest = (n - m).max(1.0);
    let half = 0.5 / honest;
    let share = ((n - m - missing) / honest).clamp(half, 1.0 - half);
    let z = Tensor::f_from_slice(&[share])?.f_to_kind(Number::Double)?.f_special_ndtri()?;
    Ok(f64::try_from(z.f_squeeze()?)?)
}

impl FromOwn for Alie {
    fn craft(&self, own: &Own<'_>) -> Result<Tensor> {
        let mean = mean(own.reference)?;
        let z = match self.z {
            Some(z) => z,
            None => z(own.clients, own.malicious())?,
        };
        let shift = match self.shift {
            Shift::Minus => -z,
            Shift::Plus => z,
        };
        let row = mean.f_add(&deviation(own.reference, &mean)?.f_mul_scalar(shift)?)?;
        repeat(&row, own.malicious())
    }
}

impl Attack for Alie {
    fn goal(&self, _: &Info) -> Goal {
        Goal::Availability
    }

    fn check(&self, _: &Info) -> Result<()> {
        match self.z {
            Some(z) if !z.is_finite() => Err(Error::at("z", format!("a z of {z} is not finite"))
                .hint("leave z out for the paper's, which follows from the numbers of clients")),
            _ => Ok(()),
        }
    }

    fn trigger(&self, _: &Info, _: Seed) -> Result<Option<Box<dyn Trigger>>> {
        Ok(None)
    }

    fn updates(&self) -> Option<UpdateAttack<'_>> {
        Some(UpdateAttack::Own(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // from scipy.stats import norm
    // for n, m in ((51, 12), (50, 10), (100, 20), (50, 24), (15, 3), (10, 1)):
    //     s = n // 2 + 1 - m; print(n, m, norm.ppf((n - m - s) / (n - m)))
    #[test]
    fn z_is_the_papers() {
        let table = [
            (51, 12, 0.361_201_637_711_319_3),
            (50, 10, 0.253_347_103_135_799_7),
            (100, 20, 0.285_840_874_881_165_7),
            (50, 24, 1.426_076_872_272_847_4),
            (15, 3, 0.210_428_394_247_924_84),
            (10, 1, -0.139_710_298_881_862_12),
        ];
        for (n, m, expected) in table {
            let z = z(n, m).unwrap();
            assert!((z - expected).abs() < 1e-9, "{n}, {m}: {z}");
        }
        // As printed.
        for (n, m, expected) in [(51, 12, 0.361), (50, 10, 0.253), (100, 20, 0.286)] {
            assert!((z(n, m).unwrap() - expected).abs() < 5e-4, "{n}, {m}");
        }
    }

    #[test]
    fn z_is_finite_for_any_numbers() {
        for n in 1..30 {
            for m in 0..=n {
                assert!(z(n, m).unwrap().is_finite(), "{n}, {m}");
            }
        }
        assert!(z(10, 6).unwrap() > 1.0, "a malicious majority may go far");
    }
}
