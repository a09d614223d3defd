//! Progress: one bar for the grid and one line per worker on a terminal, plain lines elsewhere, or one JSON
//! object per event for programs.

use std::collections::HashMap;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use aconite_plan::{Cost, Stage};
use aconite_record::{CellRow, Status};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::executor::Report;

/// Running stages that are shown on a terminal.
const LINES: usize = 32;

/// What the user sees while a grid runs.
#[derive(Debug)]
pub(crate) struct Progress {
    shown: Shown,
    cells: usize,
    done: usize,
}

#[derive(Debug)]
enum Shown {
    Bars(Bars),
    Lines,
    Nothing,
    Events {
        /// Of each slot, when its steps were last told of, and how long they are kept quiet after that.
        told: HashMap<usize, Instant>,
        quiet: Duration,
    },
}

#[derive(Debug)]
struct Bars {
    all: MultiProgress,
    /// In milliseconds of expected work, so that the time left is honest when stages differ.
    grid: ProgressBar,
    /// Of a cluster, only the first few slots have room.
    slots: Vec<ProgressBar>,
    /// Expected milliseconds of the stage in each slot.
    expected: HashMap<usize, u64>,
    stages: (usize, usize),
}

impl Progress {
    /// For a grid of `cells` cells with `stages` stages to compute that are expected to take `seconds` in all,
    /// in `slots` slots.
    pub(crate) fn new(cells: usize, stages: usize, seconds: f64, slots: usize, json: bool) -> Self {
        let shown = match (json, std::io::stderr().is_terminal()) {
            (true, _) => Shown::Events { told: HashMap::new(), quiet: Duration::ZERO },
            (false, true) => Shown::Bars(Bars::new(stages, seconds, slots)),
            (false, false) => Shown::Lines,
        };
        let mut progress = Self { shown, cells, done: 0 };
        progress.count();
        progress
    }

    /// Of a task on a node: events for those who follow its output, in a file that steps must not fill.
    pub(crate) fn of_task() -> Self {
        let shown = Shown::Events { told: HashMap::new(), quiet: Duration::from_secs(2) };
        Self { shown, cells: 0, done: 0 }
    }

    /// Shows nothing at all.
    pub(crate) fn silent() -> Self {
        Self { shown: Shown::Nothing, cells: 0, done: 0 }
    }

    fn count(&mut self) {
        if let Shown::Bars(bars) = &self.shown {
            let (done, all) = bars.stages;
            bars.grid.set_message(format!("{done}/{all} stages · {}/{} cells", self.done, self.cells));
        }
    }

    pub(crate) fn start(&mut self, slot: usize, stage: &Stage, cost: &Cost) {
        match &mut self.shown {
            Shown::Bars(bars) => {
                let kind = |section: &str| stage.settings[section]["kind"].as_str().unwrap_or_default();
                let what = [kind("victim"), kind("attack"), kind("defense")];
                let what: Vec<&str> = what.into_iter().filter(|w| !w.is_empty() && *w != "none").collect();
                let seed = &stage.settings["seed"];
                if let Some(bar) = bars.slots.get(slot) {
                    bar.reset();
                    bar.set_length(1);
                    bar.set_message(format!("{} {} seed {seed}", stage.name.as_str(), what.join(" ")));
                }
                bars.expected.insert(slot, milliseconds(cost));
            }
            Shown::Lines | Shown::Nothing => {}
            Shown::Events { .. } => event(json!({
                "event": "stage_started", "slot": slot, "stage": stage.name, "key": stage.key,
                "victim": stage.settings["victim"]["kind"], "attack": stage.settings["attack"]["kind"],
                "defense": stage.settings["defense"]["kind"], "seed": stage.settings["seed"],
                "expected_seconds": cost.seconds, "expected_memory_mb": cost.memory_mb,
            })),
        }
    }

    pub(crate) fn steps(&mut self, slot: usize, done: usize, total: usize) {
        match &mut self.shown {
            Shown::Bars(bars) => {
                if let Some(bar) = bars.slots.get(slot) {
                    bar.set_length(total as u64);
                    bar.set_position(done as u64);
                }
            }
            Shown::Lines | Shown::Nothing => {}
            Shown::Events { told, quiet } => {
                if told.get(&slot).is_none_or(|last| last.elapsed() >= *quiet) {
                    told.insert(slot, Instant::now());
                    event(json!({"event": "steps", "slot": slot, "done": done, "total": total}));
                }
            }
        }
    }

    pub(crate) fn end(&mut self, slot: usize, stage: &Stage, done: bool, report: &Report) {
        match &mut self.shown {
            Shown::Bars(bars) => {
                let expected = bars.expected.remove(&slot).unwrap_or(0);
                if done {
                    bars.grid.inc(expected);
                    bars.stages.0 += 1;
                }
                if let Some(bar) = bars.slots.get(slot) {
                    bar.set_message("");
                    bar.set_position(0);
                }
            }
            Shown::Lines | Shown::Nothing => {}
            Shown::Events { .. } => {
                let (error, input) = match report {
                    Report::Failed(why) | Report::Died(why) => (Some(why), None),
                    Report::Input(key, why) => (Some(why), Some(key)),
                    Report::Progress(..) | Report::Done | Report::Again(_) => (None, None),
                };
                event(json!({
                    "event": "stage_ended", "slot": slot, "stage": stage.name, "key": stage.key, "done": done,
                    "error": error, "input": input,
                }));
            }
        }
        self.count();
    }

    pub(crate) fn found(&mut self, stage: &Stage, cost: &Cost) {
        match &mut self.shown {
            Shown::Bars(bars) => {
                bars.grid.inc(milliseconds(cost));
                bars.stages.0 += 1;
            }
            Shown::Lines | Shown::Nothing => {}
            Shown::Events { .. } => {
                event(json!({"event": "stage_found", "stage": stage.name, "key": stage.key}))
            }
        }
        self.count();
    }

    pub(crate) fn note(&mut self, line: &str) {
        match &self.shown {
            Shown::Bars(bars) => {
                let _ = bars.all.println(line);
            }
            Shown::Lines => eprintln!("{line}"),
            Shown::Nothing => {}
            Shown::Events { .. } => event(json!({"event": "note", "text": line})),
        }
    }

    pub(crate) fn cell(&mut self, row: &CellRow) {
        self.done += 1;
        self.count();
        match (&self.shown, row.status) {
            (Shown::Events { .. }, _) => event(json!({
                "event": "cell", "cell": row.cell, "status": row.status, "error": row.error,
                "seed": row.seed, "metrics": row.metrics, "done": self.done, "cells": self.cells,
            })),
            (_, Status::Failed) => {
                let error = row.error.clone().unwrap_or_default();
                self.note(&format!("{} failed: {error}", row.cell));
            }
            (Shown::Lines, Status::Done) => {
                let metric = |name: &str| row.metric(name).map_or("–".into(), |v| format!("{v:.3}"));
                eprintln!(
                    "[{}/{}] {} {} seed {}: clean accuracy {}, attack success {}",
                    self.done,
                    self.cells,
                    row.kind("attack"),
                    row.kind("defense"),
                    row.seed,
                    metric("clean_accuracy"),
                    metric("attack_success"),
                );
            }
            (Shown::Bars(_) | Shown::Nothing, Status::Done) => {}
        }
    }

    pub(crate) fn finish(&mut self) {
        if let Shown::Bars(bars) = &self.shown {
            for slot in &bars.slots {
                slot.finish_and_clear();
            }
            bars.grid.finish_and_clear();
        }
    }
}

impl Bars {
    fn new(stages: usize, seconds: f64, slots: usize) -> Self {
        let all = MultiProgress::new();
        let grid = all.add(ProgressBar::new((seconds * 1e3) as u64 + stages as u64));
        grid.set_style(style("{bar:32.cyan/dim} {msg} · {elapsed} · left {eta}"));
        grid.enable_steady_tick(Duration::from_millis(250));
        let slots: Vec<ProgressBar> = (0..slots.min(LINES))
            .map(|_| {
                let bar = all.add(ProgressBar::new(1));
                bar.set_style(style("  {bar:12.dim} {msg}"));
                bar
            })
            .collect();
        Self { all, grid, slots, expected: HashMap::new(), stages: (0, stages) }
    }
}

/// A stage's share of the grid's bar: never nothing.
fn milliseconds(cost: &Cost) -> u64 {
    (cost.seconds * 1e3) as u64 + 1
}

/// Prints an event. A reader that went away does not stop the run.
pub(crate) fn event(event: Value) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{event}").and_then(|()| out.flush());
}

fn style(template: &str) -> ProgressStyle {
    // The templates are constants; a wrong one shows indicatif's default bar.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
