//! Following tasks: what their files tell, and what Slurm says of those that cannot tell any more.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use aconite_plan::Key;
use anyhow::Result;
use serde_json::Value;

use super::client::{self, JobTask, Standing};
use super::fate::Fate;
use super::folder::Folder;
use super::task::VISIBLE;
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

    /// Closes the submissions of ours of which every task is over.
    pub(super) fn end(&self) {
        for (at, folder) in self.folders.iter().enumerate().filter(|&(at, _)| self.is_ours(at)) {
            if self.tasks.iter().filter(|t| t.folder == at).all(|t| t.over) {
                folder.end();
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

    /// Reads what running tasks have told since the last time.
    pub(super) fn read(&mut self, work: &mut Scheduler<'_>, watch: &mut dyn Watch) -> Result<()> {
        for at in 0..self.tasks.len() {
            let task = &self.tasks[at];
            // One that waits has nothing to tell, and there may be thousands.
            if !task.over && !task.stages.is_empty() && task.standing.state != "PENDING" {
                self.read_task(at, work, watch)?;
            }
        }
        Ok(())
    }

    fn read_task(&mut self, at: usize, work: &mut Scheduler<'_>, watch: &mut dyn Watch) -> Result<()> {
        let task = &mut self.tasks[at];
        let out = self.folders[task.folder].out(task.array, &task.at.1.to_string(), "out");
        let lines = new_lines(&out, &mut task.read);
        for line in lines {
            // A line that is no event was printed by something else and means nothing to us.
            if let Ok(event) = serde_json::from_str::<Value>(&line) {
                self.event(at, &event, work, watch)?;
            }
        }
        Ok(())
    }

    fn event(
        &mut self,
        at: usize,
        event: &Value,
        work: &mut Scheduler<'_>,
        watch: &mut dyn Watch,
    ) -> Result<()> {
        let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
        let key = |name: &str| event[name].as_str().and_then(Key::parse);
        let stage = key("key").and_then(|key| work.plan.find(&key));
        match (event["event"].as_str().unwrap_or_default(), stage) {
            ("task", _) => {
                let attempt = event["attempt"].as_u64().unwrap_or(0);
                if attempt > self.tasks[at].attempt {
                    let (job, index) = self.tasks[at].at;
                    let lost = std::mem::take(&mut self.tasks[at].node);
                    let line = format!(
                        "task {job}_{index} was started again on {}: {lost} failed, or something more urgent took its place",
                        text("node")
                    );
                    watch.progress().note(&line);
                    self.drop_running(at, work, watch)?;
                }
                self.tasks[at].attempt = attempt;
                self.tasks[at].node = text("node");
            }
            // All that it has to say is said; Slurm may take a while to notice.
            ("task_ended", _) => self.tasks[at].over = true,
            ("gave_up", _) => self.tasks[at].gave_up = true,
            ("note", _) => watch.progress().note(&text("text")),
            ("steps", _) => {
                let number = |name: &str| event[name].as_u64().unwrap_or(0) as usize;
                if let Some((_, slot)) = self.tasks[at].running {
                    watch.progress().steps(slot, number("done"), number("total"));
                }
            }
            ("stage_started", Some(stage)) if matches!(work.state(stage), State::Waiting) => {
                self.drop_running(at, work, watch)?;
                let slot = (0..).find(|s| !self.slots.contains(s)).unwrap_or(0);
                self.slots.insert(slot);
                work.started(stage, slot, watch);
                self.tasks[at].running = Some((stage, slot));
            }
            ("stage_ended", Some(stage)) => {
                let input = key("input").filter(|key| !has_failed(work, key));
                let report = match (event["done"] == true, event["error"].as_str(), input) {
                    (true, ..) if self.is_visible(at, work, stage) => Report::Done,
                    (true, ..) => self.by_chance(stage, "its output cannot be seen here".into()),
                    (false, Some(why), Some(input)) => Report::Input(input, why.to_owned()),
                    (false, why, _) => {
                        Report::Failed(format!("{} ({})", why.unwrap_or("it failed"), self.place(at)))
                    }
                };
                self.settle(at, stage, report, work, watch)?;
            }
            ("stage_found", Some(stage)) if !is_over(work, stage) && self.is_visible(at, work, stage) => {
                work.is_found(stage, watch)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// What became of a stage of a task.
    fn settle(
        &mut self,
        at: usize,
        stage: usize,
        report: Report,
        work: &mut Scheduler<'_>,
        watch: &mut dyn Watch,
    ) -> Result<()> {
        match self.tasks[at].running.take_if(|(running, _)| *running == stage) {
            Some((_, slot)) => {
                self.slots.remove(&slot);
                work.ended(stage, slot, report, watch)
            }
            None if is_over(work, stage) => Ok(()),
            None => work.settle(stage, report, watch),
        }
    }

    /// The stage that a task was computing is not computed by it any more.
    fn drop_running(&mut self, at: usize, work: &mut Scheduler<'_>, watch: &mut dyn Watch) -> Result<()> {
        match self.tasks[at].running {
            Some((stage, _)) => {
                self.settle(at, stage, Report::Again("it was interrupted".into()), work, watch)
            }
            None => Ok(()),
        }
    }

    /// A task is over: reads the rest of what it told, and says of the stages that it told nothing of what became of them.
    fn close(&mut self, at: usize, work: &mut Scheduler<'_>, watch: &mut dyn Watch) -> Result<()> {
        self.tasks[at].over = true;
        let ours = self.is_ours(self.tasks[at].folder);
        // Another experiment's trouble of long ago is no result of this one.
        if !ours && !self.tasks[at].seen {
            return Ok(());
        }
        self.read_task(at, work, watch)?;
        let open: Vec<usize> = self.tasks[at].stages.iter().copied().filter(|&s| !is_over(work, s)).collect();
        if open.is_empty() {
            return Ok(());
        }
        let fate = client::fate(self.tasks[at].at);
        let chance = fate == Fate::Well || fate.is_chance() && !self.tasks[at].gave_up;
        let why = self.why(at, &fate);
        if chance && fate != Fate::Unneeded {
            watch.progress().note(&why);
        }
        for stage in open {
            // It may have published a stage with its last breath.
            let there = match fate {
                Fate::Well => self.is_visible(at, work, stage),
                _ => work.store.get(&work.plan.stages[stage].key).is_ok_and(|entry| entry.is_some()),
            };
            let report = match (there, chance) {
                (true, _) => Report::Done,
                (false, true) => self.by_chance(stage, why.clone()),
                (false, false) => Report::Failed(why.clone()),
            };
            self.settle(at, stage, report, work, watch)?;
        }
        Ok(())
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
        let err = self.folders[task.folder].out(task.array, &task.at.1.to_string(), "err");
        let text = std::fs::read(err).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let tail = &lines[lines.len().saturating_sub(TAIL)..];
        if !tail.is_empty() {
            why += &format!("; its last words:\n{}", tail.join("\n"));
        }
        why
    }

    /// Waits until a stage that a task has published can be seen here, for a bounded time after the task's last word: what
    /// is not there long after that was removed since.
    fn is_visible(&self, at: usize, work: &Scheduler<'_>, stage: usize) -> bool {
        let task = &self.tasks[at];
        let out = self.folders[task.folder].out(task.array, &task.at.1.to_string(), "out");
        let word = std::fs::metadata(out).and_then(|m| m.modified()).ok();
        let age = word.and_then(|t| t.elapsed().ok()).unwrap_or_default();
        let found = work.store.wait_for(&work.plan.stages[stage].key, VISIBLE.saturating_sub(age));
        // A damaged entry is there, and the scheduler's to judge.
        found.map_or(true, |entry| entry.is_some())
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

fn has_failed(work: &Scheduler<'_>, key: &Key) -> bool {
    work.plan.find(key).is_some_and(|stage| matches!(work.state(stage), State::Failed(_)))
}

/// The whole lines behind the first `read` bytes of a file, which then are read too.
fn new_lines(path: &Path, read: &mut u64) -> Vec<String> {
    let mut bytes = Vec::new();
    let tail = File::open(path).and_then(|mut file| {
        file.seek(SeekFrom::Start(*read))?;
        file.read_to_end(&mut bytes)
    });
    // The last line may not be written to its end.
    let Some(end) = bytes.iter().rposition(|&b| b == b'\n').filter(|_| tail.is_ok()) else {
        return Vec::new();
    };
    *read += end as u64 + 1;
    String::from_utf8_lossy(&bytes[..end]).lines().map(str::to_owned).collect()
}
