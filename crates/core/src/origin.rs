//! Where rows came from.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Where each row of a data set came from: a file, and where several rows share one, the place in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct Origins {
    files: Arc<Vec<String>>,
    /// Per row: its file, and its place in it counted from 1; 0 where the row is the whole file.
    at: Arc<Vec<(u32, u32)>>,
}

/// Origins as they are stored.
#[derive(Clone, Serialize, Deserialize)]
struct Stored {
    files: Vec<String>,
    at: Vec<(u32, u32)>,
}

impl From<Origins> for Stored {
    fn from(origins: Origins) -> Self {
        Self { files: origins.files.to_vec(), at: origins.at.to_vec() }
    }
}

impl From<Stored> for Origins {
    fn from(stored: Stored) -> Self {
        Self { files: Arc::new(stored.files), at: Arc::new(stored.at) }
    }
}

impl Origins {
    /// Rows 1 to `n` of one file.
    pub fn lines(file: &str, n: usize) -> Self {
        let at = (0..n).map(|row| (0, u32::try_from(row + 1).unwrap_or(u32::MAX))).collect();
        Self { files: Arc::new(vec![file.to_owned()]), at: Arc::new(at) }
    }

    /// A file per row.
    pub fn files(files: Vec<String>) -> Self {
        let at = (0..files.len()).map(|row| (u32::try_from(row).unwrap_or(u32::MAX), 0)).collect();
        Self { files: Arc::new(files), at: Arc::new(at) }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.at.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.at.is_empty()
    }

    /// `file:17`, or just the file where a row is all of it.
    pub fn of(&self, row: usize) -> String {
        let (file, place) = self.at[row];
        match (self.files.get(file as usize), place) {
            (None, place) => format!("row {place}"),
            (Some(file), 0) => file.clone(),
            (Some(file), place) => format!("{file}:{place}"),
        }
    }

    /// The chosen rows' origins.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        Self { files: self.files.clone(), at: Arc::new(rows.iter().map(|&row| self.at[row]).collect()) }
    }

    /// These rows and then those.
    #[must_use]
    pub fn followed_by(&self, other: &Self) -> Self {
        if Arc::ptr_eq(&self.files, &other.files) {
            let at = self.at.iter().chain(other.at.iter()).copied().collect();
            return Self { files: self.files.clone(), at: Arc::new(at) };
        }
        let shift = self.files.len() as u32;
        let files = self.files.iter().chain(other.files.iter()).cloned().collect();
        let moved = other.at.iter().map(|&(file, place)| (file.saturating_add(shift), place));
        Self { files: Arc::new(files), at: Arc::new(self.at.iter().copied().chain(moved).collect()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_keep_their_origin() {
        let lines = Origins::lines("train.csv", 3).select(&[2, 0]);
        assert_eq!((lines.of(0), lines.of(1)), ("train.csv:3".to_owned(), "train.csv:1".to_owned()));
        let both = lines.followed_by(&Origins::files(vec!["a.png".into(), "b.png".into()]));
        assert_eq!((both.len(), both.of(3), both.of(1)), (4, "b.png".to_owned(), "train.csv:1".to_owned()));
    }
}
