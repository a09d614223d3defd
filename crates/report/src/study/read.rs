//! Reading what lies in a results folder beside the cells.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use aconite_record::CellRow;
use serde_json::Value;

use super::Claim;
use crate::Skipped;

/// The files of a cell: its own, or those of its trials in their order, which are called by the cell's name and `-t3`.
pub(crate) fn of_cell<'a, T>(files: &'a BTreeMap<String, T>, cell: &str) -> Vec<&'a T> {
    if let Some(own) = files.get(cell) {
        return vec![own];
    }
    let stem = format!("{cell}-t");
    let trial = |name: &str| name.strip_prefix(&stem).and_then(|n| n.parse::<usize>().ok());
    let later = files.range(stem.clone()..).take_while(|(name, _)| name.starts_with(&stem));
    let mut trials: Vec<(usize, &T)> = later.filter_map(|(name, file)| Some((trial(name)?, file))).collect();
    trials.sort_by_key(|(trial, _)| *trial);
    trials.into_iter().map(|(_, file)| file).collect()
}

pub(super) fn read_optional(dir: &Path, name: &str, skipped: &mut Vec<Skipped>) -> Option<String> {
    let path = dir.join(name);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(e) => {
            skipped.push(Skipped::new(name, format!("{}: {e}", path.display())));
            None
        }
    }
}

pub(super) fn about(toml: &str) -> Option<String> {
    let table: toml::Table = toml.parse().ok()?;
    Some(table.get("about")?.as_str()?.to_owned())
}

/// The fields of `provenance.json`, whatever they are; without the file those of the first row.
pub(super) fn provenance(text: Option<String>, rows: &[CellRow]) -> Vec<(String, String)> {
    let read = text.and_then(|t| serde_json::from_str::<Value>(&t).ok());
    let value = read.or_else(|| serde_json::to_value(&rows.first()?.provenance).ok());
    let fields = value.as_ref().and_then(Value::as_object).into_iter().flatten();
    let known = fields.filter(|(_, v)| !v.is_null());
    known.map(|(k, v)| (k.clone(), crate::label::value_text(v))).filter(|(_, v)| !v.is_empty()).collect()
}

pub(super) fn claims(text: &str, skipped: &mut Vec<Skipped>) -> Vec<Claim> {
    let list: Vec<Value> = match serde_json::from_str(text) {
        Ok(list) => list,
        Err(e) => {
            skipped.push(Skipped::new(
                "claims",
                format!("expect.json is damaged: {e}; write it with `aconite verify`"),
            ));
            return Vec::new();
        }
    };
    let claim = |v: &Value| {
        let text =
            |key: &str| v.get(key).filter(|v| !v.is_null()).map(crate::label::value_text).unwrap_or_default();
        let number = |key: &str| v.get(key).and_then(Value::as_f64).filter(|v| v.is_finite());
        Claim {
            claim: text("claim"),
            source: text("source"),
            metric: text("metric"),
            bound: text("bound"),
            ours: number("ours"),
            lo: number("lo"),
            hi: number("hi"),
            n: v.get("n").and_then(Value::as_u64),
            verdict: text("verdict"),
        }
    };
    list.iter().map(claim).collect()
}

/// Files of a folder with this ending, by their stem.
pub(super) fn list(folder: &Path, ending: &str) -> BTreeMap<String, PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path());
    let stem = |p: PathBuf| Some((p.file_stem()?.to_string_lossy().into_owned(), p));
    entries.filter(|p| p.extension().is_some_and(|e| e == ending)).filter_map(stem).collect()
}

/// Reads the JSON files of a folder, by their stem; a damaged one is noted under the folder's name.
pub(super) fn read_all<T>(
    dir: &Path,
    folder: &str,
    read: impl Fn(&Path) -> Result<T, aconite_record::Error>,
    skipped: &mut Vec<Skipped>,
) -> BTreeMap<String, T> {
    let mut all = BTreeMap::new();
    for (name, path) in list(&dir.join(folder), "json") {
        match read(&path) {
            Ok(value) => {
                all.insert(name, value);
            }
            Err(e) => skipped.push(Skipped::new(folder, e.to_string())),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_a_cell_are_its_own_or_those_of_its_trials() {
        let files: BTreeMap<String, u32> =
            [("a", 1), ("a-b", 9), ("b-t0", 2), ("b-t10", 4), ("b-t2", 3), ("b-top", 9)]
                .map(|(name, file)| (name.to_owned(), file))
                .into();
        let of = |cell: &str| of_cell(&files, cell).into_iter().copied().collect::<Vec<_>>();
        assert_eq!((of("a"), of("b"), of("c")), (vec![1], vec![2, 3, 4], vec![]));
    }
}
