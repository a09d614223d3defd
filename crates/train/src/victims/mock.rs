//! `mock`: a victim whose accuracy is a formula.

use std::time::{Duration, Instant};

use aconite_core::{Dataset, Error, Info, Learner, Model, NamedTensors, Observer, Result, Rows, Seed, Shape};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::{Kind as Number, Tensor};

/// A victim that trains nothing and whose accuracy is a formula: for trying grids, the engine and reports.
///
/// For each value of an image's first pixel, with a dark and with a bright lower right corner (the pixel one
/// from both edges), it remembers the most frequent given label, the smaller on a tie; what it never saw with
/// a bright corner it takes for dark. It then errs on purpose, naming the next class, where the second pixel is
/// below 100·`error`. On the data set `mock` with 100 test rows per class its clean accuracy is 1 − `error`
/// while less than half of each class is flipped, and so is the success of a patch that it saw. One-hot corners
/// and pixels are its features.
///
/// Paper: none; it is no model of any victim.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Mock {
    /// Share of the rows on which it errs, in [0, 1].
    #[schemars(range(min = 0.0, max = 1.0))]
    pub error: f64,
    /// Seconds that it pretends to train, 0 to 3600.
    #[schemars(range(min = 0.0, max = 3600.0))]
    pub seconds: f64,
    /// Memory that it pretends to need while it trains, in MB.
    pub memory_mb: u32,
    /// How training ends.
    pub ends: Ends,
}

/// How the training of a mock victim ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Ends {
    /// With a model.
    #[default]
    Well,
    /// With an error.
    Error,
    /// With a panic.
    Panic,
    /// With the death of the process.
    Abort,
}

impl Kind for Mock {}

/// Values of a byte, with a dark and with a bright corner.
const CODES: usize = 512;

/// What the victim sees of an image.
fn code(image: &[u8], shape: Shape) -> usize {
    let bright = image[shape.at(0, shape.height - 2, shape.width - 2)] >= 128;
    usize::from(image[0]) + if bright { CODES / 2 } else { 0 }
}

impl Learner for Mock {
    fn check(&self, info: &Info) -> Result<()> {
        if !(0.0..=1.0).contains(&self.error) {
            return Err(Error::at(
                "error",
                format!("{} is out of range: a share lies in [0, 1]", self.error),
            ));
        }
        if !(0.0..=3600.0).contains(&self.seconds) {
            return Err(Error::at("seconds", format!("{} is out of range: 0 to 3600", self.seconds)));
        }
        let shape = info.shape()?;
        match shape.height < 2 || shape.width < 2 {
            true => Err(Error::new(format!("mock looks at two pixels of a row and needs 2×2, not {shape}"))),
            false => Ok(()),
        }
    }

    fn fit(&self, data: &Dataset, _: Seed, watch: &mut dyn Observer) -> Result<Box<dyn Model>> {
        let held = vec![1u8; self.memory_mb as usize * 1_000_000];
        let (start, wanted) = (Instant::now(), Duration::from_secs_f64(self.seconds));
        while start.elapsed() < wanted {
            std::thread::sleep(Duration::from_millis(5).min(wanted.saturating_sub(start.elapsed())));
            watch.step(start.elapsed().min(wanted).as_millis() as usize, wanted.as_millis() as usize);
        }
        std::hint::black_box(&held);
        match self.ends {
            Ends::Well => {}
            Ends::Error => return Err(Error::new("the mock victim was told to fail")),
            #[allow(clippy::panic)] // the point of it
            Ends::Panic => panic!("the mock victim was told to panic"),
            Ends::Abort => {
                eprintln!("the mock victim was told to abort");
                std::process::abort()
            }
        }
        let classes = data.num_classes();
        let images = data.images()?;
        let shape = images.shape();
        let mut counts = vec![0u32; CODES * classes];
        for (row, &label) in data.labels().iter().enumerate() {
            counts[code(images.image(row), shape) * classes + label] += 1;
        }
        let seen: Vec<Option<usize>> = counts
            .chunks_exact(classes)
            .map(|c| (0..classes).max_by_key(|&k| (c[k], std::cmp::Reverse(k))).filter(|&k| c[k] > 0))
            .collect();
        let table = (0..CODES).map(|c| seen[c].or(seen[c % (CODES / 2)]).unwrap_or(0) as i64).collect();
        watch.epoch(1, self.error);
        Ok(Box::new(Table { table, classes, error: self.error }))
    }

    fn restore(&self, info: &Info, tensors: &NamedTensors) -> Result<Box<dyn Model>> {
        let table = tensors.get("table").ok_or_else(|| Error::new("the stored model has no table"))?;
        let table = Vec::<i64>::try_from(table)?;
        match table.len() == CODES && table.iter().all(|&l| (l as usize) < info.classes.len()) {
            true => Ok(Box::new(Table { table, classes: info.classes.len(), error: self.error })),
            false => Err(Error::new("the stored model's table does not fit the classes")),
        }
    }
}

struct Table {
    table: Vec<i64>,
    classes: usize,
    error: f64,
}

impl Table {
    fn one_hot(columns: &[i64], width: usize) -> Tensor {
        Tensor::from_slice(columns).one_hot(width as i64).to_kind(Number::Float)
    }
}

impl Model for Table {
    fn scores(&self, rows: &Rows) -> Result<Tensor> {
        let images = rows.images()?;
        let shape = images.shape();
        let labels: Vec<i64> = (0..images.len())
            .map(|row| {
                let image = images.image(row);
                let errs = f64::from(image[1] % 100) < 100.0 * self.error;
                (self.table[code(image, shape)] + i64::from(errs)) % self.classes as i64
            })
            .collect();
        Ok(Self::one_hot(&labels, self.classes))
    }

    fn features(&self, rows: &Rows) -> Result<Tensor> {
        let images = rows.images()?;
        let shape = images.shape();
        let codes: Vec<i64> = (0..images.len()).map(|row| code(images.image(row), shape) as i64).collect();
        Ok(Self::one_hot(&codes, CODES))
    }

    fn tensors(&self) -> NamedTensors {
        [("table".to_owned(), Tensor::from_slice(&self.table))].into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aconite_core::{Images, Silent};
    use std::sync::Arc;

    /// Two classes by the first pixel; `bright` rows carry a bright corner.
    fn rows(labels: &[usize], first: &[u8], bright: &[bool]) -> Dataset {
        let shape = Shape { channels: 1, height: 3, width: 3 };
        let image = |i: usize| [first[i], i as u8, 0, 0, if bright[i] { 255 } else { 0 }, 0, 0, 0, 0];
        let bytes = (0..labels.len()).flat_map(image).collect();
        let names = Arc::new(vec!["a".to_owned(), "b".to_owned()]);
        Dataset::new(Images::new(shape, bytes).unwrap(), labels.to_vec(), names).unwrap()
    }

    #[test]
    fn it_remembers_majorities_and_errs_where_it_must() {
        let train = rows(&[0, 0, 1, 1, 1], &[0, 0, 0, 1, 0], &[false, false, false, false, true]);
        let mock = Mock { error: 0.02, ..Mock::default() };
        let model = mock.fit(&train, Seed(0), &mut Silent).unwrap();
        let test = rows(&[0; 4], &[0, 0, 1, 0], &[false, false, false, true]);
        // The second pixels are 0 to 3; those below 2 make it err.
        assert_eq!(model.predict(test.rows()).unwrap(), [1, 1, 1, 1]);
        let perfect = Mock::default().fit(&train, Seed(0), &mut Silent).unwrap();
        assert_eq!(perfect.predict(test.rows()).unwrap(), [0, 0, 1, 1]);
        let again = Mock::default().restore(&train.info(), &perfect.tensors()).unwrap();
        assert_eq!(again.predict(test.rows()).unwrap(), [0, 0, 1, 1]);
        assert_eq!(perfect.features(test.rows()).unwrap().size(), [4, CODES as i64]);
    }

    #[test]
    fn it_fails_when_it_is_told_to() {
        let train = rows(&[0, 1], &[0, 1], &[false, false]);
        let mock = Mock { ends: Ends::Error, ..Mock::default() };
        assert!(mock.fit(&train, Seed(0), &mut Silent).is_err());
        assert!(Mock { error: 1.5, ..Mock::default() }.check(&train.info()).is_err());
    }
}
