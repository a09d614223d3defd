//! How well two clusters are apart.

use aconite_core::Result;
use tch::{Kind, Tensor};

use crate::classes::index;

/// Largest number of distances held at a time: 2 million f64, 16 MB.
const BLOCK: usize = 2 << 20;

/// The mean silhouette of the chosen points among all points in two clusters (Rousseeuw 1987): (b − a)/max(a, b),
/// a the mean distance of a point to the others of its cluster, b that to the other cluster; 0 for a point that
/// is alone in its cluster. `points` are f64, points × width; both clusters have members.
pub(crate) fn mean_silhouette(points: &Tensor, second: &[bool], chosen: &[usize]) -> Result<f64> {
    let all = second.len();
    let members = [second.iter().filter(|second| !**second).count(), second.iter().filter(|s| **s).count()];
    let belongs: Vec<f64> =
        second.iter().flat_map(|&s| [f64::from(u8::from(!s)), f64::from(u8::from(s))]).collect();
    let belongs = Tensor::f_from_slice(&belongs)?.f_view([all as i64, 2])?;
    let norms = points.f_square()?.f_sum_dim_intlist([1i64].as_slice(), true, Kind::Double)?;
    let (across, norms_across) = (points.f_tr()?.f_mul_scalar(-2.0)?, norms.f_view([1, -1])?);
    let mut sum = 0.0;
    for block in chosen.chunks((BLOCK / all).max(1)) {
        let rows = index(block)?;
        // ‖x − y‖² = ‖x‖² − 2x·y + ‖y‖², which rounding may take below 0.
        let mut squares = points.f_index_select(0, &rows)?.f_matmul(&across)?;
        let mut squares = squares.f_add_(&norms.f_index_select(0, &rows)?)?.f_add_(&norms_across)?;
        let distances = squares.f_clamp_min_(0.0)?.f_sqrt_()?;
        let sums = Vec::<f64>::try_from(distances.f_matmul(&belongs)?.f_flatten(0, -1)?)?;
        for (&point, sums) in block.iter().zip(sums.chunks_exact(2)) {
            let own = usize::from(second[point]);
            if members[own] < 2 {
                continue;
            }
            // The distance to itself is 0.
            let (a, b) = (sums[own] / (members[own] - 1) as f64, sums[1 - own] / members[1 - own] as f64);
            if a.max(b) > 0.0 {
                sum += (b - a) / a.max(b);
            }
        }
    }
    Ok(sum / chosen.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ica::tests::mixtures;

    fn silhouette(second: &dyn Fn(usize) -> bool, chosen: &[usize]) -> f64 {
        mean_silhouette(&mixtures(), &(0..80).map(second).collect::<Vec<_>>(), chosen).unwrap()
    }

    // silhouette_score(X, labels) of scikit-learn 1.9, X as in ica.rs: y = 1 for the first 23 points; for point 4
    // alone
    #[test]
    fn it_is_scikit_learns() {
        let all: Vec<usize> = (0..80).collect();
        // A point's distance to itself is rounded to 1e-8 rather than 0.
        assert!((silhouette(&|point| point < 23, &all) - 0.00739306554959111).abs() < 1e-8);
        assert!((silhouette(&|point| point == 4, &all) + 0.2196620323199654).abs() < 1e-8);
    }

    #[test]
    fn parts_of_the_points_average_to_all_of_them() {
        let all: Vec<usize> = (0..80).collect();
        let parts = (silhouette(&|p| p < 23, &all[..40]) + silhouette(&|p| p < 23, &all[40..])) / 2.0;
        assert!((parts - silhouette(&|point| point < 23, &all)).abs() < 1e-12);
    }
}
