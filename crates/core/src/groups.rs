//! Groups of test rows, to see whom an attack or a defense costs most.

use crate::{Dataset, Error, Info, Result, RowKind, metrics};

/// Most groups: each is a column of the results.
const MOST: usize = 32;

/// The test rows of a table, cut into groups by one of its columns.
///
/// A categorical column gives a group for each value that it has in training rows, and `other` for the rest. A column
/// of numbers gives two, `low` and `high`: up to the median of the training rows and above it; where the median is
/// also the largest number, below it and from it on.
#[derive(Debug, Clone, PartialEq)]
pub struct Groups {
    names: Vec<String>,
    of: Vec<usize>,
}

/// Where a column is in the table.
#[derive(Debug, PartialEq)]
enum Place {
    /// It is a column of numbers.
    Numbers(usize),
    /// It is categorical: for each value, its name and its column of zeros and ones.
    Values(Vec<(String, usize)>),
}

impl Groups {
    /// Checks that the rows have such a column.
    ///
    /// # Errors
    /// The rows are no table, no column has the name, or it has too many values.
    pub fn check(column: &str, info: &Info) -> Result<()> {
        match &info.kind {
            RowKind::Table(columns) => find(column, columns).map(drop),
            other => {
                Err(Error::at("groups", format!("groups are cut by a table's column, and these are {other}"))
                    .hint("leave it out: accuracy per class is always told"))
            }
        }
    }

    /// Cuts the rows of `test` by a column.
    ///
    /// # Errors
    /// As [`Groups::check`].
    pub fn by(column: &str, train: &Dataset, test: &Dataset) -> Result<Self> {
        let (learnt, judged) = (train.rows().table()?, test.rows().table()?);
        Ok(match find(column, learnt.columns())? {
            Place::Numbers(at) => {
                let mut numbers: Vec<f32> = (0..learnt.len()).map(|row| learnt.row(row)[at]).collect();
                numbers.sort_by(f32::total_cmp);
                let median = numbers[(numbers.len() - 1) / 2];
                let is_largest = numbers.last() == Some(&median);
                let is_high = |value: f32| if is_largest { value >= median } else { value > median };
                let of = (0..judged.len()).map(|row| usize::from(is_high(judged.row(row)[at]))).collect();
                Self { names: vec!["low".into(), "high".into()], of }
            }
            Place::Values(values) => {
                let of = (0..judged.len())
                    .map(|row| values.iter().position(|(_, at)| judged.row(row)[*at] == 1.0))
                    .map(|found| found.unwrap_or(values.len()))
                    .collect();
                let names = values.into_iter().map(|(name, _)| name).chain(["other".to_owned()]).collect();
                Self { names, of }
            }
        })
    }

    /// Names of the groups, as they stand in the names of metrics.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Accuracy per group; `None` for a group without rows.
    pub fn accuracy(&self, predicted: &[usize], labels: &[usize]) -> Vec<Option<f64>> {
        metrics::accuracy_by(predicted, labels, &self.of, self.names.len())
    }
}

fn find(column: &str, columns: &[String]) -> Result<Place> {
    if let Some(at) = columns.iter().position(|name| name == column) {
        return Ok(Place::Numbers(at));
    }
    let values: Vec<(String, usize)> = columns
        .iter()
        .enumerate()
        .filter_map(|(at, name)| Some((word(name.strip_prefix(column)?.strip_prefix('=')?), at)))
        .collect();
    match values.len() {
        0 => {
            let mut names: Vec<&str> = columns
                .iter()
                .map(|name| name.split_once('=').map_or(name.as_str(), |(stem, _)| stem))
                .collect();
            names.dedup();
            let more = names.len().saturating_sub(12);
            names.truncate(12);
            let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
            Err(Error::at("groups", format!("the table has no column {column:?}"))
                .hint(format!("its columns: {}{rest}", names.join(", "))))
        }
        n if n > MOST => Err(Error::at(
            "groups",
            format!("column {column:?} has {n} values: at most {MOST} groups are told"),
        )),
        _ => Ok(Place::Values(values)),
    }
}

/// A value as a part of a metric's name.
fn word(value: &str) -> String {
    value.chars().map(|c| if c.is_alphanumeric() || matches!(c, '.' | '-') { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::Table;

    fn table(rows: &[[f32; 3]]) -> Dataset {
        let columns = ["age", "kind=a b", "kind=c"].map(str::to_owned).to_vec();
        let table = Table::new(Arc::new(columns), rows.concat()).unwrap();
        Dataset::new(table, vec![0; rows.len()], Arc::new(vec!["no".into(), "yes".into()])).unwrap()
    }

    #[test]
    fn numbers_are_cut_at_the_median_of_the_training_rows() {
        let train = table(&[[1.0, 1.0, 0.0], [2.0, 0.0, 1.0], [3.0, 0.0, 1.0], [9.0, 0.0, 1.0]]);
        let test = table(&[[2.0, 1.0, 0.0], [2.5, 0.0, 1.0], [8.0, 0.0, 0.0]]);
        let groups = Groups::by("age", &train, &test).unwrap();
        assert_eq!(
            (groups.names(), &groups.of[..]),
            (&["low".to_owned(), "high".into()][..], &[0, 1, 1][..])
        );
        assert_eq!(groups.accuracy(&[0, 0, 1], &[0; 3]), [Some(1.0), Some(0.5)]);
        // Most are the largest: they are a group, and not all rows.
        let train = table(&[[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [1.0, 0.0, 1.0]]);
        assert_eq!(Groups::by("age", &train, &train).unwrap().of, [0, 1, 1]);
    }

    #[test]
    fn values_of_a_category_are_groups() {
        let train = table(&[[1.0, 1.0, 0.0], [2.0, 0.0, 1.0]]);
        let test = table(&[[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]);
        let groups = Groups::by("kind", &train, &test).unwrap();
        assert_eq!(groups.names(), ["a_b", "c", "other"]);
        assert_eq!(groups.accuracy(&[0, 1, 0], &[0; 3]), [Some(0.0), Some(1.0), Some(1.0)]);
        assert_eq!(Groups::by("kind", &train, &train).unwrap().accuracy(&[0, 0], &[0; 2])[2], None);
    }

    #[test]
    fn a_column_that_is_not_there_is_named() {
        let info = table(&[[1.0, 1.0, 0.0]]).info();
        let error = Groups::check("kin", &info).unwrap_err();
        assert_eq!(error.setting.as_deref(), Some("groups"));
        assert!(error.to_string().contains("\"kin\""), "{error}");
        assert!(error.hint.unwrap().contains("age, kind"));
        Groups::check("kind", &info).unwrap();
        let columns = (0..40).map(|n| format!("c={n}")).collect();
        let many = Info { kind: RowKind::Table(Arc::new(columns)), ..info };
        assert!(Groups::check("c", &many).unwrap_err().to_string().contains("40 values"));
    }
}
