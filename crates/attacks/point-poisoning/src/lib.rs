//! Attacks that add crafted points to a table, under labels of their own.

use aconite_core::Attack;

mod crafted;
mod feasible;

aconite_grid::family! {
    /// Attacks that add crafted points to a table.
    pub ATTACKS: dyn Attack = {
        gradient_svm::GradientSvm,
        min_max_svm::MinMaxSvm,
    }
}
