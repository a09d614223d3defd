//! Seeded divisions into training and test rows, for sets that come without a test set.
//!
//! The division is a property of the data set, not of the experiment's seed: all seeds see the same test rows,
//! so that comparisons stay paired.

use aconite_core::{Dataset, Error, Rate, Result, Seed};

use crate::Split;

/// Share of the rows of each class that become test rows.
pub(crate) const TEST_SHARE: Rate = Rate::literal(0.2);

/// Training and test rows, each ascending: of every class exactly ⌊share·n⌋ rows, but at least one, are test
/// rows, drawn by the stream `division` of `seed`.
pub(crate) fn rows(
    labels: &[usize],
    classes: &[String],
    share: Rate,
    seed: u64,
) -> Result<(Vec<usize>, Vec<usize>)> {
    if share.get() <= 0.0 || share.get() >= 1.0 {
        return Err(Error::at("test_share", format!("{} is outside (0, 1)", share.get())));
    }
    let mut of_class = vec![Vec::new(); classes.len()];
    for (row, &label) in labels.iter().enumerate() {
        if let Some(rows) = of_class.get_mut(label) {
            rows.push(row);
        }
    }
    let seed = Seed(seed).derive("division");
    let mut is_test = vec![false; labels.len()];
    for (class, (pool, name)) in of_class.iter().zip(classes).enumerate() {
        let count = share.count(pool.len()).max(1);
        if count >= pool.len() {
            let rows = pool.len();
            let message = format!("class {name:?} has {rows} rows, of which {count} would be test rows");
            return Err(Error::at("test_share", message)
                .hint("every class needs rows to learn from and rows to test with"));
        }
        for row in seed.derive(&class.to_string()).choose(pool, count) {
            if let Some(flag) = is_test.get_mut(row) {
                *flag = true;
            }
        }
    }
    Ok((0..labels.len()).partition(|&row| !is_test.get(row).copied().unwrap_or_default()))
}

/// Divides a data set.
pub(crate) fn divide(data: &Dataset, share: Rate, seed: u64) -> Result<Split> {
    let (train, test) = rows(data.labels(), data.classes(), share, seed)?;
    Ok(Split { train: data.select(&train)?, test: data.select(&test)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(n: usize) -> Vec<String> {
        (0..n).map(|c| format!("c{c}")).collect()
    }

    proptest! {
        #[test]
        fn a_division_is_exact_in_every_class(
            labels in proptest::collection::vec(0usize..3, 0..60), share in 0.05f64..0.6, seed in 0u64..9
        ) {
            // Two rows of each class at least.
            let labels = [vec![0, 1, 2, 0, 1, 2], labels].concat();
            let share = Rate::try_from(share).unwrap();
            let (train, test) = rows(&labels, &names(3), share, seed).unwrap();
            let mut all = [train.clone(), test.clone()].concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..labels.len()).collect::<Vec<_>>());
            for class in 0..3 {
                let of = |rows: &[usize]| rows.iter().filter(|&&r| labels[r] == class).count();
                prop_assert_eq!(of(&test), share.count(of(&train) + of(&test)).max(1));
            }
            prop_assert_eq!(rows(&labels, &names(3), share, seed).unwrap(), (train, test));
        }
    }

    #[test]
    fn a_class_that_is_too_small_or_a_share_out_of_range_is_named() {
        let error = rows(&[0, 0, 1], &names(2), TEST_SHARE, 0).unwrap_err();
        assert!(error.message.contains("class \"c1\" has 1 rows"), "{error}");
        assert!(rows(&[0, 0], &names(1), Rate::literal(0.0), 0).is_err());
        assert_ne!(
            rows(&[0; 40], &names(1), TEST_SHARE, 0).unwrap(),
            rows(&[0; 40], &names(1), TEST_SHARE, 1).unwrap()
        );
    }
}
