//! Tables out of files of delimited values: rows of one or two files gathered, then made a training and a test
//! set.

use std::io::Read;
use std::sync::Arc;

use aconite_core::{Dataset, Error, Origins, Rate, Result};
use csv::StringRecord;

use crate::columns::{Columns, Reading};
use crate::formats::Fault;
use crate::formats::csv::{Dialect, records};
use crate::vocabulary::{Vocabulary, classes};
use crate::{Split, division};

/// What the columns of a file are.
pub(crate) struct Layout<'a> {
    /// How values are separated, and whether the file names its columns.
    pub(crate) dialect: Dialect,
    /// The columns' names if the file has none; `c1`, `c2`, … if these are missing too.
    pub(crate) names: Option<&'a [&'a str]>,
    /// The column of the labels.
    pub(crate) label: &'a str,
    /// Columns to leave out.
    pub(crate) ignore: &'a [String],
    /// How the others are read.
    pub(crate) reading: Reading<'a>,
    /// The class of a label, or what is wrong with it.
    pub(crate) class: &'a dyn Fn(&str) -> std::result::Result<String, String>,
    /// The classes in their order, if it is known; else all that are met, sorted.
    pub(crate) classes: Option<&'a [&'a str]>,
}

/// The rows read so far.
#[derive(Default)]
pub(crate) struct Gathered {
    names: Vec<String>,
    /// Places of the columns that become values, and of the label.
    kept: Vec<usize>,
    label: usize,
    columns: Columns,
    labels: Vocabulary,
    codes: Vec<u32>,
    origins: Option<Origins>,
}

impl Gathered {
    /// Rows so far.
    pub(crate) fn len(&self) -> usize {
        self.codes.len()
    }

    /// Adds the rows of a file, which is called `file` in origins.
    pub(crate) fn add(&mut self, layout: &Layout, reader: impl Read, file: &str) -> Result<(), Fault> {
        let mut lines: Vec<usize> = Vec::new();
        records(reader, layout.dialect, |names, line, record| {
            if lines.is_empty() {
                self.begin(layout, names, line, record)?;
            }
            let kept = self.kept.iter().map(|&i| record.get(i).unwrap_or_default());
            self.columns.push(kept, line)?;
            let label = record.get(self.label).unwrap_or_default().trim();
            let column = || format!("column {:?}", layout.label);
            let class = (layout.class)(label).map_err(|e| Fault::line(line, e).about(&column()))?;
            if class.is_empty() {
                return Err(Fault::line(line, "no value, expected a class").about(&column()));
            }
            self.codes.push(self.labels.code(&class));
            lines.push(line as usize - 1);
            Ok(())
        })?;
        let whole = Origins::lines(file, lines.last().map_or(0, |l| l + 1)).select(&lines);
        self.origins = Some(match self.origins.take() {
            Some(before) => before.followed_by(&whole),
            None => whole,
        });
        Ok(())
    }

    /// Finds the columns at the first row of a file.
    fn begin(
        &mut self,
        layout: &Layout,
        names: Option<&StringRecord>,
        line: u64,
        record: &StringRecord,
    ) -> Result<(), Fault> {
        let names: Vec<String> = match (names, layout.names) {
            (Some(header), _) => header.iter().map(str::to_owned).collect(),
            (None, Some(names)) => names.iter().map(|&n| n.to_owned()).collect(),
            (None, None) => (1..=record.len()).map(|i| format!("c{i}")).collect(),
        };
        if names.len() != record.len() {
            let message = format!("{} values, expected {}", record.len(), names.len());
            return Err(Fault::line(line, message));
        }
        if !self.names.is_empty() {
            return match names == self.names {
                true => Ok(()),
                false => Err(Fault::line(1, format!("columns {names:?}, expected {:?}", self.names))),
            };
        }
        let place = |wanted: &str| {
            names.iter().position(|name| name == wanted).ok_or_else(|| {
                let some: Vec<&str> = names.iter().take(12).map(String::as_str).collect();
                let dots = if names.len() > 12 { ", …" } else { "" };
                Fault::line(1, format!("no column {wanted:?}"))
                    .hint(format!("the columns are {}{dots}", some.join(", ")))
            })
        };
        self.label = place(layout.label)?;
        for wanted in layout.ignore.iter().chain(layout.reading.categorical) {
            place(wanted)?;
        }
        self.kept = (0..names.len())
            .filter(|&i| i != self.label && names.get(i).is_some_and(|name| !layout.ignore.contains(name)))
            .collect();
        if self.kept.is_empty() {
            return Err(Fault::line(line, "there is no column beside the label"));
        }
        let first = self
            .kept
            .iter()
            .filter_map(|&i| Some((names.get(i)?.clone(), record.get(i).unwrap_or_default())));
        self.columns = Columns::by_first(first, &layout.reading, line)?;
        self.names = names;
        Ok(())
    }

    /// Makes training and test set: the first `train` rows and the others, or a seeded division.
    pub(crate) fn split(
        self,
        layout: &Layout,
        train: Option<usize>,
        share: Rate,
        seed: u64,
    ) -> Result<Split> {
        let origins = self.origins.ok_or_else(|| Error::new("no file was read"))?;
        let (classes, labels) = match layout.classes {
            None => {
                classes(&self.labels, &self.codes, train.unwrap_or(self.codes.len()), |row| origins.of(row))?
            }
            Some(known) => {
                let labels: Option<Vec<usize>> = self
                    .codes
                    .iter()
                    .map(|&code| known.iter().position(|&name| name == self.labels.name(code)))
                    .collect();
                let labels = labels.ok_or_else(|| Error::new("a class that the data set does not have"))?;
                (known.iter().map(|&name| name.to_owned()).collect(), labels)
            }
        };
        let (train, test) = match train {
            Some(n) => (0..labels.len()).partition(|&row| row < n),
            None => division::rows(&labels, &classes, share, seed)?,
        };
        let table = self.columns.table(&train, layout.reading.standardise)?;
        let all = Dataset::new(table, labels, Arc::new(classes))?.with_origins(origins)?;
        Ok(Split { train: all.select(&train)?, test: all.select(&test)? })
    }
}

/// A label that is its own class.
pub(crate) fn as_it_is(label: &str) -> std::result::Result<String, String> {
    Ok(label.to_owned())
}
