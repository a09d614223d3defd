//! Tests of the defenses that train in another way.
#![allow(clippy::unwrap_used, clippy::panic)] // The helpers below stop at the first surprise, as the tests do.

mod abl;
mod backdoor;
mod mixup;
#[path = "../../../repair/tests/it/support.rs"]
mod support;

use aconite_core::{Dataset, Defense, Error, Learner, Model, Observer, Result, Role, Seed, Told, Training};
use support::patterns;

#[test]
fn the_registry_holds() {
    aconite_grid::assert_invariants(aconite_regimes::DEFENSES);
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
