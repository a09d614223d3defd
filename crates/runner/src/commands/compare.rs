//! `aconite compare`: two results, paired.

use std::path::Path;

use aconite_grid::Error;
use aconite_record::{CellRow, metric, read_cells};
use aconite_report::compare::{Difference, compare as compared};
use anyhow::Result;
use serde_json::json;

use super::say;
use crate::Exit;

/// Compares the finished cells of two results folders.
pub(crate) fn compare(first: &Path, second: &Path, wanted: &[String], json: bool) -> Result<Exit> {
    for name in wanted {
        if metric::find(name).is_none() {
            return Err(Error::new(format!("there is no metric {name:?}"))
                .hint("the report of any results ends with the metrics and what they mean")
                .into());
        }
    }
    let (a, b) = (rows(first)?, rows(second)?);
    let result = compared(&a, &b);
    let chosen = |d: &&Difference| match wanted.is_empty() {
        true => ["clean_accuracy", "attack_success"].contains(&d.metric.as_str()),
        false => wanted.contains(&d.metric),
    };
    for (path, one, other) in &result.changed {
        eprintln!("{path}: {one} → {other}");
    }
    if result.alone != (0, 0) {
        let (one, other) = result.alone;
        eprintln!("{one} finished cells are only in the first, {other} only in the second");
    }
    let mut shown = 0;
    for d in result.differences.iter().filter(chosen) {
        shown += 1;
        say(&if json { as_json(d).to_string() } else { line(d) })?;
    }
    if shown == 0 {
        return Err(Error::new("no finished cell is in both")
            .hint("cells are compared when all their settings are equal but for those that differ throughout")
            .into());
    }
    Ok(Exit::Done)
}

fn rows(dir: &Path) -> Result<Vec<CellRow>> {
    let path = dir.join("cells.jsonl");
    if !path.is_file() {
        return Err(Error::new(format!("there are no results in {}", dir.display()))
            .hint("give two folders that aconite run wrote, e.g. results/quickstart")
            .into());
    }
    Ok(read_cells(&path).map_err(|e| Error::new(e.to_string()))?)
}

fn line(d: &Difference) -> String {
    let interval = match d.difference.interval {
        Some((lo, hi)) => format!(" [{lo:+.4}, {hi:+.4}]"),
        None => String::new(),
    };
    let context = if d.context.is_empty() { String::new() } else { format!(", {}", d.context) };
    format!(
        "{}, {}{context}: {} {:.4} → {:.4}, {:+.4}{interval}, n = {}: {}",
        d.attack,
        d.defense,
        d.metric,
        d.first,
        d.second,
        d.difference.mean,
        d.difference.n,
        d.verdict.words()
    )
}

fn as_json(d: &Difference) -> serde_json::Value {
    json!({
        "attack": d.attack, "defense": d.defense, "context": d.context, "metric": d.metric,
        "first": d.first, "second": d.second, "difference": d.difference.mean,
        "lo": d.difference.interval.map(|i| i.0), "hi": d.difference.interval.map(|i| i.1),
        "n": d.difference.n, "verdict": d.verdict.words(),
    })
}
