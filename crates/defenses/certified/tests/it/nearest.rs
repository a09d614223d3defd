//! A victim that costs nothing: the label of the nearest training row, the first of equally near ones. It minds
//! the order of its rows, which a certificate must not.

use aconite_core::{
    Dataset, Error, Images, Info, Learner, Model, NamedTensors, Observer, Result, Rows, Seed,
};
use tch::{Kind, Tensor};

#[derive(Debug, Default)]
pub struct Nearest {
    /// Training fails where a row of this label is.
    pub fails_on: Option<usize>,
}

struct Remembered {
    images: Images,
    labels: Vec<i64>,
    classes: i64,
}

impl Learner for Nearest {
    fn check(&self, _: &Info) -> Result<()> {
        Ok(())
    }

    fn fit(&self, data: &Dataset, _: Seed, _: &mut dyn Observer) -> Result<Box<dyn Model>> {
        if data.labels().iter().any(|&label| Some(label) == self.fails_on) {
            return Err(Error::new("told to fail"));
        }
        let labels = data.labels().iter().map(|&label| label as i64).collect();
        Ok(Box::new(Remembered {
            images: data.images()?.clone(),
            labels,
            classes: data.num_classes() as i64,
        }))
    }

    fn restore(&self, info: &Info, tensors: &NamedTensors) -> Result<Box<dyn Model>> {
        Ok(Box::new(Remembered {
            images: Images::new(info.shape()?, Vec::try_from(tensors["rows"].shallow_clone())?)?,
            labels: Vec::try_from(tensors["labels"].shallow_clone())?,
            classes: info.classes.len() as i64,
        }))
    }
}

impl Model for Remembered {
    fn scores(&self, rows: &Rows) -> Result<Tensor> {
        let given = rows.images()?;
        let nearest = |row: usize| {
            let distance = |other: usize| -> u32 {
                let pairs = given.image(row).iter().zip(self.images.image(other));
                pairs.map(|(a, b)| u32::from(a.abs_diff(*b))).sum()
            };
            self.labels[(0..self.labels.len()).min_by_key(|&other| distance(other)).unwrap()]
        };
        let labels: Vec<i64> = (0..given.len()).map(nearest).collect();
        Ok(Tensor::from_slice(&labels).one_hot(self.classes).to_kind(Kind::Float))
    }

    fn features(&self, _: &Rows) -> Result<Tensor> {
        Err(Error::new("it has none"))
    }

    fn tensors(&self) -> NamedTensors {
        let rows = Tensor::from_slice(self.images.bytes());
        [("rows".to_owned(), rows), ("labels".to_owned(), Tensor::from_slice(&self.labels))].into()
    }
}
