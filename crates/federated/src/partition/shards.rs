//! Shards of rows sorted by label.

use aconite_core::{Dataset, Error, Result, Seed};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::draw::{enough, settled};
use crate::Partition;

/// Rows are sorted by label and cut into shards of equal size; every client gets some at random.
///
/// Paper: McMahan, Moore, Ramage, Hampson, Agüera y Arcas 2017, "Communication-Efficient Learning of Deep Networks
/// from Decentralized Data", section 3 (pathological non-IID: 200 shards of 300 digits, two for each of 100 clients).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Shards {
    /// Shards per client, at least 1: about as many classes as a client sees.
    #[schemars(range(min = 1))]
    pub per_client: usize,
}

impl Default for Shards {
    fn default() -> Self {
        Self { per_client: 2 }
    }
}

impl Kind for Shards {}

impl Partition for Shards {
    fn check(&self, rows: usize, _: usize, clients: usize) -> Result<()> {
        if self.per_client == 0 {
            return Err(Error::at("per_client", "0 shards hold nothing: at least 1"));
        }
        if clients.saturating_mul(self.per_client) > rows {
            let message =
                format!("{clients} clients × {} shards are more than the {rows} rows", self.per_client);
            return Err(Error::at("per_client", message));
        }
        enough(rows, clients)
    }

    fn parts(&self, data: &Dataset, clients: usize, seed: Seed) -> Result<Vec<Vec<usize>>> {
        self.check(data.len(), data.num_classes(), clients)?;
        let all: Vec<usize> = (0..data.len()).collect();
        // Within a label in an order drawn by the seed.
        let mut sorted = seed.derive("rows").shuffled(&all);
        sorted.sort_by_key(|&row| data.labels()[row]);
        let count = clients * self.per_client;
        let order: Vec<usize> = (0..count).collect();
        let order = seed.derive("shards").shuffled(&order);
        let n = data.len();
        let parts = order.chunks_exact(self.per_client).map(|shards| {
            shards.iter().flat_map(|s| &sorted[s * n / count..(s + 1) * n / count]).copied().collect()
        });
        Ok(settled(parts.collect()))
    }
}
