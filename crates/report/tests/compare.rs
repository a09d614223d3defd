//! Two results side by side.

#![allow(clippy::unwrap_used)]

mod support;

use aconite_record::{CellRow, Status};
use aconite_report::compare::{Verdict, compare};
use support::{Plan, rows};

fn shifted(rows: &[CellRow], metric: &str, by: impl Fn(u64) -> f64) -> Vec<CellRow> {
    let mut rows = rows.to_vec();
    for row in &mut rows {
        if let Some(value) = row.metrics.get_mut(metric) {
            *value += by(row.seed);
        }
    }
    rows
}

#[test]
fn a_result_is_identical_to_itself() {
    let all = rows(&Plan::small());
    let same = compare(&all, &all);
    assert!(same.changed.is_empty() && same.alone == (0, 0));
    assert!(same.differences.iter().all(|d| d.verdict == Verdict::Identical && d.difference.mean == 0.0));
    let points: std::collections::BTreeSet<_> =
        same.differences.iter().map(|d| (&d.attack, &d.defense)).collect();
    assert_eq!(points.len(), 9);
}

#[test]
fn differences_are_paired_by_seed_and_told_in_words() {
    let all = rows(&Plan::small());
    // Every seed falls by about a tenth; the seeds themselves lie far apart.
    let lower = shifted(&all, "clean_accuracy", |seed| -0.1 - 0.001 * seed as f64);
    let compared = compare(&all, &lower);
    let accuracy = |c: &aconite_report::compare::Comparison| {
        c.differences.iter().find(|d| d.metric == "clean_accuracy").unwrap().clone()
    };
    let d = accuracy(&compared);
    assert!(d.verdict == Verdict::Lower && (d.difference.mean + 0.101).abs() < 1e-12, "{d:?}");
    assert!((d.second - d.first + 0.101).abs() < 1e-12 && d.difference.n == 3);
    assert_eq!(accuracy(&compare(&lower, &all)).verdict, Verdict::Higher);
    let noisy = shifted(&all, "clean_accuracy", |seed| 0.1 * (seed as f64 - 1.0));
    assert_eq!(accuracy(&compare(&all, &noisy)).verdict, Verdict::NotSeen);
    let one: Vec<CellRow> = all.iter().filter(|r| r.seed == 0).cloned().collect();
    assert_eq!(accuracy(&compare(&one, &lower)).verdict, Verdict::OneSeed);
}

#[test]
fn what_differs_throughout_is_named_and_what_is_alone_is_counted() {
    let first = rows(&Plan::small());
    let mut second = first.clone();
    for row in &mut second {
        row.settings["train"]["precision"] = "bf16".into();
    }
    second.pop();
    second[0].status = Status::Failed;
    let mut with = first.clone();
    for row in &mut with {
        row.settings["train"]["precision"] = "f32".into();
    }
    let compared = compare(&with, &second);
    let change = ("train.precision".to_owned(), "\"f32\"".to_owned(), "\"bf16\"".to_owned());
    assert_eq!(compared.changed, [change]);
    assert_eq!(compared.alone, (2, 0));
}
