//! The centre, the radius and the window, from one row to the next.

use aconite_core::Online;
use aconite_core::points::distance;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::{Accepts, Removal};

/// Room for the last bits of f32 inputs, as a share of the radius: a point on the edge lies inside. An attack places its
/// points there in f64, and as rows they are rounded to f32.
const EDGE: f64 = 1e-6;

/// A detector while it learns.
pub(super) struct State {
    removal: Removal,
    accepts: Accepts,
    /// The points of the window; none of them leaves by `average_out` and `none`.
    window: Vec<Vec<f64>>,
    /// Points that the centre is the mean of.
    points: usize,
    centre: Vec<f64>,
    radius: f64,
    /// Place of the oldest point.
    oldest: usize,
    rng: ChaCha8Rng,
}

impl State {
    pub(super) fn new(
        removal: Removal,
        accepts: Accepts,
        window: Vec<Vec<f64>>,
        centre: Vec<f64>,
        radius: f64,
        rng: ChaCha8Rng,
    ) -> Self {
        let points = window.len();
        Self { removal, accepts, window, points, centre, radius, oldest: 0, rng }
    }

    /// The place of the point that leaves for `x`, where one does.
    fn leaves(&mut self, x: &[f64]) -> Option<usize> {
        match self.removal {
            Removal::AverageOut | Removal::None => None,
            Removal::RandomOut => Some(self.rng.random_range(0..self.window.len())),
            Removal::NearestOut => {
                let far = |at: &usize| distance(&self.window[*at], x);
                (0..self.window.len()).min_by(|a, b| far(a).total_cmp(&far(b)))
            }
            Removal::OldestOut => {
                let oldest = self.oldest;
                self.oldest = (oldest + 1) % self.window.len();
                Some(oldest)
            }
        }
    }
}

impl Online for State {
    fn arrives(&mut self, row: &[f32]) -> bool {
        let x: Vec<f64> = row.iter().map(|&v| f64::from(v)).collect();
        if self.accepts == Accepts::Inside && distance(&x, &self.centre) > self.radius * (1.0 + EDGE) {
            return false;
        }
        if self.removal == Removal::None {
            self.points += 1;
        }
        let n = self.points as f64;
        match self.leaves(&x) {
            None => self.centre.iter_mut().zip(&x).for_each(|(c, x)| *c += (x - *c) / n),
            Some(at) => {
                let old = std::mem::replace(&mut self.window[at], x);
                let new = &self.window[at];
                self.centre.iter_mut().zip(new.iter().zip(&old)).for_each(|(c, (x, o))| *c += (x - o) / n);
            }
        }
        true
    }

    fn centre(&self) -> &[f64] {
        &self.centre
    }

    fn radius(&self) -> f64 {
        self.radius
    }

    fn nearest_leaves(&self) -> &[Vec<f64>] {
        if self.removal == Removal::NearestOut { &self.window } else { &[] }
    }
}
