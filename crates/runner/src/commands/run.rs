//! `aconite run`.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use aconite_grid::{Error, Override};
use aconite_plan::{StageName, Store, StoreError};
use aconite_record::{CellRow, Provenance, Status};
use aconite_report::label;
use anyhow::Result;
use serde_json::json;

use super::{say, select, verify};
use crate::executor::slurm::folder::Origin;
use crate::executor::slurm::probe::probe;
use crate::executor::slurm::site::Site;
use crate::executor::slurm::{self, Slurm};
use crate::executor::{Executor, Local};
use crate::prepare::{Cell, Prepared, prepare, prepare_for};
use crate::progress::{self, Progress};
use crate::results::{Results, keep_files};
use crate::scheduler::{End, Scheduler, State, Watch};
use crate::stages::Workshop;
use crate::{Exit, cli, outcome, system};

/// The store: `$ACONITE_STORE`, else `results/.store`.
pub(crate) fn store() -> Result<Store> {
    let root = std::env::var_os("ACONITE_STORE")
        .filter(|v| !v.is_empty())
        .map_or_else(|| PathBuf::from("results/.store"), PathBuf::from);
    Ok(Store::open(&root).map_err(|e| {
        Error::new(e.to_string()).hint("run where you may write, or move the store with ACONITE_STORE=DIR")
    })?)
}

/// Runs an experiment and draws its report.
pub(crate) fn run(args: &cli::Run) -> Result<Exit> {
    let start = Instant::now();
    let schema = super::registry();
    let (whole, experiment) = select(&args.selection, &schema)?;
    let site = Site::of(args)?;
    let cluster = match site.kind {
        cli::Where::Local => None,
        cli::Where::Slurm => Some(slurm::connect(&site)?),
    };
    let store = store()?;
    let mut prepared = prepare(&experiment, &schema, Some(&store))?;
    let (mut environment, mut cpu) = (system::environment(), None);
    if let Some(cluster) = &cluster {
        // Keys say which class of processor numbers come from: there it is the nodes'.
        let node = probe(&site, &store, cluster)?;
        (environment.isa, cpu) = (node.isa, Some(node.cpu));
        if environment != system::environment() {
            prepared = prepare_for(&experiment, &schema, Some(&store), &environment)?;
        }
    }
    let order: Vec<String> = match whole.cells() == experiment.cells() {
        true => prepared.cells.iter().map(|c| c.name.clone()).collect(),
        false => prepare(&whole, &schema, Some(&store))?.cells.into_iter().map(|c| c.name).collect(),
    };
    let dir = args.out.clone().unwrap_or_else(|| PathBuf::from("results").join(&experiment.name));
    let jobs = jobs(args.jobs, &prepared);
    // How many run at once on a cluster is the cluster's to say.
    let workers = if cluster.is_some() { 0 } else { jobs };
    let mut provenance = system::provenance(prepared.threads, workers);
    provenance.isa.clone_from(&environment.isa);
    provenance.cpu = cpu.unwrap_or(provenance.cpu);
    let running: HashSet<&str> = prepared.cells.iter().map(|c| c.name.as_str()).collect();
    let results = Results::open(dir.clone(), &whole, order, &running, &provenance)?;
    let memory = args.memory.unwrap_or_default().mb();
    let scheduler = match cluster {
        None => Scheduler::new(&prepared.plan, &store, memory, args.fresh),
        Some(_) => Scheduler::to_follow(&prepared.plan, &store, args.fresh),
    };
    let mut scheduler = scheduler.map_err(|e| stopped(e.into()))?;
    store.sweep();
    let left = scheduler.left();
    let slots = match cluster {
        None => jobs.min(left.stages.max(1)),
        Some(_) => left.stages.max(1),
    };
    let (cells, unique) = (prepared.cells.len(), prepared.plan.stages.len());
    if args.json {
        progress::event(json!({
            "event": "run", "experiment": experiment.name, "cells": cells, "stages": unique,
            "cached": unique - left.stages, "jobs": jobs, "memory_mb": memory,
        }));
    } else {
        eprintln!(
            "{}: {cells} cells, {unique} unique stages ({} in the store), {}",
            experiment.name,
            unique - left.stages,
            match &cluster {
                None => format!("{jobs} workers"),
                Some(cluster) => format!("on the cluster {}", cluster.name),
            }
        );
    }

    let interrupted = on_interrupt()?;
    let mut executor: Box<dyn Executor> = match cluster {
        None => Box::new(Local::new(std::path::absolute(store.root())?, slots)),
        Some(cluster) => {
            let said = |given: &[Override]| given.iter().map(|o| format!("{}={}", o.path, o.value)).collect();
            let origin = Origin {
                results: std::path::absolute(&dir)?,
                isa: environment.isa,
                only: said(&args.selection.only),
                set: said(&args.selection.set),
            };
            Box::new(Slurm::open(site, cluster, origin, args.cluster.wait, &store))
        }
    };
    let mut session = Session {
        prepared: &prepared,
        axes: &experiment.axes,
        run: &provenance,
        progress: Progress::new(cells, left.stages, left.seconds, slots, args.json),
        shop: Workshop::new(store.clone()),
        results,
        failed: 0,
    };
    let end = executor.run(&mut scheduler, &mut session, &interrupted);
    drop(executor);
    session.progress.finish();
    let Session { results, failed, mut shop, .. } = session;
    provenance.ended = system::now();
    let kept = results.write_provenance(&provenance).and_then(|()| results.finish());
    // What stopped the run matters more than that its results could not be written either.
    let end = end.map_err(stopped)?;
    kept?;
    samples(&prepared, &results, &mut shop);
    let rows = results.rows();
    let checked = verify::check_all(&whole.expects, &rows);
    verify::write(&dir, &checked)?;
    let names: HashSet<String> = rows.iter().map(|r| r.cell.clone()).collect();
    for folder in ["ledger", "predictions", "detections", "certificates", "rounds", "windows"] {
        keep_files(&dir.join(folder), |stem| {
            // The files of a trial are called by the cell's name and `-t3`.
            let cell = stem.rsplit_once("-t").filter(|(_, trial)| trial.parse::<usize>().is_ok());
            names.contains(stem) || cell.is_some_and(|(cell, _)| names.contains(cell))
        });
    }
    for skipped in aconite_report::draw(&dir)?.skipped {
        eprintln!("not drawn: {}: {}", skipped.what, skipped.why);
    }
    let shown = dir.join("report.html");
    if args.json {
        progress::event(json!({
            "event": "end", "interrupted": end == End::Interrupted, "submitted": end == End::Submitted, "cells": rows.len(), "failed": failed,
            "claims_missed": checked.iter().filter(|c| !c.is_met()).count(), "report": shown,
            "seconds": start.elapsed().as_secs_f64(),
        }));
    } else {
        for line in aconite_report::terminal::lines(&rows) {
            say(&line)?;
        }
    }
    for claim in &checked {
        eprintln!("{}", verify::line(claim));
    }
    eprintln!("{} cells in {:.1} s; see {}", rows.len(), start.elapsed().as_secs_f64(), shown.display());
    Ok(match end {
        End::Interrupted => {
            eprintln!("interrupted: what was finished is kept; run the same command to go on");
            Exit::Interrupted
        }
        End::Submitted => {
            eprintln!(
                "{} of {cells} cells are there; the rest is in the queue, which needs nobody to wait: aconite status {} says \
                how far it is, and the same command again collects the results",
                running.iter().filter(|name| names.contains(**name)).count(),
                dir.display()
            );
            if failed > 0 { Exit::Failed } else { Exit::Done }
        }
        End::Complete if failed > 0 => {
            eprintln!("{failed} cells failed; run the same command to try them again");
            Exit::Failed
        }
        End::Complete => Exit::Done,
    })
}

/// An error that ended a run, with what to do where that is known.
fn stopped(error: anyhow::Error) -> anyhow::Error {
    match error.downcast::<StoreError>() {
        Ok(error) => Error::new(error.to_string())
            .hint("what was finished is kept; make room or move the store with ACONITE_STORE=DIR, and run again")
            .into(),
        Err(other) => other,
    }
}

/// Worker processes: as asked for, else the cores over the threads of each.
pub(crate) fn jobs(asked: Option<u16>, prepared: &Prepared) -> usize {
    asked.map_or_else(|| (system::cores() / prepared.threads).max(1), usize::from)
}

/// Ctrl-C once sets the flag; twice ends the program at once. Files are whole either way.
pub(crate) fn on_interrupt() -> Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    let seen = flag.clone();
    ctrlc::set_handler(move || {
        if seen.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    })?;
    Ok(flag)
}

/// What a run does when something happens.
struct Session<'a> {
    prepared: &'a Prepared,
    axes: &'a [String],
    run: &'a Provenance,
    progress: Progress,
    shop: Workshop,
    results: Results,
    failed: usize,
}

impl Watch for Session<'_> {
    fn progress(&mut self) -> &mut Progress {
        &mut self.progress
    }

    fn cell(&mut self, index: usize, states: &[State]) -> Result<()> {
        let cell: &Cell = &self.prepared.cells[index];
        let stages = &self.prepared.plan.cells[index];
        let row: CellRow = outcome::row(cell, self.axes, stages, states, self.run);
        self.failed += usize::from(row.status == Status::Failed);
        if row.status == Status::Done {
            let several = stages.lines.len() > 1;
            for (trial, line) in stages.lines.iter().enumerate() {
                let name = if several { format!("{}-t{trial}", row.cell) } else { row.cell.clone() };
                let plan = &self.prepared.plan;
                for (what, why) in
                    self.results.write_line(&name, &row, (line, stages.twin_fit), plan, &mut self.shop)
                {
                    self.progress.note(&format!("the {what} of {name} could not be written: {why:?}"));
                }
            }
        }
        self.progress.cell(&row);
        Ok(self.results.add(row)?)
    }
}

/// Sample images of every attack that differs in more than its rate, from its first finished poison.
fn samples(prepared: &Prepared, results: &Results, shop: &mut Workshop) {
    let rows = results.rows();
    let labels = label::Labels::of(&rows);
    let by_cell: HashMap<&str, &CellRow> = rows.iter().map(|r| (r.cell.as_str(), r)).collect();
    let mut shown: HashSet<String> = HashSet::new();
    for (cell, stages) in prepared.cells.iter().zip(&prepared.plan.cells) {
        let (Some(poison), Some(row)) = (stages.poison, by_cell.get(cell.name.as_str())) else { continue };
        let poison = &prepared.plan.stages[poison];
        let name = labels.attack_without_rate(row);
        if poison.name == StageName::Poison && row.status == Status::Done && !shown.contains(&name) {
            match results.write_samples(&label::slug(&name), &name, poison, shop) {
                Ok(()) => {
                    shown.insert(name);
                }
                Err(why) => eprintln!("no samples of {name}: {why:?}"),
            }
        }
    }
    let kept: HashSet<String> = rows.iter().map(|r| label::slug(&labels.attack_without_rate(r))).collect();
    keep_files(&results.dir.join("samples"), |stem| kept.contains(stem));
}
