//! Federated SGD: one gradient a round.

use aconite_core::Result;
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Local;

/// Each client sends one gradient per round, that of a batch of its rows.
///
/// Paper: McMahan, Moore, Ramage, Hampson, Agüera y Arcas 2017, "Communication-Efficient Learning of Deep Networks
/// from Decentralized Data" (FedSGD, there with all rows of a client as the batch).
///
/// Δᵢ = −η·∇L(w; Bᵢ), Bᵢ `train.batch_size` rows of client i drawn anew in every round, all of them if it has fewer,
/// η the learning rate of `[train]` at this round. Weight decay is part of the gradient; plain momentum has no part in
/// a single step: the server's is `server_momentum`. That is `sgd`; another optimiser, or `nesterov`, makes its own first
/// step of the gradient.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FedSgd {}

impl Kind for FedSgd {
    // 2: with several threads, clients train side by side. 3: those of small nets train in stacks.
    const VERSION: u32 = 3;
}

impl Local for FedSgd {
    fn check(&self) -> Result<()> {
        Ok(())
    }

    fn rows(&self, rows: usize, batch_size: usize) -> usize {
        batch_size.min(rows)
    }
}
