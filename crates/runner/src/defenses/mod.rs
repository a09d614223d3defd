//! The defense that is no defense.

use aconite_core::Defense;

aconite_grid::family! {
    /// Kinds of defense that belong to no family.
    pub PLAIN: dyn Defense = {
        none::NoDefense,
        chain::Chain,
    }
}
