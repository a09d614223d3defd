//! Defenses that flag inputs or models, and the repair that follows from the latter.

mod batches;
mod cost;
mod reversal;

use aconite_core::Defense;

aconite_grid::family! {
    /// Defenses that flag inputs or models.
    pub DEFENSES: dyn Defense = {
        strip::Strip,
        leave_one_out::LeaveOneOut,
        neural_cleanse::NeuralCleanse,
        unlearning::Unlearning,
    }
}
