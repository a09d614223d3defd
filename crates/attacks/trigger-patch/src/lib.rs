//! Attacks that stamp a trigger and change the label.

use aconite_core::Attack;

pub mod corner;
mod picture;
pub mod sticker;
mod warp;

aconite_grid::family! {
    /// Attacks that stamp a trigger and change the label.
    pub ATTACKS: dyn Attack = {
        badnets::BadNets,
        blended::Blended,
        wanet::WaNet,
        dba::Dba,
        feature_value::FeatureValue,
    }
}
