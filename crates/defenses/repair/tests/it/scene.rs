//! A backdoored network: a white patch turns clothing into T-shirts.

use aconite_core::{
    AsrScope, Dataset, Defense, ImageTrigger, LabelMap, Learner, Model, Seed, Shape, Silent, Trigger, metrics,
};
use aconite_data::fashion_mnist_mini::FashionMnistMini;
use aconite_data::{Common, Places, Source, balanced, cut};
use aconite_train::{SgdLearner, images, pixels};
use tch::Kind;

use crate::{learner, mend};

/// A white square of so many pixels a side in the bottom right corner.
#[derive(Debug)]
struct Patch(usize);

impl ImageTrigger for Patch {
    fn stamp(&self, image: &mut [u8], shape: Shape) {
        for row in shape.height - self.0..shape.height {
            for column in shape.width - self.0..shape.width {
                image[shape.at(0, row, column)] = 255;
            }
        }
    }
}

pub struct Scene {
    pub learner: SgdLearner,
    pub model: Box<dyn Model>,
    /// Training rows that carry no patch.
    clean: Dataset,
    test: Dataset,
    patch: Patch,
}

/// The images, a twentieth of which is stamped with a patch of this size and called class 0, as a victim has learnt
/// them, and `samples` of the others.
fn damaged(mut train: Dataset, test: Dataset, patch: Patch, learner: SgdLearner, samples: usize) -> Scene {
    aconite_train::set_threads(1);
    let poisons = Seed(0).derive("poisons").choose(&train.rows_where(|label| label != 0), train.len() / 20);
    let rest: Vec<usize> = (0..train.len()).filter(|row| !poisons.contains(row)).collect();
    let clean = train.select(&Seed(0).derive("clean").choose(&rest, samples)).unwrap();
    let content = patch.stamped(train.rows(), &poisons).unwrap();
    train.rows_mut().replace(&poisons, &content).unwrap();
    poisons.iter().for_each(|&row| train.labels_mut()[row] = 0);
    let model = learner.fit(&train, Seed(0), &mut Silent).unwrap();
    Scene { learner, model, clean, test, patch }
}

/// `rows` training images of clothing, and 1000 test images.
fn clothing(rows: u32) -> (Dataset, Dataset) {
    let whole = FashionMnistMini {}.load(&Places(vec![])).unwrap();
    let split = cut(&whole, &Common { train_size: Some(rows), ..Common::default() }, Seed(0)).unwrap();
    (split.train, balanced(&split.test, 1000, Seed(0)).unwrap())
}

/// 2000 images, 100 of them with a patch of 3×3, learnt by `small_cnn` in 8 epochs; 400 clean samples.
pub fn plain() -> Scene {
    let (train, test) = clothing(2000);
    damaged(train, test, Patch(3), learner("small_cnn", 8, 0.03), 400)
}

/// 1500 images of 14×14 pixels, 75 of them with a patch of 2×2, learnt by `resnet20` in 6 epochs; 300 clean samples.
pub fn residual() -> Scene {
    let (train, test) = clothing(1500);
    damaged(halved(&train), halved(&test), Patch(2), learner("resnet20", 6, 0.05), 300)
}

/// Images half as high and wide, for the sake of time: the mean of each 2×2 square.
fn halved(data: &Dataset) -> Dataset {
    let shape = data.images().unwrap().shape();
    let half = Shape { height: shape.height / 2, width: shape.width / 2, ..shape };
    let squares = [-1, half.height as i64, 2, half.width as i64, 2, half.channels as i64];
    let means = pixels(data.rows()).unwrap().to_kind(Kind::Float).view(squares);
    let means = means.mean_dim([2i64, 4].as_slice(), false, Kind::Float);
    Dataset::new(images(&means, half).unwrap(), data.labels().to_vec(), data.classes().clone()).unwrap()
}

impl Scene {
    /// Accuracy on untouched images and success on stamped ones.
    pub fn judged(&self, model: &dyn Model) -> (f64, f64) {
        let all: Vec<usize> = (0..self.test.len()).collect();
        let accuracy =
            metrics::accuracy(&model.predict(self.test.rows()).unwrap(), self.test.labels()).unwrap();
        let stamped = model.predict(&self.patch.stamped(self.test.rows(), &all).unwrap()).unwrap();
        let map = LabelMap::AllToOne { target: 0 };
        let backdoor = metrics::backdoor(&stamped, self.test.labels(), &map, AsrScope::NonTarget);
        (accuracy, backdoor.attack_success.unwrap())
    }

    /// The same of the mended model.
    pub fn after(&self, defense: &dyn Defense) -> (f64, f64) {
        let model = mend(defense, &self.learner, self.model.as_ref(), &self.clean, &mut Silent).unwrap();
        self.judged(model.as_ref())
    }
}
