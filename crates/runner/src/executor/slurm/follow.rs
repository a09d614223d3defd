//! Following tasks: what their files tell ([`told`]), and what Slurm says of those that cannot tell any more.

#[cfg(test)]
mod tests;
mod told;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use super::client::{self, JobTask, Standing};
use super::fate::Fate;
use super::folder::Folder;
use crate::executor::Report;
use crate::executor::TAIL;
use crate::scheduler::{Scheduler, State, Watch};

/// A job that was just submitted may not yet be in what the controller tells.
const NEW: Duration = Duration::from_secs(20);

/// A task that has stages of ours.
#[derive(Debug)]
pub(crate) struct Task {
    folder: usize,
    array: usize,
    /// Job and index.
    pub(crate) at: JobTask,
    /// Positions of its stages in the plan.
    pub(crate) stages: Vec<usize>,
    /// The last that Slurm said.
    pub(crate) standing: Standing,
    /// Whether it is over, and all that it told is read.
    pub(crate) over: bool,
    /// Whether this process saw it before it was over.
    seen: bool,
    /// Bytes of what it tells that were read.
    read: u64,
    node: String,
    attempt: u64,
    /// The stage that it computes now, and the slot in which that is shown.
    running: Option<(usize, usize)>,
    /// Stages whose end it has told, since it was last started.
    told: HashSet<usize>,
    /// It said itself that it is through.
    ended: bool,
    /// It was started too often.
    gave_up: bool,
}

/// The tasks of all open submissions that concern a plan.
#[derive(Debug)]
pub(crate) struct Follow {
    folders: Vec<Folder>,
    pub(crate) tasks: Vec<Task>,
    results: PathBuf,
    retries: u32,
    /// How often each stage was lost by chance.
    chances: HashMap<usize, u32>,
    slots: BTreeSet<usize>,
    /// Stages that were computed, by a task of which submission, while nobody watched.
    unseen: Vec<(usize, usize)>,
    /// Whether the controller answered when it was last asked.
    answers: bool,
}

impl Follow {
    pub(super) fn new(folders: Vec<Folder>, results: PathBuf, retries: u32) -> Self {
        Self {
            folders,
            tasks: Vec::new(),
            results,
            retries,
            chances: HashMap::new(),
            slots: BTreeSet::new(),
            unseen: Vec::new(),
            answers: true,
        }
    }

    /// Follows the tasks that earlier runs submitted.
    pub(super) fn adopt(&mut self, work: &Scheduler<'_>) {
        for folder in 0..self.folders.len() {
            self.track(folder, work);
        }
    }

    /// Follows the tasks of a new submission.
    pub(super) fn add(&mut self, folder: Folder, work: &Scheduler<'_>) {
        self.folders.push(folder);
        self.track(self.folders.len() - 1, work);
    }

    fn track(&mut self, at: usize, work: &Scheduler<'_>) {
        let folder = &self.folders[at];
        for (&array, &job) in &folder.jobs {
            let Some(batch) = folder.submission.arrays.get(array) else { continue };
            for (&index, keys) in &batch.tasks {
                self.tasks.push(Task {
                    folder: at,
                    array,
                    at: (job, index),
                    stages: keys.iter().filter_map(|key| work.plan.find(key)).collect(),
                    standing: Standing { state: "PENDING".into(), reason: String::new() },
                    over: false,
                    seen: false,
                    read: 0,
                    node: String::new(),
                    attempt: 0,
                    running: None,
                    told: HashSet::new(),
                    ended: false,
                    gave_up: false,
                });
            }
        }
    }

    /// The stages that are in a task that is not over, and in which.
    pub(crate) fn flying(&self) -> BTreeMap<usize, JobTask> {
        let alive = self.tasks.iter().filter(|t| !t.over);
        alive.flat_map(|task| task.stages.iter().map(|&stage| (stage, task.at))).collect()
    }

    /// Jobs of ours with tasks that are not over.
    pub(crate) fn jobs(&self) -> Vec<u64> {
        let ours = self.tasks.iter().filter(|t| !t.over && self.is_ours(t.folder));
        let jobs: BTreeSet<u64> = ours.map(|t| t.at.0).collect();
        jobs.into_iter().collect()
    }

    fn is_ours(&self, folder: usize) -> bool {
        self.folders[folder].submission.origin.results == self.results
    }

    /// Closes the submissions of ours of which every task is over. What their stages cost that ended while nobody watched
    /// is written down with it: once, but for those that an earlier run watched, which are written a second time.
    pub(super) fn end(&mut self, work: &Scheduler<'_>) {
        for at in (0..self.folders.len()).filter(|&at| self.is_ours(at)) {
            if self.tasks.iter().filter(|t| t.folder == at).all(|t| t.over) {
                self.unseen.iter().filter(|(of, _)| *of == at).for_each(|(_, stage)| work.record(*stage));
                self.folders[at].end();
            }
        }
    }

    /// Asks Slurm where the tasks stand, and settles those that are over.
    pub(super) fn ask(&mut self, work: &mut Scheduler<'_>, watch: &mut dyn Watch) -> Result<()> {
        let jobs: BTreeSet<u64> = self.tasks.iter().filter(|t| !t.over).map(|t| t.at.0).collect();
        let queue = match client::squeue(&jobs.into_iter().collect::<Vec<_>>()) {
            Ok(queue) => queue,
            Err(why) => {
                if std::mem::take(&mut self.answers) {
                    watch.progress().note(&format!("the cluster does not answer ({why}); asking again"));
                }
                return Ok(());
            }
        };
        self.answers = true;
        for at in 0..self.tasks.len() {
            let task = &mut self.tasks[at];
            if task.over {
                continue;
            }
            match queue.get(&task.at) {
                Some(standing) => {
                    task.standing = standing.clone();
                    match standing.is_alive() {
                        true => task.seen = true,
                        false => self.close(at, work, watch)?,
                    }
                }
                None if self.is_fresh(at) => {}
                None => self.close(at, work, watch)?,
            }
        }
        Ok(())
    }

    /// Whether a task's submission is only seconds old.
    fn is_fresh(&self, task: usize) -> bool {
        let path = &self.folders[self.tasks[task].folder].path;
        let written = std::fs::metadata(path.join("jobs")).and_then(|m| m.modified()).ok();
        written.and_then(|t| t.elapsed().ok()).is_some_and(|age| age < NEW)
    }

    /// A task is over: reads the rest of what it told, and asks Slurm what became of the stages that it told nothing of.
    fn close(&mut self, at: usize, work: &mut Scheduler<'_>, watch: &mut dyn Watch) -> Result<()> {
        self.tasks[at].over = true;
        let ours = self.is_ours(self.tasks[at].folder);
        // Another experiment's trouble of long ago is no result of this one.
        if !ours && !self.tasks[at].seen {
            return Ok(());
        }
        self.read_task(at, work, watch)?;
        match self.tasks[at].ended || self.silent(at, work).is_empty() {
            true => Ok(()),
            false => self.settle_rest(at, &client::fate(self.tasks[at].at), work, watch),
        }
    }

    /// The stages that are not over and of whose end a task has told nothing.
    fn silent(&self, at: usize, work: &Scheduler<'_>) -> Vec<usize> {
        let task = &self.tasks[at];
        task.stages.iter().copied().filter(|s| !is_over(work, *s) && !task.told.contains(s)).collect()
    }

    /// Settles what a task that is over has told nothing of.
    fn settle_rest(
        &mut self,
        at: usize,
        fate: &Fate,
        work: &mut Scheduler<'_>,
        watch: &mut dyn Watch,
    ) -> Result<()> {
        let silent = self.silent(at, work);
        if silent.is_empty() {
            return Ok(());
        }
        let well = *fate == Fate::Well;
        let chance = well || fate.is_chance() && !self.tasks[at].gave_up;
        let why = self.why(at, fate);
        let mut noted = *fate == Fate::Unneeded;
        for stage in silent {
            // What reads from a stage that the task could not compute was never begun, and goes with it.
            if well && self.reads_open(at, work, stage) {
                continue;
            }
            // It may have published a stage with its last breath.
            let there = match well {
                true => self.is_visible(at, work, stage),
                false => told::is_there(work, &work.plan.stages[stage].key),
            };
            let report = match (there, chance) {
                (true, _) => Report::Done,
                (false, true) => self.by_chance(stage, why.clone()),
                (false, false) => Report::Failed(why.clone()),
            };
            if matches!(report, Report::Again(_)) && !std::mem::replace(&mut noted, true) {
                watch.progress().note(&why);
            }
            self.settle(at, stage, report, work, watch)?;
        }
        Ok(())
    }

    /// Whether a stage reads from one of the same task that is not over.
    fn reads_open(&self, at: usize, work: &Scheduler<'_>, stage: usize) -> bool {
        let inputs = work.plan.stages[stage].inputs.iter().filter_map(|(_, key)| work.plan.find(key));
        inputs.into_iter().any(|input| self.tasks[at].stages.contains(&input) && !is_over(work, input))
    }

    /// Lost by chance, so to be tried again, but not for ever.
    fn by_chance(&mut self, stage: usize, why: String) -> Report {
        let lost = self.chances.entry(stage).or_insert(0);
        *lost += 1;
        if *lost > self.retries { Report::Failed(why) } else { Report::Again(why) }
    }

    /// Why a task did not compute its stages, with its last words.
    fn why(&self, at: usize, fate: &Fate) -> String {
        let task = &self.tasks[at];
        let submission = &self.folders[task.folder].submission;
        let memory = submission.arrays.get(task.array).map_or(0, |b| b.memory_mb);
        let fate = match task.gave_up {
            true => &Fate::NodeFailure,
            false => fate,
        };
        let mut why = format!("{} ({})", fate.words(submission.site.time.as_deref(), memory), self.place(at));
        if task.gave_up {
            why += &format!("; it was started {} times", task.attempt);
        }
        let err = self.folders[task.folder].out(task.array, task.at.1, "err");
        let text = std::fs::read(err).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let tail = &lines[lines.len().saturating_sub(TAIL)..];
        if !tail.is_empty() {
            why += &format!("; its last words:\n{}", tail.join("\n"));
        }
        why
    }

    /// A task in words.
    fn place(&self, at: usize) -> String {
        let task = &self.tasks[at];
        let on = if task.node.is_empty() { String::new() } else { format!(" on {}", task.node) };
        format!("task {}_{}{on}", task.at.0, task.at.1)
    }
}

fn is_over(work: &Scheduler<'_>, stage: usize) -> bool {
    matches!(work.state(stage), State::Done(_) | State::Failed(_))
}
