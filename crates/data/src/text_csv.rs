//! `text_csv`: a user's own texts.

use std::path::PathBuf;
use std::sync::Arc;

use aconite_core::{Dataset, Documents, Origins, Rate, Result};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::csv::{delimiter, file_name, fingerprint_of, paths};
use crate::files::{about, in_file, open};
use crate::formats::Fault;
use crate::formats::csv::{Dialect, records};
use crate::vocabulary::{Vocabulary, classes};
use crate::{Places, Source, Split, division};

/// Texts of your own: delimited values with a column of texts and one of labels, gzipped or not, in UTF-8.
///
/// The classes are the labels met in training rows, in the order of numbers if all are whole numbers, else by
/// letter. Without `test_path`, of each class the share `test_share` is drawn by `split_seed`, the same for every
/// seed of an experiment.
///
/// Paper: none; it is your own data.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TextCsv {
    /// The file, from the working directory or from `$ACONITE_DATA`.
    pub path: String,
    /// The file of the test rows; none if empty.
    pub test_path: String,
    /// The column of the texts.
    pub text: String,
    /// The column of the labels.
    pub label: String,
    /// What separates values, one ASCII character.
    pub delimiter: String,
    /// Whether the first line names the columns; else they are called `c1`, `c2`, ….
    pub header: bool,
    /// Share of the texts of each class that become test texts, in (0, 1).
    pub test_share: Rate,
    /// Which texts these are.
    pub split_seed: u64,
}

impl Default for TextCsv {
    fn default() -> Self {
        Self {
            path: String::new(),
            test_path: String::new(),
            text: "text".into(),
            label: "label".into(),
            delimiter: ",".into(),
            header: true,
            test_share: division::TEST_SHARE,
            split_seed: 0,
        }
    }
}

impl Kind for TextCsv {}

/// Bytes of all texts together.
const MOST: usize = 2 << 30;

/// Rows so far.
#[derive(Default)]
struct Texts {
    texts: Vec<String>,
    bytes: usize,
    labels: Vocabulary,
    codes: Vec<u32>,
}

impl TextCsv {
    /// Adds the rows of a file and tells their lines.
    fn gather(
        &self,
        reader: impl std::io::Read,
        dialect: Dialect,
        all: &mut Texts,
    ) -> std::result::Result<Vec<usize>, Fault> {
        let mut lines = Vec::new();
        let (mut text, mut label) = (0, 0);
        records(reader, dialect, |names, line, record| {
            if lines.is_empty() {
                let place = |wanted: &str| {
                    let header = names.and_then(|names| names.iter().position(|name| name == wanted));
                    let number = || wanted.strip_prefix('c')?.parse::<usize>().ok()?.checked_sub(1);
                    let found = if names.is_some() { header } else { number() };
                    found.filter(|&i| i < record.len()).ok_or_else(|| {
                        let some: Vec<String> = match names {
                            Some(names) => names.iter().take(12).map(str::to_owned).collect(),
                            None => (1..=record.len().min(12)).map(|i| format!("c{i}")).collect(),
                        };
                        Fault::line(1, format!("no column {wanted:?}"))
                            .hint(format!("the columns are {}", some.join(", ")))
                    })
                };
                (text, label) = (place(&self.text)?, place(&self.label)?);
            }
            let class = record.get(label).unwrap_or_default().trim();
            if class.is_empty() {
                let message = format!("column {:?}: no value, expected a class", self.label);
                return Err(Fault::line(line, message));
            }
            let text = record.get(text).unwrap_or_default();
            all.bytes = all.bytes.saturating_add(text.len());
            if all.bytes > MOST {
                return Err(Fault::line(line, format!("more than {MOST} bytes of texts")));
            }
            all.texts.push(text.to_owned());
            all.codes.push(all.labels.code(class));
            lines.push(line as usize - 1);
            Ok(())
        })?;
        Ok(lines)
    }
}

impl Source for TextCsv {
    fn load(&self, places: &Places) -> Result<Split> {
        let dialect = Dialect { delimiter: delimiter(&self.delimiter)?, quotes: true, header: self.header };
        let mut all = Texts::default();
        let mut origins: Option<Origins> = None;
        let mut train = None;
        for (key, path) in paths(places, &self.path, &self.test_path)? {
            train = (key == "test_path").then_some(all.codes.len());
            let opened = open(&path).map_err(about(key))?;
            let lines =
                self.gather(opened.reader, dialect, &mut all).map_err(in_file(&path)).map_err(about(key))?;
            let most = lines.iter().max().map_or(0, |line| line + 1);
            let these = Origins::lines(&file_name(&path), most).select(&lines);
            origins = Some(origins.map_or(these.clone(), |before| before.followed_by(&these)));
        }
        let origins = origins.unwrap_or_else(|| Origins::lines("", 0));
        let n = all.codes.len();
        let (classes, labels) = classes(&all.labels, &all.codes, train.unwrap_or(n), |row| origins.of(row))
            .map_err(about("path"))?;
        let (train, test) = match train {
            Some(train) => (0..n).partition(|&row| row < train),
            None => division::rows(&labels, &classes, self.test_share, self.split_seed)?,
        };
        let whole =
            Dataset::new(Documents::texts(all.texts), labels, Arc::new(classes))?.with_origins(origins)?;
        Ok(Split { train: whole.select(&train)?, test: whole.select(&test)? })
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
    fn texts_with_commas_and_newlines_keep_their_lines() {
        let dir = tempfile::tempdir().unwrap();
        let rows = "b,\"one,\ntwo\"\na,three\nb,four\na,five\n";
        std::fs::write(dir.path().join("t.csv"), rows).unwrap();
        let source = TextCsv {
            path: "t.csv".into(),
            text: "c2".into(),
            label: "c1".into(),
            header: false,
            test_share: Rate::literal(0.5),
            ..TextCsv::default()
        };
        let split = source.load(&Places(vec![dir.path().to_owned()])).unwrap();
        assert_eq!((split.train.info().rows, split.test.info().rows), (vec![1, 1], vec![1, 1]));
        let mut all: Vec<String> = Vec::new();
        for part in [&split.train, &split.test] {
            let texts = part.rows().documents().unwrap();
            all.extend((0..2).map(|row| format!("{} {}", part.origins().of(row), texts.text(row))));
        }
        all.sort();
        assert_eq!(all, ["t.csv:1 one,\ntwo", "t.csv:3 three", "t.csv:4 four", "t.csv:5 five"]);
    }
}
