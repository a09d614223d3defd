//! Predictions: one row per test input, as parquet.

use std::path::Path;

use crate::Error;
use crate::frame::{self, Column};

/// What a model said of test inputs, untouched and attacked.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Predictions {
    /// `clean` or `attacked` (with the trigger on).
    pub input: Vec<String>,
    /// Row of the test set.
    pub index: Vec<i64>,
    /// File, and line where several rows share one.
    pub source: Vec<String>,
    /// The row's label in the test set.
    pub true_label: Vec<i64>,
    /// The label that the model gave.
    pub predicted_label: Vec<i64>,
    /// Per class, the score of each row; the columns are called `score_<class>`.
    pub scores: Vec<Vec<f64>>,
}

impl Predictions {
    /// Writes them as a parquet file (snappy). `stage` is the key of the evaluation's stage, which
    /// [`crate::stage_of`] gives back.
    ///
    /// # Errors
    /// The columns differ in length, or the file cannot be written.
    pub fn write(&self, path: &Path, stage: &str) -> Result<(), Error> {
        let mut columns = vec![
            ("input".to_owned(), Column::Text(self.input.clone())),
            ("index".to_owned(), Column::Int(self.index.clone())),
            ("source".to_owned(), Column::Text(self.source.clone())),
            ("true_label".to_owned(), Column::Int(self.true_label.clone())),
            ("predicted_label".to_owned(), Column::Int(self.predicted_label.clone())),
        ];
        for (class, scores) in self.scores.iter().enumerate() {
            columns.push((format!("score_{class}"), Column::Real(scores.clone())));
        }
        frame::write(path, "predictions", stage, &columns)
    }

    /// Reads them back.
    ///
    /// # Errors
    /// The file is unreadable, not parquet, or has other columns.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let mut predictions = Self::default();
        for (name, column) in frame::read(path)? {
            match (name.as_str(), column) {
                ("input", Column::Text(v)) => predictions.input = v,
                ("index", Column::Int(v)) => predictions.index = v,
                ("source", Column::Text(v)) => predictions.source = v,
                ("true_label", Column::Int(v)) => predictions.true_label = v,
                ("predicted_label", Column::Int(v)) => predictions.predicted_label = v,
                (name, Column::Real(v)) if name == format!("score_{}", predictions.scores.len()) => {
                    predictions.scores.push(v);
                }
                (name, _) => return Err(Error::damaged(path, format_args!("unexpected column {name:?}"))),
            }
        }
        Ok(predictions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predictions_come_back_as_they_were() {
        let predictions = Predictions {
            input: vec!["clean".into(), "attacked".into()],
            index: vec![0, 7],
            source: vec!["spam/0001.eml".into(), "täst:8".into()],
            true_label: vec![1, 0],
            predicted_label: vec![1, 1],
            scores: vec![vec![-0.5, 0.25], vec![1.5, 0.75]],
        };
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p.parquet");
        predictions.write(&path, "k").unwrap();
        assert_eq!(Predictions::read(&path).unwrap(), predictions);
        let ragged = Predictions { index: vec![0], ..predictions };
        assert!(ragged.write(&path, "k").is_err());
    }
}
