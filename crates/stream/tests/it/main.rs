//! Which rows arrive when, what monitors measure, and what becomes of a system that keeps learning.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests are tests

mod course;
mod measure;
mod windows;

#[test]
fn the_registries_keep_their_promises() {
    aconite_grid::assert_invariants(aconite_stream::SCHEDULES);
    aconite_grid::assert_invariants(aconite_stream::MONITORS);
    aconite_grid::assert_invariants(aconite_stream::POLICIES);
}
