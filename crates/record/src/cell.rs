//! One cell of a grid: its settings, what was measured, and whether it ended well.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::{Error, Provenance};

/// How a cell ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// All its stages ended; the metrics are final.
    Done,
    /// A stage failed; [`CellRow::error`] says why, and a rerun tries again.
    Failed,
}

impl Status {
    /// The word written into tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

/// One line of `cells.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellRow {
    /// Layout version, [`crate::SCHEMA`].
    pub schema: u32,
    /// Name of the cell, unique in its experiment and usable as a file name:
    /// `badnets-spectral_signatures-s0-1f2e3d4c`.
    pub cell: String,
    /// Index of the grid point; cells that differ only in their seed share it.
    pub point: usize,
    /// The seed.
    pub seed: u64,
    /// How the cell ended.
    pub status: Status,
    /// Why it failed: the stage, the reason, the tail of what the stage printed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// All settings with defaults filled in, a table per section: `settings["attack"]["rate"]`.
    pub settings: Value,
    /// Dotted paths of the settings that vary over the grid, in the order of the axes.
    pub axes: Vec<String>,
    /// What counts as success: `availability`, `targeted`, `backdoor`; `none` without an attack.
    pub goal: String,
    /// What the defense was told beyond the data.
    pub knowledge: Vec<String>,
    /// What the attack needs beside the training set: `surrogate`, `victim`, `test inputs`, `control of training`.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Values by the names of [`crate::metric::CATALOGUE`]; a metric that does not apply is absent. JSON has
    /// no NaN: a value that is not finite (a loss that diverged) is written as `null` and read as absent.
    #[serde(deserialize_with = "without_nulls")]
    pub metrics: BTreeMap<String, f64>,
    /// Wall-clock seconds that each stage of the cell took when it was computed, by stage name. A stage
    /// shared with other cells counts in each.
    pub seconds: BTreeMap<String, f64>,
    /// Where and with what the cell was computed.
    pub provenance: Provenance,
}

impl CellRow {
    /// A setting by its dotted path, e.g. `attack.rate`.
    pub fn setting(&self, path: &str) -> Option<&Value> {
        dotted(&self.settings, path)
    }

    /// The `kind` of a section, or `none`.
    pub fn kind(&self, section: &str) -> &str {
        self.settings.get(section).and_then(|s| s.get("kind")).and_then(Value::as_str).unwrap_or("none")
    }

    /// A metric by name.
    pub fn metric(&self, name: &str) -> Option<f64> {
        self.metrics.get(name).copied()
    }

    /// Total of [`CellRow::seconds`].
    pub fn total_seconds(&self) -> f64 {
        self.seconds.values().sum()
    }
}

fn without_nulls<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, f64>, D::Error> {
    let read = BTreeMap::<String, Option<f64>>::deserialize(from)?;
    Ok(read.into_iter().filter_map(|(name, value)| Some((name, value?))).collect())
}

/// Looks up `a.b.c` in nested tables.
pub fn dotted<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, key| value.get(key))
}

/// Reads `cells.jsonl`. A torn last line (the writer was killed inside it) is passed over; a line that
/// repeats a cell replaces the earlier one.
///
/// # Errors
/// The file is unreadable, or a line before the last does not parse, or its schema is newer than ours.
pub fn read_cells(path: &Path) -> Result<Vec<CellRow>, Error> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
    let lines: Vec<&str> = text.lines().collect();
    let mut rows: Vec<CellRow> = Vec::with_capacity(lines.len());
    let mut place: BTreeMap<String, usize> = BTreeMap::new();
    for (i, line) in lines.iter().enumerate() {
        let row: CellRow = match serde_json::from_str(line) {
            Ok(row) => row,
            Err(_) if i + 1 == lines.len() && !text.ends_with('\n') => break,
            Err(e) => return Err(Error::damaged(path, format_args!("line {}: {e}", i + 1))),
        };
        if row.schema > crate::SCHEMA {
            return Err(Error::damaged(
                path,
                format_args!(
                    "line {}: schema {} is newer than this program's {}",
                    i + 1,
                    row.schema,
                    crate::SCHEMA
                ),
            ));
        }
        match place.get(&row.cell) {
            Some(&at) => rows[at] = row,
            None => {
                place.insert(row.cell.clone(), rows.len());
                rows.push(row);
            }
        }
    }
    Ok(rows)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{append_line, write_whole};

    pub(crate) fn row(cell: &str, seed: u64) -> CellRow {
        CellRow {
            schema: crate::SCHEMA,
            cell: cell.into(),
            point: 0,
            seed,
            status: Status::Done,
            error: None,
            settings: serde_json::json!({
                "dataset": {"kind": "d"}, "victim": {"kind": "v"},
                "attack": {"kind": "badnets", "rate": 0.05}, "defense": {"kind": "none"},
                "train": {"epochs": 3}
            }),
            axes: vec!["train.epochs".into()],
            goal: "backdoor".into(),
            knowledge: vec![],
            needs: Vec::new(),
            metrics: [("clean_accuracy".to_string(), 0.9)].into(),
            seconds: [("fit".to_string(), 1.5)].into(),
            provenance: Provenance::default(),
        }
    }

    #[test]
    fn a_torn_last_line_is_passed_over_and_a_torn_middle_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cells.jsonl");
        let line = serde_json::to_string(&row("a", 0)).unwrap();
        append_line(&path, &line).unwrap();
        append_line(&path, &line.replace("\"a\"", "\"b\"")).unwrap();
        let mut text = std::fs::read_to_string(&path).unwrap();
        text.truncate(text.len() - 10);
        write_whole(&path, text.as_bytes()).unwrap();
        assert_eq!(read_cells(&path).unwrap().len(), 1);
        write_whole(&path, format!("{{\n{line}\n").as_bytes()).unwrap();
        let error = read_cells(&path).unwrap_err().to_string();
        assert!(error.contains("line 1"), "{error}");
    }

    #[test]
    fn a_diverged_metric_does_not_make_the_file_unreadable() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cells.jsonl");
        let mut diverged = row("a", 0);
        diverged.metrics.insert("train_loss".into(), f64::NAN);
        append_line(&path, &serde_json::to_string(&diverged).unwrap()).unwrap();
        let rows = read_cells(&path).unwrap();
        assert_eq!((rows[0].metric("train_loss"), rows[0].metric("clean_accuracy")), (None, Some(0.9)));
    }

    #[test]
    fn the_later_line_of_a_cell_wins() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cells.jsonl");
        let mut failed = row("a", 0);
        failed.status = Status::Failed;
        append_line(&path, &serde_json::to_string(&failed).unwrap()).unwrap();
        append_line(&path, &serde_json::to_string(&row("a", 0)).unwrap()).unwrap();
        let rows = read_cells(&path).unwrap();
        assert_eq!((rows.len(), rows[0].status), (1, Status::Done));
    }
}
