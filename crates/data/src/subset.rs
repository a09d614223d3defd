//! Settings that every data set understands: chosen classes, and exact, class-balanced subsets.

use std::sync::Arc;

use aconite_core::{Dataset, Error, Result, Seed};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Split;

/// Settings that every data set understands.
///
/// Paper: none; the subset is this program's own.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Common {
    /// Classes to keep, by number, two or more, of training and test rows; they get the numbers 0, 1, … in the
    /// order given. All classes if left out.
    pub classes: Option<Vec<u32>>,
    /// Folds of a cross-validation, 2 or more, each class dealt out to all of them: training and test rows are put
    /// together, seed s tests on fold s modulo `folds` and trains on the others, so that as many seeds go once
    /// through all rows. Left out, the division is the data set's own.
    #[schemars(range(min = 2))]
    pub folds: Option<u32>,
    /// Number of training rows to keep, drawn by the stream `data` in equal numbers from every class (that is
    /// kept); all rows if left out.
    pub train_size: Option<u32>,
}

impl Kind for Common {}

/// Applies the common settings to a data set as it was read: first the classes, then the folds, then the subset.
///
/// # Errors
/// A class does not exist, or has too few rows.
pub fn cut(whole: &Split, common: &Common, seed: Seed) -> Result<Split> {
    let mut split = whole.clone();
    if let Some(classes) = &common.classes {
        let chosen = check(&split.train, classes)?;
        split = Split { train: of_classes(&split.train, &chosen)?, test: of_classes(&split.test, &chosen)? };
    }
    if let Some(folds) = common.folds {
        split = fold(&split, folds as usize, seed.0)?;
    }
    if let Some(size) = common.train_size {
        split.train = balanced(&split.train, size as usize, seed.derive("data"))?;
    }
    Ok(split)
}

/// The division whose test rows are the fold `seed` modulo `folds`. Which rows a fold holds depends on no seed: the
/// test rows of all folds are all rows.
fn fold(split: &Split, folds: usize, seed: u64) -> Result<Split> {
    if folds < 2 {
        return Err(Error::at("folds", format!("{folds} folds leave nothing to train on: at least 2")));
    }
    let all = split.train.followed_by(&split.test)?;
    let mut is_test = vec![false; all.len()];
    let tested = (seed % folds as u64) as usize;
    for (class, rows) in all.info().rows.into_iter().enumerate() {
        if rows < folds {
            let message = format!("class {class} has {rows} rows, which are too few for {folds} folds");
            return Err(Error::at("folds", message).hint(format!("at most {rows} folds fit")));
        }
        let dealt = Seed(0).derive("folds").derive(&class.to_string()).shuffled(&all.rows_of(class));
        for row in dealt.into_iter().skip(tested).step_by(folds) {
            if let Some(flag) = is_test.get_mut(row) {
                *flag = true;
            }
        }
    }
    let (test, train): (Vec<usize>, Vec<usize>) =
        (0..all.len()).partition(|&row| is_test.get(row).copied().unwrap_or_default());
    Ok(Split { train: all.select(&train)?, test: all.select(&test)? })
}

/// The chosen classes, all of which exist, none twice.
fn check(data: &Dataset, classes: &[u32]) -> Result<Vec<usize>> {
    let chosen: Vec<usize> = classes.iter().map(|&class| class as usize).collect();
    let info = data.info();
    for (i, &class) in chosen.iter().enumerate() {
        info.check_class("classes", class)?;
        if chosen.iter().take(i).any(|&before| before == class) {
            return Err(Error::at("classes", format!("class {class} is given twice")));
        }
    }
    match chosen.len() {
        0 | 1 => Err(Error::at("classes", format!("{} of the classes, expected two or more", chosen.len()))),
        _ => Ok(chosen),
    }
}

/// The rows of the chosen classes in their order, relabelled by the classes' places.
fn of_classes(data: &Dataset, chosen: &[usize]) -> Result<Dataset> {
    let place = |label: usize| chosen.iter().position(|&class| class == label);
    let rows = data.rows_where(|label| place(label).is_some());
    let labels: Vec<usize> = data.labels().iter().filter_map(|&label| place(label)).collect();
    if let Some(class) = (0..chosen.len()).find(|class| !labels.contains(class)) {
        let class = chosen.get(class).copied().unwrap_or_default();
        return Err(Error::at("classes", format!("class {class} has no row in training or test set")));
    }
    let names = chosen.iter().filter_map(|&class| data.classes().get(class)).cloned().collect();
    Dataset::new(data.rows().select(&rows), labels, Arc::new(names))?
        .with_origins(data.origins().select(&rows))
}

/// Exactly `size` rows in their order, ⌊size/K⌋ or one more of each of the K classes; which classes have one
/// more is drawn too.
///
/// # Errors
/// A class has too few rows.
pub fn balanced(data: &Dataset, size: usize, seed: Seed) -> Result<Dataset> {
    let k = data.num_classes();
    let classes: Vec<usize> = (0..k).collect();
    let extra = seed.derive("extra").choose(&classes, size % k);
    let mut rows = Vec::with_capacity(size);
    for class in classes {
        let quota = size / k + usize::from(extra.contains(&class));
        let pool = data.rows_of(class);
        if pool.len() < quota {
            return Err(Error::at(
                "train_size",
                format!(
                    "{size} balanced rows need {quota} of class {} ({class}), which has {}",
                    data.classes()[class],
                    pool.len()
                ),
            )
            .hint(format!("a train_size of at most {} fits", smallest(data) * k)));
        }
        rows.extend(seed.derive(&class.to_string()).choose(&pool, quota));
    }
    rows.sort_unstable();
    data.select(&rows).map_err(|_| Error::at("train_size", "train_size must be at least 1"))
}

fn smallest(data: &Dataset) -> usize {
    data.info().rows.into_iter().min().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Places, Source};
    use aconite_core::{Images, Shape};
    use proptest::prelude::*;
    use std::sync::Arc;

    fn data(labels: Vec<usize>, k: usize) -> Dataset {
        let shape = Shape { channels: 1, height: 1, width: 2 };
        let bytes = (0..labels.len()).flat_map(|i| [(i / 256) as u8, (i % 256) as u8]).collect();
        let names = (0..k).map(|c| c.to_string()).collect();
        Dataset::new(Images::new(shape, bytes).unwrap(), labels, Arc::new(names)).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn a_subset_is_exact_balanced_and_a_subset(size in 1usize..120, seed in 0u64..5) {
            let all = data((0..120).map(|i| i % 3).collect(), 3);
            let part = balanced(&all, size, Seed(seed)).unwrap();
            prop_assert_eq!(part.len(), size);
            let counts = part.info().rows;
            prop_assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1);
            for row in 0..part.len() {
                let id = part.images().unwrap().image(row);
                let original = usize::from(id[0]) * 256 + usize::from(id[1]);
                prop_assert_eq!(all.labels()[original], part.labels()[row]);
            }
        }
    }

    #[test]
    fn chosen_classes_get_the_numbers_of_their_places() {
        let source = crate::mock::Mock::default();
        let common =
            |classes: &[u32], train_size| Common { classes: Some(classes.to_vec()), folds: None, train_size };
        let whole = source.load(&Places(vec![])).unwrap();
        let load = |common: &Common| cut(&whole, common, Seed(3));
        let split = load(&common(&[3, 1], Some(31))).unwrap();
        assert_eq!(**split.train.classes(), ["class 3", "class 1"]);
        assert_eq!((split.train.len(), split.test.info().rows), (31, vec![100, 100]));
        for data in [&split.train, &split.test] {
            let images = data.images().unwrap();
            for (row, &label) in data.labels().iter().enumerate() {
                assert_eq!(images.image(row)[0], [3, 1][label]);
            }
        }
        assert_eq!(split.test.origins().of(0), "row:2");
        for (classes, what) in
            [(&[1, 4][..], "0 to 3"), (&[1, 1], "twice"), (&[1], "two or more"), (&[], "two")]
        {
            let error = load(&common(classes, None)).unwrap_err();
            assert_eq!(error.setting.as_deref(), Some("classes"));
            assert!(error.message.contains(what), "{error}");
        }
    }

    #[test]
    fn as_many_seeds_as_folds_test_on_every_row_once() {
        let whole = crate::mock::Mock::default().load(&Places(vec![])).unwrap();
        let common = Common { folds: Some(7), ..Common::default() };
        let total = whole.train.len() + whole.test.len();
        let mut tested = Vec::new();
        for seed in 0..7 {
            let split = cut(&whole, &common, Seed(seed)).unwrap();
            assert_eq!(split.train.len() + split.test.len(), total);
            // 150 rows a class.
            assert!(split.test.info().rows.iter().all(|rows| [21, 22].contains(rows)));
            let images = split.test.images().unwrap();
            tested.extend((0..images.len()).map(|row| images.image(row).to_vec()));
            assert_eq!(cut(&whole, &common, Seed(seed + 7)).unwrap().test, split.test);
        }
        let mut all: Vec<Vec<u8>> = [&whole.train, &whole.test]
            .iter()
            .flat_map(|set| (0..set.len()).map(|row| set.images().unwrap().image(row).to_vec()))
            .collect();
        all.sort();
        tested.sort();
        assert_eq!(tested, all);
        for folds in [0, 1, 151] {
            let error =
                cut(&whole, &Common { folds: Some(folds), ..Common::default() }, Seed(0)).unwrap_err();
            assert_eq!(error.setting.as_deref(), Some("folds"));
        }
    }

    #[test]
    fn too_large_a_subset_says_what_fits() {
        let error = balanced(&data(vec![0, 0, 0, 1], 2), 4, Seed(0)).unwrap_err();
        assert!(error.message.contains("which has 1") && error.hint.unwrap().contains("at most 2"));
        assert!(balanced(&data(vec![0, 1], 2), 0, Seed(0)).is_err());
    }
}
