//! FLTrust: updates weigh by their likeness to the server's own.

use aconite_core::{
    Aggregate, Aggregator, Defense, Error, Info, Knowledge, NamedTensors, Result, Role, ServerNeeds, Updates,
};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::combine::{aggregate, combination, numbers};
use crate::kernels::{dot, squared_norm};
use crate::matrix::Matrix;
use crate::require;

/// Weighs updates by how much they point the way of one that the server trains on clean samples of its own.
///
/// Paper: Cao, Fang, Liu, Gong 2021, "FLTrust: Byzantine-robust Federated Learning via Trust Bootstrapping",
/// Algorithm 2.
///
/// With g the server's update: t_i = max(0, cos(x_i, g)); z = Σ t_i · (‖g‖/‖x_i‖) x_i / Σ t_i. If no update points
/// its way at all, nothing is added. The weights reported are the factors t_i ‖g‖/‖x_i‖ / Σ t_i of the x_i.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FlTrust {
    /// How many clean samples the server has, the root set; at least 1.
    #[schemars(range(min = 1))]
    pub samples: usize,
}

impl Default for FlTrust {
    fn default() -> Self {
        Self { samples: 100 }
    }
}

impl Kind for FlTrust {}

impl Defense for FlTrust {
    fn role(&self) -> Role<'_> {
        Role::Aggregator(self)
    }

    fn knowledge(&self) -> Vec<Knowledge> {
        vec![Knowledge::CleanSamples]
    }

    fn check(&self, info: &Info) -> Result<()> {
        require::samples(self.samples, info)
    }
}

impl Aggregator for FlTrust {
    fn check_clients(&self, clients: usize, _malicious: Option<usize>) -> Result<()> {
        require::at_least("FLTrust", clients, 1)
    }

    fn needs(&self) -> ServerNeeds {
        ServerNeeds { root: Some(self.samples), ..ServerNeeds::default() }
    }

    fn aggregate(&self, updates: &Updates<'_>, _memory: &mut NamedTensors) -> Result<Aggregate> {
        let matrix = Matrix::of(updates)?;
        let n = matrix.len();
        let root = numbers(updates.root()?, matrix.columns(), "the server's update")?;
        let length = squared_norm(&root).sqrt();
        if !length.is_finite() {
            return Err(Error::new("the server's own update holds infinities or no numbers"));
        }
        let swept = matrix.sweep(false, 2 * n, |tile, _, sums| {
            let root = tile.of(&root);
            let (products, squares) = sums.split_at_mut(n);
            for (row, (product, square)) in tile.rows().zip(products.iter_mut().zip(squares)) {
                *product += dot(row, root);
                *square += squared_norm(row);
            }
        })?;
        let (products, squares) = swept.sums.split_at(n);
        // cos · ‖g‖ and ‖x‖; where either is 0 there is no direction and no trust.
        let along: Vec<(f64, f64)> = products
            .iter()
            .zip(squares)
            .map(|(product, square)| (product.max(0.0) / square.sqrt(), square.sqrt()))
            .map(|(trust, norm)| if norm > 0.0 { (trust, norm) } else { (0.0, 1.0) })
            .collect();
        let trust: f64 = along.iter().map(|(trust, _)| trust).sum();
        let factor = |&(own, norm): &(f64, f64)| if trust > 0.0 { own * length / norm / trust } else { 0.0 };
        let weights: Vec<f64> = along.iter().map(factor).collect();
        aggregate(&combination(&matrix, &weights)?, Some(weights))
    }
}
