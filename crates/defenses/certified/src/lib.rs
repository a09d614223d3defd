//! Defenses whose predictions come with a proof.

mod ensemble;

use aconite_core::Defense;

aconite_grid::family! {
    /// Defenses whose predictions come with a proof.
    pub DEFENSES: dyn Defense = {
        dpa::Dpa,
    }
}
