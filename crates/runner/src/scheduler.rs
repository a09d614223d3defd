//! The scheduler: where every stage stands, which may run next, and what the end of one means for the others. An executor
//! drives it.

use std::collections::HashSet;

use aconite_plan::{Basis, Cost, Costs, Entry, Key, Plan, Queue, Stage, Store, StoreError};
use serde_json::Value;

use crate::executor::Report;
use crate::progress::Progress;

/// How often a stage is tried when its worker dies or an input turns out damaged.
const TRIES: usize = 3;

/// Where a stage stands.
#[derive(Debug, Clone)]
pub(crate) enum State {
    /// Not yet started.
    Waiting,
    /// Somewhere.
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
    /// What is left is in the hands of a cluster, which needs nobody to wait for it.
    Submitted,
}

/// A run over a plan.
pub(crate) struct Scheduler<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) store: &'a Store,
    states: Vec<State>,
    queue: Queue,
    tries: Vec<usize>,
    /// Tries that a stage has when its worker dies.
    lives: usize,
    /// Whether what stages cost is written down.
    records: bool,
    /// Whether an entry that turns out damaged is removed.
    removes: bool,
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
        Self::with(plan, store, recorded(plan, store), budget_mb, fresh, true)
    }

    /// For tasks elsewhere that are only followed. What is damaged is left to the tasks that meet it: who hears of it here
    /// hears it late, when it may be whole again and others read from it. Only with `fresh` something is removed.
    pub(crate) fn to_follow(plan: &'a Plan, store: &'a Store, fresh: bool) -> Result<Self, StoreError> {
        Self::with(plan, store, recorded(plan, store), f64::INFINITY, fresh, false)
    }

    /// As a task on a node: what stages cost is known and not written down, and none is tried again, since what killed it
    /// there would kill it again.
    pub(crate) fn of_task(plan: &'a Plan, store: &'a Store, costs: Vec<Cost>) -> Result<Self, StoreError> {
        Ok(Self { lives: 1, records: false, ..Self::with(plan, store, costs, f64::INFINITY, false, true)? })
    }

    /// Only to look at: nothing is written down, and nothing removed.
    pub(crate) fn to_look(plan: &'a Plan, store: &'a Store) -> Result<Self, StoreError> {
        Ok(Self { records: false, ..Self::to_follow(plan, store, false)? })
    }

    fn with(
        plan: &'a Plan,
        store: &'a Store,
        costs: Vec<Cost>,
        budget_mb: f64,
        fresh: bool,
        removes: bool,
    ) -> Result<Self, StoreError> {
        let (mut states, mut notes) = (Vec::with_capacity(plan.stages.len()), Vec::new());
        for stage in &plan.stages {
            if fresh {
                store.remove(&stage.key)?;
            }
            states.push(
                look(store, stage, removes, &mut notes)?
                    .map_or(State::Waiting, |entry| State::Done(entry.into())),
            );
        }
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
        let (lives, records) = (TRIES, true);
        Ok(Self { plan, store, states, queue, tries, lives, records, removes, cells, left, complete, notes })
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

    /// Where a stage stands.
    pub(crate) fn state(&self, stage: usize) -> &State {
        &self.states[stage]
    }

    /// What a stage is taken to cost.
    pub(crate) fn cost(&self, stage: usize) -> &Cost {
        self.queue.cost(stage)
    }

    /// The most urgent stage that may start and is not to be passed over.
    pub(crate) fn next(&self, pass_over: &HashSet<usize>) -> Option<usize> {
        self.queue.next(pass_over)
    }

    /// Whether a stage is in the store by now, whoever put it there; then it is done.
    pub(crate) fn is_found(&mut self, stage: usize, watch: &mut dyn Watch) -> Result<bool, StoreError> {
        let Some(entry) = self.look(stage)? else { return Ok(false) };
        watch.progress().found(&self.plan.stages[stage], self.queue.cost(stage));
        self.set(stage, State::Done(entry.into()));
        Ok(true)
    }

    /// A stage was started in a slot.
    pub(crate) fn started(&mut self, stage: usize, slot: usize, watch: &mut dyn Watch) {
        watch.progress().start(slot, &self.plan.stages[stage], self.queue.cost(stage));
        self.tries[stage] += 1;
        self.queue.started(stage);
        self.states[stage] = State::Running;
    }

    /// A stage that was started in a slot is over.
    pub(crate) fn ended(
        &mut self,
        stage: usize,
        slot: usize,
        report: Report,
        watch: &mut dyn Watch,
    ) -> anyhow::Result<()> {
        self.queue.ended(stage);
        self.settle(stage, report.clone(), watch)?;
        let done = matches!(self.states[stage], State::Done(_));
        watch.progress().end(slot, &self.plan.stages[stage], done, &report);
        Ok(())
    }

    /// What the end of a stage means.
    pub(crate) fn settle(
        &mut self,
        stage: usize,
        report: Report,
        watch: &mut dyn Watch,
    ) -> anyhow::Result<()> {
        match report {
            Report::Progress(..) => {}
            Report::Done => match self.look(stage)? {
                Some(entry) => {
                    self.write_down(stage, &entry);
                    self.set(stage, State::Done(entry.into()));
                }
                None if self.tries[stage] < TRIES => self.set(stage, State::Waiting),
                None => self.fail(stage, "its output is not in the store although it ended well"),
            },
            Report::Failed(why) => self.fail(stage, &why),
            Report::Again(_) => self.set(stage, State::Waiting),
            Report::Died(why) if self.tries[stage] < self.lives => {
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
                if self.removes {
                    self.store.remove(&key)?;
                }
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

    fn look(&mut self, stage: usize) -> Result<Option<Entry>, StoreError> {
        look(self.store, &self.plan.stages[stage], self.removes, &mut self.notes)
    }

    /// Writes down what a stage cost that ended while nobody watched.
    pub(crate) fn record(&self, stage: usize) {
        if let Ok(Some(entry)) = self.store.get(&self.plan.stages[stage].key) {
            self.write_down(stage, &entry);
        }
    }

    fn write_down(&self, stage: usize, entry: &Entry) {
        if self.records {
            Costs::record(self.store, &self.plan.stages[stage], &self.plan.sizes[stage], entry);
        }
    }

    pub(crate) fn name(&self, stage: usize) -> &'static str {
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
    pub(crate) fn fail(&mut self, stage: usize, why: &str) {
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
    pub(crate) fn tell(&mut self, watch: &mut dyn Watch) -> anyhow::Result<()> {
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

/// What the stages are taken to cost, by what is written down.
fn recorded(plan: &Plan, store: &Store) -> Vec<Cost> {
    let recorded = Costs::read(store);
    plan.stages.iter().zip(&plan.sizes).map(|(stage, size)| recorded.of(stage, size)).collect()
}

/// The entry of a stage. A damaged one is noted, and counts as missing; it is removed if that is asked for.
fn look(
    store: &Store,
    stage: &Stage,
    removes: bool,
    notes: &mut Vec<String>,
) -> Result<Option<Entry>, StoreError> {
    match store.get(&stage.key) {
        Err(StoreError::Damaged { key, what }) => {
            notes.push(damaged(&key, &what));
            if removes {
                store.remove(&key)?;
            }
            Ok(None)
        }
        other => other,
    }
}

fn damaged(key: &Key, what: &str) -> String {
    format!("the store's entry {} is damaged ({what}); computing it again", key.short())
}
