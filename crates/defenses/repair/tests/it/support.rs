//! What the tests of repairs and of regimes share: victims, images, and a patch that turns them into class 0.

use std::num::NonZeroU32;
use std::sync::Arc;

use aconite_core::{AsrScope, Dataset, ImageTrigger, Images, LabelMap, Model, Seed, Shape, Trigger, metrics};
use aconite_data::fashion_mnist_mini::FashionMnistMini;
use aconite_data::{Common, Places, Source, balanced, cut};
use aconite_nets::{NETS, Net};
use aconite_train::optim::sgd::Sgd;
use aconite_train::schedule::constant::Constant;
use aconite_train::{SgdLearner, Train, pixels};
use tch::{Device, Kind, Tensor};

/// 0, 1, … in double precision.
pub fn count(n: i64) -> Tensor {
    Tensor::arange(n, (Kind::Double, Device::Cpu))
}

/// A victim of this kind, trained in batches of 64 by SGD with momentum.
pub fn learner(kind: &str, epochs: u32, lr: f64) -> SgdLearner {
    let entry = NETS.iter().find(|entry| entry.spec.kind == kind).unwrap();
    let net: Box<dyn Net> = (entry.build)(&entry.spec.defaults()).unwrap();
    let count = |n| NonZeroU32::new(n).unwrap();
    SgdLearner {
        net,
        train: Train { epochs: count(epochs), batch_size: count(64), ..Train::default() },
        optimizer: Box::new(Sgd { lr, ..Sgd::default() }),
        schedule: Box::new(Constant {}),
    }
}

/// Grey images of these bytes.
pub fn images(side: usize, bytes: Vec<u8>, labels: Vec<usize>, classes: usize) -> Dataset {
    let shape = Shape { channels: 1, height: side, width: side };
    let names = Arc::new((0..classes).map(|c| format!("c{c}")).collect());
    Dataset::new(Images::new(shape, bytes).unwrap(), labels, names).unwrap()
}

/// Images of some structure, in three classes.
pub fn patterns(n: usize, side: usize) -> Dataset {
    let byte = |i: usize| {
        let (row, place) = (i / (side * side), i % (side * side));
        ((place * (3 + row % 3 * 4) + row * row * 5) % 256) as u8
    };
    images(side, (0..n * side * side).map(byte).collect(), (0..n).map(|row| row % 3).collect(), 3)
}

/// `rows` training images of clothing, and 1000 test images.
pub fn clothing(rows: u32) -> (Dataset, Dataset) {
    let whole = FashionMnistMini {}.load(&Places(vec![])).unwrap();
    let split = cut(&whole, &Common { train_size: Some(rows), ..Common::default() }, Seed(0)).unwrap();
    (split.train, balanced(&split.test, 1000, Seed(0)).unwrap())
}

/// A white square of so many pixels a side in the bottom right corner.
#[derive(Debug)]
pub struct Patch(pub usize);

impl ImageTrigger for Patch {
    fn stamp(&self, image: &mut [u8], shape: Shape) {
        for row in shape.height - self.0..shape.height {
            for column in shape.width - self.0..shape.width {
                image[shape.at(0, row, column)] = 255;
            }
        }
    }
}

/// Images half as high and wide, for the sake of time: the mean of each 2×2 square.
pub fn halved(data: &Dataset) -> Dataset {
    let shape = data.images().unwrap().shape();
    let half = Shape { height: shape.height / 2, width: shape.width / 2, ..shape };
    let squares = [-1, half.height as i64, 2, half.width as i64, 2, half.channels as i64];
    let means = pixels(data.rows()).unwrap().to_kind(Kind::Float).view(squares);
    let means = means.mean_dim([2i64, 4].as_slice(), false, Kind::Float);
    Dataset::new(aconite_train::images(&means, half).unwrap(), data.labels().to_vec(), data.classes().clone())
        .unwrap()
}

/// Accuracy on untouched images, and success on stamped ones, which are to be read as class 0.
pub fn judged(model: &dyn Model, test: &Dataset, patch: &Patch) -> (f64, f64) {
    let all: Vec<usize> = (0..test.len()).collect();
    let accuracy = metrics::accuracy(&model.predict(test.rows()).unwrap(), test.labels()).unwrap();
    let stamped = model.predict(&patch.stamped(test.rows(), &all).unwrap()).unwrap();
    let map = LabelMap::AllToOne { target: 0 };
    let backdoor = metrics::backdoor(&stamped, test.labels(), &map, AsrScope::NonTarget);
    (accuracy, backdoor.attack_success.unwrap())
}
