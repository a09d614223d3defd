//! Repairs: they mend a trained model.

use std::fmt::Debug;

use super::Told;
use crate::{Dataset, Learner, Model, Observer, Rate, Result, Seed};

/// What a repair works with. There is no test data in it: what must be chosen is chosen on the clean samples.
pub struct Damaged<'a> {
    /// The victim's learner.
    pub learner: &'a dyn Learner,
    /// The model to be mended.
    pub model: &'a dyn Model,
    /// Clean training rows with their right labels, as many as [`Repair::clean`] asks for.
    pub clean: &'a Dataset,
    /// What the defense declared as its knowledge.
    pub told: Told,
    /// The defense's own stream.
    pub seed: Seed,
}

impl Debug for Damaged<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Damaged").field("told", &self.told).field("seed", &self.seed).finish_non_exhaustive()
    }
}

/// A repair gets a trained model and a few clean samples and gives another model of the same victim.
pub trait Repair: Debug + Send + Sync {
    /// How many clean samples it is given, as a share of the training set; 0 for a repair without data.
    fn clean(&self) -> Rate;

    /// Whether it works on the maps of a convolutional network.
    fn reads_maps(&self) -> bool {
        false
    }

    /// Mends the model.
    ///
    /// # Errors
    /// The victim is no network, or the numbers stopped being finite.
    fn mend(&self, damaged: &Damaged<'_>, watch: &mut dyn Observer) -> Result<Box<dyn Model>>;
}
