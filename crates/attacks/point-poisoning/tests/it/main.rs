//! Tests of the attacks that add crafted points.
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests are tests

mod by_hand;
mod gradient_svm;

use aconite_core::{Attack, Dataset, Learner, Poisoned, Rate, Scene, Seed, Silent, metrics};
use aconite_data::{Places, Source, breast_cancer::BreastCancer};
use aconite_point_poisoning::min_max_svm::MinMaxSvm;
use aconite_train::victims::logistic::Logistic;
use aconite_train::victims::svm::{Kernel, Svm};

#[test]
fn the_registry_holds() {
    aconite_grid::assert_invariants(aconite_point_poisoning::ATTACKS);
}

fn accuracy(victim: &dyn Learner, train: &Dataset, test: &Dataset) -> f64 {
    let model = victim.fit(train, Seed(0), &mut Silent).unwrap();
    metrics::accuracy(&model.predict(test.rows()).unwrap(), test.labels()).unwrap()
}

#[test]
fn few_added_points_cost_the_victim_accuracy() {
    let split = BreastCancer::default().load(&Places(vec![])).unwrap();
    let victim = Svm { c: 0.01, ..Svm::default() };
    let attack = MinMaxSvm { rate: Rate::literal(0.1), copies: 5, ..MinMaxSvm::default() };
    let scene = Scene { victim: Some(&victim), ..Scene::new(&split.train, Seed(0)) };
    let poison = attack.craft(&scene, &mut Silent).unwrap().remove(0);
    let n = split.train.len();
    assert_eq!(poison.count(), n / 10);
    let poisoned = Poisoned::new(&split.train, &poison).unwrap();
    // The clean rows are there, untouched.
    let old: Vec<usize> = (0..n).collect();
    assert_eq!(poisoned.data().rows().select(&old), *split.train.rows());
    assert_eq!(&poisoned.data().labels()[..n], split.train.labels());
    let (before, after) =
        (accuracy(&victim, &split.train, &split.test), accuracy(&victim, poisoned.data(), &split.test));
    assert!(after < before - 0.02, "{before} {after}");
    // Points without labels of the adversary's choice cost less: copies of clean rows.
    let again: Vec<usize> = (0..n + n / 10).map(|row| row % n).collect();
    assert!(accuracy(&victim, &split.train.select(&again).unwrap(), &split.test) > after);
}

#[test]
fn what_does_not_fit_is_named() {
    let split = BreastCancer::default().load(&Places(vec![])).unwrap();
    let info = split.train.info();
    let key = |attack: MinMaxSvm| attack.check(&info).unwrap_err().setting.unwrap_or_default();
    assert_eq!(key(MinMaxSvm { copies: 0, ..MinMaxSvm::default() }), "copies");
    assert_eq!(key(MinMaxSvm { quantile: Rate::literal(0.0), ..MinMaxSvm::default() }), "quantile");
    let kernel = Svm { kernel: Kernel::Rbf, ..Svm::default() };
    let scene = Scene { victim: Some(&kernel), ..Scene::new(&split.train, Seed(0)) };
    let error = MinMaxSvm::default().craft(&scene, &mut Silent).unwrap_err();
    assert!(error.message.contains("not linear"), "{error}");
    // The same is known before anything is trained.
    assert!(MinMaxSvm::default().needs().linear && !kernel.is_linear(&info));
    assert!(Svm::default().is_linear(&info) && Logistic::default().is_linear(&info));
}
