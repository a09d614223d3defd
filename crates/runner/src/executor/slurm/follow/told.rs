//! What tasks tell in their files of their stages.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use aconite_plan::Key;
use anyhow::Result;
use serde_json::Value;

use super::super::fate::Fate;
use super::super::task::VISIBLE;
use super::{Follow, is_over};
use crate::executor::Report;
use crate::scheduler::{Scheduler, State, Watch};

impl Follow {
    /// Reads what running tasks have told since the last time.
    pub(in super::super) fn read(&mut self, work: &mut Scheduler<'_>, watch: &mut dyn Watch) -> Result<()> {
        for at in 0..self.tasks.len() {
            let task = &self.tasks[at];
            // One that waits has nothing to tell, and there may be thousands.
            if !task.over && !task.stages.is_empty() && task.standing.state != "PENDING" {
                self.read_task(at, work, watch)?;
            }
        }
        Ok(())
    }

    pub(super) fn read_task(
        &mut self,
        at: usize,
        work: &mut Scheduler<'_>,
        watch: &mut dyn Watch,
    ) -> Result<()> {
        let task = &mut self.tasks[at];
        let out = self.folders[task.folder].out(task.array, task.at.1, "out");
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
        let stage = key(event, "key").and_then(|key| work.plan.find(&key));
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
                    self.tasks[at].told.clear();
                }
                self.tasks[at].attempt = attempt;
                self.tasks[at].node = text("node");
            }
            // All that it has to say is said; Slurm may take a while to notice.
            ("task_ended", _) => {
                self.tasks[at].over = true;
                self.tasks[at].ended = true;
                self.settle_rest(at, &Fate::Well, work, watch)?;
            }
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
                // A task may start a stage again after its end, when an input was damaged: what it told is taken back.
                self.tasks[at].told.remove(&stage);
                let slot = (0..).find(|s| !self.slots.contains(s)).unwrap_or(0);
                self.slots.insert(slot);
                work.started(stage, slot, watch);
                self.tasks[at].running = Some((stage, slot));
            }
            ("stage_ended", Some(stage)) => self.stage_ended(at, stage, event, work, watch)?,
            ("stage_found", Some(stage)) if !is_over(work, stage) && self.is_visible(at, work, stage) => {
                work.is_found(stage, watch)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn stage_ended(
        &mut self,
        at: usize,
        stage: usize,
        event: &Value,
        work: &mut Scheduler<'_>,
        watch: &mut dyn Watch,
    ) -> Result<()> {
        let task = &mut self.tasks[at];
        task.told.insert(stage);
        let done = event["done"] == true;
        let watched = task.running.is_some_and(|(running, _)| running == stage);
        if done && !watched && matches!(work.state(stage), State::Done(_)) {
            // It was there when we came.
            self.unseen.push((task.folder, stage));
            return Ok(());
        }
        let input = key(event, "input").filter(|key| !has_failed(work, key));
        let report = match (done, event["error"].as_str(), input) {
            (true, ..) if self.is_visible(at, work, stage) => Report::Done,
            (true, ..) => self.by_chance(stage, "its output cannot be seen here".into()),
            // The task computes both again by itself; if it does not, that is as if it had told nothing.
            (false, Some(why), Some(input))
                if is_there(work, &input)
                    && work.plan.find(&input).is_some_and(|input| self.tasks[at].stages.contains(&input)) =>
            {
                self.tasks[at].told.remove(&stage);
                Report::Again(why.to_owned())
            }
            // What was damaged or gone then is there now: this is read late, or a second time.
            (false, Some(why), Some(input)) if is_there(work, &input) => {
                self.by_chance(stage, why.to_owned())
            }
            (false, Some(why), Some(input)) => Report::Input(input, why.to_owned()),
            (false, why, _) => Report::Failed(format!("{} ({})", why.unwrap_or("it failed"), self.place(at))),
        };
        self.settle(at, stage, report, work, watch)
    }

    /// What became of a stage of a task.
    pub(super) fn settle(
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

    /// Waits until a stage that a task has published can be seen here, for a bounded time after the task's last word: what
    /// is not there long after that was removed since.
    pub(super) fn is_visible(&self, at: usize, work: &Scheduler<'_>, stage: usize) -> bool {
        let task = &self.tasks[at];
        let out = self.folders[task.folder].out(task.array, task.at.1, "out");
        let word = std::fs::metadata(out).and_then(|m| m.modified()).ok();
        let age = word.and_then(|t| t.elapsed().ok()).unwrap_or_default();
        let found = work.store.wait_for(&work.plan.stages[stage].key, VISIBLE.saturating_sub(age));
        // A damaged entry is there, and the scheduler's to judge.
        found.map_or(true, |entry| entry.is_some())
    }
}

fn key(event: &Value, name: &str) -> Option<Key> {
    event[name].as_str().and_then(Key::parse)
}

/// Whether the store has this entry, whole.
pub(super) fn is_there(work: &Scheduler<'_>, key: &Key) -> bool {
    work.store.get(key).is_ok_and(|entry| entry.is_some())
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
