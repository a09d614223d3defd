//! The attack that is no attack.

use aconite_core::Attack;

aconite_grid::family! {
    /// Kinds of attack that belong to no family.
    pub PLAIN: dyn Attack = {
        none::NoAttack,
        model_replacement::ModelReplacement,
    }
}
