//! Tests of the defenses that flag inputs or models.
#![allow(clippy::unwrap_used, clippy::panic)] // The helpers below stop at the first surprise, as the tests do.

mod leave_one_out;
mod neural_cleanse;
mod strip;
mod unlearning;
mod victim;

use aconite_core::Defense;
use aconite_detection::neural_cleanse::NeuralCleanse;
use aconite_detection::strip::Strip;
use aconite_detection::unlearning::Unlearning;

#[test]
fn the_registry_holds() {
    aconite_grid::assert_invariants(aconite_detection::DEFENSES);
}

#[test]
fn passes_are_counted() {
    // 600 rows of three classes: 30 and 60 clean samples.
    let info = victim::narrow(2, 3, 200).info();
    let passes = |defense: &dyn Defense| defense.passes(&info, 1e9, 4.0);
    assert_eq!(passes(&Strip::default()), 100.0 * (15.0 + 2000.0));
    assert_eq!(passes(&NeuralCleanse::default()), 3.0 * 1000.0 * 32.0 * 3.0);
    // A batch is no larger than the clean samples.
    assert_eq!(
        passes(&NeuralCleanse { batch_size: 100, ..NeuralCleanse::default() }),
        3.0 * 1000.0 * 60.0 * 3.0
    );
    assert_eq!(passes(&Unlearning::default()), 3.0 * 1000.0 * 32.0 * 3.0 + 3.0 * 60.0);
}
