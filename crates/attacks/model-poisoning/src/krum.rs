//! The rule that the attack on Krum has to win, as its attackers simulate it.

use crate::products::Matrix;

/// Sum of the `count` smallest numbers.
pub(crate) fn sum_of_smallest(mut numbers: Vec<f64>, count: usize) -> f64 {
    if (1..numbers.len()).contains(&count) {
        numbers.select_nth_unstable_by(count - 1, f64::total_cmp);
    }
    numbers.iter().take(count).sum()
}

/// The row that Krum picks of n rows, f of which are malicious: the one whose n − f − 2 nearest others (at least one)
/// lie at the smallest sum of squared distances. Of equals the first.
///
/// Paper: Blanchard, El Mhamdi, Guerraoui, Stainer 2017.
pub(crate) fn pick(squared_distances: &Matrix, malicious: usize) -> usize {
    let n = squared_distances.len();
    let nearest = n.saturating_sub(malicious + 2).max(1);
    let score = |row: usize| {
        let others = (0..n).filter(|&other| other != row).map(|other| squared_distances[row][other]);
        sum_of_smallest(others.collect(), nearest)
    };
    (0..n).map(|row| (row, score(row))).min_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(row, _)| row)
}

#[cfg(test)]
mod tests {
    use super::*;

    // x = np.array([[0., 0.], [1., 0.], [0., 2.], [5., 5.], [.5, .5]])
    // d = ((x[:, None] - x[None]) ** 2).sum(-1)
    // for f in (1, 2): print([np.sort(np.delete(d[i], i))[: 5 - f - 2].sum() for i in range(5)])
    // [1.5, 1.5, 6.5, 74.5, 1.0]
    // [0.5, 0.5, 2.5, 34.0, 0.5]
    #[test]
    fn the_row_with_the_nearest_neighbours_is_picked() {
        let rows = [[0.0, 0.0], [1.0, 0.0], [0.0, 2.0], [5.0, 5.0], [0.5, 0.5]];
        let apart = |a: [f64; 2], b: [f64; 2]| (a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2);
        let distances: Matrix = rows.iter().map(|&a| rows.iter().map(|&b| apart(a, b)).collect()).collect();
        assert_eq!(pick(&distances, 1), 4);
        assert_eq!(pick(&distances, 2), 0, "of equals the first");
        assert_eq!(pick(&distances, 9), 0, "at least one neighbour");
        assert_eq!(pick(&vec![vec![0.0]], 0), 0);
    }
}
