//! `aconite plan`.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::json;

use super::{run, say, select};
use crate::cli;
use crate::scheduler::Scheduler;
use crate::{Exit, prepare};

/// Says what a run would do.
pub(crate) fn plan(args: &cli::Plan) -> Result<Exit> {
    let schema = super::registry();
    let (_, experiment) = select(&args.selection, &schema)?;
    let store = run::store()?;
    let prepared = prepare::prepare(&experiment, &schema, Some(&store))?;
    let jobs = run::jobs(args.jobs, &prepared);
    let scheduler = Scheduler::new(&prepared.plan, &store, args.memory.unwrap_or_default().mb(), false)?;
    let left = scheduler.left();
    let seconds = scheduler.forecast(jobs);
    let plan = &prepared.plan;
    let mut by_name: BTreeMap<&str, usize> = BTreeMap::new();
    for stage in &plan.stages {
        *by_name.entry(stage.name.as_str()).or_default() += 1;
    }
    let (unique, unshared) = (plan.stages.len(), plan.unshared());
    let [recorded, flops, guessed] = left.by_basis;
    if args.json {
        say(&json!({
            "cells": prepared.cells.len(), "points": experiment.points.len(), "seeds": experiment.seeds,
            "stages": by_name, "unique": unique, "unshared": unshared, "cached": unique - left.stages,
            "jobs": jobs,
            "estimate": {
                "seconds": seconds, "worker_seconds": left.seconds, "bytes": left.bytes,
                "from": {"recorded": recorded, "flops": flops, "guess": guessed},
            },
        })
        .to_string())?;
        return Ok(Exit::Done);
    }
    say(&format!(
        "{} cells: {} points × {} seeds",
        prepared.cells.len(),
        experiment.points.len(),
        experiment.seeds.len()
    ))?;
    if experiment.collapsed > 0 {
        say(&format!(
            "{} points of the grid are the same as another, since an axis does not apply to none",
            experiment.collapsed
        ))?;
    }
    say(&format!("{unique} unique stages; without sharing there would be {unshared}"))?;
    for (name, count) in by_name {
        say(&format!("  {name:10} {count}"))?;
    }
    say(&format!("{} of them are in the store, {} are to be computed", unique - left.stages, left.stages))?;
    if left.stages > 0 {
        say(&format!(
            "estimate: {} with {jobs} workers ({} of work), {:.1} MB on disk",
            duration(seconds),
            duration(left.seconds),
            left.bytes / 1e6
        ))?;
        let from = [
            (recorded, "from times recorded here"),
            (flops, "from their floating-point operations, as none like them was computed yet"),
            (guessed, "by a guess, as none like them was computed yet"),
        ];
        for (count, how) in from.into_iter().filter(|(count, _)| *count > 0) {
            say(&format!("  {count} stages {how}"))?;
        }
    }
    Ok(Exit::Done)
}

/// Seconds as people say them.
fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 1.0 => "under a second".into(),
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn seconds_become_words() {
        let words = [0.2, 3.4, 119.4, 600.0, 9000.0].map(super::duration);
        assert_eq!(words, ["under a second", "3 s", "119 s", "10 min", "2.5 h"]);
    }
}
