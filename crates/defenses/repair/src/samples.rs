//! The settings that all repairs with clean samples share, and their checks.

use aconite_core::{Error, Info, Pace, Rate, Result};

/// The number of clean samples that `clean` asks for.
///
/// # Errors
/// There is none.
pub(crate) fn count(clean: Rate, info: &Info) -> Result<usize> {
    let n = info.total();
    match clean.count(n) {
        0 => Err(Error::at(
            "clean",
            format!("{} of {n} training rows are no clean samples at all", clean.get()),
        )
        .hint(format!("{:.4} of them is one row", 1.0 / n.max(1) as f64))),
        count => Ok(count),
    }
}

/// Forward passes of single rows in these epochs over the clean samples, a backward pass counting as two.
pub(crate) fn steps(clean: Rate, info: &Info, epochs: usize) -> f64 {
    3.0 * (clean.count(info.total()) * epochs) as f64
}

/// Checks batch size and learning rate.
///
/// # Errors
/// Names the setting that is out of range.
pub(crate) fn check(pace: Pace) -> Result<()> {
    if pace.batch_size == 0 {
        return Err(Error::at("batch_size", "a batch of 0 rows is no step: at least 1"));
    }
    if !(pace.lr.is_finite() && pace.lr > 0.0) {
        return Err(Error::at("lr", format!("a learning rate of {} is not above 0", pace.lr)));
    }
    Ok(())
}
