//! `aconite verify`: claims against results.

use std::path::{Path, PathBuf};

use aconite_grid::{Bound, Error, Expect, Experiment};
use aconite_record::{CellRow, Status, read_cells, write_whole};
use aconite_report::stats::{Stat, paired};
use anyhow::Result;
use serde::Serialize;
use serde_json::Value;

use super::say;
use crate::Exit;

/// A claim and what the results say of it.
#[derive(Debug, Serialize)]
pub(crate) struct Checked {
    claim: String,
    source: String,
    metric: String,
    bound: String,
    ours: Option<f64>,
    lo: Option<f64>,
    hi: Option<f64>,
    n: usize,
    verdict: &'static str,
}

impl Checked {
    pub(crate) fn is_met(&self) -> bool {
        self.verdict == MET
    }
}

const MET: &str = "met";
const MISSED: &str = "missed";
const OPEN: &str = "not run";

/// Checks the claims of a results folder, or of an experiment's results.
pub(crate) fn verify(what: &Path, json: bool) -> Result<Exit> {
    let schema = super::registry();
    let (file, dir) = match what.is_dir() {
        true => (what.join("experiment.toml"), what.to_owned()),
        false => {
            let name = what.file_stem().unwrap_or_default();
            (what.to_owned(), PathBuf::from("results").join(name))
        }
    };
    let experiment = Experiment::read(&file, &schema, &[])?;
    let path = dir.join("cells.jsonl");
    if !path.is_file() {
        return Err(Error::new(format!("there are no results in {}", dir.display()))
            .hint(format!("run it first: aconite run {}", file.display()))
            .into());
    }
    let rows = read_cells(&path)?;
    let checked = check_all(&experiment.expects, &rows);
    write(&dir, &checked)?;
    if checked.is_empty() {
        eprintln!("{} makes no claims", file.display());
    }
    for claim in &checked {
        say(&if json { serde_json::to_string(claim)? } else { line(claim) })?;
    }
    Ok(if checked.iter().all(Checked::is_met) { Exit::Done } else { Exit::Failed })
}

/// One line per claim: verdict, claim, bound, ours.
pub(crate) fn line(claim: &Checked) -> String {
    let ours = match (claim.ours, claim.lo, claim.hi) {
        (Some(ours), Some(lo), Some(hi)) => format!("{ours:.4} [{lo:.4}, {hi:.4}], n = {}", claim.n),
        (Some(ours), ..) => format!("{ours:.4}, n = {}", claim.n),
        _ => "no result".into(),
    };
    let source = if claim.source.is_empty() { String::new() } else { format!(" ({})", claim.source) };
    format!("{:7}  {}{source}: {} {}; ours {ours}", claim.verdict, claim.claim, claim.metric, claim.bound)
}

/// Writes `expect.json`, from which the report takes the claims.
pub(crate) fn write(dir: &Path, checked: &[Checked]) -> Result<()> {
    let text = serde_json::to_string_pretty(checked)?;
    Ok(write_whole(&dir.join("expect.json"), format!("{text}\n").as_bytes())?)
}

/// Checks every claim. A claim about several points is as good as the worst of them.
pub(crate) fn check_all(expects: &[Expect], rows: &[CellRow]) -> Vec<Checked> {
    expects
        .iter()
        .map(|expect| {
            points(rows, &expect.filter)
                .iter()
                .map(|point| check(expect, point, rows))
                .min_by_key(|c| [MISSED, OPEN, MET].iter().position(|v| *v == c.verdict))
                .unwrap_or_else(|| verdict(expect, None, OPEN))
        })
        .collect()
}

/// The finished rows that match, grouped by point.
fn points<'a>(rows: &'a [CellRow], filter: &[(String, Value)]) -> Vec<Vec<&'a CellRow>> {
    let mut points: Vec<Vec<&CellRow>> = Vec::new();
    for row in rows.iter().filter(|r| r.status == Status::Done && matches(r, filter)) {
        match points.iter_mut().find(|p| p[0].point == row.point) {
            Some(point) => point.push(row),
            None => points.push(vec![row]),
        }
    }
    points
}

fn matches(row: &CellRow, filter: &[(String, Value)]) -> bool {
    filter.iter().all(|(path, wanted)| {
        row.setting(path).is_some_and(|v| match (v.as_f64(), wanted.as_f64()) {
            (Some(a), Some(b)) => a == b,
            _ => v == wanted,
        })
    })
}

fn check(expect: &Expect, point: &[&CellRow], rows: &[CellRow]) -> Checked {
    let values: Vec<f64> = point.iter().filter_map(|r| r.metric(&expect.metric)).collect();
    let Some(stat) = Stat::of(&values) else { return verdict(expect, None, OPEN) };
    let holds = match &expect.bound {
        Bound::AtMost(bound) => stat.mean <= *bound,
        Bound::AtLeast(bound) => stat.mean >= *bound,
        Bound::Paper { value, within } => (stat.mean - value).abs() <= *within,
        Bound::LessThan { filter, metric } => {
            let differences: Vec<Option<Stat>> = points(rows, filter)
                .iter()
                .map(|other| {
                    let pairs = point.iter().filter_map(|r| {
                        let twin = other.iter().find(|o| o.seed == r.seed)?;
                        Some((r.metric(&expect.metric)?, twin.metric(metric)?))
                    });
                    paired(&pairs.collect::<Vec<_>>())
                })
                .collect();
            let told: Vec<String> = differences.iter().flatten().map(difference).collect();
            let held = !told.is_empty() && differences.iter().all(|d| d.is_some_and(|d| d.mean < 0.0));
            let mut checked = verdict(expect, Some(stat), if held { MET } else { MISSED });
            if !told.is_empty() {
                checked.bound = format!("{}; paired difference {}", checked.bound, told.join(" and "));
            }
            return checked;
        }
    };
    verdict(expect, Some(stat), if holds { MET } else { MISSED })
}

/// A paired difference with its interval, which a single pair has not.
fn difference(stat: &Stat) -> String {
    match stat.interval {
        Some((lo, hi)) => format!("{:+.4} [{lo:+.4}, {hi:+.4}]", stat.mean),
        None => format!("{:+.4}", stat.mean),
    }
}

fn verdict(expect: &Expect, stat: Option<Stat>, verdict: &'static str) -> Checked {
    Checked {
        claim: expect.claim.clone(),
        source: expect.source.clone(),
        metric: expect.metric.clone(),
        bound: expect.bound.to_string(),
        ours: stat.map(|s| s.mean),
        lo: stat.and_then(|s| s.interval).map(|i| i.0),
        hi: stat.and_then(|s| s.interval).map(|i| i.1),
        n: stat.map_or(0, |s| s.n),
        verdict,
    }
}
