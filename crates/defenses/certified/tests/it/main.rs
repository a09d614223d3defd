//! Tests of the defenses whose predictions come with a proof.
#![allow(clippy::unwrap_used, clippy::panic)] // The helpers below stop at the first surprise, as the tests do.

mod dpa;
mod nearest;

#[test]
fn the_registry_holds() {
    aconite_grid::assert_invariants(aconite_certified::DEFENSES);
}
