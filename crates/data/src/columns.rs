//! Columns of numbers and of categories, and the table made of them.

use std::sync::Arc;

use aconite_core::{Error, Result, Table};

use crate::formats::Fault;
use crate::vocabulary::{Vocabulary, sort};

/// Most different values of a categorical column.
const VALUES: usize = 1_000;
/// Most numbers in a table: 1 GiB of f32.
const NUMBERS: usize = 1 << 28;

/// How columns are found and scaled.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reading<'a> {
    /// Columns that hold categories whatever their values look like.
    pub(crate) categorical: &'a [String],
    /// Whether columns of numbers get mean 0 and standard deviation 1 over the training rows.
    pub(crate) standardise: bool,
}

enum Values {
    Numbers(Vec<f64>),
    Categories(Vocabulary, Vec<u32>),
}

struct Column {
    name: String,
    values: Values,
}

/// Columns that grow row by row.
#[derive(Default)]
pub(crate) struct Columns {
    columns: Vec<Column>,
}

impl Columns {
    /// Columns of numbers without a row.
    pub(crate) fn of_numbers(names: impl IntoIterator<Item = String>) -> Self {
        let columns =
            names.into_iter().map(|name| Column { name, values: Values::Numbers(Vec::new()) }).collect();
        Self { columns }
    }

    /// Decides by the first row: a column that is not called categorical and holds a number there is numeric.
    pub(crate) fn by_first<'r>(
        first: impl IntoIterator<Item = (String, &'r str)>,
        reading: &Reading,
        line: u64,
    ) -> Result<Self, Fault> {
        let mut columns = Vec::new();
        for (name, value) in first {
            let values = match value.trim() {
                _ if reading.categorical.contains(&name) => Values::Categories(Vocabulary::default(), vec![]),
                "" => {
                    let message = format!("column {name:?} has no value, which does not say what it holds");
                    return Err(Fault::line(line, message)
                        .hint("fill it in, or name the column in `categorical` or `ignore`"));
                }
                number if number.parse::<f64>().is_ok() => Values::Numbers(Vec::new()),
                _ => Values::Categories(Vocabulary::default(), vec![]),
            };
            columns.push(Column { name, values });
        }
        Ok(Self { columns })
    }

    /// Adds a row.
    pub(crate) fn push<'r>(
        &mut self,
        row: impl IntoIterator<Item = &'r str>,
        line: u64,
    ) -> Result<(), Fault> {
        if self.len().saturating_mul(self.columns.len()) > NUMBERS {
            return Err(Fault::line(line, format!("more than {NUMBERS} values")));
        }
        for (column, value) in self.columns.iter_mut().zip(row) {
            let value = value.trim();
            match &mut column.values {
                Values::Numbers(numbers) => numbers.push(
                    number(value)
                        .map_err(|what| Fault::line(line, format!("column {:?}: {what}", column.name)))?,
                ),
                Values::Categories(names, codes) => {
                    codes.push(names.code(value));
                    if names.len() > VALUES {
                        let message =
                            format!("column {:?} has more than {VALUES} different values", column.name);
                        return Err(Fault::line(line, message).hint("`ignore` it"));
                    }
                }
            }
        }
        Ok(())
    }

    /// Adds a row of numbers.
    pub(crate) fn push_numbers(&mut self, row: impl IntoIterator<Item = f64>) {
        for (column, value) in self.columns.iter_mut().zip(row) {
            if let Values::Numbers(numbers) = &mut column.values {
                numbers.push(value);
            }
        }
    }

    /// The table of all rows. Statistics and categories come from the rows `train` alone: a number x becomes
    /// (x − mean) / sd, with sd over all training rows, or 0 where the training rows hold but one value; a
    /// category becomes a column `name=value` for each value of the training rows, 1 where it holds it, so that
    /// a value that only test rows have is all zeros.
    pub(crate) fn table(&self, train: &[usize], standardise: bool) -> Result<Table> {
        let mut names: Vec<String> = Vec::new();
        let mut made: Vec<Made> = Vec::new();
        for column in &self.columns {
            match &column.values {
                Values::Numbers(numbers) => {
                    names.push(column.name.clone());
                    made.push(Made::Scaled(numbers, scale(numbers, train, standardise)));
                }
                Values::Categories(vocabulary, codes) => {
                    let mut met: Vec<u32> = train.iter().filter_map(|&row| codes.get(row)).copied().collect();
                    met.sort_unstable();
                    met.dedup();
                    sort(&mut met, |&code| vocabulary.name(code).to_owned());
                    for code in met {
                        names.push(format!("{}={}", column.name, vocabulary.name(code)));
                        made.push(Made::Is(codes, code));
                    }
                }
            }
        }
        let rows = self.len();
        if rows.checked_mul(made.len()).is_none_or(|n| n > NUMBERS) {
            let message = format!("{rows} rows of {} columns are more than {NUMBERS} numbers", made.len());
            return Err(Error::new(message));
        }
        let mut values = Vec::with_capacity(rows * made.len());
        for row in 0..rows {
            values.extend(made.iter().map(|column| column.at(row)));
        }
        Table::new(Arc::new(names), values)
    }

    /// Number of columns before categories are spread.
    pub(crate) fn width(&self) -> usize {
        self.columns.len()
    }

    /// Number of rows.
    fn len(&self) -> usize {
        match self.columns.first().map(|c| &c.values) {
            Some(Values::Numbers(numbers)) => numbers.len(),
            Some(Values::Categories(_, codes)) => codes.len(),
            None => 0,
        }
    }
}

/// A column of the table.
enum Made<'a> {
    Scaled(&'a [f64], (f64, f64)),
    Is(&'a [u32], u32),
}

impl Made<'_> {
    fn at(&self, row: usize) -> f32 {
        match self {
            Self::Scaled(numbers, (mean, factor)) => {
                numbers.get(row).map_or(0.0, |x| ((x - mean) * factor) as f32)
            }
            Self::Is(codes, code) => f32::from(u8::from(codes.get(row) == Some(code))),
        }
    }
}

/// What is taken off a number, and what it is then multiplied by.
fn scale(numbers: &[f64], train: &[usize], standardise: bool) -> (f64, f64) {
    if !standardise {
        return (0.0, 1.0);
    }
    let known = || train.iter().filter_map(|&row| numbers.get(row)).copied();
    let n = train.len().max(1) as f64;
    let mean = known().sum::<f64>() / n;
    let sd = (known().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
    let constant = known().all(|x| Some(x) == known().next());
    (mean, if constant || sd == 0.0 { 0.0 } else { 1.0 / sd })
}

/// A finite number that f32 can hold.
fn number(text: &str) -> std::result::Result<f64, String> {
    if text.is_empty() {
        return Err("no value, expected a number".into());
    }
    match text.parse::<f64>() {
        Ok(x) if x.abs() <= f64::from(f32::MAX) => Ok(x),
        Ok(x) if x.is_finite() => Err(format!("{text} is beyond 32-bit numbers")),
        Ok(_) => Err(format!("{text:?} is not finite")),
        Err(_) => Err(format!("{:?} is no number", text.chars().take(40).collect::<String>())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_standardised_and_categories_spread_by_training_rows() {
        let first = [("x", "1"), ("proto", "tcp"), ("still", "4"), ("port", "80")];
        let categorical = ["port".to_owned()];
        let reading = Reading { categorical: &categorical, standardise: true };
        let mut columns = Columns::by_first(first.map(|(n, v)| (n.to_owned(), v)), &reading, 1).unwrap();
        for row in [["1", "tcp", "4", "80"], ["3", "udp", "4", "9"], ["7", "icmp", "5", "80"]] {
            columns.push(row, 1).unwrap();
        }
        let table = columns.table(&[0, 1], true).unwrap();
        assert_eq!(**table.columns(), ["x", "proto=tcp", "proto=udp", "still", "port=9", "port=80"]);
        // Training rows: mean 2, sd 1.
        assert_eq!(table.row(0), [-1.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
        assert_eq!(table.row(1), [1.0, 0.0, 1.0, 0.0, 1.0, 0.0]);
        assert_eq!(table.row(2), [5.0, 0.0, 0.0, 0.0, 0.0, 1.0], "an unseen category is all zeros");
        assert_eq!(columns.table(&[0, 1], false).unwrap().row(2)[0], 7.0);
        assert!(columns.push(["x", "tcp", "1", "1"], 9).unwrap_err().to_string().contains("line 9"));
    }
}
