//! Tests of the attacks on detectors of anomalies.
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests are tests

mod centroid;
mod traffic;

#[test]
fn the_registry_holds() {
    aconite_grid::assert_invariants(aconite_log_poisoning::ATTACKS);
}
