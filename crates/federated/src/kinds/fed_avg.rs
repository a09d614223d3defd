//! Federated averaging: clients train for some epochs between rounds.

use aconite_core::{Error, Result};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Local;

/// Each client trains for some epochs per round and sends how far its weights moved.
///
/// Paper: McMahan, Moore, Ramage, Hampson, Agüera y Arcas 2017, "Communication-Efficient Learning of Deep Networks
/// from Decentralized Data", Algorithm 1 (there E = 1 to 20 epochs, batches of 10 or 50).
///
/// Δᵢ = wᵢ − w, wᵢ the weights after `local_epochs` over the client's rows from the global weights w, by the optimiser
/// of `[train]`, which starts anew, at the learning rate of the round. Averages over clients are unweighted unless the
/// rule says otherwise: a client's own word for how many rows it has is worth nothing under attack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FedAvg {
    /// Passes over a client's rows in a round, at least 1.
    #[schemars(range(min = 1))]
    pub local_epochs: usize,
    /// Steps in a round in place of `local_epochs`, at least 1: so many batches of rows drawn anew, at most all.
    #[schemars(range(min = 1))]
    pub local_steps: Option<usize>,
}

impl Default for FedAvg {
    fn default() -> Self {
        Self { local_epochs: 1, local_steps: None }
    }
}

impl Kind for FedAvg {
    // 2: with several threads, clients train side by side. 3: those of small nets train in stacks.
    const VERSION: u32 = 3;
}

impl Local for FedAvg {
    fn check(&self) -> Result<()> {
        if self.local_epochs == 0 {
            return Err(Error::at("local_epochs", "0 epochs move no weight: at least 1"));
        }
        if self.local_steps == Some(0) {
            return Err(Error::at("local_steps", "0 steps move no weight: at least 1"));
        }
        Ok(())
    }

    fn rows(&self, rows: usize, batch_size: usize) -> usize {
        self.local_steps.map_or(rows, |steps| steps.saturating_mul(batch_size).min(rows))
    }

    fn epochs(&self) -> usize {
        self.local_steps.map_or(self.local_epochs, |_| 1)
    }
}
