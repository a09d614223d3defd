//! The mean of the updates.

use aconite_core::{Aggregate, Aggregator, Defense, NamedTensors, Result, Role, Updates};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::combine::{aggregate, mean_of};
use crate::matrix::Matrix;
use crate::require;

/// The mean of the updates: no defense, and the rule of federated averaging.
///
/// Paper: McMahan, Moore, Ramage, Hampson, Agüera y Arcas 2017, "Communication-Efficient Learning of Deep Networks
/// from Decentralized Data", Algorithm 1.
///
/// z = (1/n) Σ x_i. The paper weighs clients by their numbers of samples, which they state themselves; here all
/// weigh the same, as with every other rule.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Mean {}

impl Kind for Mean {}

impl Defense for Mean {
    fn role(&self) -> Role<'_> {
        Role::Aggregator(self)
    }
}

impl Aggregator for Mean {
    fn check_clients(&self, clients: usize, _malicious: Option<usize>) -> Result<()> {
        require::at_least("mean", clients, 1)
    }

    fn aggregate(&self, updates: &Updates<'_>, _memory: &mut NamedTensors) -> Result<Aggregate> {
        let matrix = Matrix::of(updates)?;
        let (update, weights) = mean_of(&matrix, &(0..matrix.len()).collect::<Vec<_>>())?;
        aggregate(&update, Some(weights))
    }
}
