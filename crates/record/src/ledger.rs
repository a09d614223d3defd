//! The ledger: one row per training sample, as parquet.

use std::path::Path;

use crate::Error;
use crate::frame::{self, Column};

/// The scores of one filter, higher meaning more suspicious.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// Kind of the filter; the column is called `score_<kind>`.
    pub filter: String,
    /// One score per row.
    pub values: Vec<f64>,
}

/// One row per training sample: what the victim was given, what was true, what the filters thought of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ledger {
    /// Row of the training set.
    pub index: Vec<i64>,
    /// Label in the (poisoned) training set.
    pub given_label: Vec<i64>,
    /// Label before the attack.
    pub true_label: Vec<i64>,
    /// Whether the attack changed the row.
    pub poisoned: Vec<bool>,
    /// The scores of each filter that ran.
    pub scores: Vec<Score>,
    /// Whether the row was removed before the victim was retrained.
    pub removed: Vec<bool>,
}

impl Ledger {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Writes the ledger as a parquet file (snappy). `stage` is the key of the filter's stage, which
    /// [`crate::stage_of`] gives back.
    ///
    /// # Errors
    /// The columns differ in length, or the file cannot be written.
    pub fn write(&self, path: &Path, stage: &str) -> Result<(), Error> {
        let mut columns = vec![
            ("index".to_owned(), Column::Int(self.index.clone())),
            ("given_label".to_owned(), Column::Int(self.given_label.clone())),
            ("true_label".to_owned(), Column::Int(self.true_label.clone())),
            ("poisoned".to_owned(), Column::Bool(self.poisoned.clone())),
        ];
        for score in &self.scores {
            columns.push((format!("score_{}", score.filter), Column::Real(score.values.clone())));
        }
        columns.push(("removed".to_owned(), Column::Bool(self.removed.clone())));
        frame::write(path, "ledger", stage, &columns)
    }

    /// Reads a ledger back.
    ///
    /// # Errors
    /// The file is unreadable, not parquet, or lacks a column.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let mut ledger = Self::default();
        for (name, column) in frame::read(path)? {
            match (name.as_str(), column) {
                ("index", Column::Int(v)) => ledger.index = v,
                ("given_label", Column::Int(v)) => ledger.given_label = v,
                ("true_label", Column::Int(v)) => ledger.true_label = v,
                ("poisoned", Column::Bool(v)) => ledger.poisoned = v,
                ("removed", Column::Bool(v)) => ledger.removed = v,
                (name, Column::Real(values)) if name.starts_with("score_") => {
                    let filter = name.trim_start_matches("score_").to_owned();
                    ledger.scores.push(Score { filter, values });
                }
                (name, _) => return Err(Error::damaged(path, format_args!("unexpected column {name:?}"))),
            }
        }
        let n = ledger.index.len();
        if [&ledger.poisoned, &ledger.removed].iter().any(|c| c.len() != n)
            || [&ledger.given_label, &ledger.true_label].iter().any(|c| c.len() != n)
        {
            return Err(Error::damaged(path, "a column of the ledger is missing"));
        }
        Ok(ledger)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn a_ledger_comes_back_as_it_was(rows in prop::collection::vec((0i64..10, 0i64..10, any::<bool>(), -1e3f64..1e3, any::<bool>()), 0..200), filters in 0usize..3) {
            let ledger = Ledger {
                index: (0..rows.len() as i64).collect(),
                given_label: rows.iter().map(|r| r.0).collect(),
                true_label: rows.iter().map(|r| r.1).collect(),
                poisoned: rows.iter().map(|r| r.2).collect(),
                scores: if rows.is_empty() { vec![] } else {
                    (0..filters).map(|f| Score { filter: format!("f{f}"), values: rows.iter().map(|r| r.3 + f as f64).collect() }).collect()
                },
                removed: rows.iter().map(|r| r.4).collect(),
            };
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("l.parquet");
            ledger.write(&path, "k").unwrap();
            prop_assert_eq!(crate::stage_of(&path), Some("k".to_owned()));
            prop_assert_eq!(Ledger::read(&path).unwrap(), ledger);
        }
    }

    #[test]
    fn ragged_columns_and_foreign_files_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("l.parquet");
        let ragged = Ledger { index: vec![0], ..Ledger::default() };
        assert!(ragged.write(&path, "k").is_err() && !path.exists());
        std::fs::write(&path, b"PAR1 not really").unwrap();
        assert!(Ledger::read(&path).is_err());
    }
}
