//! Which rows arrive when.

use aconite_core::Seed;

use crate::{Common, Order};

/// The rows of a training set as a stream has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Windows {
    /// Rows held out of the stream, ascending.
    pub holdout: Vec<usize>,
    /// The rows of each window, in the order of their arrival.
    pub windows: Vec<Vec<usize>>,
}

impl Windows {
    /// Cuts so many rows.
    pub fn cut(rows: usize, common: &Common, seed: Seed) -> Self {
        let all: Vec<usize> = (0..rows).collect();
        let holdout = seed.derive("holdout").choose(&all, common.held(rows));
        let mut held = vec![false; rows];
        holdout.iter().for_each(|&row| held[row] = true);
        let left: Vec<usize> = all.into_iter().filter(|&row| !held[row]).collect();
        let left = match common.order {
            Order::Time => left,
            Order::Drawn => seed.derive("windows").shuffled(&left),
        };
        let count = common.windows.max(1);
        let end = |window: usize| (window as u128 * left.len() as u128 / count as u128) as usize;
        Self { windows: (0..count).map(|w| left[end(w)..end(w + 1)].to_vec()).collect(), holdout }
    }
}
