//! The summary that a terminal shows at the end of a run: a line a point, its control arms beside it.

use aconite_record::CellRow;

use crate::format::{heading, stat};
use crate::summary::{Point, points};

/// Metrics of the summary; what no point has is left out.
const METRICS: [&str; 6] = [
    "clean_accuracy",
    "twin_clean_accuracy",
    "attack_success",
    "random_filter_attack_success",
    "perfect_filter_attack_success",
    "robust_accuracy",
];

/// A column of words: its heading, and what a point has there.
type Words = (&'static str, fn(&Point) -> String);

/// Lines of a table: names, what the defense was told, means with half-intervals, the number of seeds.
pub fn lines(rows: &[CellRow]) -> Vec<String> {
    let points = points(rows);
    let metrics: Vec<&str> =
        METRICS.into_iter().filter(|m| points.iter().any(|p| p.stat(m).is_some())).collect();
    let words: [Words; 4] = [
        ("attack", |p| p.attack.clone()),
        ("defense", |p| p.defense.clone()),
        ("told", |p| p.knowledge.join(", ")),
        ("setting", |p| p.context.clone()),
    ];
    let words: Vec<_> =
        words.into_iter().filter(|(_, of)| points.iter().any(|p| !of(p).is_empty())).collect();
    let mut table: Vec<Vec<String>> = vec![words.iter().map(|(name, _)| (*name).to_owned()).collect()];
    table[0].extend(metrics.iter().map(|m| heading(m)));
    table[0].push("n".into());
    for point in &points {
        let mut row: Vec<String> = words.iter().map(|(_, of)| of(point)).collect();
        row.extend(metrics.iter().map(|m| point.shown(m).map_or("–".into(), |s| stat(m, &s))));
        row.push(match point.failed.len() {
            0 => point.done.len().to_string(),
            failed => format!("{}, {failed} failed", point.done.len()),
        });
        table.push(row);
    }
    let width = |c: usize| table.iter().map(|row| row[c].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..table[0].len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate().map(|(i, (text, width))| {
            let space = " ".repeat(width - text.chars().count());
            if i < words.len() { format!("{text}{space}") } else { format!("{space}{text}") }
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    table.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aconite_record::{Provenance, Status};

    #[test]
    fn control_arms_stand_beside_the_defense() {
        let row = |point: usize, defense: &str, metrics: &[(&str, f64)]| CellRow {
            schema: 1,
            cell: defense.into(),
            point,
            seed: 0,
            status: Status::Done,
            error: None,
            settings: serde_json::json!({"attack": {"kind": "badnets"}, "defense": {"kind": defense}}),
            axes: vec![],
            goal: "backdoor".into(),
            knowledge: if defense == "none" { vec![] } else { vec!["poison_rate".into()] },
            needs: Vec::new(),
            metrics: metrics.iter().map(|(m, v)| ((*m).to_owned(), *v)).collect(),
            seconds: std::collections::BTreeMap::new(),
            provenance: Provenance::default(),
        };
        let rows = [
            row(0, "none", &[("clean_accuracy", 0.91), ("attack_success", 0.98)]),
            row(1, "trim", &[("attack_success", 0.02), ("random_filter_attack_success", 0.97)]),
        ];
        assert_eq!(
            lines(&rows),
            [
                "attack   defense  told         clean accuracy (%)  attack success (%)  random filter: attack success (%)  n",
                "badnets  none                                91.0                98.0                                  –  1",
                "badnets  trim     poison_rate                   –                 2.0                               97.0  1",
            ]
        );
        assert_eq!(lines(&[]), ["n"]);
    }
}
