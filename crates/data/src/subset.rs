//! Settings that every data set understands, and exact, class-balanced subsets.

use aconite_core::{Dataset, Error, Result, Seed};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings that every data set understands.
///
/// Paper: none; the subset is this program's own.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Common {
    /// Number of training rows to keep, drawn by the stream `data` in equal numbers from every class; all rows
    /// if left out.
    pub train_size: Option<u32>,
}

impl Kind for Common {}

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
    fn too_large_a_subset_says_what_fits() {
        let error = balanced(&data(vec![0, 0, 0, 1], 2), 4, Seed(0)).unwrap_err();
        assert!(error.message.contains("which has 1") && error.hint.unwrap().contains("at most 2"));
        assert!(balanced(&data(vec![0, 1], 2), 0, Seed(0)).is_err());
    }
}
