//! Attacks that change pixels and leave the labels right.

mod ascent;
mod collision;
mod matching;
mod pattern;
#[cfg(test)]
mod tiny;
mod trials;

use aconite_core::Attack;

aconite_grid::family! {
    /// Attacks that change pixels and leave the labels right.
    pub ATTACKS: dyn Attack = {
        sig::Sig,
        label_consistent::LabelConsistent,
        feature_collision::FeatureCollision,
        gradient_matching::GradientMatching,
    }
}
