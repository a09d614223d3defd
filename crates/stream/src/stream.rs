//! The course of a stream.

use std::collections::VecDeque;
use std::time::Instant;

use aconite_core::{Attack, Dataset, Learner, Model, NamedTensors, Poisoned, Result, Seed};

use crate::operator::Operator;
use crate::pool::Pool;
use crate::site::Site;
use crate::view::accuracy;
use crate::{Common, Look, Policy, Schedule, Seen, Sees, Snapshot, Watch, Watched, Windows};

/// A system that keeps learning.
pub struct Stream<'a> {
    /// Windows, holdout, when the attack is on.
    pub common: &'a Common,
    /// When the system trains.
    pub schedule: &'a dyn Schedule,
    /// What the operator watches.
    pub monitors: &'a [Watched],
    /// What the operator does about an alarm.
    pub policy: &'a dyn Policy,
    /// What is trained.
    pub learner: &'a dyn Learner,
    /// All clean rows, of which the holdout is taken.
    pub data: &'a Dataset,
    /// The attack on the rows of its windows.
    pub attack: Option<&'a dyn Attack>,
    /// The cell's seed.
    pub seed: Seed,
}

impl std::fmt::Debug for Stream<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { common, schedule, monitors, policy, .. } = self;
        f.debug_struct("Stream")
            .field("common", common)
            .field("schedule", schedule)
            .field("monitors", monitors)
            .field("policy", policy)
            .finish_non_exhaustive()
    }
}

/// What monitors read by and compare to.
#[derive(Default)]
pub(crate) struct Desk {
    pub(crate) frozen: Option<Box<dyn Model>>,
    pub(crate) reference: Option<Look>,
}

impl Stream<'_> {
    /// What the monitors must be shown.
    pub(crate) fn sees(&self) -> Sees {
        self.monitors.iter().fold(Sees::default(), |sees, m| sees.and(m.monitor.sees()))
    }

    /// Goes through all windows, from a kept state if there is one, and returns the model that serves at the end.
    ///
    /// # Errors
    /// A window cannot be poisoned, training failed, or whoever looks on did.
    pub fn run(&self, from: Option<Snapshot>, watch: &mut dyn Watch) -> Result<NamedTensors> {
        let cut = Windows::cut(self.data.len(), self.common, self.seed);
        let holdout = match cut.holdout.is_empty() {
            true => None,
            false => Some(self.data.select(&cut.holdout)?),
        };
        let mut site = Site {
            stream: self,
            info: self.data.info(),
            pool: Pool::default(),
            served: VecDeque::new(),
            model: None,
        };
        let (mut desk, mut seen, sees) = (Desk::default(), Vec::new(), self.sees());
        let first = match from {
            Some(snapshot) => {
                seen = self.resume(snapshot, &cut, &mut site, &mut desk)?;
                seen.len()
            }
            None => 0,
        };
        for (window, rows) in cut.windows.iter().enumerate().skip(first) {
            let (rows, poisons) = self.arrive(window, rows, &mut site.pool)?;
            let began = Instant::now();
            let trained = site.train(window)?;
            let look = self.look(&site, &desk, holdout.as_ref())?;
            let (drift, thresholds) = self.judge(window, &look, &desk, &seen);
            let alarms: Vec<bool> = drift
                .iter()
                .zip(&thresholds)
                .map(|(d, t)| matches!((d, t), (Some(d), Some(t)) if d > t))
                .collect();
            if window == self.common.reference {
                desk.reference = Some(look);
            }
            let (acted, acting) = (alarms.contains(&true) && self.policy.acts(), Instant::now());
            let mut repair_rows = 0;
            if acted {
                let mut operator = Operator { site: &mut site, window, rows: 0 };
                self.policy.act(&mut operator)?;
                repair_rows = operator.rows;
            }
            let repair_seconds = if acted { acting.elapsed().as_secs_f64() } else { 0.0 };
            let row = Seen {
                window,
                rows,
                poisons,
                trained,
                drift,
                thresholds,
                alarms,
                acted,
                repair_rows,
                repair_seconds,
                seconds: began.elapsed().as_secs_f64(),
            };
            let model = site.model()?;
            watch.window(&row, model)?;
            seen.push(row);
            let tensors = model.tensors();
            if window + 1 == self.common.reference && (sees.scores || sees.features) {
                desk.frozen = Some(self.learner.restore(&site.info, &tensors)?);
            }
            site.served.push_back((window, tensors));
            while site.served.len() > self.policy.looks_back().max(1) {
                site.served.pop_front();
            }
            let next = window + 1;
            if next.is_multiple_of(self.common.checkpoint_every) && next < cut.windows.len() {
                watch.checkpoint(&self.snapshot(next, &site, &desk, &seen))?;
            }
        }
        Ok(site.model()?.tensors())
    }

    /// A window arrives; its rows, and how many of them are the attacker's.
    pub(crate) fn arrive(&self, window: usize, rows: &[usize], pool: &mut Pool) -> Result<(usize, usize)> {
        let clean = self.data.select(rows)?;
        let (poisoned, count, added) = match self.attack.filter(|_| self.common.attacked(window)) {
            None => (Poisoned::clean(&clean), 0, 0),
            Some(attack) => {
                // The same stream in every window: the trigger is drawn from it.
                let poison = attack.poison(&clean, self.seed.derive("attack"))?;
                let added = poison.added.as_ref().map_or(0, |added| added.labels.len());
                (Poisoned::new(&clean, &poison)?, poison.count(), added)
            }
        };
        pool.arrive(&poisoned, added)?;
        Ok((poisoned.data().len(), count))
    }

    pub(crate) fn look(&self, site: &Site<'_>, desk: &Desk, holdout: Option<&Dataset>) -> Result<Look> {
        let sees = self.sees();
        let Some(newest) = site.pool.newest()?.filter(|_| !self.monitors.is_empty()) else {
            return Ok(Look::default());
        };
        let mut look = Look::of(&newest, desk.frozen.as_deref(), sees)?;
        if let Some(holdout) = holdout.filter(|_| sees.holdout) {
            look.holdout_accuracy = accuracy(site.model()?, holdout)?;
        }
        Ok(look)
    }

    /// The numbers of the monitors in a window, and their thresholds.
    fn judge(
        &self,
        window: usize,
        look: &Look,
        desk: &Desk,
        seen: &[Seen],
    ) -> (Vec<Option<f64>>, Vec<Option<f64>>) {
        let Some(reference) = &desk.reference else {
            let nothing = vec![None; self.monitors.len()];
            return (nothing.clone(), nothing);
        };
        let (first, last) = (self.common.reference + 1, self.common.reference + self.common.calibrate);
        let threshold = |(at, watched): (usize, &Watched)| {
            if watched.threshold.threshold.is_none() && window <= last {
                return None;
            }
            let calm = seen.iter().filter(|s| (first..=last).contains(&s.window));
            watched.threshold.of(&calm.filter_map(|s| s.drift[at]).collect::<Vec<_>>())
        };
        (
            self.monitors
                .iter()
                .map(|m| m.monitor.drift(reference, look).filter(|d| d.is_finite()))
                .collect(),
            self.monitors.iter().enumerate().map(threshold).collect(),
        )
    }
}
