//! Class shares drawn from a Dirichlet distribution.

use aconite_core::{Dataset, Error, Result, Seed};
use aconite_grid::Kind;
use rand_distr::{Distribution, Gamma};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::draw::{apportion, enough, settled};
use crate::Partition;

/// Each class is shared out among the clients by shares drawn from a symmetric Dirichlet distribution.
///
/// Paper: Hsu, Qi, Brown 2019, "Measuring the Effects of Non-Identical Data Distribution for Federated Visual
/// Classification"; per class as in Yurochkin et al. 2019.
///
/// For each class c: p_c ~ Dir(α·1) over the clients, and client i gets p_ci of its rows, by largest remainder. A
/// client that gets none is given a row of the richest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Dirichlet {
    /// Concentration α, above 0: small makes clients specialists, large makes them alike.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub alpha: f64,
}

impl Default for Dirichlet {
    fn default() -> Self {
        Self { alpha: 0.5 }
    }
}

impl Kind for Dirichlet {}

impl Partition for Dirichlet {
    fn check(&self, rows: usize, _: usize, clients: usize) -> Result<()> {
        // Below this shares underflow to 0 for every client.
        if !(self.alpha.is_finite() && self.alpha >= 1e-3) {
            return Err(Error::at(
                "alpha",
                format!("a concentration of {} is not 0.001 or more", self.alpha),
            ));
        }
        enough(rows, clients)
    }

    fn parts(&self, data: &Dataset, clients: usize, seed: Seed) -> Result<Vec<Vec<usize>>> {
        self.check(data.len(), data.num_classes(), clients)?;
        let gamma = Gamma::new(self.alpha, 1.0).map_err(|e| Error::at("alpha", e.to_string()))?;
        let mut parts = vec![Vec::new(); clients];
        for class in 0..data.num_classes() {
            let seed = seed.derive(&class.to_string());
            let rows = seed.derive("rows").shuffled(&data.rows_of(class));
            let mut rng = seed.derive("shares").rng();
            let mut shares: Vec<f64> = (0..clients).map(|_| gamma.sample(&mut rng)).collect();
            if shares.iter().sum::<f64>() < f64::MIN_POSITIVE {
                shares[0] = 1.0;
            }
            let mut from = 0;
            for (part, count) in parts.iter_mut().zip(apportion(rows.len(), &shares)) {
                part.extend(&rows[from..from + count]);
                from += count;
            }
        }
        Ok(settled(parts))
    }
}
