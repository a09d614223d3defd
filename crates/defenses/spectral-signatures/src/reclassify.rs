//! How rows are classified by a classifier that was trained without them.

use aconite_core::{Dataset, Error, Info, Result, RowKind, Rows};
use tch::{Kind, Tensor};

/// A nearest-mean classifier on the content of the rows, images as they are, columns of a table in standard
/// deviations. Any rows can be taken out of its training set afterwards.
pub(crate) struct NearestMean<'a> {
    data: &'a Dataset,
    /// What a column is divided by.
    scale: Option<Tensor>,
    /// Sum of the rows of each class, classes × numbers.
    sums: Tensor,
    /// Rows of each class.
    counts: Vec<usize>,
}

/// Refuses rows that are not made of numbers.
pub(crate) fn check(info: &Info, key: &str) -> Result<()> {
    match info.kind {
        RowKind::Image(_) | RowKind::Table(_) => Ok(()),
        _ => Err(Error::at(
            key,
            format!("rows are reclassified by their numbers, but the data set holds {}", info.kind),
        )
        .hint("choose rule = \"smaller\" or \"silhouette\"")),
    }
}

impl<'a> NearestMean<'a> {
    /// Trains on all rows.
    pub fn new(data: &'a Dataset) -> Result<Self> {
        let scale = match data.rows() {
            Rows::Table(_) => {
                let spread = numbers(data.rows())?.f_std_dim([0i64].as_slice(), false, true)?;
                Some(spread.f_where_self(&spread.f_gt(0.0)?, &spread.f_ones_like()?)?)
            }
            _ => None,
        };
        let mut all = Self { data, scale, sums: Tensor::new(), counts: Vec::new() };
        let mut sums = Vec::new();
        for class in 0..data.num_classes() {
            let rows = data.rows_of(class);
            all.counts.push(rows.len());
            sums.push(all.content(&rows)?.f_sum_dim_intlist([0i64].as_slice(), false, Kind::Double)?);
        }
        all.sums = Tensor::f_stack(&sums, 0)?;
        Ok(all)
    }

    /// Trains without these rows of one class and classifies them: how many get each label.
    pub fn without(&self, class: usize, rows: &[usize]) -> Result<Vec<usize>> {
        let content = self.content(rows)?;
        let gone = content.f_sum_dim_intlist([0i64].as_slice(), false, Kind::Double)?;
        let mut present = Vec::new();
        let mut means = Vec::new();
        for (label, &count) in self.counts.iter().enumerate() {
            let count = if label == class { count - rows.len() } else { count };
            if count > 0 {
                let sum = self.sums.f_select(0, label as i64)?;
                let sum = if label == class { sum.f_sub(&gone)? } else { sum };
                means.push(sum.f_div_scalar(count as f64)?);
                present.push(label);
            }
        }
        let means = Tensor::f_stack(&means, 0)?;
        // ‖x − m‖² = ‖x‖² − 2x·m + ‖m‖², and ‖x‖² is the same for all means.
        let norms = means.f_square()?.f_sum_dim_intlist([1i64].as_slice(), false, Kind::Double)?;
        let distances = content.f_matmul(&means.f_tr()?)?.f_mul_scalar(-2.0)?.f_add(&norms)?;
        let mut votes = vec![0; self.counts.len()];
        for nearest in Vec::<i64>::try_from(distances.f_argmin(1, false)?)? {
            votes[present[nearest as usize]] += 1;
        }
        Ok(votes)
    }

    /// The numbers of some rows, f64, rows × numbers.
    fn content(&self, rows: &[usize]) -> Result<Tensor> {
        let content = numbers(&self.data.rows().select(rows))?;
        Ok(match &self.scale {
            Some(scale) => content.f_div(scale)?,
            None => content,
        })
    }
}

/// All numbers of the rows, f64, rows × numbers.
fn numbers(rows: &Rows) -> Result<Tensor> {
    let (flat, width) = match rows {
        Rows::Images(images) => (Tensor::f_from_slice(images.bytes())?, images.shape().pixels()),
        Rows::Table(table) => (Tensor::f_from_slice(table.values())?, table.columns().len()),
        Rows::Documents(_) => return Err(Error::new("documents are no numbers")),
    };
    Ok(flat.f_to_kind(Kind::Double)?.f_view([rows.len() as i64, width as i64])?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aconite_core::{Images, Shape, Table};
    use std::sync::Arc;

    fn names(count: usize) -> Arc<Vec<String>> {
        Arc::new((0..count).map(|c| format!("c{c}")).collect())
    }

    #[test]
    fn rows_are_classified_without_themselves() {
        // Class 0 around 10 and, mislabelled, around 200; class 1 around 210; class 2 is empty.
        let bytes = vec![8, 10, 12, 200, 202, 208, 210, 212];
        let images = Images::new(Shape { channels: 1, height: 1, width: 1 }, bytes).unwrap();
        let data = Dataset::new(images, vec![0, 0, 0, 0, 0, 1, 1, 1], names(3)).unwrap();
        let nearest = NearestMean::new(&data).unwrap();
        assert_eq!(nearest.without(0, &[3, 4]).unwrap(), [0, 2, 0]);
        // Without rows 0 to 2 the mean of class 0 is 201.
        assert_eq!(nearest.without(0, &[0, 1, 2]).unwrap(), [3, 0, 0]);
        assert_eq!(nearest.without(1, &[5, 6, 7]).unwrap(), [3, 0, 0]);
    }

    #[test]
    fn columns_count_in_standard_deviations() {
        // The second column is noise a thousand times as wide as the first, which tells the classes apart.
        let noise = [0.0, 900.0, -900.0, 500.0, -100.0, 800.0, -800.0, 100.0];
        let values =
            noise.iter().enumerate().flat_map(|(i, &x)| [if i < 4 { 0.0 } else { 1.0 }, x]).collect();
        let table = Table::new(Arc::new(vec!["a".into(), "b".into()]), values).unwrap();
        let data = Dataset::new(table, vec![0, 0, 0, 0, 1, 1, 1, 1], names(2)).unwrap();
        assert_eq!(NearestMean::new(&data).unwrap().without(0, &[1]).unwrap(), [1, 0]);
        assert!(check(&data.info(), "rule").is_ok());
    }
}
