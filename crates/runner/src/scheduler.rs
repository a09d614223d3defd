//! The scheduler: which stage runs next, and what its end means for the others.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aconite_plan::{Basis, Claim, Costs, Entry, Key, Plan, Queue, Stage, Store, StoreError};
use serde_json::Value;

use crate::executor::{Executor, Report};
use crate::progress::Progress;

/// How often a stage is tried when its worker dies or an input turns out damaged.
const TRIES: usize = 3;
/// How long to wait for a report before looking at other runs' stages and at Ctrl-C.
const TICK: Duration = Duration::from_millis(100);

/// Where a stage stands.
#[derive(Debug, Clone)]
pub(crate) enum State {
    /// Not yet started.
    Waiting,
    /// In a slot.
    Running,
    /// In the store.
    Done(Finished),
    /// It, or a stage that it needs, failed: why.
    Failed(String),
}

/// What is kept of a finished stage.
#[derive(Debug, Clone)]
pub(crate) struct Finished {
    /// Its small outputs.
    pub(crate) output: Value,
    /// Wall-clock seconds that it took.
    pub(crate) seconds: f64,
    /// Largest resident memory while it ran, in MB.
    pub(crate) peak_rss_mb: f64,
    /// The host that computed it.
    pub(crate) host: String,
}

impl From<Entry> for Finished {
    fn from(entry: Entry) -> Self {
        let aconite_plan::Manifest { output, seconds, peak_rss_mb, host, .. } = entry.manifest;
        Self { output, seconds, peak_rss_mb, host }
    }
}

impl State {
    /// What is kept of it if it is finished.
    pub(crate) fn finished(&self) -> Option<&Finished> {
        match self {
            Self::Done(finished) => Some(finished),
            _ => None,
        }
    }

    fn is_over(&self) -> bool {
        matches!(self, Self::Done(_) | Self::Failed(_))
    }
}

/// Who is told what happens while the scheduler works.
pub(crate) trait Watch {
    /// Where starts, steps, ends and notes are shown.
    fn progress(&mut self) -> &mut Progress;

    /// The stages of a cell are all over.
    fn cell(&mut self, _cell: usize, _states: &[State]) -> anyhow::Result<()> {
        Ok(())
    }
}

impl Watch for Progress {
    fn progress(&mut self) -> &mut Progress {
        self
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Every stage is over.
    Complete,
    /// Ctrl-C.
    Interrupted,
}

/// A run over a plan.
pub(crate) struct Scheduler<'a> {
    plan: &'a Plan,
    store: &'a Store,
    states: Vec<State>,
    queue: Queue,
    tries: Vec<usize>,
    /// The cells that each stage belongs to.
    cells: Vec<Vec<usize>>,
    /// Stages of each cell that are not over; `None` once it was told of.
    left: Vec<Option<usize>>,
    /// Cells whose stages are all over and that were not told of yet.
    complete: Vec<usize>,
    /// Lines to be told.
    notes: Vec<String>,
}

/// What is left to do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Left {
    /// Stages that are not in the store.
    pub(crate) stages: usize,
    /// Seconds of work in them.
    pub(crate) seconds: f64,
    /// Bytes that they will add to the store.
    pub(crate) bytes: f64,
    /// How many of them are estimated from records, from operations, and by a guess.
    pub(crate) by_basis: [usize; 3],
}

impl<'a> Scheduler<'a> {
    /// Looks up what is already in the store. With `fresh` all of it is removed first.
    pub(crate) fn new(
        plan: &'a Plan,
        store: &'a Store,
        budget_mb: f64,
        fresh: bool,
    ) -> Result<Self, StoreError> {
        let (mut states, mut notes) = (Vec::with_capacity(plan.stages.len()), Vec::new());
        for stage in &plan.stages {
            if fresh {
                store.remove(&stage.key)?;
            }
            states.push(
                look(store, stage, &mut notes)?.map_or(State::Waiting, |entry| State::Done(entry.into())),
            );
        }
        let recorded = Costs::read(store);
        let costs = plan.stages.iter().zip(&plan.sizes).map(|(s, size)| recorded.of(s, size)).collect();
        let queue = Queue::new(plan, costs, states.iter().map(State::is_over).collect(), budget_mb);
        let mut cells = vec![Vec::new(); plan.stages.len()];
        let mut left = Vec::with_capacity(plan.cells.len());
        for (cell, stages) in plan.cells.iter().enumerate() {
            let all = stages.all();
            left.push(Some(all.iter().filter(|&&s| !states[s].is_over()).count()));
            all.iter().for_each(|&s| cells[s].push(cell));
        }
        let complete = (0..left.len()).filter(|&c| left[c] == Some(0)).collect();
        let tries = vec![0; plan.stages.len()];
        Ok(Self { plan, store, states, queue, tries, cells, left, complete, notes })
    }

    /// What is left to do.
    pub(crate) fn left(&self) -> Left {
        let mut left = Left { stages: 0, seconds: 0.0, bytes: 0.0, by_basis: [0; 3] };
        for (i, _) in self.states.iter().enumerate().filter(|(_, s)| !s.is_over()) {
            let cost = self.queue.cost(i);
            left.stages += 1;
            left.seconds += cost.seconds;
            left.bytes += cost.bytes;
            let basis = [Basis::Recorded, Basis::Flops, Basis::Guess].iter().position(|&b| b == cost.basis);
            left.by_basis[basis.unwrap_or(0)] += 1;
        }
        left
    }

    /// Why the first failed stage failed.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.states.iter().find_map(|state| match state {
            State::Failed(why) => Some(why.as_str()),
            _ => None,
        })
    }

    /// Seconds until all is done in `slots` workers, by what is known of the stages' costs.
    pub(crate) fn forecast(self, slots: usize) -> f64 {
        self.queue.forecast(slots)
    }

    /// Runs everything that is missing.
    pub(crate) fn run(
        &mut self,
        executor: &mut dyn Executor,
        watch: &mut dyn Watch,
        interrupted: &AtomicBool,
    ) -> anyhow::Result<End> {
        let mut running: HashMap<usize, (usize, Claim)> = HashMap::new();
        loop {
            self.tell(watch)?;
            if interrupted.load(Ordering::Relaxed) {
                executor.stop();
                return Ok(End::Interrupted);
            }
            let elsewhere = self.fill(executor, watch, &mut running)?;
            self.tell(watch)?;
            if running.is_empty() && !elsewhere {
                return Ok(End::Complete);
            }
            let Some((slot, report)) = executor.next(TICK) else { continue };
            if let Report::Progress(done, total) = report {
                watch.progress().steps(slot, done, total);
                continue;
            }
            let Some((stage, claim)) = running.remove(&slot) else { continue };
            self.queue.ended(stage);
            self.settle(stage, report, watch)?;
            watch.progress().end(
                slot,
                &self.plan.stages[stage],
                matches!(self.states[stage], State::Done(_)),
            );
            drop(claim);
        }
    }

    /// Starts stages in free slots. Returns whether something is left to look at again soon: another run on
    /// the store is computing one of our stages, or what can run changed.
    fn fill(
        &mut self,
        executor: &mut dyn Executor,
        watch: &mut dyn Watch,
        running: &mut HashMap<usize, (usize, Claim)>,
    ) -> anyhow::Result<bool> {
        let mut elsewhere = HashSet::new();
        let mut changed = false;
        while let Some(slot) = (0..executor.slots()).find(|s| !running.contains_key(s))
            && let Some(i) = self.queue.next(&elsewhere)
        {
            let stage = &self.plan.stages[i];
            let claim = Claim::take(self.store, &stage.key)?;
            // Another run may have finished it since we looked.
            if let Some(entry) = look(self.store, stage, &mut self.notes)? {
                watch.progress().found(stage, self.queue.cost(i));
                self.set(i, State::Done(entry.into()));
                changed = true;
                continue;
            }
            let Some(claim) = claim else {
                elsewhere.insert(i);
                continue;
            };
            self.tries[i] += 1;
            match executor.start(slot, stage) {
                Ok(()) => {
                    watch.progress().start(slot, stage, self.queue.cost(i));
                    self.queue.started(i);
                    self.states[i] = State::Running;
                    running.insert(slot, (i, claim));
                }
                Err(why) => {
                    self.fail(i, &why);
                    changed = true;
                }
            }
        }
        Ok(changed || !elsewhere.is_empty())
    }

    /// What the end of a stage means.
    fn settle(&mut self, stage: usize, report: Report, watch: &mut dyn Watch) -> anyhow::Result<()> {
        match report {
            Report::Progress(..) => {}
            Report::Done => match look(self.store, &self.plan.stages[stage], &mut self.notes)? {
                Some(entry) => {
                    Costs::record(self.store, &self.plan.stages[stage], &self.plan.sizes[stage], &entry);
                    self.set(stage, State::Done(entry.into()));
                }
                None if self.tries[stage] < TRIES => self.set(stage, State::Waiting),
                None => self.fail(stage, "its output is not in the store although it ended well"),
            },
            Report::Failed(why) => self.fail(stage, &why),
            Report::Died(why) if self.tries[stage] < TRIES => {
                watch
                    .progress()
                    .note(&format!("{}: {why}; trying again, with nothing beside it", self.name(stage)));
                // Whatever killed it, running out of memory is the likeliest.
                self.queue.alone(stage);
                self.set(stage, State::Waiting);
            }
            Report::Died(why) => self.fail(stage, &why),
            Report::Input(key, what) => {
                watch.progress().note(&damaged(&key, &what));
                self.store.remove(&key)?;
                match self.plan.find(&key) {
                    Some(input) if self.tries[stage] < TRIES => {
                        self.set(stage, State::Waiting);
                        if self.states[input].is_over() {
                            self.set(input, State::Waiting);
                        }
                    }
                    _ => self.fail(stage, &what),
                }
            }
        }
        Ok(())
    }

    fn name(&self, stage: usize) -> &'static str {
        self.plan.stages[stage].name.as_str()
    }

    /// Changes the state of a stage, and with it what may run and which cells are complete.
    fn set(&mut self, stage: usize, state: State) {
        match &state {
            State::Done(_) => self.queue.done(stage),
            State::Failed(_) => self.queue.give_up(stage),
            State::Waiting => self.queue.again(stage),
            State::Running => {}
        }
        let (was, is) = (self.states[stage].is_over(), state.is_over());
        self.states[stage] = state;
        for &cell in &self.cells[stage] {
            let Some(left) = &mut self.left[cell] else { continue };
            match (was, is) {
                (false, true) => *left -= 1,
                (true, false) => *left += 1,
                _ => continue,
            }
            if *left == 0 {
                self.complete.push(cell);
            }
        }
    }

    /// Marks a stage and everything that reads it as failed.
    fn fail(&mut self, stage: usize, why: &str) {
        let why = format!("{}: {why}", self.name(stage));
        let mut reached = vec![stage];
        while let Some(i) = reached.pop() {
            if !matches!(self.states[i], State::Failed(_)) {
                self.set(i, State::Failed(why.clone()));
                reached.extend(self.queue.readers(i));
            }
        }
    }

    /// Passes on notes, and tells of every cell whose stages have all ended since the last time.
    fn tell(&mut self, watch: &mut dyn Watch) -> anyhow::Result<()> {
        self.notes.drain(..).for_each(|line| watch.progress().note(&line));
        for cell in std::mem::take(&mut self.complete) {
            // It may have lost a stage since, or have been told of.
            if self.left[cell] == Some(0) {
                self.left[cell] = None;
                watch.cell(cell, &self.states)?;
            }
        }
        Ok(())
    }
}

/// The entry of a stage. A damaged one is removed, noted, and counts as missing.
fn look(store: &Store, stage: &Stage, notes: &mut Vec<String>) -> Result<Option<Entry>, StoreError> {
    match store.get(&stage.key) {
        Err(StoreError::Damaged { key, what }) => {
            notes.push(damaged(&key, &what));
            store.remove(&key)?;
            Ok(None)
        }
        other => other,
    }
}

fn damaged(key: &Key, what: &str) -> String {
    format!("the store's entry {} is damaged ({what}); computing it again", key.short())
}
