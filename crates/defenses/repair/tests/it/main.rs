//! Tests of the defenses that mend a trained model.
#![allow(clippy::unwrap_used, clippy::panic)] // The helpers below stop at the first surprise, as the tests do.

mod backdoor;
mod fine_prune;
mod fine_tune;
mod nad;
mod scene;
mod support;

use aconite_core::{
    Damaged, Dataset, Defense, Error, Info, Learner, Model, NamedTensors, Observer, Result, Role, Seed, Told,
};
use aconite_repair::fine_prune::FinePrune;
use aconite_repair::fine_tune::FineTune;
use aconite_repair::nad::Nad;
use support::patterns;
use tch::{Kind, Tensor};

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

fn named<const N: usize>(tensors: [(&str, Tensor); N]) -> NamedTensors {
    tensors.map(|(name, tensor)| (name.to_owned(), tensor)).into()
}

fn values(tensor: &Tensor) -> Vec<f64> {
    Vec::try_from(tensor.to_kind(Kind::Double).contiguous().view([-1])).unwrap()
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
