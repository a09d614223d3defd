//! Which images a step of the search for triggers sees.

use aconite_core::Seed;
use tch::Tensor;

/// Batches of row numbers: the rows in random order, then in another.
pub(crate) struct Batches {
    order: Vec<usize>,
    at: usize,
    size: usize,
    epoch: usize,
    seed: Seed,
}

impl Batches {
    /// Batches of `size` of so many rows; of all rows if there are fewer.
    pub fn new(rows: usize, size: usize, seed: Seed) -> Self {
        Self { order: (0..rows).collect(), at: rows, size: size.min(rows), epoch: 0, seed }
    }

    /// Rows in a batch.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The next batch, of full size.
    pub fn next(&mut self) -> Tensor {
        if self.at + self.size > self.order.len() {
            self.order.sort_unstable();
            self.order = self.seed.derive(&self.epoch.to_string()).shuffled(&self.order);
            (self.at, self.epoch) = (0, self.epoch + 1);
        }
        let rows: Vec<i64> = self.order[self.at..self.at + self.size].iter().map(|&row| row as i64).collect();
        self.at += self.size;
        Tensor::from_slice(&rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_of_batches_shows_each_row_once() {
        let mut batches = Batches::new(10, 5, Seed(0));
        let epochs: Vec<Vec<i64>> = (0..3)
            .map(|_| Vec::try_from(Tensor::cat(&[batches.next(), batches.next()], 0)).unwrap())
            .collect();
        assert_ne!(epochs[0], epochs[1]);
        for mut epoch in epochs {
            epoch.sort_unstable();
            assert_eq!(epoch, (0..10).collect::<Vec<i64>>());
        }
        assert_eq!(Batches::new(3, 32, Seed(0)).next().size(), [3]);
    }
}
