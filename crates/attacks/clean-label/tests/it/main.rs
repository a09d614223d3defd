//! Tests of the attacks that change pixels and leave the labels right.
#![allow(clippy::unwrap_used, clippy::panic)] // The helpers below stop at the first surprise, as the tests do.

mod feature_collision;
mod gradient_matching;
mod label_consistent;
mod sig;

use std::num::NonZeroU32;
use std::sync::Arc;

use aconite_core::{
    Attack, Dataset, Images, Learner, Model, Poison, Result, Rows, Scene, Seed, Shape, Silent, metrics,
};
use aconite_data::fashion_mnist_mini::FashionMnistMini;
use aconite_data::{Common, Places, Source, Split, cut};
use aconite_nets::Net;
use aconite_nets::mlp::Mlp;
use aconite_train::optim::{Optimizer, adam::Adam};
use aconite_train::schedule::one_cycle::OneCycle;
use aconite_train::{SgdLearner, Train, set_threads};

/// Images of this shape whose bytes run through 0 to 255.
fn labelled(shape: Shape, labels: &[usize], classes: usize) -> Dataset {
    let bytes = (0..labels.len() * shape.pixels()).map(|i| (i * 7) as u8).collect();
    let images = Images::new(shape, bytes).unwrap();
    Dataset::new(images, labels.to_vec(), Arc::new((0..classes).map(|c| format!("c{c}")).collect())).unwrap()
}

/// 6×7 images of three classes in turn, told apart by their brightness.
fn shaded(rows: usize) -> Dataset {
    let shape = Shape { channels: 1, height: 6, width: 7 };
    let labels: Vec<usize> = (0..rows).map(|row| row % 3).collect();
    let grey = |row: usize, pixel: usize| 10 + 90 * (row % 3) + (row * 31 + pixel * 17) % 50;
    let bytes = (0..rows).flat_map(|row| (0..42).map(move |pixel| grey(row, pixel) as u8)).collect();
    let names = Arc::new(["dark", "grey", "bright"].map(str::to_owned).to_vec());
    Dataset::new(Images::new(shape, bytes).unwrap(), labels, names).unwrap()
}

/// A net, and how it is trained.
fn learner(
    net: impl Net + 'static,
    optimizer: impl Optimizer + 'static,
    epochs: u32,
    batch_size: u32,
) -> SgdLearner {
    let count = |n| NonZeroU32::new(n).unwrap();
    set_threads(1);
    SgdLearner {
        net: Box::new(net),
        train: Train { epochs: count(epochs), batch_size: count(batch_size), ..Train::default() },
        optimizer: Box::new(optimizer),
        schedule: Box::new(OneCycle::default()),
    }
}

/// A small net that has learned [`shaded`] images.
fn surrogate(data: &Dataset) -> Box<dyn Model> {
    let learner = learner(Mlp { hidden: vec![8] }, Adam { lr: 0.01, ..Adam::default() }, 20, 8);
    learner.fit(data, Seed(5), &mut Silent).unwrap()
}

/// Ten or fewer classes of Fashion-MNIST, this many training rows.
fn fashion(classes: Option<&[u32]>, train_size: u32) -> Split {
    let whole = FashionMnistMini {}.load(&Places(vec![])).unwrap();
    cut(
        &whole,
        &Common { classes: classes.map(<[u32]>::to_vec), train_size: Some(train_size), ..Common::default() },
        Seed(0),
    )
    .unwrap()
}

/// What an attack makes of training and test data that look alike.
fn crafted(attack: &dyn Attack, data: &Dataset, model: &dyn Model, seed: Seed) -> Result<Vec<Poison>> {
    let scene = Scene { surrogate: Some(model), test: Some(data), ..Scene::new(data, seed) };
    attack.craft(&scene, &mut Silent)
}

/// Changes of the bytes of poisoned rows: largest per pixel and ℓ2, per row.
fn changes(data: &Dataset, poison: &Poison) -> Vec<(f64, f64)> {
    let content = match poison.content.as_ref().unwrap() {
        Rows::Images(images) => images,
        other => panic!("poisons are images, not {:?}", other.kind()),
    };
    let change = |(i, &row): (usize, &usize)| {
        let pairs = content.image(i).iter().zip(data.images().unwrap().image(row));
        let moved: Vec<f64> = pairs.map(|(&a, &b)| f64::from(a) - f64::from(b)).collect();
        let largest = moved.iter().fold(0.0, |most: f64, m| most.max(m.abs()));
        (largest, moved.iter().map(|m| m * m).sum::<f64>().sqrt())
    };
    poison.rows.iter().enumerate().map(change).collect()
}

/// Accuracy on a data set.
fn accuracy(model: &dyn Model, data: &Dataset) -> f64 {
    metrics::accuracy(&model.predict(data.rows()).unwrap(), data.labels()).unwrap()
}

/// The setting that a check refuses, and what it says.
fn refused(attack: &dyn Attack, data: &Dataset) -> (String, String) {
    let error = attack.check(&data.info()).unwrap_err();
    (error.setting.unwrap(), error.message)
}

#[test]
fn the_registry_holds() {
    aconite_grid::assert_invariants(aconite_clean_label::ATTACKS);
}
