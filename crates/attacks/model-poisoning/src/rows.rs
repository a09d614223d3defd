//! What all attacks ask of a matrix of updates.

use aconite_core::{Error, Result};
use tch::{Kind, Tensor};

/// Mean of the rows.
pub(crate) fn mean(rows: &Tensor) -> Result<Tensor> {
    Ok(rows.f_mean_dim([0i64].as_slice(), false, Kind::Float)?)
}

/// Standard deviation of each coordinate over the rows, by n, not n − 1: 0 for a single row.
pub(crate) fn deviation(rows: &Tensor, mean: &Tensor) -> Result<Tensor> {
    let (n, _) = rows.size2()?;
    let mut squares = mean.f_zeros_like()?;
    // A row at a time: all gaps at once would be a second matrix.
    for row in 0..n {
        let gap = rows.f_get(row)?.f_sub(mean)?;
        let _ = squares.f_addcmul_(&gap, &gap)?;
    }
    Ok(squares.f_div_scalar(n.max(1))?.f_sqrt()?)
}

/// The direction in which each coordinate changes: 1 where it grows, else −1.
pub(crate) fn direction(update: &Tensor) -> Result<Tensor> {
    Ok(update.f_gt(0.0)?.f_to_kind(Kind::Float)?.f_mul_scalar(2.0)?.f_sub_scalar(1.0)?)
}

/// The same row for `count` clients, as a view of it.
pub(crate) fn repeat(row: &Tensor, count: usize) -> Result<Tensor> {
    Ok(row.f_unsqueeze(0)?.f_expand([count as i64, -1].as_slice(), false)?)
}

/// Checks that the setting `key` is above 0.
pub(crate) fn check_positive(key: &str, what: &str, value: f64) -> Result<()> {
    if value.is_finite() && value > 0.0 {
        return Ok(());
    }
    Err(Error::at(key, format!("{what} of {value} is not a number above 0")))
}
