//! Attacks that change labels only.
//!
//! The pixels stay as they were, so there is no trigger: what such an attack costs the victim is seen on clean
//! test data.

use aconite_core::Attack;

mod margins;

aconite_grid::family! {
    /// Attacks that change labels only.
    pub ATTACKS: dyn Attack = {
        random_flip::RandomFlip as "label_flip",
        farthest_flip::FarthestFlip,
        greedy_flip::GreedyFlip,
        edge_case::EdgeCase,
    }
}
