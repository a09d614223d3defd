//! `aconite status`: how far an experiment is, from its results, the store and the queue, without changing any of them.

use std::collections::BTreeMap;
use std::path::Path;

use aconite_grid::{Error, Experiment, Override};
use aconite_plan::{Environment, Store};
use aconite_record::{Provenance, Status, read_cells};
use anyhow::Result;
use serde_json::json;

use super::{run, say};
use crate::executor::slurm::folder::{Folder, Origin};
use crate::executor::slurm::{Slurm, client};
use crate::prepare::prepare_for;
use crate::progress::Progress;
use crate::scheduler::{Scheduler, State};
use crate::{Exit, system};

/// Says how far the experiment in a results folder is.
pub(crate) fn status(dir: &Path, as_json: bool, cancel: bool) -> Result<Exit> {
    let file = dir.join("experiment.toml");
    if !file.is_file() {
        return Err(Error::new(format!("there are no results in {}", dir.display()))
            .hint("name the folder that a run writes, e.g. results/quickstart")
            .into());
    }
    let schema = super::registry();
    let store = run::store()?;
    let (mut slurm, origin) = cluster(dir, &store)?;
    let given = |list: &[String]| list.iter().filter_map(|text| text.parse().ok()).collect::<Vec<Override>>();
    let mut experiment = Experiment::read(&file, &schema, &given(&origin.set))?;
    experiment.keep_only(&given(&origin.only))?;
    let environment = Environment { isa: origin.isa, ..system::environment() };
    let prepared = prepare_for(&experiment, &schema, Some(&store), &environment)?;
    let mut scheduler = Scheduler::to_look(&prepared.plan, &store)?;
    if let Some(slurm) = &mut slurm {
        slurm.look(&mut scheduler, &mut Progress::silent())?;
    }
    if cancel {
        return stop(slurm.as_ref());
    }
    let flying = slurm.as_ref().map(|s| s.follow().flying()).unwrap_or_default();
    let mut stages: BTreeMap<&str, usize> =
        ["done", "running", "queued", "failed", "missing"].map(|state| (state, 0)).into();
    for stage in 0..prepared.plan.stages.len() {
        let state = match scheduler.state(stage) {
            State::Done(_) => "done",
            State::Failed(_) => "failed",
            State::Running => "running",
            State::Waiting if flying.contains_key(&stage) => "queued",
            State::Waiting => "missing",
        };
        *stages.entry(state).or_default() += 1;
    }
    let rows = read_cells(&dir.join("cells.jsonl")).unwrap_or_default();
    let count = |status| rows.iter().filter(|r| r.status == status).count();
    let is_done = |stages: &aconite_plan::CellStages| {
        stages.all().iter().all(|&s| matches!(scheduler.state(s), State::Done(_)))
    };
    let computed = prepared.plan.cells.iter().filter(|stages| is_done(stages)).count();
    let jobs = slurm.as_ref().map(jobs).unwrap_or_default();
    let cells = prepared.cells.len();
    if as_json {
        say(&json!({
            "cells": cells, "computed": computed, "written": count(Status::Done), "failed": count(Status::Failed),
            "stages": stages, "jobs": jobs, "failure": scheduler.failure(),
        })
        .to_string())?;
        return Ok(Exit::Done);
    }
    say(&format!(
        "{cells} cells: {computed} computed; {} written here, and {} failed ones",
        count(Status::Done),
        count(Status::Failed)
    ))?;
    let named: Vec<String> = ["done", "running", "queued", "failed", "missing"]
        .iter()
        .filter(|state| stages[*state] > 0)
        .map(|state| format!("{} {state}", stages[state]))
        .collect();
    say(&format!("{} stages: {}", prepared.plan.stages.len(), named.join(", ")))?;
    for (job, states) in &jobs {
        let named: Vec<String> = states.iter().map(|(state, n)| format!("{n} {state}")).collect();
        say(&format!("job {job}: tasks {}", named.join(", ")))?;
    }
    if let Some(why) = scheduler.failure() {
        say(&format!("failed: {why}"))?;
    }
    if slurm.is_some() && stages["running"] + stages["queued"] == 0 && computed > count(Status::Done) {
        say("no job is left; run the same command again to collect the results")?;
    }
    Ok(Exit::Done)
}

/// The cluster that the results wait for, if they wait for one, and the run that they come from.
fn cluster(dir: &Path, store: &Store) -> Result<(Option<Slurm>, Origin)> {
    let results = std::path::absolute(dir)?;
    // Keys say which class of processor numbers come from: those that computed them, wherever that was.
    let written = std::fs::read(dir.join("provenance.json")).ok();
    let run = written.and_then(|bytes| serde_json::from_slice::<Provenance>(&bytes).ok());
    let isa = run.map_or_else(|| system::isa().into(), |run| run.isa);
    let here = Origin { results: results.clone(), isa, only: vec![], set: vec![] };
    if !store.root().join("slurm").exists() {
        return Ok((None, here));
    }
    let cluster = match client::cluster() {
        Ok(cluster) => cluster,
        Err(why) => {
            eprintln!("the queue is not looked at: {why}");
            return Ok((None, here));
        }
    };
    let ours = Folder::latest(store, &cluster.name, &results).map(|folder| folder.submission);
    Ok(match ours {
        Some(ours) => (Some(Slurm::open(ours.site, cluster, ours.origin.clone(), false, store)), ours.origin),
        None => (None, here),
    })
}

/// Tasks of each job by Slurm's word for where they stand.
fn jobs(slurm: &Slurm) -> BTreeMap<u64, BTreeMap<String, usize>> {
    let mut jobs: BTreeMap<u64, BTreeMap<String, usize>> = BTreeMap::new();
    for task in slurm.follow().tasks.iter().filter(|t| !t.stages.is_empty()) {
        let states = jobs.entry(task.at.0).or_default();
        *states.entry(task.standing.state.to_ascii_lowercase()).or_default() += 1;
    }
    jobs
}

fn stop(slurm: Option<&Slurm>) -> Result<Exit> {
    let jobs = slurm.map(|s| s.follow().jobs()).unwrap_or_default();
    client::scancel(&jobs).map_err(|why| Error::new(format!("the jobs cannot be cancelled: {why}")))?;
    say(&format!("cancelled {} jobs", jobs.len()))?;
    Ok(Exit::Done)
}
