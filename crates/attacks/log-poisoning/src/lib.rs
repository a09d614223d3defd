//! Attacks on what detectors of anomalies learn from logs and traffic.
//!
//! The adversary wants anomalies of its own to pass for normal later, so it feeds the detector rows that are labelled
//! normal and lie on the way to them. No label is changed.

use aconite_core::Attack;

mod aim;
mod chaffed;

aconite_grid::family! {
    /// Attacks on what detectors of anomalies learn from logs and traffic.
    pub ATTACKS: dyn Attack = {
        greedy_centroid::GreedyCentroid,
        chaff::Chaff,
        boiling_frog::BoilingFrog,
    }
}
