//! Who holds which rows, and what comes out of rounds.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests are tests

mod partition;
mod rounds;

#[test]
fn the_registries_keep_their_promises() {
    aconite_grid::assert_invariants(aconite_federated::FEDERATIONS);
    aconite_grid::assert_invariants(aconite_federated::PARTITIONS);
}
