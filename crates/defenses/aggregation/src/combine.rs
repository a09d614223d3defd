//! Weighted sums of updates, their lengths, and Gaussian noise.

use aconite_core::{Aggregate, Error, Result, Seed};
use rand_distr::{Distribution, StandardNormal};
use tch::Tensor;

use crate::kernels::{add, squared_distance, squared_norm};
use crate::matrix::Matrix;

/// ‖x_i‖ of each update.
pub(crate) fn norms(matrix: &Matrix<'_>) -> Result<Vec<f64>> {
    let swept = matrix.sweep(false, matrix.len(), |tile, _, sums| {
        sums.iter_mut().zip(tile.rows()).for_each(|(sum, row)| *sum += squared_norm(row));
    })?;
    Ok(swept.sums.into_iter().map(f64::sqrt).collect())
}

/// ‖x_i − center‖ of each update.
pub(crate) fn distances_to(matrix: &Matrix<'_>, center: &[f32]) -> Result<Vec<f64>> {
    let swept = matrix.sweep(false, matrix.len(), |tile, _, sums| {
        let center = tile.of(center);
        sums.iter_mut().zip(tile.rows()).for_each(|(sum, row)| *sum += squared_distance(row, center));
    })?;
    Ok(swept.sums.into_iter().map(f64::sqrt).collect())
}

/// Σ weights_i · x_i.
pub(crate) fn combination(matrix: &Matrix<'_>, weights: &[f64]) -> Result<Vec<f32>> {
    let swept = matrix.sweep(true, 0, |tile, out, _| {
        let mut sum = vec![0.0; tile.width];
        for (row, &weight) in tile.rows().zip(weights) {
            // Also so that what was rejected cannot come back as rounding.
            if weight != 0.0 {
                add(&mut sum, weight, row);
            }
        }
        out.iter_mut().zip(sum).for_each(|(out, sum)| *out = sum as f32);
    })?;
    Ok(swept.columns)
}

/// The mean of some rows, and the weights that it gives all of them.
pub(crate) fn mean_of(matrix: &Matrix<'_>, rows: &[usize]) -> Result<(Vec<f32>, Vec<f64>)> {
    let weights = equal_weights(matrix.len(), rows);
    Ok((combination(matrix, &weights)?, weights))
}

/// The same weight for these of `n` rows, summing to 1; all 0 if there are none of them.
pub(crate) fn equal_weights(n: usize, rows: &[usize]) -> Vec<f64> {
    let mut weights = vec![0.0; n];
    for &row in rows {
        weights[row] = 1.0 / rows.len() as f64;
    }
    weights
}

/// The factor that brings a length down to `limit`, 1 if it is not above it.
pub(crate) fn clipped(length: f64, limit: f64) -> f64 {
    if length > limit { limit / length } else { 1.0 }
}

/// Adds normal noise of this standard deviation to every coordinate.
pub(crate) fn add_noise(update: &mut [f32], deviation: f64, seed: Seed) {
    if deviation > 0.0 {
        let mut draws = seed.derive("noise").rng();
        for value in update {
            let draw: f64 = StandardNormal.sample(&mut draws);
            *value = (f64::from(*value) + deviation * draw) as f32;
        }
    }
}

/// The median; of an even number, the mean of the middle two.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        n => 0.5 * (sorted[(n - 1) / 2] + sorted[n / 2]),
    }
}

/// The numbers of a vector over all parameters.
pub(crate) fn numbers(vector: &Tensor, d: usize, what: &str) -> Result<Vec<f32>> {
    let mut numbers = vec![0.0; d];
    if vector.numel() != d {
        let has = vector.numel();
        return Err(Error::new(format!("{what} has {has} parameters, the updates have {d}")));
    }
    vector.f_to_kind(tch::Kind::Float)?.f_copy_data(&mut numbers, d)?;
    Ok(numbers)
}

/// A round's result.
pub(crate) fn aggregate(update: &[f32], weights: Option<Vec<f64>>) -> Result<Aggregate> {
    Ok(Aggregate { update: Tensor::f_from_slice(update)?, weights })
}
