//! Folds of a training set, by seed and class.

use aconite_core::{Dataset, Seed};

/// The fold of every row: the rows of each class are shuffled and dealt out in turn, so that folds are of equal
/// size up to one row and hold as much of each class.
pub(crate) fn folds(data: &Dataset, of: usize, seed: Seed) -> Vec<usize> {
    let mut fold = vec![0; data.len()];
    let seed = seed.derive("folds");
    let classes = 0..data.num_classes();
    let dealt = classes.flat_map(|class| seed.derive(&class.to_string()).shuffled(&data.rows_of(class)));
    for (at, row) in dealt.enumerate() {
        fold[row] = at % of.max(1);
    }
    fold
}

#[cfg(test)]
mod tests {
    use super::*;
    use aconite_core::Table;
    use std::sync::Arc;

    #[test]
    fn folds_are_even_in_size_and_classes() {
        let labels: Vec<usize> = (0..103).map(|i| usize::from(i % 5 == 0)).collect();
        let table = Table::new(Arc::new(vec!["x".into()]), vec![0.0; 103]).unwrap();
        let data = Dataset::new(table, labels.clone(), Arc::new(vec!["a".into(), "b".into()])).unwrap();
        let fold = folds(&data, 4, Seed(1));
        for f in 0..4 {
            let rows: Vec<usize> = (0..103).filter(|&row| fold[row] == f).collect();
            let ones = rows.iter().filter(|&&row| labels[row] == 1).count();
            assert!((25..=26).contains(&rows.len()) && (5..=6).contains(&ones), "{f}: {} {ones}", rows.len());
        }
        assert_eq!(fold, folds(&data, 4, Seed(1)));
        assert_ne!(fold, folds(&data, 4, Seed(2)));
    }
}
