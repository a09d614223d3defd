//! From the finished stages of a cell to its row.

use std::collections::BTreeMap;

use aconite_plan::CellStages;
use aconite_record::{CellRow, Provenance, SCHEMA, Status};
use serde_json::Value;

use crate::prepare::Cell;
use crate::scheduler::{Finished, State};

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
        seconds.insert(name.to_owned(), finished.seconds);
        let peak = metrics.entry("peak_rss_mb".to_owned()).or_insert(0.0f64);
        *peak = peak.max(finished.peak_rss_mb);
        match name {
            "poison" | "filter" | "evaluate" => copy_numbers(finished, &mut metrics),
            "fit" | "refit" => {
                if let Some(loss) = finished.output.get("train_loss").and_then(Value::as_f64) {
                    metrics.insert("train_loss".into(), loss);
                }
            }
            _ => {}
        }
        provenance.host.clone_from(&finished.host);
    }
    let twin = finished(stages.twin).and_then(|m| m.output.get("clean_accuracy")).and_then(Value::as_f64);
    if let (Some(twin), Some(&own)) = (twin, metrics.get("clean_accuracy")) {
        metrics.insert("accuracy_drop".into(), twin - own);
        if cell.goal == "availability" {
            metrics.insert("attack_success".into(), twin - own);
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
        metrics,
        seconds,
        provenance,
    }
}

fn copy_numbers(finished: &Finished, metrics: &mut BTreeMap<String, f64>) {
    for (name, value) in finished.output.as_object().into_iter().flatten() {
        if let Some(value) = value.as_f64() {
            metrics.insert(name.clone(), value);
        }
    }
}
