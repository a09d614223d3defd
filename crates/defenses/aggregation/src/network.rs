//! Order statistics of many coordinates at once.
//!
//! A sorting network compares the same pairs whatever the values are, so that the same comparison of 32
//! coordinates is a few vector instructions: no branches, no transposition, no copy of more than 32 columns.

use crate::matrix::Tile;

/// Coordinates that are sorted at once.
pub(crate) const LANES: usize = 32;

/// Values of neighbouring coordinates.
pub(crate) type Lanes = [f32; LANES];

/// Which pairs are compared, in order: Batcher's merge exchange (Knuth, The Art of Computer Programming 3,
/// algorithm 5.2.2M), less the comparisons that touch no place in `wanted`.
pub(crate) struct Network(Vec<(usize, usize)>);

impl Network {
    /// A network for `n` values after which the places `wanted` hold what they would hold if all were sorted.
    pub fn new(n: usize, wanted: std::ops::Range<usize>) -> Self {
        let mut pairs = Vec::new();
        let half = n.next_power_of_two() / 2;
        let mut p = half;
        while p > 0 {
            let (mut q, mut r, mut gap) = (half, 0, p);
            loop {
                pairs.extend((0..n.saturating_sub(gap)).filter(|i| i & p == r).map(|i| (i, i + gap)));
                if q == p {
                    break;
                }
                gap = q - p;
                q /= 2;
                r = p;
            }
            p /= 2;
        }
        let mut needed: Vec<bool> = (0..n).map(|place| wanted.contains(&place)).collect();
        let mut kept: Vec<_> = pairs
            .into_iter()
            .rev()
            .filter(|&(low, high)| {
                let keep = needed[low] || needed[high];
                needed[low] |= keep;
                needed[high] |= keep;
                keep
            })
            .collect();
        kept.reverse();
        Self(kept)
    }

    /// Sorts each lane.
    fn sort(&self, values: &mut [Lanes]) {
        for &(low, high) in &self.0 {
            let (before, after) = values.split_at_mut(high);
            for (a, b) in before[low].iter_mut().zip(&mut after[0]) {
                // One comparison for both keeps −0 and 0 apart; and it is what minps and maxps do.
                let (small, large) = if *a < *b { (*a, *b) } else { (*b, *a) };
                (*a, *b) = (small, large);
            }
        }
    }
}

/// Sorts the values of `rows` in each column of a tile and hands them on, up to [`LANES`] columns at a time, with
/// those columns' part of the output. The last call's surplus lanes hold anything.
pub(crate) fn by_column(
    tile: &Tile<'_>,
    rows: &[usize],
    network: &Network,
    out: &mut [f32],
    mut each: impl FnMut(&[Lanes], &mut [f32]),
) {
    let mut values = vec![[0.0; LANES]; rows.len()];
    for (at, out) in out.chunks_mut(LANES).enumerate() {
        for (values, &row) in values.iter_mut().zip(rows) {
            let place = at * LANES;
            values[..out.len()].copy_from_slice(&tile.row(row)[place..place + out.len()]);
        }
        network.sort(&mut values);
        each(&values, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn wanted_places_hold_what_sorting_gives(
            values in prop::collection::vec(-9i8..9, 1..70), from in 0usize..70, count in 1usize..70
        ) {
            let n = values.len();
            let from = from % n;
            let to = (from + count).min(n);
            let mut sorted: Vec<f32> = values.iter().map(|&v| f32::from(v)).collect();
            let mut lanes: Vec<Lanes> = sorted.iter().map(|&v| [v; LANES]).collect();
            Network::new(n, from..to).sort(&mut lanes);
            sorted.sort_by(f32::total_cmp);
            for place in from..to {
                prop_assert_eq!(lanes[place], [sorted[place]; LANES]);
            }
        }
    }

    #[test]
    fn a_median_needs_fewer_comparisons_than_an_order() {
        // Batcher's network of 16 has 63 comparators, of 8 it has 19 (Knuth, 5.2.2).
        assert_eq!(Network::new(8, 0..8).0.len(), 19);
        assert_eq!(Network::new(16, 0..16).0.len(), 63);
        assert!(Network::new(100, 49..51).0.len() < Network::new(100, 0..100).0.len());
        assert!(Network::new(1, 0..1).0.is_empty());
    }
}
