//! What these attacks are after: the anomalies are to pass for normal, and this is the way to them.

use aconite_core::{Dataset, Error, Goal, Info, LabelMap, Result, RowKind, Table};

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

/// The mean of the chosen rows.
pub(crate) fn mean(table: &Table, rows: &[usize]) -> Vec<f64> {
    let mut sum = vec![0.0; table.columns().len()];
    for &row in rows {
        sum.iter_mut().zip(table.row(row)).for_each(|(s, &v)| *s += f64::from(v));
    }
    sum.iter().map(|s| s / rows.len().max(1) as f64).collect()
}

/// The direction of length 1 from a point to the mean of the anomalies.
///
/// # Errors
/// The point is that mean.
pub(crate) fn direction(clean: &Dataset, normal: usize, from: &[f64]) -> Result<Vec<f64>> {
    let anomalies = clean.rows_where(|label| label != normal);
    let to = mean(clean.rows().table()?, &anomalies);
    let way: Vec<f64> = to.iter().zip(from).map(|(to, from)| to - from).collect();
    let length = dot(&way, &way).sqrt();
    match length > 0.0 {
        true => Ok(way.into_iter().map(|v| v / length).collect()),
        false => Err(Error::new("the anomalies' mean is that of the normal rows: there is no way to go")),
    }
}

pub(crate) fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}
