//! The family of attacks on a training set.

use std::fmt::Debug;

use crate::{Dataset, Goal, Info, Poison, Result, Seed, Trigger};

/// An attack: the change of a training set, and what the adversary hopes for.
pub trait Attack: Debug + Send + Sync {
    /// What counts as success on data with these classes.
    fn goal(&self, info: &Info) -> Goal;

    /// Checks the settings against the data before anything runs: classes in range, a budget that the
    /// classes can supply, a trigger that fits on the image.
    ///
    /// # Errors
    /// Names the setting, its value and the range.
    fn check(&self, info: &Info) -> Result<()>;

    /// Chooses and makes the poison. `seed` is the attack's own stream.
    ///
    /// # Errors
    /// The budget cannot be met.
    fn poison(&self, clean: &Dataset, seed: Seed) -> Result<Poison>;

    /// The trigger that opens the backdoor, the same for training and test images; `None` when the attack
    /// has none.
    ///
    /// # Errors
    /// The rows are of a kind that it does not fit.
    fn trigger(&self, info: &Info, seed: Seed) -> Result<Option<Box<dyn Trigger>>>;
}
