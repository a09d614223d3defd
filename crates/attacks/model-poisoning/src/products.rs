//! Inner products of updates.

use aconite_core::Result;
use tch::{Kind, Tensor};

/// Coordinates that a product takes at a time: enough to keep the kernel busy, few enough that no second matrix is
/// made and that f32 sums stay exact to about 1e-6. Sums over blocks are in f64.
const COORDINATES: i64 = 1 << 15;

/// A matrix that is read number by number.
pub(crate) type Matrix = Vec<Vec<f64>>;

/// Rows of some matrices, one below the other, less a centre.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a> {
    /// Matrices of the same width.
    pub parts: &'a [&'a Tensor],
    /// What is taken off each row. Distances do not depend on it, but of rows that are long and close to one another
    /// only centred ones give exact distances.
    pub centre: Option<&'a Tensor>,
}

impl Rows<'_> {
    /// Inner products of the rows with one another.
    pub fn gram(&self) -> Result<Matrix> {
        self.sum(|block, _, _| Ok(block.f_matmul(&block.f_tr()?)?))
    }

    /// Inner products of each row with some vectors.
    pub fn along(&self, vectors: &[&Tensor]) -> Result<Matrix> {
        self.sum(|block, start, len| {
            let parts = vectors.iter().map(|v| v.f_narrow(0, start, len)).collect::<Result<Vec<_>, _>>()?;
            Ok(block.f_matmul(&Tensor::f_stack(&parts, 1)?)?)
        })
    }

    /// Sums what each block of coordinates gives.
    fn sum(&self, product: impl Fn(&Tensor, i64, i64) -> Result<Tensor>) -> Result<Matrix> {
        let width = self.parts.first().and_then(|part| part.size().last().copied()).unwrap_or(0);
        let mut total: Option<Tensor> = None;
        for start in (0..width).step_by(COORDINATES as usize) {
            let len = COORDINATES.min(width - start);
            let part = product(&self.block(start, len)?, start, len)?.f_to_kind(Kind::Double)?;
            total = Some(match total {
                Some(sum) => sum.f_add(&part)?,
                None => part,
            });
        }
        let rows = self.parts.iter().map(|part| part.size().first().map_or(0, |&n| n as usize)).sum();
        Ok(match total {
            Some(total) => Vec::<Vec<f64>>::try_from(&total)?,
            None => vec![vec![0.0; rows]; rows],
        })
    }

    fn block(&self, start: i64, len: i64) -> Result<Tensor> {
        let parts = self.parts.iter().map(|p| p.f_narrow(1, start, len)).collect::<Result<Vec<_>, _>>()?;
        let block = Tensor::f_cat(&parts, 0)?;
        Ok(match self.centre {
            Some(centre) => block.f_sub(&centre.f_narrow(0, start, len)?)?,
            None => block,
        })
    }
}

/// Squared distances between rows, from their inner products.
pub(crate) fn squared_distances(gram: &Matrix) -> Matrix {
    let apart = |i: usize, j: usize| if i == j { 0.0 } else { gram[i][i] + gram[j][j] - 2.0 * gram[i][j] };
    // Not `max`, which takes 0 where there is no number: what has diverged must not look near.
    let whole = |squared: f64| if squared < 0.0 { 0.0 } else { squared };
    (0..gram.len()).map(|i| (0..gram.len()).map(|j| whole(apart(i, j))).collect()).collect()
}
