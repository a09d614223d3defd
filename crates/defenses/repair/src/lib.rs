//! Defenses that mend a trained model.

mod maps;
mod reader;
mod samples;

use aconite_core::Defense;

aconite_grid::family! {
    /// Defenses that mend a trained model.
    pub DEFENSES: dyn Defense = {
        fine_tune::FineTune,
        fine_prune::FinePrune,
        nad::Nad,
    }
}
