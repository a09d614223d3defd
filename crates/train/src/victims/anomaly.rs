//! What detectors of anomalies share: two classes, what is learnt of them, and scores about a threshold.

use aconite_core::{Dataset, Error, Info, Result, RowKind};
use tch::{Kind, Tensor};

/// Checks that there are rows of numbers in two classes; the normal class.
pub(super) fn check(info: &Info, normal: Option<usize>) -> Result<usize> {
    match &info.kind {
        RowKind::Table(_) => info.normal_class(normal),
        kind => Err(Error::new(format!("it reads rows of numbers, but the data set holds {kind}"))),
    }
}

/// Checks a count of rows that the normal class must supply, and that the setting `key` asks for, if it is one.
pub(super) fn check_rows(key: Option<&str>, wanted: usize, rows: usize) -> Result<()> {
    if rows < wanted {
        let message = format!("{wanted} rows are needed, but only {rows} training rows are labelled normal");
        return Err(Error { setting: key.map(str::to_owned), ..Error::new(message) });
    }
    Ok(())
}

/// The chosen rows of a table, f64 N×D.
pub(super) fn numbers(data: &Dataset, rows: &[usize]) -> Result<Tensor> {
    let table = data.rows().table()?;
    let values: Vec<f64> = rows.iter().flat_map(|&row| table.row(row)).map(|&v| f64::from(v)).collect();
    Ok(Tensor::f_from_slice(&values)?.f_view([rows.len() as i64, table.columns().len() as i64])?)
}

/// Scores of rows that lie so far out: threshold − distance for the normal class, distance − threshold for the other,
/// f32 N×2. A row on the threshold is normal.
pub(super) fn scores(distances: &[f64], threshold: f64, normal: usize) -> Result<Tensor> {
    let pair = |distance: &f64| {
        let exact = (threshold - distance) as f32;
        let inside = if *distance <= threshold { exact.max(f32::MIN_POSITIVE) } else { exact };
        if normal == 0 { [inside, -inside] } else { [-inside, inside] }
    };
    let pairs: Vec<f32> = distances.iter().flat_map(pair).collect();
    Ok(Tensor::f_from_slice(&pairs)?.f_view([distances.len() as i64, 2])?.f_to_kind(Kind::Float)?)
}
