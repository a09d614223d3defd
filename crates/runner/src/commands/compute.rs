//! Computing some stages for a command that is no grid.

use std::sync::atomic::{AtomicBool, Ordering};

use aconite_grid::Error;
use aconite_plan::{Plan, Store};
use anyhow::{Result, bail};

use super::run;
use crate::executor::{Executor, Local};
use crate::progress::Progress;
use crate::scheduler::{End, Scheduler};
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
    let mut progress = Progress::new(0, left.stages, left.seconds, slots, false);
    let end = executor.run(&mut scheduler, &mut progress, &interrupted);
    progress.finish();
    if end? == End::Interrupted || interrupted.load(Ordering::Relaxed) {
        bail!("interrupted: what was finished is kept in the store");
    }
    match scheduler.failure() {
        Some(why) => Err(Error::new(why.to_owned()).into()),
        None => Ok(()),
    }
}
