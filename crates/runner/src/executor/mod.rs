//! Executors: where the stages of a plan run. They come and go through the store alone, so that a stage computed by one
//! is there for the others.

mod local;
pub(crate) mod slurm;

use std::sync::atomic::AtomicBool;

use aconite_plan::Key;

pub(crate) use local::Local;
use local::TAIL;

use crate::scheduler::{End, Scheduler, Watch};

/// What became of a stage, or is becoming of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Report {
    /// Steps done, of how many.
    Progress(usize, usize),
    /// It is in the store.
    Done,
    /// It failed and would fail again.
    Failed(String),
    /// An input was damaged or gone.
    Input(Key, String),
    /// The place where it ran was lost, which says nothing about the stage: why.
    Again(String),
    /// Whoever computed it died, which says nothing about the stage: how, and its last words.
    Died(String),
}

/// A place where stages run. Some are fed a stage at a time, others take all that is left at once and need nobody to
/// watch; what a stage's end means is the scheduler's in either case.
pub(crate) trait Executor {
    /// Runs everything that is missing, or hands it over.
    ///
    /// # Errors
    /// The place does not work, or the store or the results cannot be written.
    fn run(
        &mut self,
        work: &mut Scheduler<'_>,
        watch: &mut dyn Watch,
        interrupted: &AtomicBool,
    ) -> anyhow::Result<End>;
}
