//! Tests of the defenses that mend a trained model.
#![allow(clippy::unwrap_used, clippy::panic)] // The helpers below stop at the first surprise, as the tests do.

mod backdoor;
mod fine_prune;
mod fine_tune;
mod nad;
mod scene;

use std::num::NonZeroU32;
use std::sync::Arc;

use aconite_core::{
    Damaged, Dataset, Defense, Error, Images, Info, Learner, Model, NamedTensors, Observer, Result, Role,
    Seed, Shape, Told,
};
use aconite_nets::{NETS, Net};
use aconite_repair::fine_prune::FinePrune;
use aconite_repair::fine_tune::FineTune;
use aconite_repair::nad::Nad;
use aconite_train::optim::sgd::Sgd;
use aconite_train::schedule::constant::Constant;
use aconite_train::{SgdLearner, Train};
use tch::{Device, Kind, Tensor};

#[test]
fn the_registry_holds() {
    aconite_grid::assert_invariants(aconite_repair::DEFENSES);
}

/// 1000 rows: 50 clean samples, 10 epochs of them in 3 passes each.
#[test]
fn passes_are_counted() {
    let info = thousand();
    let passes = |defense: &dyn Defense| defense.passes(&info, 1e9, 4.0);
    assert_eq!(passes(&FineTune::default()), 1500.0);
    assert_eq!(passes(&FinePrune::default()), 1550.0);
    // Teacher, student, and the teacher's looks.
    assert_eq!(passes(&Nad::default()), 3500.0);
}

/// 0, 1, … in double precision.
fn count(n: i64) -> Tensor {
    Tensor::arange(n, (Kind::Double, Device::Cpu))
}

fn named<const N: usize>(tensors: [(&str, Tensor); N]) -> NamedTensors {
    tensors.map(|(name, tensor)| (name.to_owned(), tensor)).into()
}

fn values(tensor: &Tensor) -> Vec<f64> {
    Vec::try_from(tensor.to_kind(Kind::Double).contiguous().view([-1])).unwrap()
}

/// A victim of this kind, trained in batches of 64 by SGD with momentum.
fn learner(kind: &str, epochs: u32, lr: f64) -> SgdLearner {
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
fn images(side: usize, bytes: Vec<u8>, labels: Vec<usize>, classes: usize) -> Dataset {
    let shape = Shape { channels: 1, height: side, width: side };
    let names = Arc::new((0..classes).map(|c| format!("c{c}")).collect());
    Dataset::new(Images::new(shape, bytes).unwrap(), labels, names).unwrap()
}

/// Images of some structure, in three classes.
fn patterns(n: usize, side: usize) -> Dataset {
    let byte = |i: usize| {
        let (row, place) = (i / (side * side), i % (side * side));
        ((place * (3 + row % 3 * 4) + row * row * 5) % 256) as u8
    };
    images(side, (0..n * side * side).map(byte).collect(), (0..n).map(|row| row % 3).collect(), 3)
}

fn mend(
    defense: &dyn Defense,
    learner: &dyn Learner,
    model: &dyn Model,
    clean: &Dataset,
    watch: &mut dyn Observer,
) -> Result<Box<dyn Model>> {
    let Role::Repair(repair) = defense.role() else { panic!("not a repair") };
    repair.mend(&Damaged { learner, model, clean, told: Told::default(), seed: Seed(7) }, watch)
}

/// 1000 images in three classes.
fn thousand() -> Info {
    let mut info = patterns(3, 8).info();
    info.rows = vec![400, 300, 300];
    info
}

/// The error of settings that do not fit [`thousand`].
fn refused(defense: &dyn Defense) -> Error {
    defense.check(&thousand()).unwrap_err()
}
