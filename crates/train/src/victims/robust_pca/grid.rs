//! PCA-GRID: directions of the largest median absolute deviation, by turning in planes.

use std::f64::consts::PI;

use aconite_core::median_and_mad_in;
use aconite_core::points::distance;

/// Below this length a direction is rounding.
const TINY: f64 = 1e-9;

/// Most steps to the spatial median; where many rows are one, it is approached slowly.
const STEPS: usize = 5000;

/// The point with the least sum of distances to the rows of an N×D, by Weiszfeld's steps from the mean with Vardi and
/// Zhang's rule for a centre that lies on rows.
pub(super) fn spatial_median(rows: &[f64], d: usize) -> Vec<f64> {
    let n = (rows.len() / d.max(1)).max(1) as f64;
    let mut centre = vec![0.0; d];
    rows.chunks_exact(d).for_each(|row| centre.iter_mut().zip(row).for_each(|(c, v)| *c += v / n));
    let spread = rows.chunks_exact(d).map(|row| distance(row, &centre)).sum::<f64>() / n;
    for _ in 0..STEPS {
        let Some(next) = closer(rows, &centre, TINY * spread) else { break };
        let moved = distance(&next, &centre);
        let length = next.iter().map(|v| v * v).sum::<f64>().sqrt();
        centre = next;
        // Farther from the origin the last bits are larger.
        if moved <= f64::max(1e-10 * spread, 1e-15 * length) {
            break;
        }
    }
    // A minimum on a row is only approached; whether the nearest row is one can be told.
    let nearest = rows.chunks_exact(d).min_by(|x, y| distance(x, &centre).total_cmp(&distance(y, &centre)));
    match nearest {
        Some(row) if closer(rows, row, TINY * spread).is_none() => row.to_vec(),
        _ => centre,
    }
}

/// The step of Vardi, Zhang 2000, "The multivariate L1-median and associated data depth": with T the mean of the rows
/// off the centre by their nearness, R the sum of the unit vectors towards them and η the number of rows on it, to
/// (1 − η/‖R‖)·T + (η/‖R‖)·c; `None` if η ≥ ‖R‖, where c is the minimum. Rows no farther than `on` lie on the centre.
fn closer(rows: &[f64], centre: &[f64], on: f64) -> Option<Vec<f64>> {
    let d = centre.len();
    let (mut there, mut pull) = (0.0, vec![0.0; d]);
    let (mut next, mut weight) = (vec![0.0; d], 0.0);
    for row in rows.chunks_exact(d) {
        let far = distance(row, centre);
        if far <= on {
            there += 1.0;
            continue;
        }
        next.iter_mut().zip(row).for_each(|(s, v)| *s += v / far);
        pull.iter_mut().zip(row.iter().zip(centre)).for_each(|(p, (v, c))| *p += (v - c) / far);
        weight += 1.0 / far;
    }
    let pull = pull.iter().map(|v| v * v).sum::<f64>().sqrt();
    if there >= pull {
        return None;
    }
    let stays = there / pull;
    next.iter_mut().zip(centre).for_each(|(s, c)| *s = (1.0 - stays) * *s / weight + stays * c);
    Some(next)
}

/// How thoroughly is searched.
#[derive(Debug, Clone, Copy)]
pub(super) struct Search {
    /// Steps of the grid of angles.
    pub(super) angles: usize,
    /// Cycles over the columns.
    pub(super) cycles: usize,
}

impl Search {
    /// At most k orthonormal directions of the rows of a centred N×D; fewer where no spread is left.
    pub(super) fn components(self, rows: &[f64], d: usize, k: usize) -> Vec<Vec<f64>> {
        let n = rows.len() / d;
        // Column by column, without what the directions found so far explain.
        let mut columns: Vec<Vec<f64>> = (0..d).map(|j| (0..n).map(|i| rows[i * d + j]).collect()).collect();
        let mut found: Vec<Vec<f64>> = Vec::new();
        while found.len() < k {
            let Some((direction, along)) = self.best(&columns, &found) else { break };
            for (column, &share) in columns.iter_mut().zip(&direction) {
                column.iter_mut().zip(&along).for_each(|(v, p)| *v -= share * p);
            }
            found.push(direction);
        }
        found
    }

    /// The direction with the largest deviation beside those found, and the rows' places along it.
    fn best(self, columns: &[Vec<f64>], found: &[Vec<f64>]) -> Option<(Vec<f64>, Vec<f64>)> {
        let d = columns.len();
        // Squared length of the unit vector of column j without its parts along the directions found.
        let length = |j: usize| 1.0 - found.iter().map(|v| v[j] * v[j]).sum::<f64>();
        let unit = |j: usize| -> Vec<f64> {
            let part =
                |i: usize| f64::from(u8::from(i == j)) - found.iter().map(|v| v[j] * v[i]).sum::<f64>();
            (0..d).map(part).collect()
        };
        let mut scratch = Vec::new();
        let mut deviation = |values: &[f64]| {
            scratch.clear();
            scratch.extend_from_slice(values);
            median_and_mad_in(&mut scratch).1
        };
        let spread: Vec<f64> = (0..d)
            .map(|j| if length(j) > TINY { deviation(&columns[j]) / length(j).sqrt() } else { 0.0 })
            .collect();
        let mut order: Vec<usize> = (0..d).collect();
        order.sort_by(|&a, &b| spread[b].total_cmp(&spread[a]));
        let start = *order.first()?;
        if length(start) <= TINY {
            return None;
        }
        let scale = length(start).sqrt();
        let mut w: Vec<f64> = unit(start).iter().map(|v| v / scale).collect();
        let mut along: Vec<f64> = columns[start].iter().map(|v| v / scale).collect();
        let mut best = spread[start];
        let mut turned = vec![0.0; along.len()];
        for cycle in 1..=self.cycles {
            let range = PI / 2f64.powi(cycle as i32);
            for &j in &order {
                // The part of the column's direction that stands on w.
                let rest = length(j) - w[j] * w[j];
                if rest <= TINY {
                    continue;
                }
                let (scale, share) = (rest.sqrt(), w[j]);
                let across: Vec<f64> =
                    columns[j].iter().zip(&along).map(|(v, p)| (v - share * p) / scale).collect();
                let mut angle = None;
                for step in 0..=self.angles {
                    let tried = range * (2.0 * step as f64 / self.angles as f64 - 1.0);
                    let (sin, cos) = tried.sin_cos();
                    turned
                        .iter_mut()
                        .zip(along.iter().zip(&across))
                        .for_each(|(t, (p, q))| *t = cos * p + sin * q);
                    let (_, value) = median_and_mad_in(&mut turned);
                    if value > best * (1.0 + 1e-12) {
                        (best, angle) = (value, Some((sin, cos)));
                    }
                }
                if let Some((sin, cos)) = angle {
                    let side = unit(j);
                    let turn = |(w, u): (&f64, &f64)| cos * w + sin * (u - share * w) / scale;
                    w = w.iter().zip(&side).map(turn).collect();
                    along.iter_mut().zip(&across).for_each(|(p, q)| *p = cos * *p + sin * q);
                }
            }
        }
        // Rounding of many turns.
        let length = w.iter().map(|v| v * v).sum::<f64>().sqrt();
        w.iter_mut().for_each(|v| *v /= length);
        along.iter_mut().for_each(|p| *p /= length);
        (best > 0.0).then_some((w, along))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows about (shift, 0, 0), in a spiral.
    fn cloud(n: usize, shift: f64) -> Vec<f64> {
        let row = |i: usize| {
            let (t, r) = (i as f64, 0.2 + (i as f64 * 0.618).fract());
            [shift + r * (t * 2.4).cos(), r * (t * 2.4).sin(), (t * 0.7).sin()]
        };
        (0..n).flat_map(row).collect()
    }

    // t = np.arange(11); A = np.round(np.c_[1 + .5*np.sin(t), np.cos(2*t)], 2)
    // X = np.r_[np.zeros((8, 2)), A, [-A.sum(0)]]; m = np.array([.9, .1])
    // 200000 times: d = norm(X - m, axis=1); m = (X/d[:,None]).sum(0)/(1/d).sum()
    #[test]
    fn a_median_beside_equal_rows_with_numbers() {
        let others = [
            [1.0, 1.0],
            [1.42, -0.42],
            [1.45, -0.65],
            [1.07, 0.96],
            [0.62, -0.15],
            [0.52, -0.84],
            [0.86, 0.84],
            [1.33, 0.14],
            [1.49, -0.96],
            [1.21, 0.66],
            [0.73, 0.41],
            [-11.7, -0.99],
        ];
        // The mean lies on 8 of 20 rows, whose weight just does not hold it.
        let rows = [vec![0.0; 16], others.concat()].concat();
        let ours = spatial_median(&rows, 2);
        assert!(distance(&ours, &[0.057_302_110_443, 0.005_302_655_432]) < 1e-6, "{ours:?}");
    }

    #[test]
    fn a_median_on_equal_rows_is_found() {
        // By the condition of the minimum: 400 of 1,000 rows at the point hold against the pull of the others.
        for shift in [0.1, 0.5, 0.7] {
            let others = cloud(600, shift);
            let pull = (0..3).map(|j| {
                others.chunks_exact(3).map(|row| row[j] / distance(row, &[0.0; 3])).sum::<f64>().powi(2)
            });
            assert!(pull.sum::<f64>().sqrt() < 400.0);
            for centre in [0.0, 5.0, -1e6] {
                let rows: Vec<f64> = [vec![0.0; 1200], others.clone()].concat();
                let rows: Vec<f64> = rows.iter().map(|v| v + centre).collect();
                assert_eq!(spatial_median(&rows, 3), [centre; 3]);
            }
        }
        assert_eq!(spatial_median(&[2.0; 6], 3), [2.0; 3]);
        // The mean lies on a row that is not the minimum.
        assert_eq!(spatial_median(&[-3.0, 0.0, 1.0, 1.0, 1.0], 1), [1.0]);
    }

    #[test]
    fn the_scale_does_not_matter() {
        let small: Vec<f64> = cloud(50, 1.0).iter().map(|v| v * 1e-8).collect();
        let (ours, large) = (spatial_median(&small, 3), spatial_median(&cloud(50, 1.0), 3));
        assert!(ours.iter().zip(&large).all(|(o, l)| (o * 1e8 - l).abs() < 1e-8), "{ours:?} {large:?}");
    }
}
