//! Defenses of learning spam filters.

use aconite_core::Defense;

aconite_grid::family! {
    /// Defenses of learning spam filters.
    pub DEFENSES: dyn Defense = {
        roni::Roni,
        dynamic_threshold::DynamicThreshold,
    }
}
