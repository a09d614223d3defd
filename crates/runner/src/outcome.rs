//! From the finished stages of a cell to its row.

use std::collections::BTreeMap;

use aconite_core::metrics::wilson;
use aconite_plan::{CellStages, Control, Line};
use aconite_record::{CellRow, Provenance, SCHEMA, Status};
use serde_json::Value;

use crate::prepare::Cell;
use crate::scheduler::State;

/// The row of a cell whose stages are all over.
pub(crate) fn row(
    cell: &Cell,
    axes: &[String],
    stages: &CellStages,
    states: &[State],
    run: &Provenance,
) -> CellRow {
    let failed = stages.all().into_iter().find_map(|s| match &states[s] {
        State::Failed(why) => Some(why.clone()),
        _ => None,
    });
    let finished = |stage: usize| states[stage].finished();
    let mut metrics = BTreeMap::new();
    let mut seconds = BTreeMap::new();
    let mut provenance = run.clone();
    for (name, stage) in stages.own() {
        let Some(finished) = finished(stage) else { continue };
        *seconds.entry(name.to_owned()).or_insert(0.0) += finished.seconds;
        let peak = metrics.entry("peak_rss_mb".to_owned()).or_insert(0.0f64);
        *peak = peak.max(finished.peak_rss_mb);
        provenance.host.clone_from(&finished.host);
        let hosts = provenance.hosts.entry(name.to_owned()).or_default();
        if !hosts.contains(&finished.host) {
            hosts.push(finished.host.clone());
        }
    }
    if provenance.hosts.values().flatten().all(|host| *host == provenance.host) {
        provenance.hosts.clear();
    }
    if let Some(poison) = stages.poison.and_then(finished) {
        copy_numbers(&poison.output, &mut metrics);
    }
    let lines: Vec<BTreeMap<String, f64>> = stages.lines.iter().map(|line| numbers(line, states)).collect();
    metrics.extend(means(&lines));
    if lines.len() > 1 {
        let hits = lines.iter().filter(|line| line.get("attack_success") == Some(&1.0)).count();
        metrics.insert("trials".into(), lines.len() as f64);
        if let Some((lo, hi)) = wilson(hits, lines.len()) {
            metrics.insert("attack_success_wilson_lo".into(), lo);
            metrics.insert("attack_success_wilson_hi".into(), hi);
        }
    }
    let twin = finished(stages.twin).and_then(|m| m.output.get("clean_accuracy")).and_then(Value::as_f64);
    let availability = cell.goal == "availability";
    if let (Some(twin), Some(&own)) = (twin, metrics.get("clean_accuracy")) {
        metrics.insert("accuracy_drop".into(), twin - own);
        if availability {
            metrics.insert("attack_success".into(), twin - own);
        }
    }
    if let Some(damage) = damage(cell, stages, states) {
        metrics.insert("damage".into(), damage);
    }
    for (control, line) in &stages.controls {
        let mut of_line = numbers(line, states);
        if let (true, Some(twin), Some(&own)) = (availability, twin, of_line.get("clean_accuracy")) {
            of_line.insert("attack_success".into(), twin - own);
        }
        let kept: &[&str] = match control {
            Control::Twin => &["clean_accuracy", "removed", "fpr"],
            Control::RandomFilter | Control::PerfectFilter => &["clean_accuracy", "attack_success"],
        };
        for name in kept {
            if let Some(&value) = of_line.get(*name) {
                metrics.insert(format!("{}_{name}", control.prefix()), value);
            }
        }
    }
    if failed.is_some() {
        // Numbers of a cell that did not end are no result.
        metrics.clear();
    }
    CellRow {
        schema: SCHEMA,
        cell: cell.name.clone(),
        point: cell.point,
        seed: cell.seed,
        status: if failed.is_some() { Status::Failed } else { Status::Done },
        error: failed,
        settings: cell.settings.clone(),
        axes: axes.to_vec(),
        goal: cell.goal.clone(),
        knowledge: cell.knowledge.clone(),
        needs: cell.needs.clone(),
        metrics,
        seconds,
        provenance,
    }
}

/// What a stream lost against its clean twin.
fn damage(cell: &Cell, stages: &CellStages, states: &[State]) -> Option<f64> {
    let accuracies = |stage: usize| -> Option<Vec<f64>> {
        let all = states[stage].finished()?.output.get("accuracies")?.as_array()?;
        all.iter().map(Value::as_f64).collect()
    };
    let from = match cell.settings["attack"]["kind"] == "none" {
        true => 0,
        false => cell.settings["stream"]["attack_from"].as_u64()? as usize,
    };
    aconite_record::damage(&accuracies(stages.twin_fit?)?, &accuracies(stages.stage("fit")?)?, from)
}

/// The numbers of a line's stages, those of later stages over those of earlier ones.
fn numbers(line: &Line, states: &[State]) -> BTreeMap<String, f64> {
    let mut all = BTreeMap::new();
    for (name, stage) in &line.stages {
        let Some(finished) = states[*stage].finished() else { continue };
        match *name {
            "filter" | "repair" | "detect" | "certify" | "evaluate" => {
                copy_numbers(&finished.output, &mut all)
            }
            "fit" | "refit" => {
                if let Some(loss) = finished.output.get("train_loss").and_then(Value::as_f64) {
                    all.insert("train_loss".into(), loss);
                }
                copy_numbers(&finished.output["federation"], &mut all);
                copy_numbers(&finished.output["stream"], &mut all);
            }
            _ => {}
        }
    }
    all
}

/// The mean of each number over the lines that have it.
fn means(lines: &[BTreeMap<String, f64>]) -> BTreeMap<String, f64> {
    let mut sums: BTreeMap<String, (f64, usize)> = BTreeMap::new();
    for (name, value) in lines.iter().flatten() {
        let sum = sums.entry(name.clone()).or_default();
        *sum = (sum.0 + value, sum.1 + 1);
    }
    sums.into_iter().map(|(name, (sum, n))| (name, sum / n as f64)).collect()
}

fn copy_numbers(output: &Value, metrics: &mut BTreeMap<String, f64>) {
    for (name, value) in output.as_object().into_iter().flatten() {
        if let Some(value) = value.as_f64() {
            metrics.insert(name.clone(), value);
        }
    }
}
