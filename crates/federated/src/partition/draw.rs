//! What partitions share.

use aconite_core::{Error, Result};

/// Splits a whole into counts in proportion to weights, by largest remainder, a tie to the earlier.
pub(crate) fn apportion(total: usize, weights: &[f64]) -> Vec<usize> {
    let sum: f64 = weights.iter().sum();
    let exact: Vec<f64> = weights.iter().map(|weight| total as f64 * weight / sum).collect();
    let mut counts: Vec<usize> = exact.iter().map(|share| share.floor() as usize).collect();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    let rest = |at: usize| exact[at] - exact[at].floor();
    order.sort_by(|&a, &b| rest(b).total_cmp(&rest(a)).then(a.cmp(&b)));
    let missing = total.saturating_sub(counts.iter().sum());
    for &at in order.iter().cycle().take(missing) {
        counts[at] += 1;
    }
    counts
}

/// Gives every client without rows the last row of the client that has most, the earlier on a tie, and sorts.
pub(crate) fn settled(mut parts: Vec<Vec<usize>>) -> Vec<Vec<usize>> {
    while let Some(empty) = parts.iter().position(Vec::is_empty) {
        let richest = (0..parts.len()).rev().max_by_key(|&client| parts[client].len());
        let Some(row) = richest.filter(|&c| parts[c].len() > 1).and_then(|c| parts[c].pop()) else { break };
        parts[empty].push(row);
    }
    for part in &mut parts {
        part.sort_unstable();
    }
    parts
}

/// Checks that every client can have a row.
pub(crate) fn enough(rows: usize, clients: usize) -> Result<()> {
    if rows < clients {
        return Err(Error::at(
            "partition",
            format!("{rows} training rows are too few for {clients} clients"),
        )
        .hint("lower clients, or raise dataset.train_size"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn counts_by_hand() {
        // 7·(.5, .25, .25) = 3.5, 1.75, 1.75: the two of .75 first
        assert_eq!(apportion(7, &[2.0, 1.0, 1.0]), [3, 2, 2]);
        assert_eq!(settled(vec![vec![3, 1, 2], vec![], vec![]]), [vec![3], vec![2], vec![1]]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost(total in 0usize..1000, weights in prop::collection::vec(0.001..1.0, 1..20)) {
            let counts = apportion(total, &weights);
            prop_assert_eq!(counts.iter().sum::<usize>(), total);
            let sum: f64 = weights.iter().sum();
            for (count, weight) in counts.iter().zip(&weights) {
                prop_assert!((*count as f64 - total as f64 * weight / sum).abs() < 1.0 + 1e-9);
            }
        }
    }
}
