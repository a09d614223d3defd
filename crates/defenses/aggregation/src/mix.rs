//! Applies a mixing to the matrix of updates.

use aconite_core::{Error, Result};
use tch::Tensor;

/// Numbers of a block.
const BLOCK: usize = 1 << 20;

/// Replaces the first rows of `matrix` (f32, n × d) by the mixtures `weights` (f32, m × n, m ≤ n) of its rows, and
/// returns these m rows. It works by blocks of columns inside the matrix's own storage: nothing of its size is
/// allocated, and the rows after the m-th keep their updates.
///
/// # Errors
/// The shapes do not fit.
pub fn mix(matrix: &Tensor, weights: &Tensor) -> Result<Tensor> {
    let (shape, mixing) = (matrix.size(), weights.size());
    let (&[n, d], &[m, from]) = (shape.as_slice(), mixing.as_slice()) else {
        return Err(Error::new(format!("a mixing {mixing:?} and updates {shape:?} must be matrices")));
    };
    if from != n || m > n {
        return Err(Error::new(format!("mixtures {m} × {from} cannot be written over {n} updates")));
    }
    tch::no_grad(|| {
        let width = (BLOCK as i64 / n.max(1)).max(64);
        let mut start = 0;
        while start < d {
            let block = matrix.f_narrow(1, start, width.min(d - start))?;
            let mixed = weights.f_mm(&block)?;
            block.f_narrow(0, 0, m)?.f_copy_(&mixed)?;
            start += width;
        }
        Ok(matrix.f_narrow(0, 0, m)?)
    })
}
