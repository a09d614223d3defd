//! Mimic: one honest client, many times over.

use aconite_core::{All, Attack, Error, FromAll, Goal, Info, Result, Seed, Trigger, UpdateAttack};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::{Kind as Number, Tensor};

use crate::knowledge::honest;
use crate::products::Rows;
use crate::rows::{mean, repeat};

/// Sends what one honest client sends, so that a rule hears it too often and others too little.
///
/// Paper: Karimireddy, He, Jaggi 2022, "Byzantine-Robust Learning on Heterogeneous Datasets via Bucketing" (mimic).
///
/// Every malicious client sends u_i* of the honest client that stands out most along the direction z in which the
/// honest updates vary most: i* = argmax_i |⟨z, u_i − mean⟩|, z = argmax_‖z‖=1 Σ_i ⟨z, u_i − mean⟩². `client` fixes
/// i* instead.
///
/// The paper gathers z over the first rounds (by Oja's rule) and then keeps i* for good. Here z is the round's own,
/// exactly, since an attack remembers nothing: i* can change from round to round. The modulus is ours too, the sign
/// of z being arbitrary. It copies what it sees, so that attackers must see all updates.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Mimic {
    /// The honest client that is copied, counted from 0 among the honest ones of the round; none is the one that
    /// stands out most.
    pub client: Option<usize>,
}

impl Kind for Mimic {}

/// The row that stands out most along the direction in which rows vary most; of equals the first.
fn outstanding(rows: &Tensor) -> Result<usize> {
    let mean = mean(rows)?;
    let gram = Rows { parts: &[rows], centre: Some(&mean) }.gram()?;
    // Along z, row i lies at √λ·v_i, with v the top eigenvector of the rows' products.
    let n = gram.len() as i64;
    let flat: Vec<f64> = gram.concat();
    let products = Tensor::f_from_slice(&flat)?.f_reshape([n, n])?.f_to_kind(Number::Double)?;
    if !Vec::<f64>::try_from(&products.f_reshape([-1])?)?.iter().all(|p| p.is_finite()) {
        return Ok(0); // Clients that have diverged vary in no direction.
    }
    let (_, vectors) = products.f_linalg_eigh("L")?;
    let places = Vec::<f64>::try_from(vectors.f_select(1, n - 1)?.f_abs()?.f_contiguous()?)?;
    let first = (0, f64::NEG_INFINITY);
    Ok(places.iter().enumerate().fold(first, |best, (i, &p)| if p > best.1 { (i, p) } else { best }).0)
}

impl FromAll for Mimic {
    fn craft(&self, all: &All<'_>) -> Result<Tensor> {
        let honest = honest(all);
        let (n, _) = honest.size2()?;
        let copied = match self.client {
            Some(client) if client as u64 >= n as u64 => {
                let message = format!("honest client {client} is to be copied, but a round has only {n}");
                return Err(Error::at("client", message)
                    .hint(format!("0 to {}; or leave it out for the one that stands out most", n - 1)));
            }
            Some(client) => client,
            None => outstanding(honest)?,
        };
        repeat(&honest.f_get(copied as i64)?, all.own.malicious())
    }
}

impl Attack for Mimic {
    fn goal(&self, _: &Info) -> Goal {
        Goal::Availability
    }

    fn check(&self, _: &Info) -> Result<()> {
        Ok(())
    }

    fn trigger(&self, _: &Info, _: Seed) -> Result<Option<Box<dyn Trigger>>> {
        Ok(None)
    }

    fn updates(&self) -> Option<UpdateAttack<'_>> {
        Some(UpdateAttack::All(self))
    }
}
