//! The attack that is no attack, and those that carry another one.

use aconite_core::Attack;

mod carried;

aconite_grid::family! {
    /// Kinds of attack that belong to no family.
    pub PLAIN: dyn Attack = {
        none::NoAttack,
        model_replacement::ModelReplacement,
        neurotoxin::Neurotoxin,
    }
}
