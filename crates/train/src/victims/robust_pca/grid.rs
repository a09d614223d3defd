//! PCA-GRID: directions of the largest median absolute deviation, by turning in planes.

use std::f64::consts::PI;

/// Below this length a direction is rounding.
const TINY: f64 = 1e-9;

/// The median, of two middle values their mean; reorders the values.
pub(super) fn median(values: &mut [f64]) -> f64 {
    let n = values.len();
    if n == 0 {
        return 0.0;
    }
    let (below, upper, _) = values.select_nth_unstable_by(n / 2, f64::total_cmp);
    let upper = *upper;
    if n % 2 == 1 {
        return upper;
    }
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    0.5 * (lower + upper)
}

/// The median absolute deviation from the median, without a factor; overwrites the values.
pub(super) fn median_deviation(values: &mut [f64]) -> f64 {
    let middle = median(values);
    values.iter_mut().for_each(|value| *value = (*value - middle).abs());
    median(values)
}

/// The point with the least sum of distances to the rows of an N×D, by Weiszfeld's steps from the mean.
pub(super) fn spatial_median(rows: &[f64], d: usize) -> Vec<f64> {
    let n = (rows.len() / d.max(1)).max(1) as f64;
    let mut centre = vec![0.0; d];
    rows.chunks_exact(d).for_each(|row| centre.iter_mut().zip(row).for_each(|(c, v)| *c += v / n));
    for _ in 0..500 {
        let (mut next, mut weight) = (vec![0.0; d], 0.0);
        for row in rows.chunks_exact(d) {
            let far = row.iter().zip(&centre).map(|(v, c)| (v - c) * (v - c)).sum::<f64>().sqrt();
            // A row on the centre pulls nowhere.
            if far > TINY {
                next.iter_mut().zip(row).for_each(|(s, v)| *s += v / far);
                weight += 1.0 / far;
            }
        }
        if weight == 0.0 {
            break;
        }
        next.iter_mut().for_each(|s| *s /= weight);
        let moved = next.iter().zip(&centre).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt();
        let length = next.iter().map(|v| v * v).sum::<f64>().sqrt();
        centre = next;
        if moved <= 1e-10 * (1.0 + length) {
            break;
        }
    }
    centre
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
            median_deviation(&mut scratch)
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
                    let value = median_deviation(&mut turned);
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
