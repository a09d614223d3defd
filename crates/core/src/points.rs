//! Points as lists of numbers: what detectors of anomalies and attacks on them must compute alike.

use crate::{Dataset, Result};

/// The chosen rows of a table as points.
///
/// # Errors
/// The rows are no table.
pub fn points(data: &Dataset, rows: &[usize]) -> Result<Vec<Vec<f64>>> {
    let table = data.rows().table()?;
    Ok(rows.iter().map(|&row| table.row(row).iter().map(|&v| f64::from(v)).collect()).collect())
}

/// The mean of points; empty of none.
pub fn mean(points: &[Vec<f64>]) -> Vec<f64> {
    let mut sum = vec![0.0; points.first().map_or(0, Vec::len)];
    points.iter().for_each(|point| sum.iter_mut().zip(point).for_each(|(s, v)| *s += v));
    sum.iter().map(|s| s / points.len() as f64).collect()
}

/// ⟨x, y⟩.
pub fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}

/// ‖x − y‖.
pub fn distance(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| (x - y) * (x - y)).sum::<f64>().sqrt()
}

/// The direction of length 1 from one point to another; `None` if they are one.
pub fn direction(from: &[f64], to: &[f64]) -> Option<Vec<f64>> {
    let way: Vec<f64> = to.iter().zip(from).map(|(to, from)| to - from).collect();
    let length = dot(&way, &way).sqrt();
    (length > 0.0).then(|| way.into_iter().map(|v| v / length).collect())
}

/// The ⌈share·n⌉-th smallest of n values, at least the smallest; 0 of none.
pub fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let rank = (share * values.len() as f64 - 1e-9).ceil().max(1.0) as usize;
    values.get(rank.min(values.len()).saturating_sub(1)).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let points = [vec![1.0, 2.0], vec![4.0, 6.0], vec![1.0, 1.0]];
        assert_eq!(mean(&points), [2.0, 3.0]);
        assert_eq!(mean(&[]), [0.0; 0]);
        assert_eq!(direction(&points[0], &points[1]), Some(vec![0.6, 0.8]));
        assert_eq!(direction(&points[0], &points[0]), None);
        let of = |share| quantile(vec![3.0, 1.0, 4.0, 2.0], share);
        assert_eq!([0.0, 0.25, 0.26, 0.75, 1.0].map(of), [1.0, 1.0, 2.0, 3.0, 4.0]);
        assert_eq!(quantile(vec![], 0.5), 0.0);
    }
}
