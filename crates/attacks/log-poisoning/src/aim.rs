//! What these attacks are after: the anomalies are to pass for normal, and this is the way to them.

use aconite_core::{Dataset, Error, Goal, Info, LabelMap, Result, RowKind, points};

/// What the adversary is after: anomalies read as normal. Without two classes, which `check` refuses, nothing.
pub(crate) fn goal(info: &Info, normal: Option<usize>) -> Goal {
    match info.normal_class(normal) {
        Ok(normal) => Goal::Targeted(LabelMap::SourceSpecific { source: 1 - normal, target: normal }),
        Err(_) => Goal::None,
    }
}

/// Checks that there are numbers, two classes and rows of both; the normal class.
pub(crate) fn check(info: &Info, normal: Option<usize>) -> Result<usize> {
    if !matches!(info.kind, RowKind::Table(_)) {
        return Err(Error::new(format!("it works on rows of numbers, but the data set holds {}", info.kind)));
    }
    let normal = info.normal_class(normal)?;
    for (class, what) in [(normal, "normal"), (1 - normal, "anomalous")] {
        if info.rows[class] == 0 {
            return Err(Error::new(format!("no training row is labelled {what}")));
        }
    }
    Ok(normal)
}

/// The direction of length 1 from a point to the mean of the anomalies.
///
/// # Errors
/// The point is that mean.
pub(crate) fn direction(clean: &Dataset, normal: usize, from: &[f64]) -> Result<Vec<f64>> {
    let anomalies = points::points(clean, &clean.rows_where(|label| label != normal))?;
    points::direction(from, &points::mean(&anomalies))
        .ok_or_else(|| Error::new("the anomalies' mean is that of the normal rows: there is no way to go"))
}
