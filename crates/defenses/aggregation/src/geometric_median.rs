//! The geometric median, by the smoothed Weiszfeld algorithm.

use aconite_core::{Aggregate, Aggregator, Defense, Info, NamedTensors, Result, Role, Updates};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::combine::{aggregate, median};
use crate::distances::Distances;
use crate::kernels::{add, squared_distance, squared_norm};
use crate::matrix::Matrix;
use crate::require;

/// The point with the smallest sum of distances to all updates, by the smoothed Weiszfeld algorithm.
///
/// Paper: Pillutla, Kakade, Harchaoui 2022, "Robust Aggregation for Federated Learning", Algorithm 2 (RFA).
///
/// z ← Σ β_i x_i / Σ β_i with β_i = 1/max(ν, ‖z − x_i‖), from the mean. The paper stops after three steps to save
/// communication between clients and server; nothing is sent here, so the default goes on until nothing moves.
///
/// Every z is a weighted mean of updates, and its distance to an update follows from those between updates:
/// ‖z − x_i‖² = Σ_j w_j d_ij − ½ Σ_jk w_j w_k d_jk with the squared distances d. So a step costs n² operations instead
/// of two passes over the matrix. At the end the distances to z are measured, and what they differ by is put right
/// and the steps begun again, until the measured ones move z by less than 10⁻⁶ of the median distance (or than f32 can
/// say).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GeometricMedian {
    /// Largest number of steps, at least 1; the paper's is 3.
    #[schemars(range(min = 1))]
    pub iterations: usize,
    /// Steps end when one moves z by less than this share of its median distance to the updates; 0 or above.
    #[schemars(range(min = 0.0))]
    pub tolerance: f64,
    /// Smoothing, ν: distances below it count as it; above 0.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub nu: f64,
}

impl Default for GeometricMedian {
    fn default() -> Self {
        Self { iterations: 10_000, tolerance: 1e-9, nu: 1e-6 }
    }
}

impl Kind for GeometricMedian {
    // 2: the last bits of distances.
    const VERSION: u32 = 2;
}

impl Defense for GeometricMedian {
    fn role(&self) -> Role<'_> {
        Role::Aggregator(self)
    }

    fn check(&self, _info: &Info) -> Result<()> {
        require::counted("iterations", self.iterations)?;
        require::not_negative("tolerance", self.tolerance)?;
        require::positive("nu", self.nu)
    }
}

/// What measured distances may move the result by, as a share of the median distance.
const AGREEMENT: f64 = 1e-6;
/// How often they are measured at most.
const PASSES: usize = 8;

impl Aggregator for GeometricMedian {
    fn check_clients(&self, clients: usize, _malicious: Option<usize>) -> Result<()> {
        require::at_least("geometric median", clients, 1)
    }

    fn aggregate(&self, updates: &Updates<'_>, _memory: &mut NamedTensors) -> Result<Aggregate> {
        let matrix = Matrix::of(updates)?;
        let distances = Distances::between(&matrix)?;
        let mut defects = vec![0.0; matrix.len()];
        let mut pass = 1;
        loop {
            let (weights, converged) = self.weights(&distances, &defects);
            let (point, measured, norm) = place(&matrix, &weights)?;
            let moved = length(&distances, &difference(&self.weighted(&measured), &weights));
            let small = (AGREEMENT * usual(&measured)).max(norm * f64::from(f32::EPSILON));
            if !converged || pass == PASSES || moved <= small {
                return aggregate(&point, Some(weights));
            }
            let computed = squared_lengths(&distances, &weights);
            defects =
                measured.iter().zip(computed).map(|(length, squared)| length * length - squared).collect();
            pass += 1;
        }
    }
}

impl GeometricMedian {
    /// The weights of the updates in z, and whether the steps came to an end by themselves.
    fn weights(&self, distances: &Distances, defects: &[f64]) -> (Vec<f64>, bool) {
        let mut weights = vec![1.0 / distances.len() as f64; distances.len()];
        for _ in 0..self.iterations {
            let squared = squared_lengths(distances, &weights);
            let lengths: Vec<f64> = squared
                .iter()
                .zip(defects)
                .map(|(squared, defect)| (squared + defect).max(0.0).sqrt())
                .collect();
            let next = self.weighted(&lengths);
            let moved = length(distances, &difference(&next, &weights));
            weights = next;
            if moved <= self.tolerance * usual(&lengths) {
                return (weights, true);
            }
        }
        (weights, false)
    }

    /// 1/max(ν, length), summing to 1.
    fn weighted(&self, lengths: &[f64]) -> Vec<f64> {
        let inverse: Vec<f64> = lengths.iter().map(|length| 1.0 / length.max(self.nu)).collect();
        let sum: f64 = inverse.iter().sum();
        inverse.iter().map(|value| value / sum).collect()
    }
}

/// Σ w_i x_i, its measured distance to each update, and its length, in one pass.
fn place(matrix: &Matrix<'_>, weights: &[f64]) -> Result<(Vec<f32>, Vec<f64>, f64)> {
    let n = matrix.len();
    let swept = matrix.sweep(true, n + 1, |tile, out, sums| {
        let mut sum = vec![0.0; tile.width];
        tile.rows().zip(weights).for_each(|(row, &weight)| add(&mut sum, weight, row));
        out.iter_mut().zip(sum).for_each(|(out, sum)| *out = sum as f32);
        sums.iter_mut().zip(tile.rows()).for_each(|(sum, row)| *sum += squared_distance(row, out));
        sums[n] += squared_norm(out);
    })?;
    let mut lengths: Vec<f64> = swept.sums.into_iter().map(f64::sqrt).collect();
    let norm = lengths.pop().unwrap_or(0.0);
    Ok((swept.columns, lengths, norm))
}

/// Σ_j w_j d_ij of each i.
fn applied(distances: &Distances, weights: &[f64]) -> Vec<f64> {
    let product = |row| distances.row(row).iter().zip(weights).map(|(d, w)| d * w).sum();
    (0..distances.len()).map(product).collect()
}

/// ‖Σ_j w_j x_j − x_i‖² of each i, for weights that sum to 1.
fn squared_lengths(distances: &Distances, weights: &[f64]) -> Vec<f64> {
    let to = applied(distances, weights);
    let half = 0.5 * to.iter().zip(weights).map(|(to, weight)| to * weight).sum::<f64>();
    to.iter().map(|to| to - half).collect()
}

/// ‖Σ_j δ_j x_j‖ for δ that sum to 0.
fn length(distances: &Distances, delta: &[f64]) -> f64 {
    let squared = applied(distances, delta).iter().zip(delta).map(|(to, delta)| to * delta).sum::<f64>();
    (-0.5 * squared).max(0.0).sqrt()
}

fn difference(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

/// The median length: far updates do not count. Where most lengths vanish, a little of the mean.
fn usual(lengths: &[f64]) -> f64 {
    median(lengths).max(1e-6 * lengths.iter().sum::<f64>() / lengths.len() as f64)
}
