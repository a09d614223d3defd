//! Two clusters by 2-means.

use rand::{Rng, RngExt};

/// Lloyd's iterations at most; two clusters settle long before.
const ITERATIONS: usize = 300;

/// Points in two clusters.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Halves {
    /// Per point, whether it is in the second cluster.
    pub second: Vec<bool>,
    /// The clusters' means.
    pub centers: [Vec<f64>; 2],
    /// Sum of the squared distances of the points to their cluster's mean.
    pub inertia: f64,
}

/// The best of several runs of [`lloyd`] from starts by k-means++ (Arthur and Vassilvitskii 2007): the first
/// center is a point drawn uniformly, the second one drawn in proportion to its squared distance from the first.
/// Nothing when all points are the same.
pub(crate) fn two_means(points: &[f64], width: usize, runs: usize, rng: &mut impl Rng) -> Option<Halves> {
    let count = points.len() / width;
    let at = |point: usize| &points[point * width..(point + 1) * width];
    let mut best: Option<Halves> = None;
    for _ in 0..runs {
        let first = at(rng.random_range(0..count));
        let mut far: Vec<f64> = points.chunks_exact(width).map(|point| squared(point, first)).collect();
        let all: f64 = far.iter().sum();
        if all == 0.0 {
            return None;
        }
        // Sums so far, which turn the draw into a search.
        let mut sum = 0.0;
        for x in &mut far {
            sum += *x;
            *x = sum;
        }
        let draw = rng.random::<f64>() * sum;
        let last = far.partition_point(|&so_far| so_far < sum);
        let second = at(far.partition_point(|&so_far| so_far <= draw).min(last));
        let found = lloyd(points, width, [first.to_vec(), second.to_vec()]);
        if best.as_ref().is_none_or(|best| found.inertia < best.inertia) {
            best = Some(found);
        }
    }
    best
}

/// Lloyd's iteration from two different centers until no point changes its cluster; a point in the middle belongs
/// to the first.
pub(crate) fn lloyd(points: &[f64], width: usize, mut centers: [Vec<f64>; 2]) -> Halves {
    let count = points.len() / width;
    let mut total = vec![0.0; width];
    for point in points.chunks_exact(width) {
        add(&mut total, point);
    }
    let mut second = vec![false; count];
    for iteration in 0..ITERATIONS {
        // Nearer to b than to a: x·(b − a) > (‖b‖² − ‖a‖²)/2.
        let [a, b] = &centers;
        let normal: Vec<f64> = a.iter().zip(b).map(|(a, b)| b - a).collect();
        let middle = a.iter().zip(b).map(|(a, b)| (b - a) * (b + a)).sum::<f64>() / 2.0;
        let (mut changed, mut members) = (false, 0usize);
        let mut sum = vec![0.0; width];
        for (point, second) in points.chunks_exact(width).zip(&mut second) {
            let along: f64 = point.iter().zip(&normal).map(|(x, n)| x * n).sum();
            let now = along > middle;
            changed |= now != *second;
            *second = now;
            if now {
                members += 1;
                add(&mut sum, point);
            }
        }
        if (!changed && iteration > 0) || members == 0 || members == count {
            break;
        }
        centers[0] = total.iter().zip(&sum).map(|(all, b)| (all - b) / (count - members) as f64).collect();
        centers[1] = sum.iter().map(|b| b / members as f64).collect();
    }
    let inertia = points
        .chunks_exact(width)
        .zip(&second)
        .map(|(point, &second)| squared(point, &centers[usize::from(second)]))
        .sum();
    Halves { second, centers, inertia }
}

fn add(sum: &mut [f64], point: &[f64]) {
    for (sum, x) in sum.iter_mut().zip(point) {
        *sum += x;
    }
}

/// ‖a − b‖².
pub(crate) fn squared(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ica::tests::mixtures;
    use aconite_core::Seed;

    // KMeans(2, init=X[[0, 5]], n_init=1, tol=0, algorithm="lloyd").fit(X) of scikit-learn 1.9, X as in ica.rs:
    // inertia_, cluster_centers_, np.where(labels_ == 1)[0]
    const CENTERS: [[f64; 6]; 2] = [
        [2.76341022, 2.19606456, 1.34088226, 1.45314299, 2.36618477, 2.74030667],
        [1.41525834, 1.85805394, 2.50952986, 2.41589322, 1.71676191, 1.4353267],
    ];
    const SECOND: [usize; 42] = [
        5, 6, 7, 8, 9, 14, 15, 16, 17, 18, 23, 24, 25, 26, 31, 32, 33, 34, 35, 36, 41, 42, 43, 44, 45, 50,
        51, 52, 53, 58, 59, 60, 61, 62, 68, 69, 70, 71, 72, 77, 78, 79,
    ];

    #[test]
    fn clusters_are_scikit_learns() {
        let points = Vec::<f64>::try_from(mixtures().flatten(0, -1)).unwrap();
        let halves = lloyd(&points, 6, [points[..6].to_vec(), points[30..36].to_vec()]);
        assert!((halves.inertia - 60.518920354903386).abs() < 1e-9, "{}", halves.inertia);
        let found: Vec<usize> = (0..80).filter(|&point| halves.second[point]).collect();
        assert_eq!(found, SECOND);
        for (ours, theirs) in halves.centers.iter().zip(CENTERS) {
            // Eight printed digits.
            assert!(ours.iter().zip(theirs).all(|(a, b)| (a - b).abs() < 1e-8), "{ours:?}");
        }
        let best = two_means(&points, 6, 10, &mut Seed(0).rng()).unwrap();
        assert!(best.inertia <= halves.inertia + 1e-9);
        assert_eq!(best, two_means(&points, 6, 10, &mut Seed(0).rng()).unwrap());
    }

    #[test]
    fn two_points_and_one_point_many_times() {
        let halves = two_means(&[1.0, 3.0, 1.0, 3.0, 3.0], 1, 3, &mut Seed(1).rng()).unwrap();
        assert_eq!(halves.inertia, 0.0);
        assert_eq!(halves.second.iter().filter(|second| **second == halves.second[0]).count(), 2);
        assert_eq!(two_means(&[0.25; 8], 2, 3, &mut Seed(1).rng()), None);
    }
}
