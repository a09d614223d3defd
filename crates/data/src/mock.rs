//! `mock`: images that say their class, made up in no time.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;

use aconite_core::{Dataset, Error, Images, Result, Shape};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Places, Source, Split};

/// Made-up grey 8×8 images that say their class in a pixel: for trying grids, the engine and reports.
///
/// Row i has class i mod `num_classes`. Its pixel (0, 0) is the class and its pixel (0, 1) is ⌊i / num_classes⌋
/// mod 100; the others are black. The victim `mock` reads both, which gives its accuracy a closed form.
///
/// Paper: none; nothing is learnt from it about poisoning.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Mock {
    /// Classes, 2 to 256.
    #[schemars(range(min = 2, max = 256))]
    pub num_classes: u32,
    /// Training rows per class, at least 1.
    pub train_rows: NonZeroU32,
    /// Test rows per class, at least 1.
    pub test_rows: NonZeroU32,
}

impl Default for Mock {
    fn default() -> Self {
        const TRAIN: NonZeroU32 = NonZeroU32::new(50).expect("not zero");
        const TEST: NonZeroU32 = NonZeroU32::new(100).expect("not zero");
        Self { num_classes: 4, train_rows: TRAIN, test_rows: TEST }
    }
}

impl Kind for Mock {}

/// Rows that a made-up set may have: 64 bytes each.
const MOST: u64 = 10_000_000;

impl Mock {
    fn rows(&self, per_class: NonZeroU32) -> Result<Dataset> {
        let shape = Shape { channels: 1, height: 8, width: 8 };
        let classes = self.num_classes as usize;
        let n = classes * per_class.get() as usize;
        let mut bytes = vec![0; n * shape.pixels()];
        for (i, image) in bytes.chunks_exact_mut(shape.pixels()).enumerate() {
            image[0] = (i % classes) as u8;
            image[1] = (i / classes % 100) as u8;
        }
        let names = (0..classes).map(|c| format!("class {c}")).collect();
        Dataset::new(Images::new(shape, bytes)?, (0..n).map(|i| i % classes).collect(), Arc::new(names))
    }
}

impl Source for Mock {
    fn load(&self, _: &Places) -> Result<Split> {
        if !(2..=256).contains(&self.num_classes) {
            return Err(Error::at(
                "num_classes",
                format!("{} classes: a byte tells 2 to 256", self.num_classes),
            ));
        }
        for (key, rows) in [("train_rows", self.train_rows), ("test_rows", self.test_rows)] {
            if u64::from(self.num_classes) * u64::from(rows.get()) > MOST {
                return Err(Error::at(key, format!("more than {MOST} rows are not made up")));
            }
        }
        Ok(Split { train: self.rows(self.train_rows)?, test: self.rows(self.test_rows)? })
    }

    fn fingerprint(&self, _: &Places) -> Result<String> {
        // The settings, which are part of every key, say all.
        Ok("made up".into())
    }

    fn licence(&self) -> &'static str {
        "made up"
    }

    fn found(&self, _: &Places) -> Result<Option<PathBuf>> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_say_their_class_and_their_number() {
        let split = Mock::default().load(&Places(vec![])).unwrap();
        assert_eq!((split.train.info().rows, split.test.len()), (vec![50; 4], 400));
        let row = split.test.images().unwrap().image(4 * 17 + 3);
        assert_eq!((split.test.labels()[4 * 17 + 3], row[0], row[1], row[2]), (3, 3, 17, 0));
    }

    #[test]
    fn what_a_byte_cannot_tell_is_refused() {
        let refused = |mock: Mock| mock.load(&Places(vec![])).unwrap_err().setting;
        assert_eq!(refused(Mock { num_classes: 257, ..Mock::default() }).as_deref(), Some("num_classes"));
        let many = NonZeroU32::new(u32::MAX).unwrap();
        assert_eq!(refused(Mock { train_rows: many, ..Mock::default() }).as_deref(), Some("train_rows"));
    }
}
