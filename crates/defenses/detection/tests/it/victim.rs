//! A backdoored network: a white 3×3 patch turns clothing into T-shirts.

use std::num::NonZeroU32;
use std::sync::Arc;

use aconite_core::{Dataset, Images, Learner, Model, Rows, Seed, Shape, Silent, metrics};
use aconite_data::fashion_mnist_mini::FashionMnistMini;
use aconite_data::{Places, Source, balanced};
use aconite_nets::lenet::LeNet;
use aconite_train::optim::sgd::Sgd;
use aconite_train::schedule::one_cycle::OneCycle;
use aconite_train::{SgdLearner, Train};

/// What the patch turns images into.
pub const TARGET: usize = 0;

pub struct Victim {
    pub learner: SgdLearner,
    pub model: Box<dyn Model>,
    /// The training set before it was poisoned.
    pub clean: Dataset,
    pub test: Dataset,
    /// Test images of the other classes with the patch on.
    pub triggered: Rows,
}

/// `lenet` after 15 epochs over 2000 images, 200 of which carry the patch.
pub fn backdoored() -> Victim {
    aconite_train::set_threads(1);
    let split = FashionMnistMini {}.load(&Places(vec![])).unwrap();
    let clean = balanced(&split.train, 2000, Seed(0)).unwrap();
    let test = split.test;
    let poisoned: Vec<usize> = (0..2000).step_by(10).collect();
    let mut data = clean.clone();
    data.rows_mut().replace(&poisoned, &patched(&clean.rows().select(&poisoned))).unwrap();
    poisoned.iter().for_each(|&row| data.labels_mut()[row] = TARGET);
    let count = |n| NonZeroU32::new(n).unwrap();
    let learner = SgdLearner {
        net: Box::new(LeNet {}),
        train: Train { epochs: count(15), batch_size: count(64), ..Train::default() },
        optimizer: Box::new(Sgd { lr: 0.05, ..Sgd::default() }),
        schedule: Box::new(OneCycle::default()),
    };
    let model = learner.fit(&data, Seed(1), &mut Silent).unwrap();
    let others = test.rows_where(|label| label != TARGET);
    let triggered = patched(&test.rows().select(&others));
    Victim { learner, model, clean, test, triggered }
}

impl Victim {
    /// This many rows that were never poisoned.
    pub fn samples(&self, count: usize) -> Dataset {
        let all: Vec<usize> = (0..self.clean.len()).collect();
        self.clean.select(&Seed(2).choose(&all, count)).unwrap()
    }

    /// Accuracy on untouched and success on triggered test images.
    pub fn judged(&self, model: &dyn Model) -> (f64, f64) {
        let accuracy =
            metrics::accuracy(&model.predict(self.test.rows()).unwrap(), self.test.labels()).unwrap();
        let turned = model.predict(&self.triggered).unwrap();
        let hits = turned.iter().filter(|&&label| label == TARGET).count();
        (accuracy, hits as f64 / turned.len() as f64)
    }
}

fn patched(rows: &Rows) -> Rows {
    let mut images = rows.images().unwrap().clone();
    let shape = images.shape();
    for row in 0..images.len() {
        for (y, x) in (2..5).flat_map(|y| (2..5).map(move |x| (y, x))) {
            images.image_mut(row)[shape.at(0, shape.height - y, shape.width - x)] = 255;
        }
    }
    images.into()
}

/// Images of one row of pixels, this many rows of each of `classes` classes.
pub fn narrow(width: usize, classes: usize, each: usize) -> Dataset {
    let shape = Shape { channels: 1, height: 1, width };
    let labels: Vec<usize> = (0..classes * each).map(|row| row % classes).collect();
    let bytes = (0..labels.len() * width).map(|i| (i * 37) as u8).collect();
    let names = Arc::new((0..classes).map(|class| format!("c{class}")).collect());
    Dataset::new(Images::new(shape, bytes).unwrap(), labels, names).unwrap()
}

/// A linear network, and a learner to go with it.
pub fn linear() -> SgdLearner {
    SgdLearner {
        net: Box::new(aconite_nets::linear::Linear {}),
        train: Train::default(),
        optimizer: Box::new(Sgd::default()),
        schedule: Box::new(aconite_train::schedule::constant::Constant {}),
    }
}
