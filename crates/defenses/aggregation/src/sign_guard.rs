//! SignGuard: filters by length and by the shares of signs.

use aconite_core::{Aggregate, Aggregator, Defense, Error, Info, NamedTensors, Result, Role, Updates};
use aconite_grid::Kind;
use rand::seq::index::sample;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::combine::{aggregate, clipped, combination, median, norms};
use crate::matrix::Matrix;
use crate::mean_shift::{bandwidth, mean_shift};
use crate::require;

/// Keeps updates of usual length whose signs are distributed as in the largest group, clips them and averages.
///
/// Paper: Xu, Huang, Song, Lan 2022, "Byzantine-robust Federated Learning through Collaborative Malicious Gradient
/// Filtering", Algorithm 2 (SignGuard).
///
/// 1. With M the median of all ‖x_i‖: A = {i: `lower` ≤ ‖x_i‖/M ≤ `upper`}.
/// 2. The shares of positive, zero and negative values of x_i on a random part of the coordinates are clustered by
///    mean shift; B is the largest cluster.
/// 3. z = the mean over A ∩ B of x_i · min(1, M/‖x_i‖); if it is empty, nothing is added.
///
/// The bandwidth of mean shift is the mean distance of the shares to the farthest of their nearest half, as in the
/// authors' code; its flat kernel and the merging of modes are scikit-learn's. The variants with a similarity to the
/// last aggregate are not here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SignGuard {
    /// Shortest length that stays, as a multiple of the median, from 0 to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub lower: f64,
    /// Largest length that stays, as a multiple of the median; 1 or above.
    #[schemars(range(min = 1.0))]
    pub upper: f64,
    /// Share of the coordinates whose signs count, above 0, up to 1; at least one coordinate.
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 1.0))]
    pub coordinates: f64,
}

impl Default for SignGuard {
    fn default() -> Self {
        Self { lower: 0.1, upper: 3.0, coordinates: 0.1 }
    }
}

impl Kind for SignGuard {
    // 2: the order of clients does not matter, to the last bit.
    const VERSION: u32 = 2;
}

impl Defense for SignGuard {
    fn role(&self) -> Role<'_> {
        Role::Aggregator(self)
    }

    fn check(&self, _info: &Info) -> Result<()> {
        if !(0.0..=1.0).contains(&self.lower) {
            return Err(Error::at("lower", format!("a multiple of {} is outside [0, 1]", self.lower)));
        }
        if !(self.upper.is_finite() && self.upper >= 1.0) {
            return Err(Error::at(
                "upper",
                format!("a multiple of {} is not finite and at least 1", self.upper),
            ));
        }
        if !(self.coordinates > 0.0 && self.coordinates <= 1.0) {
            let message = format!("a share of {} is outside (0, 1]", self.coordinates);
            return Err(Error::at("coordinates", message));
        }
        Ok(())
    }
}

impl Aggregator for SignGuard {
    fn check_clients(&self, clients: usize, _malicious: Option<usize>) -> Result<()> {
        require::at_least("SignGuard", clients, 1)
    }

    fn aggregate(&self, updates: &Updates<'_>, _memory: &mut NamedTensors) -> Result<Aggregate> {
        let matrix = Matrix::of(updates)?;
        let lengths = norms(&matrix)?;
        let usual = median(&lengths);
        let d = matrix.columns();
        let count = ((self.coordinates * d as f64).round() as usize).clamp(1, d);
        let mut places = sample(&mut updates.seed.derive("coordinates").rng(), d, count).into_vec();
        places.sort_unstable();
        let shares = signs(&matrix, &places)?;
        let labels = mean_shift(&shares, bandwidth(&shares, 0.5));
        // The first of the largest clusters is the densest.
        let mut sizes = vec![0usize; labels.iter().max().map_or(0, |most| most + 1)];
        labels.iter().for_each(|&label| sizes[label] += 1);
        let largest = (0..sizes.len()).rev().max_by_key(|&label| sizes[label]).unwrap_or(0);
        let stays = |row: &usize| {
            (self.lower * usual..=self.upper * usual).contains(&lengths[*row]) && labels[*row] == largest
        };
        let kept: Vec<usize> = (0..matrix.len()).filter(stays).collect();
        let mut weights = vec![0.0; matrix.len()];
        for &row in &kept {
            weights[row] = clipped(lengths[row], usual) / kept.len() as f64;
        }
        aggregate(&combination(&matrix, &weights)?, Some(weights))
    }
}

/// The shares of positive, zero and negative values of each update on these coordinates, ascending.
fn signs(matrix: &Matrix<'_>, places: &[usize]) -> Result<Vec<[f64; 3]>> {
    let swept = matrix.sweep(false, 3 * matrix.len(), |tile, _, sums| {
        let first = places.partition_point(|&place| place < tile.start);
        let end = places.partition_point(|&place| place < tile.start + tile.width);
        for (row, sums) in tile.rows().zip(sums.chunks_exact_mut(3)) {
            for &place in &places[first..end] {
                let value = row[place - tile.start];
                sums[if value > 0.0 {
                    0
                } else if value < 0.0 {
                    2
                } else {
                    1
                }] += 1.0;
            }
        }
    })?;
    let share = |counts: &[f64]| std::array::from_fn(|sign| counts[sign] / places.len() as f64);
    Ok(swept.sums.chunks_exact(3).map(share).collect())
}
