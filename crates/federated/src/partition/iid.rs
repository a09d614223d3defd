//! Rows at random.

use aconite_core::{Dataset, Error, Result, Seed};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::draw::{apportion, enough, settled};
use crate::Partition;

/// Every client has rows drawn at random from all, equally many or by a power law.
///
/// Paper: McMahan, Moore, Ramage, Hampson, Agüera y Arcas 2017, "Communication-Efficient Learning of Deep Networks
/// from Decentralized Data", section 3 (IID).
///
/// Client i, counted from 1 in an order drawn by the seed, has a share of the rows in proportion to i^(−`exponent`),
/// by largest remainder, and at least one row.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Iid {
    /// Exponent of the power law of sizes, at least 0; 0 makes them equal.
    #[schemars(range(min = 0))]
    pub exponent: f64,
}

impl Kind for Iid {}

impl Partition for Iid {
    fn check(&self, rows: usize, _: usize, clients: usize) -> Result<()> {
        if !(self.exponent.is_finite() && self.exponent >= 0.0) {
            return Err(Error::at("exponent", format!("an exponent of {} is not 0 or more", self.exponent)));
        }
        enough(rows, clients)
    }

    fn parts(&self, data: &Dataset, clients: usize, seed: Seed) -> Result<Vec<Vec<usize>>> {
        self.check(data.len(), data.num_classes(), clients)?;
        let all: Vec<usize> = (0..data.len()).collect();
        let rows = seed.derive("rows").shuffled(&all);
        let places: Vec<usize> = (1..=clients).collect();
        let weights: Vec<f64> = seed
            .derive("sizes")
            .shuffled(&places)
            .into_iter()
            .map(|i| (i as f64).powf(-self.exponent))
            .collect();
        let mut from = 0;
        let parts = apportion(data.len(), &weights).into_iter().map(|count| {
            from += count;
            rows[from - count..from].to_vec()
        });
        Ok(settled(parts.collect()))
    }
}
