//! Computing some stages for a command that is no grid.

use std::sync::atomic::{AtomicBool, Ordering};

use aconite_grid::Error;
use aconite_plan::{Cost, Plan, Stage, Store};
use anyhow::{Result, bail};

use super::run;
use crate::executor::Local;
use crate::progress::Progress;
use crate::scheduler::{End, Scheduler, State, Watch};
use crate::system::Memory;

/// Computes what is missing of a plan in `jobs` workers.
///
/// # Errors
/// A stage failed, or Ctrl-C.
pub(super) fn compute(plan: &Plan, store: &Store, jobs: usize) -> Result<()> {
    let mut scheduler = Scheduler::new(plan, store, Memory::default().mb(), false)?;
    let left = scheduler.left();
    if left.stages == 0 {
        return Ok(());
    }
    let interrupted: std::sync::Arc<AtomicBool> = run::on_interrupt()?;
    let slots = jobs.min(left.stages);
    let mut executor = Local::new(std::path::absolute(store.root())?, slots);
    let mut bare = Bare { progress: Progress::new(0, left.stages, left.seconds, slots, false) };
    let end = scheduler.run(&mut executor, &mut bare, &interrupted);
    bare.progress.finish();
    if end? == End::Interrupted || interrupted.load(Ordering::Relaxed) {
        bail!("interrupted: what was finished is kept in the store");
    }
    match scheduler.failure() {
        Some(why) => Err(Error::new(why.to_owned()).into()),
        None => Ok(()),
    }
}

/// Shows progress and nothing else.
struct Bare {
    progress: Progress,
}

impl Watch for Bare {
    fn start(&mut self, slot: usize, stage: &Stage, cost: &Cost) {
        self.progress.start(slot, stage, cost);
    }

    fn steps(&mut self, slot: usize, done: usize, total: usize) {
        self.progress.steps(slot, done, total);
    }

    fn end(&mut self, slot: usize, stage: &Stage, done: bool) {
        self.progress.end(slot, stage, done);
    }

    fn found(&mut self, stage: &Stage, cost: &Cost) {
        self.progress.found(stage, cost);
    }

    fn note(&mut self, line: &str) {
        self.progress.note(line);
    }

    fn cell(&mut self, _: usize, _: &[State]) -> Result<()> {
        Ok(())
    }
}
