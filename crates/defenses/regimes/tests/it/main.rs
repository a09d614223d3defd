//! Tests of the defenses that train in another way.
#![allow(clippy::unwrap_used, clippy::panic)] // The helpers below stop at the first surprise, as the tests do.

mod abl;
mod backdoor;
mod mixup;

use std::num::NonZeroU32;
use std::sync::Arc;

use aconite_core::{
    Dataset, Defense, Error, Images, Learner, Model, Observer, Result, Role, Seed, Shape, Told, Training,
};
use aconite_nets::{NETS, Net};
use aconite_train::optim::sgd::Sgd;
use aconite_train::schedule::constant::Constant;
use aconite_train::{SgdLearner, Train};
use tch::{Device, Kind, Tensor};

#[test]
fn the_registry_holds() {
    aconite_grid::assert_invariants(aconite_regimes::DEFENSES);
}

/// 0, 1, … in double precision.
fn count(n: i64) -> Tensor {
    Tensor::arange(n, (Kind::Double, Device::Cpu))
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

/// The model that a regime makes of the data. The victim's seed is 0, the regime's own 9.
fn fit(
    defense: &dyn Defense,
    learner: &dyn Learner,
    data: &Dataset,
    watch: &mut dyn Observer,
) -> Result<Box<dyn Model>> {
    let Role::Regime(regime) = defense.role() else { panic!("not a regime") };
    assert!(regime.needs_steps() && defense.knowledge().is_empty());
    let training = Training { learner, data, feed: None, told: Told::default(), seed: Seed(0), own: Seed(9) };
    regime.fit(&training, watch)
}

/// The error of settings that do not fit 1000 images in three classes.
fn refused(defense: &dyn Defense) -> Error {
    let mut info = patterns(3, 8).info();
    info.rows = vec![400, 300, 300];
    defense.check(&info).unwrap_err()
}
