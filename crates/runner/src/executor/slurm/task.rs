//! A task: what runs on a node. It computes its stages in a worker process and tells of each on standard output, which is
//! a file that whoever follows reads; Slurm need not be asked what became of a stage.
//!
//! A stage that fails, or that ends its worker, does not end the task: the others are computed, and the task ends well, so
//! that what waits for it starts. Only what stops the whole task (its time is up, its node fails) is Slurm's to report.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use aconite_plan::{Basis, Cost, Plan, Store};
use anyhow::{Context, Result};
use serde_json::json;

use super::folder;
use crate::executor::{Executor, Local};
use crate::progress::{self, Progress};
use crate::scheduler::{Scheduler, State};
use crate::{Exit, system};

/// How long outputs of other nodes may take to be seen here.
pub(super) const VISIBLE: Duration = Duration::from_secs(30);

fn number(variable: &str) -> Option<usize> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Computes a task of an array of the submission in `folder`, unless it was started again more than `retries` times.
///
/// # Errors
/// It has no place in the array, or the store cannot be reached.
pub(crate) fn serve(folder: PathBuf, array: usize, retries: usize, interrupted: &AtomicBool) -> Result<Exit> {
    let index = number("SLURM_ARRAY_TASK_ID")
        .context("SLURM_ARRAY_TASK_ID is not set: this is no task of an array")?;
    let attempt = number("SLURM_RESTART_COUNT").unwrap_or(0);
    progress::event(
        json!({ "event": "task", "node": system::host(), "attempt": attempt, "time": system::now() }),
    );
    if attempt > retries {
        progress::event(json!({ "event": "gave_up", "attempts": attempt }));
        return Ok(Exit::Failed);
    }
    let work = folder::work(&folder, array, index)?;
    let root = folder.ancestors().nth(2).context("the folder is not in a store")?.to_owned();
    let store = Store::open(&root)?;
    let plan = Plan::part(work.stages);
    wait(&plan, &store, &folder)?;
    let cost = |(seconds, memory_mb)| Cost { seconds, memory_mb, bytes: 0.0, basis: Basis::Recorded };
    let mut scheduler = Scheduler::of_task(&plan, &store, work.costs.into_iter().map(cost).collect())?;
    for (at, stage) in plan.stages.iter().enumerate() {
        if matches!(scheduler.state(at), State::Done(_)) {
            // Computed before this task was requeued, or by somebody else.
            progress::event(json!({ "event": "stage_found", "stage": stage.name, "key": stage.key }));
        }
    }
    Local::of_task(root).run(&mut scheduler, &mut Progress::of_task(), interrupted)?;
    for (at, stage) in plan.stages.iter().enumerate() {
        if matches!(scheduler.state(at), State::Failed(_)) {
            let _ = std::fs::write(folder.join("failed").join(stage.key.as_str()), b"");
        }
    }
    if interrupted.load(Ordering::Relaxed) {
        return Ok(Exit::Interrupted);
    }
    progress::event(json!({ "event": "task_ended", "time": system::now() }));
    Ok(Exit::Done)
}

/// Waits until the outputs of other tasks that this one reads can be seen, for a bounded time in all. What failed is not
/// waited for. A stage whose input is missing all the same says so when it is computed.
fn wait(plan: &Plan, store: &Store, folder: &std::path::Path) -> Result<()> {
    let start = Instant::now();
    for (_, key) in plan.stages.iter().flat_map(|stage| &stage.inputs) {
        if plan.find(key).is_none() && !folder.join("failed").join(key.as_str()).exists() {
            // A damaged one is for the stage that reads it.
            let _ = store.wait_for(key, VISIBLE.saturating_sub(start.elapsed()));
        }
    }
    Ok(())
}
