//! How far each test prediction of a cell is proven to hold.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{Error, write_whole};

/// `certificates/<cell>.json`: per test row its certified radius and whether the prediction is right.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Certificates {
    /// Training rows that may be inserted or removed without changing the prediction, per test row.
    pub radii: Vec<f64>,
    /// Whether the prediction is the true label, per test row.
    pub correct: Vec<bool>,
}

impl Certificates {
    /// Writes the certificates.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let text = serde_json::to_string(self).map_err(|e| Error::damaged(path, e))?;
        write_whole(path, text.as_bytes())
    }

    /// Reads them back.
    ///
    /// # Errors
    /// The file is unreadable, there are no test rows, or radii and verdicts differ in number.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
        let read: Self = serde_json::from_str(&text).map_err(|e| Error::damaged(path, e))?;
        match (read.radii.len(), read.correct.len()) {
            (0, _) => Err(Error::damaged(path, "no test row")),
            (n, m) if n != m => Err(Error::damaged(path, format_args!("{n} radii for {m} test rows"))),
            _ => Ok(read),
        }
    }

    /// Certified accuracy: the share of test rows that are right with a radius of at least `radius`.
    pub fn accuracy_at(&self, radius: f64) -> f64 {
        let held = self.radii.iter().zip(&self.correct).filter(|(r, right)| **right && **r >= radius).count();
        held as f64 / self.radii.len().max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accuracy_counts_right_rows_of_at_least_the_radius() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.json");
        let four = Certificates { radii: vec![0.0, 2.0, 5.0, 9.0], correct: vec![true, true, true, false] };
        four.write(&path).unwrap();
        let read = Certificates::read(&path).unwrap();
        assert_eq!(
            [0.0, 1.0, 2.0, 2.5, 5.0, 6.0].map(|r| read.accuracy_at(r)),
            [0.75, 0.5, 0.5, 0.25, 0.25, 0.0]
        );
        for bad in [Certificates::default(), Certificates { radii: vec![1.0], correct: vec![] }] {
            bad.write(&path).unwrap();
            assert!(Certificates::read(&path).is_err());
        }
    }
}
