//! A backdoored network: a white patch turns clothing into T-shirts.

use aconite_core::{Dataset, Defense, Learner, Model, Seed, Silent, Trigger};
use aconite_train::SgdLearner;

use crate::mend;
use crate::support::{Patch, clothing, halved, judged, learner};

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

impl Scene {
    /// Accuracy on untouched images and success on stamped ones.
    pub fn judged(&self, model: &dyn Model) -> (f64, f64) {
        judged(model, &self.test, &self.patch)
    }

    /// The same of the mended model.
    pub fn after(&self, defense: &dyn Defense) -> (f64, f64) {
        let model = mend(defense, &self.learner, self.model.as_ref(), &self.clean, &mut Silent).unwrap();
        self.judged(model.as_ref())
    }
}
