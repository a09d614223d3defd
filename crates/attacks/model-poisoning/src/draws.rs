//! Rows that are drawn.

use aconite_core::{Result, Seed};
use rand_distr::Distribution;
use tch::{Device, Kind, Tensor};

/// A matrix of m rows, each of which `make` makes of its number and of d draws.
pub(crate) fn rows(
    (m, d): (i64, i64),
    seed: Seed,
    distribution: &impl Distribution<f32>,
    make: impl Fn(i64, &Tensor) -> Result<Tensor>,
) -> Result<Tensor> {
    let mut rng = seed.rng();
    let all = Tensor::f_zeros([m, d], (Kind::Float, Device::Cpu))?;
    for row in 0..m {
        let draws: Vec<f32> = (0..d).map(|_| distribution.sample(&mut rng)).collect();
        all.f_get(row)?.f_copy_(&make(row, &Tensor::f_from_slice(&draws)?)?)?;
    }
    Ok(all)
}
