//! The order in which rows are learnt.

use std::ops::Range;

use aconite_core::Seed;
use tch::Tensor;

use crate::resident::index;

/// Which rows each step takes: of one training, or of several that go side by side, each with rows of its own. A step
/// takes a batch of each, one behind the other.
#[derive(Debug)]
pub(crate) struct Order {
    /// The rows of each training, and the seed below which its stream `batches` lies.
    pub members: Vec<(Range<usize>, Seed)>,
    /// Rows of a training in a step; in the last of an epoch there may be fewer.
    pub batch_size: usize,
    /// What a batch is filled with to a multiple of a number of rows: that number, at least 1, and the row.
    pub filled: Option<(usize, usize)>,
}

impl Order {
    /// That of a single training with all of `rows` rows.
    pub fn of(rows: usize, batch_size: usize, seed: Seed) -> Self {
        Self { members: vec![(0..rows, seed)], batch_size, filled: None }
    }

    /// The seed of the first training.
    pub fn seed(&self) -> Seed {
        self.members.first().map_or(Seed(0), |(_, seed)| *seed)
    }

    /// Steps in an epoch: as many as the training with most rows needs.
    pub fn per_epoch(&self) -> usize {
        let most = self.members.iter().map(|(rows, _)| rows.len()).max();
        most.unwrap_or(0).div_ceil(self.batch_size)
    }

    /// The numbers of the rows of each step of an epoch, i64.
    pub fn epoch(&self, epoch: usize) -> Vec<Tensor> {
        let shuffled = |(rows, seed): &(Range<usize>, Seed)| {
            let rows: Vec<usize> = rows.clone().collect();
            seed.derive("batches").derive(&epoch.to_string()).shuffled(&rows)
        };
        let orders: Vec<Vec<usize>> = self.members.iter().map(shuffled).collect();
        let step = |step: usize| {
            let mut rows = Vec::new();
            for order in &orders {
                let from = (step * self.batch_size).min(order.len());
                rows.extend(&order[from..(from + self.batch_size).min(order.len())]);
                if let Some((multiple, filler)) = self.filled {
                    rows.resize(rows.len().next_multiple_of(multiple), filler);
                }
            }
            index(&rows)
        };
        (0..self.per_epoch()).map(step).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(tensor: &Tensor) -> Vec<i64> {
        Vec::try_from(tensor).unwrap()
    }

    #[test]
    fn an_epoch_takes_each_row_once_and_the_last_batch_may_be_short() {
        let order = Order::of(10, 4, Seed(1));
        let steps: Vec<Vec<i64>> = order.epoch(0).iter().map(rows).collect();
        assert_eq!(steps.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 2]);
        let mut all = steps.concat();
        all.sort_unstable();
        assert_eq!(all, (0..10).collect::<Vec<_>>());
        assert_ne!(steps, order.epoch(1).iter().map(rows).collect::<Vec<_>>());
    }

    #[test]
    fn side_by_side_each_goes_in_its_own_order_and_batches_are_filled() {
        let alone = Order::of(5, 4, Seed(2)).epoch(3);
        let order =
            Order { members: vec![(0..6, Seed(1)), (6..11, Seed(2))], batch_size: 4, filled: Some((4, 11)) };
        let both = order.epoch(3);
        assert_eq!(both.len(), 2);
        for (alone, both) in alone.iter().zip(&both) {
            let (alone, both) = (rows(alone), rows(both));
            assert_eq!(both.len(), 8);
            assert_eq!(both[4..][..alone.len()], alone.iter().map(|row| row + 6).collect::<Vec<_>>());
            assert!(both[4 + alone.len()..].iter().all(|row| *row == 11));
        }
    }
}
