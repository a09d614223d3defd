//! `csv`: a user's own table.

use std::path::PathBuf;

use aconite_core::{Error, Rate, Result};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::columns::Reading;
use crate::delimited::{Gathered, Layout, as_it_is};
use crate::files::{about, fingerprint, in_file, open};
use crate::formats::csv::Dialect;
use crate::{Places, Source, Split, division};

/// A table of your own: delimited values with a column of labels, gzipped or not.
///
/// A column holds numbers if its first value is one and `categorical` does not name it; all its values must then be
/// finite numbers. Other columns are categorical and become a column for each value that training rows have
/// (`proto=tcp`), 1 or 0; other values of test rows are 0 in all of them. The classes are the labels met in
/// training rows, in the order of numbers if all are whole numbers, else by letter.
///
/// Without `test_path`, of each class the share `test_share` is drawn by `split_seed`, the same for every seed of an
/// experiment.
///
/// Paper: none; it is your own data.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Csv {
    /// The file, from the working directory or from `$ACONITE_DATA`.
    pub path: String,
    /// The file of the test rows, with the same columns; none if empty.
    pub test_path: String,
    /// The column of the labels.
    pub label: String,
    /// Columns that are categorical though they hold numbers.
    pub categorical: Vec<String>,
    /// Columns to leave out.
    pub ignore: Vec<String>,
    /// What separates values, one ASCII character.
    pub delimiter: String,
    /// Whether the first line names the columns; else they are called `c1`, `c2`, ….
    pub header: bool,
    /// Whether each column of numbers gets mean 0 and standard deviation 1 over the training rows; a column that
    /// is constant there becomes 0 and stays.
    pub standardise: bool,
    /// Share of the rows of each class that become test rows, in (0, 1).
    pub test_share: Rate,
    /// Which rows these are.
    pub split_seed: u64,
}

impl Default for Csv {
    fn default() -> Self {
        Self {
            path: String::new(),
            test_path: String::new(),
            label: "label".into(),
            categorical: Vec::new(),
            ignore: Vec::new(),
            delimiter: ",".into(),
            header: true,
            standardise: true,
            test_share: division::TEST_SHARE,
            split_seed: 0,
        }
    }
}

impl Kind for Csv {}

/// The byte of a delimiter.
pub(crate) fn delimiter(text: &str) -> Result<u8> {
    match text.as_bytes() {
        &[byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Ok(byte),
        _ => Err(Error::at(
            "delimiter",
            format!("{text:?}, expected one ASCII character such as \",\" or \";\""),
        )),
    }
}

/// The file or the two files.
pub(crate) fn paths(places: &Places, path: &str, test_path: &str) -> Result<Vec<(&'static str, PathBuf)>> {
    let mut paths = vec![("path", places.own("path", path)?)];
    if !test_path.is_empty() {
        paths.push(("test_path", places.own("test_path", test_path)?));
    }
    Ok(paths)
}

/// Their fingerprint.
pub(crate) fn fingerprint_of(paths: &[(&str, PathBuf)]) -> Result<String> {
    let root = paths.first().and_then(|(_, path)| path.parent()).unwrap_or("".as_ref());
    fingerprint(root, paths.iter().map(|(_, path)| path.as_path())).map_err(about("path"))
}

/// A file's name for origins.
pub(crate) fn file_name(path: &std::path::Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

impl Source for Csv {
    fn load(&self, places: &Places) -> Result<Split> {
        let layout = Layout {
            dialect: Dialect { delimiter: delimiter(&self.delimiter)?, quotes: true, header: self.header },
            names: None,
            label: &self.label,
            ignore: &self.ignore,
            reading: Reading { categorical: &self.categorical, standardise: self.standardise },
            class: &as_it_is,
            classes: None,
        };
        let mut gathered = Gathered::default();
        let mut train = None;
        for (key, path) in paths(places, &self.path, &self.test_path)? {
            train = (key == "test_path").then_some(gathered.len());
            let opened = open(&path).map_err(about(key))?;
            gathered
                .add(&layout, opened.reader, &file_name(&path))
                .map_err(in_file(&path))
                .map_err(about(key))?;
        }
        gathered.split(&layout, train, self.test_share, self.split_seed).map_err(about("path"))
    }

    fn fingerprint(&self, places: &Places) -> Result<String> {
        fingerprint_of(&paths(places, &self.path, &self.test_path)?)
    }

    fn licence(&self) -> &'static str {
        "your own"
    }

    fn found(&self, places: &Places) -> Result<Option<PathBuf>> {
        places.own("path", &self.path).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_with_its_test_table_is_read() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.csv"), "\u{feff}size;kind;y;id\n1;red;no;7\n\n3;\"blue\";yes;8\n")
            .unwrap();
        std::fs::write(dir.path().join("b.csv"), "size;kind;y;id\n2;green;yes;9\n").unwrap();
        let source = Csv {
            path: "a.csv".into(),
            test_path: "b.csv".into(),
            label: "y".into(),
            ignore: vec!["id".into()],
            delimiter: ";".into(),
            ..Csv::default()
        };
        let split = source.load(&Places(vec![dir.path().to_owned()])).unwrap();
        let train = split.train.rows().table().unwrap();
        assert_eq!(**train.columns(), ["size", "kind=blue", "kind=red"]);
        assert_eq!((train.row(0), train.row(1)), (&[-1.0, 0.0, 1.0][..], &[1.0, 1.0, 0.0][..]));
        assert_eq!(split.test.rows().table().unwrap().row(0), [0.0; 3]);
        assert_eq!((split.test.labels(), &split.test.classes()[1]), (&[1][..], &"yes".to_owned()));
        assert_eq!(
            (split.train.origins().of(1), split.test.origins().of(0)),
            ("a.csv:4".into(), "b.csv:2".into())
        );
    }
}
