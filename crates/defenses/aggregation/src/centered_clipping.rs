//! Centered clipping around the last aggregate.

use aconite_core::{Aggregate, Aggregator, Defense, Info, NamedTensors, Result, Role, Updates};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::combine::{aggregate, clipped, distances_to, numbers};
use crate::kernels::add;
use crate::matrix::Matrix;
use crate::require;

/// Clips the updates' differences from the last aggregate and adds their mean to it.
///
/// Paper: Karimireddy, He, Jaggi 2021, "Learning from History for Byzantine Robust Optimization", Algorithm 2.
///
/// v ← v + (1/n) Σ (x_i − v)·min(1, τ/‖x_i − v‖), `iterations` times, from the aggregate of the last round, 0 in the
/// first. The paper's updates are the clients' momenta; the scale of τ is that of the updates: weights after local
/// training less those before, so a radius for gradients must be multiplied by the learning rate. The default τ 10
/// and one step are those of the authors' experiments without momentum. The aggregate lies within τ · `iterations`
/// of the last one, whatever malicious clients send.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CenteredClipping {
    /// Clipping radius, τ, in the updates' unit; above 0.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub tau: f64,
    /// Steps in a round, L, at least 1.
    #[schemars(range(min = 1))]
    pub iterations: usize,
}

impl Default for CenteredClipping {
    fn default() -> Self {
        Self { tau: 10.0, iterations: 1 }
    }
}

impl Kind for CenteredClipping {}

impl Defense for CenteredClipping {
    fn role(&self) -> Role<'_> {
        Role::Aggregator(self)
    }

    fn check(&self, _info: &Info) -> Result<()> {
        require::positive("tau", self.tau)?;
        require::counted("iterations", self.iterations)
    }
}

/// The name of the last aggregate in the rule's memory.
const CENTER: &str = "center";

impl Aggregator for CenteredClipping {
    fn check_clients(&self, clients: usize, _malicious: Option<usize>) -> Result<()> {
        require::at_least("centered clipping", clients, 1)
    }

    fn aggregate(&self, updates: &Updates<'_>, memory: &mut NamedTensors) -> Result<Aggregate> {
        let matrix = Matrix::of(updates)?;
        let mut center = match memory.get(CENTER) {
            Some(last) => numbers(last, matrix.columns(), "the last aggregate")?,
            None => vec![0.0; matrix.columns()],
        };
        let mut weights = vec![0.0; matrix.len()];
        for _ in 0..self.iterations {
            let lengths = distances_to(&matrix, &center)?;
            let shares: Vec<f64> =
                lengths.iter().map(|&length| clipped(length, self.tau) / matrix.len() as f64).collect();
            let stays = 1.0 - shares.iter().sum::<f64>();
            center = moved(&matrix, &center, &shares, stays)?;
            weights.iter_mut().zip(shares).for_each(|(weight, share)| *weight = stays * *weight + share);
        }
        let result = aggregate(&center, Some(weights))?;
        memory.insert(CENTER.into(), result.update.copy());
        Ok(result)
    }
}

/// stays · center + Σ shares_i · x_i.
fn moved(matrix: &Matrix<'_>, center: &[f32], shares: &[f64], stays: f64) -> Result<Vec<f32>> {
    let swept = matrix.sweep(true, 0, |tile, out, _| {
        let mut sum = vec![0.0; tile.width];
        add(&mut sum, stays, tile.of(center));
        tile.rows().zip(shares).for_each(|(row, &share)| add(&mut sum, share, row));
        out.iter_mut().zip(sum).for_each(|(out, sum)| *out = sum as f32);
    })?;
    Ok(swept.columns)
}
