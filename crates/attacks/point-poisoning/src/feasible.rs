//! Where a crafted point may lie: near enough to its class's mean, and not too far towards the other class.

use aconite_core::points::{direction, dot, mean, points, quantile};
use aconite_core::{Dataset, Rate, Result};

/// A ball about a class's mean, between two planes across the line to the other class's mean.
#[derive(Debug, Clone)]
pub(crate) struct Feasible {
    /// The class's mean.
    mean: Vec<f64>,
    /// The direction from the other class's mean, of length 1; zeros where the means are one.
    axis: Vec<f64>,
    radius: f64,
    /// Largest distance along the axis.
    slab: f64,
}

impl Feasible {
    /// What this share of the class's rows satisfies, of the ball and of the planes each.
    pub(crate) fn of(data: &Dataset, class: usize, share: Rate) -> Result<Self> {
        let own = points(data, &data.rows_of(class))?;
        let (mean, other) = (mean(&own), mean(&points(data, &data.rows_of(1 - class))?));
        let axis = direction(&other, &mean).unwrap_or_else(|| vec![0.0; mean.len()]);
        let (mut far, mut across) = (Vec::new(), Vec::new());
        for point in &own {
            let from: Vec<f64> = point.iter().zip(&mean).map(|(p, m)| p - m).collect();
            far.push(dot(&from, &from).sqrt());
            across.push(dot(&from, &axis).abs());
        }
        Ok(Self { mean, axis, radius: quantile(far, share.get()), slab: quantile(across, share.get()) })
    }

    /// The point with the largest ⟨direction, x⟩: as far along the axis as ball and planes allow, the rest of the radius
    /// along what of the direction is left.
    pub(crate) fn farthest(&self, direction: &[f64]) -> Vec<f64> {
        let along = dot(direction, &self.axis);
        let rest: Vec<f64> = direction.iter().zip(&self.axis).map(|(d, a)| d - along * a).collect();
        let (length, whole) = (dot(&rest, &rest).sqrt(), dot(direction, direction).sqrt());
        if whole <= 0.0 {
            return self.mean.clone();
        }
        let bound = self.slab.min(self.radius);
        let step = (self.radius * along / whole).clamp(-bound, bound);
        // Without a rest, what is left of the radius gains nothing.
        let side = if length > 1e-12 * whole {
            (self.radius * self.radius - step * step).max(0.0).sqrt() / length
        } else {
            0.0
        };
        let place = |((m, a), r): ((&f64, &f64), &f64)| m + step * a + side * r;
        self.mean.iter().zip(&self.axis).zip(&rest).map(place).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aconite_core::{Seed, Table};
    use proptest::prelude::*;
    use std::sync::Arc;

    fn data(rows: &[[f32; 3]]) -> Dataset {
        let columns = Arc::new(["a", "b", "c"].map(str::to_owned).to_vec());
        let labels = (0..rows.len()).map(|row| row % 2).collect();
        let names = Arc::new(vec!["no".to_owned(), "yes".to_owned()]);
        Dataset::new(Table::new(columns, rows.concat()).unwrap(), labels, names).unwrap()
    }

    #[test]
    fn ball_and_planes_by_hand() {
        // Class 0: (±1, 0, 0), (±3, 0, 0); class 1 the same 10 further along the second axis.
        let rows: Vec<[f32; 3]> =
            [1.0, -1.0, 3.0, -3.0].into_iter().flat_map(|x| [[x, 0.0, 0.0], [x, 10.0, 0.0]]).collect();
        let set = Feasible::of(&data(&rows), 0, Rate::literal(0.5)).unwrap();
        assert_eq!((set.mean.as_slice(), set.axis.as_slice()), (&[0.0; 3][..], &[0.0, -1.0, 0.0][..]));
        assert_eq!((set.radius, set.slab), (1.0, 0.0));
        // The planes leave no room along the axis: all goes into the rest.
        assert_eq!(set.farthest(&[0.0, 5.0, 2.0]), [0.0, 0.0, 1.0]);
        let wide = Feasible { slab: 0.6, ..set.clone() };
        let got = wide.farthest(&[0.0, 100.0, 1.0]);
        assert!((got[1] - 0.6).abs() < 1e-12 && (got[2] - 0.8).abs() < 1e-12, "{got:?}");
        assert_eq!(set.farthest(&[0.0; 3]), [0.0; 3]);
    }

    proptest! {
        #[test]
        fn no_feasible_point_lies_farther(
            rows in prop::collection::vec([-5f32..5.0, -5f32..5.0, -5f32..5.0], 6..30),
            direction in [-3f64..3.0, -3f64..3.0, -3f64..3.0],
            seed in 0u64..100,
        ) {
            let set = Feasible::of(&data(&rows), 1, Rate::literal(0.7)).unwrap();
            let best = set.farthest(&direction);
            let inside = |x: &[f64], room: f64| {
                let from: Vec<f64> = x.iter().zip(&set.mean).map(|(x, m)| x - m).collect();
                dot(&from, &from).sqrt() <= set.radius + room && dot(&from, &set.axis).abs() <= set.slab + room
            };
            prop_assert!(inside(&best, 1e-9));
            let draws = Seed(seed).shuffled(&(0..3000).collect::<Vec<_>>());
            for drawn in draws.chunks_exact(3) {
                let x: Vec<f64> =
                    drawn.iter().zip(&set.mean).map(|(d, m)| m + set.radius * (*d as f64 / 1500.0 - 1.0)).collect();
                prop_assert!(!inside(&x, 0.0) || dot(&x, &direction) <= dot(&best, &direction) + 1e-9);
            }
        }
    }
}
