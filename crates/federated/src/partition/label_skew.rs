//! Fang's label skew.

use aconite_core::{Dataset, Error, Result, Seed};
use aconite_grid::Kind;
use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::draw::{enough, settled};
use crate::Partition;

/// Clients are split into as many groups as there are classes; a row goes to its class's group with probability p.
///
/// Paper: Fang, Cao, Jia, Gong 2020, "Local Model Poisoning Attacks to Byzantine-Robust Federated Learning", section
/// 4.1.
///
/// A row of class c goes to group c with probability p and to each other group with (1 − p)/(K − 1), and within a group
/// to a client drawn uniformly. p = 1/K is IID; the paper takes 0.5 with K = 10. Groups are as equal as possible.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LabelSkew {
    /// Probability p that a row goes to the group of its class, in [0, 1].
    #[schemars(range(min = 0, max = 1))]
    pub p: f64,
}

impl Default for LabelSkew {
    fn default() -> Self {
        Self { p: 0.5 }
    }
}

impl Kind for LabelSkew {}

impl Partition for LabelSkew {
    fn check(&self, rows: usize, classes: usize, clients: usize) -> Result<()> {
        if !(0.0..=1.0).contains(&self.p) {
            return Err(Error::at("p", format!("a probability of {} is outside [0, 1]", self.p)));
        }
        if clients < classes {
            let message = format!("{clients} clients are too few for a group of each of {classes} classes");
            return Err(
                Error::at("partition", message).hint("raise clients, or take the partition dirichlet")
            );
        }
        enough(rows, clients)
    }

    fn parts(&self, data: &Dataset, clients: usize, seed: Seed) -> Result<Vec<Vec<usize>>> {
        let classes = data.num_classes();
        self.check(data.len(), classes, clients)?;
        let mut rng = seed.derive("groups").rng();
        let mut parts = vec![Vec::new(); clients];
        for (row, &class) in data.labels().iter().enumerate() {
            let group = match classes {
                1 => 0,
                _ if rng.random::<f64>() < self.p => class,
                _ => (class + rng.random_range(1..classes)) % classes,
            };
            let (from, to) = (group * clients / classes, (group + 1) * clients / classes);
            parts[rng.random_range(from..to)].push(row);
        }
        Ok(settled(parts))
    }
}
