//! The median of each coordinate.

use aconite_core::{Aggregate, Aggregator, Defense, NamedTensors, Result, Role, Updates};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::combine::aggregate;
use crate::matrix::Matrix;
use crate::network::{Network, by_column};
use crate::require;

/// The median of each coordinate over the clients.
///
/// Paper: Yin, Chen, Ramchandran, Bartlett 2018, "Byzantine-Robust Distributed Learning: Towards Optimal
/// Statistical Rates", Definition 1 and Algorithm 1 (option I).
///
/// z_k = med {x_1k … x_nk}; of an even number of values, the mean of the middle two (PyTorch's `median` takes the
/// lower one).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Median {}

impl Kind for Median {}

impl Defense for Median {
    fn role(&self) -> Role<'_> {
        Role::Aggregator(self)
    }
}

impl Aggregator for Median {
    fn check_clients(&self, clients: usize, _malicious: Option<usize>) -> Result<()> {
        require::at_least("median", clients, 1)
    }

    fn aggregate(&self, updates: &Updates<'_>, _memory: &mut NamedTensors) -> Result<Aggregate> {
        let matrix = Matrix::of(updates)?;
        aggregate(&median_of(&matrix, &(0..matrix.len()).collect::<Vec<_>>())?, None)
    }
}

/// The median of each coordinate over some rows, at least one.
pub(crate) fn median_of(matrix: &Matrix<'_>, rows: &[usize]) -> Result<Vec<f32>> {
    let (low, high) = (rows.len().saturating_sub(1) / 2, rows.len() / 2);
    let network = Network::new(rows.len(), low..high + 1);
    let swept = matrix.sweep(true, 0, |tile, out, _| {
        by_column(tile, rows, &network, out, |sorted, out| {
            for ((out, &low), &high) in out.iter_mut().zip(&sorted[low]).zip(&sorted[high]) {
                *out = (0.5 * (f64::from(low) + f64::from(high))) as f32;
            }
        });
    })?;
    Ok(swept.columns)
}
