//! Squared distances between all updates.
//!
//! ‖a − b‖² = ‖a‖² + ‖b‖² − 2⟨a, b⟩ needs one product of the matrix with itself instead of n²/2 passes, but loses
//! digits where the distance is small against the lengths. So lengths are measured from an update in the middle of
//! most others, found on a sample of coordinates. Crowds that are still much closer to each other than to it
//! (colluding clients, mostly) are measured again, from one in their own middle, and what is too close even then
//! directly.

use aconite_core::Result;
use tch::{Kind, Tensor};

use crate::kernels::squared_distance;
use crate::matrix::Matrix;

/// Numbers of a block of the product.
const BLOCK: usize = 1 << 20;
/// The product is f32, its sum over blocks f64: about 10⁻⁷ of the squared lengths is lost. Distances below this
/// share of them are measured again.
const NEAR: f64 = 1e-2;
/// Pairs that are measured in one pass.
const BATCH: usize = 1 << 14;

/// Pairs of rows, the lower one first.
type Pairs = Vec<(usize, usize)>;

/// Squared distances between all rows.
#[derive(Debug)]
pub(crate) struct Distances {
    n: usize,
    squared: Vec<f64>,
}

/// How updates become the points that are compared: s_i · (x_i + offset).
#[derive(Debug, Default)]
pub(crate) struct View {
    /// s; all 1 if there is none.
    pub scale: Option<Vec<f64>>,
    /// What is added to each update first.
    pub offset: Option<Vec<f32>>,
}

impl Distances {
    /// Between updates.
    pub fn between(matrix: &Matrix<'_>) -> Result<Self> {
        Self::of(matrix, &View::default())
    }

    /// Between the points that a view makes of updates.
    pub fn of(matrix: &Matrix<'_>, view: &View) -> Result<Self> {
        let n = matrix.len();
        let mut distances = Self { n, squared: vec![0.0; n * n] };
        let all: Vec<usize> = (0..n).collect();
        let (near, mut left) = distances.measure(matrix, view, &all)?;
        if view.scale.is_none() {
            for crowd in crowds(n, &near) {
                let (near, lost) = distances.measure(matrix, view, &crowd)?;
                left.extend(near.into_iter().chain(lost));
            }
        } else {
            // Scaled points are rounded before one is taken from another, and no middle brings back what that lost.
            left.extend(near);
        }
        distances.measure_directly(matrix, view, &left)?;
        for a in 0..n {
            for b in 0..a {
                distances.squared[a * n + b] = distances.squared[b * n + a];
            }
        }
        Ok(distances)
    }

    /// Measures the distances among these rows, which rise, from one in their middle, above the diagonal. Returns the pairs
    /// that are too near to each other for that, and those whose squares are too large for f32.
    fn measure(&mut self, matrix: &Matrix<'_>, view: &View, rows: &[usize]) -> Result<(Pairs, Pairs)> {
        let m = rows.len();
        let gram = view.gram(matrix, rows, view.middle(matrix, rows)?)?;
        if gram.iter().any(|product| !product.is_finite()) {
            // Either so is an update, or a square is too large.
            matrix.check_finite()?;
        }
        let (mut near, mut lost) = (Vec::new(), Vec::new());
        for a in 0..m {
            for b in a + 1..m {
                let lengths = gram[a * m + a] + gram[b * m + b];
                let distance = lengths - 2.0 * gram[a * m + b];
                match (distance.is_finite(), distance >= NEAR * lengths) {
                    (true, true) => self.squared[rows[a] * self.n + rows[b]] = distance,
                    (true, false) => near.push((rows[a], rows[b])),
                    (false, _) => lost.push((rows[a], rows[b])),
                }
            }
        }
        Ok((near, lost))
    }

    /// Measures these pairs one by one.
    fn measure_directly(&mut self, matrix: &Matrix<'_>, view: &View, pairs: &[(usize, usize)]) -> Result<()> {
        for pairs in pairs.chunks(BATCH) {
            let measured = matrix.sweep(false, pairs.len(), |tile, _, sums| {
                for (sum, &(a, b)) in sums.iter_mut().zip(pairs) {
                    *sum += view.squared_distance(tile, a, b);
                }
            })?;
            for (&(a, b), distance) in pairs.iter().zip(measured.sums) {
                self.squared[a * self.n + b] = distance;
            }
        }
        Ok(())
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.n
    }

    /// Squared distances of one row to all.
    pub fn row(&self, row: usize) -> &[f64] {
        &self.squared[row * self.n..(row + 1) * self.n]
    }
}

impl View {
    fn scale(&self, row: usize) -> f64 {
        self.scale.as_ref().map_or(1.0, |scale| scale[row])
    }

    /// A tile's share of the squared distance of two points.
    fn squared_distance(&self, tile: &crate::matrix::Tile<'_>, a: usize, b: usize) -> f64 {
        let (x, y) = (tile.row(a), tile.row(b));
        if self.scale.is_none() {
            return squared_distance(x, y); // The offset is the same for both.
        }
        let (s, t) = (self.scale(a), self.scale(b));
        let offset = self.offset.as_deref().map(|offset| tile.of(offset));
        let mut sum = 0.0;
        for at in 0..tile.width {
            let shift = offset.map_or(0.0, |offset| (s - t) * f64::from(offset[at]));
            let difference = s * f64::from(x[at]) - t * f64::from(y[at]) + shift;
            sum += difference * difference;
        }
        sum
    }

    /// Which of these rows has half of them close by, judged on some coordinates. It decides nothing but how many
    /// digits the product keeps.
    fn middle(&self, matrix: &Matrix<'_>, rows: &[usize]) -> Result<usize> {
        let (n, d) = (rows.len(), matrix.columns());
        let count = ((1 << 23) / (n * n)).clamp(64, 1024).min(d);
        let places: Vec<i64> = (0..count).map(|at| (at * d / count) as i64).collect();
        let sample = only(&matrix.tensor()?.f_index_select(1, &Tensor::f_from_slice(&places)?)?, rows)?;
        let mut values = vec![0.0f32; n * count];
        sample.f_copy_data(&mut values, n * count)?;
        if let Some(offset) = &self.offset {
            for row in values.chunks_exact_mut(count) {
                row.iter_mut().zip(&places).for_each(|(value, &place)| *value += offset[place as usize]);
            }
        }
        for (&row, values) in rows.iter().zip(values.chunks_exact_mut(count)) {
            let scale = self.scale(row) as f32;
            values.iter_mut().for_each(|value| *value *= scale);
        }
        let points: Vec<&[f32]> = values.chunks_exact(count).collect();
        let reach = |row: &&[f32]| {
            let mut distances: Vec<f64> = points.iter().map(|other| squared_distance(row, other)).collect();
            *distances.select_nth_unstable_by(n / 2, f64::total_cmp).1
        };
        let reaches: Vec<f64> = points.iter().map(reach).collect();
        Ok((0..n).min_by(|&a, &b| reaches[a].total_cmp(&reaches[b])).unwrap_or(0))
    }

    /// ⟨p_a − p_m, p_b − p_m⟩ for all pairs a ≤ b of these rows' points, m being the middle one; below the diagonal is
    /// nothing of use.
    fn gram(&self, matrix: &Matrix<'_>, rows: &[usize], middle: usize) -> Result<Vec<f64>> {
        let (n, d) = (rows.len(), matrix.columns());
        let all = matrix.tensor()?;
        let column = |of: &dyn Fn(f64) -> f64| -> Result<Tensor> {
            let values: Vec<f32> = rows.iter().map(|&row| of(self.scale(row)) as f32).collect();
            Ok(Tensor::f_from_slice(&values)?.f_view([n as i64, 1])?)
        };
        let own = self.scale(rows[middle]);
        let (scales, excess) = (column(&|scale| scale)?, column(&|scale| scale - own)?);
        let offset = self.offset.as_ref().map(|offset| Tensor::f_from_slice(offset)).transpose()?;
        let gram = Tensor::f_zeros([n as i64, n as i64], (Kind::Double, tch::Device::Cpu))?;
        let width = (BLOCK / n).max(64);
        // The product is symmetric: the upper half of the rows with all, the lower half with itself.
        let half = n as i64 / 2;
        let parts = [(0, half), (half, n as i64 - half)];
        for start in (0..d).step_by(width) {
            let (start, width) = (start as i64, width.min(d - start) as i64);
            let block = only(&all.f_narrow(1, start, width)?, rows)?;
            let center = block.f_narrow(0, middle as i64, 1)?;
            let mut points = match self.scale {
                // s_i(x_i + g) − s_m(x_m + g), so that what both share cancels before it is rounded.
                Some(_) => block.f_mul(&scales)?.f_sub(&center.f_mul_scalar(own)?)?,
                None => block.f_sub(&center)?,
            };
            if let (Some(_), Some(offset)) = (&self.scale, &offset) {
                points = points.f_add_(&excess.f_mul(&offset.f_narrow(0, start, width)?)?)?;
            }
            for (from, height) in parts {
                let others = n as i64 - from;
                let product =
                    points.f_narrow(0, from, height)?.f_mm(&points.f_narrow(0, from, others)?.f_tr()?)?;
                let _ = gram
                    .f_narrow(0, from, height)?
                    .f_narrow(1, from, others)?
                    .f_add_(&product.f_to_kind(Kind::Double)?)?;
            }
        }
        let mut products = vec![0.0; n * n];
        gram.f_copy_data(&mut products, n * n)?;
        Ok(products)
    }
}

/// These rows of a matrix, which rise; the matrix itself if they are all.
fn only(matrix: &Tensor, rows: &[usize]) -> Result<Tensor> {
    if rows.len() == matrix.size()[0] as usize {
        return Ok(matrix.shallow_clone());
    }
    let rows: Vec<i64> = rows.iter().map(|&row| row as i64).collect();
    Ok(matrix.f_index_select(0, &Tensor::f_from_slice(&rows)?)?)
}

/// The rows in each connected part of these pairs, rising; rows in no pair are left out.
fn crowds(n: usize, pairs: &[(usize, usize)]) -> Vec<Vec<usize>> {
    let mut first: Vec<usize> = (0..n).collect();
    let find = |first: &[usize], mut row: usize| {
        while first[row] != row {
            row = first[row];
        }
        row
    };
    for &(a, b) in pairs {
        let (a, b) = (find(&first, a), find(&first, b));
        first[a.max(b)] = a.min(b);
    }
    let mut crowds = vec![Vec::new(); n];
    (0..n).for_each(|row| crowds[find(&first, row)].push(row));
    crowds.retain(|crowd| crowd.len() > 1);
    crowds
}

#[cfg(test)]
mod tests {
    use aconite_core::Seed;
    use rand::RngExt;

    use super::*;

    /// Updates of length 1,000 that differ by about 1; colluders that differ by 10⁻³; and some at 10⁶ and 10²⁵.
    fn updates(n: usize, d: usize) -> Vec<f32> {
        let mut draws = Seed(2).rng();
        let base: Vec<f32> =
            (0..d).map(|_| 1e3 / (d as f32).sqrt() * draws.random_range(-1.7..1.7f32)).collect();
        let mut values = Vec::new();
        for row in 0..n {
            let (shift, spread) = match row % 7 {
                0..=3 => (0.0, 1.0f32),
                4 | 5 => (0.1, 1e-3),
                _ if row == 6 => (1e25, 1.0),
                _ => (0.0, 1e6),
            };
            let spread = spread / (d as f32).sqrt();
            values.extend(base.iter().map(|v| v + shift + spread * draws.random_range(-1.7..1.7f32)));
        }
        values
    }

    fn assert_exact(view: &View, n: usize, d: usize, values: &[f32], tolerance: f64) {
        let tensor = Tensor::from_slice(values).view([n as i64, d as i64]);
        let distances = Distances::of(&Matrix::new(&tensor, &[]).unwrap(), view).unwrap();
        let at = |row: usize, column: usize| {
            let offset = view.offset.as_ref().map_or(0.0, |offset| f64::from(offset[column]));
            view.scale(row) * (f64::from(values[row * d + column]) + offset)
        };
        for a in 0..n {
            for b in 0..n {
                let wanted: f64 = (0..d).map(|column| (at(a, column) - at(b, column)).powi(2)).sum();
                let ours = distances.row(a)[b];
                assert!((ours - wanted).abs() <= tolerance * wanted, "{a}, {b}: {ours} is not {wanted}");
            }
        }
    }

    #[test]
    fn crowds_are_what_pairs_connect() {
        assert_eq!(crowds(8, &[(4, 7), (0, 2), (2, 5), (1, 7)]), [vec![0, 2, 5], vec![1, 4, 7]]);
        assert!(crowds(3, &[]).is_empty());
    }

    #[test]
    fn small_distances_keep_their_digits_beside_large_ones() {
        let (n, d) = (28, 3000);
        assert_exact(&View::default(), n, d, &updates(n, d), 1e-4);
    }

    #[test]
    fn points_of_length_1_are_compared_by_their_direction() {
        let (n, d) = (28, 3000);
        let mut values = updates(n, d);
        values[6 * d..7 * d].fill(1.0); // Here the sum with the offset must be exact in f64.
        let offset: Vec<f32> = (0..d).map(|column| (column % 5) as f32 - 2.0).collect();
        let norm = |row: &[f32]| {
            row.iter().zip(&offset).map(|(v, o)| (f64::from(*v) + f64::from(*o)).powi(2)).sum::<f64>().sqrt()
        };
        let scale = Some(values.chunks_exact(d).map(|row| 1.0 / norm(row)).collect());
        assert_exact(&View { scale, offset: Some(offset.clone()) }, n, d, &values, 1e-3);
    }
}
