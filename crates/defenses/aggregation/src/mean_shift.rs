//! Mean shift with a flat kernel, for a few points of three features.

/// A point.
pub(crate) type Point = [f64; 3];

/// Steps of a point end when it moves by less than this share of the bandwidth.
const STILL: f64 = 1e-3;
/// Largest number of steps.
const STEPS: usize = 300;

/// The mean over the points of the distance to the farthest of their nearest ⌊share·n⌋, themselves included.
pub(crate) fn bandwidth(points: &[Point], share: f64) -> f64 {
    let nearest = ((points.len() as f64 * share) as usize).max(1);
    let reach = |point: &Point| {
        let mut to: Vec<f64> = points.iter().map(|other| distance(point, other)).collect();
        to.sort_unstable_by(f64::total_cmp);
        to.get(nearest - 1).copied().unwrap_or(0.0)
    };
    let mut reaches: Vec<f64> = points.iter().map(reach).collect();
    // Sums in one order, whatever that of the points: their last bits may decide where points lie at equal distances.
    reaches.sort_unstable_by(f64::total_cmp);
    reaches.iter().sum::<f64>() / points.len().max(1) as f64
}

/// The cluster of each point; clusters are numbered from the one whose mode has most points around it.
///
/// Each point moves to the mean of the points within the bandwidth until it stands still. Where two end within the
/// bandwidth of each other, the one with fewer points around it is dropped (with as many, the smaller by its
/// coordinates). A point belongs to the nearest mode left. The order of the points does not matter.
pub(crate) fn mean_shift(points: &[Point], bandwidth: f64) -> Vec<usize> {
    let mut sorted = points.to_vec();
    sorted.sort_unstable_by(by_coordinates);
    let mut modes: Vec<(usize, Point)> =
        sorted.iter().map(|&point| climb(&sorted, point, bandwidth)).collect();
    modes.sort_unstable_by(|a, b| b.0.cmp(&a.0).then_with(|| by_coordinates(&b.1, &a.1)));
    let mut left: Vec<Point> = Vec::new();
    for (_, mode) in modes {
        if left.iter().all(|other| distance(other, &mode) > bandwidth) {
            left.push(mode);
        }
    }
    let nearest = |point: &Point| {
        let to = |&a: &usize| distance(point, &left[a]);
        (0..left.len()).min_by(|a, b| to(a).total_cmp(&to(b))).unwrap_or(0)
    };
    points.iter().map(nearest).collect()
}

/// Where a point comes to stand, and how many points were within the bandwidth of its last place but one.
fn climb(points: &[Point], mut at: Point, bandwidth: f64) -> (usize, Point) {
    let mut count = 0;
    for _ in 0..=STEPS {
        let near: Vec<&Point> = points.iter().filter(|point| distance(point, &at) <= bandwidth).collect();
        if near.is_empty() {
            break;
        }
        count = near.len();
        let next = std::array::from_fn(|k| near.iter().map(|point| point[k]).sum::<f64>() / count as f64);
        let moved = distance(&next, &at);
        at = next;
        if moved <= STILL * bandwidth {
            break;
        }
    }
    (count, at)
}

fn distance(a: &Point, b: &Point) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
}

fn by_coordinates(a: &Point, b: &Point) -> std::cmp::Ordering {
    a.iter()
        .zip(b)
        .map(|(a, b)| a.total_cmp(b))
        .find(|order| order.is_ne())
        .unwrap_or(std::cmp::Ordering::Equal)
}

#[cfg(test)]
mod tests {
    use super::*;

    // P = np.array([[.5, .1, .4], [.52, .1, .38], [.48, .12, .4], [.1, .1, .8], [.12, .08, .8], [.9, 0, .1]])
    // sklearn.cluster.estimate_bandwidth(P, quantile=.5) = 0.28798037742, MeanShift(bandwidth=.2).fit(P).labels_
    #[test]
    fn clusters_are_scikit_learns() {
        let points = [
            [0.5, 0.1, 0.4],
            [0.52, 0.1, 0.38],
            [0.48, 0.12, 0.4],
            [0.1, 0.1, 0.8],
            [0.12, 0.08, 0.8],
            [0.9, 0.0, 0.1],
        ];
        assert!((bandwidth(&points, 0.5) - 0.28798037742).abs() < 1e-8);
        assert_eq!(mean_shift(&points, 0.2), [0, 0, 0, 1, 1, 2]);
        assert_eq!(mean_shift(&[[0.2, 0.3, 0.5]; 4], 0.0), [0; 4]);
    }
}
