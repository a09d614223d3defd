//! Mean and covariance of most rows, and directions that the rest stretch.

use aconite_core::{Result, by_score, median_and_mad};
use tch::{Kind, Tensor};

use crate::classes::index;

/// Rounds in which rows are trimmed; each looks for the direction that stretches what is left.
const ROUNDS: usize = 4;
/// Steps of the power iteration of a round at most.
const STEPS: usize = 50;

/// A mean and a covariance.
pub(crate) struct Moments {
    /// 1 × width.
    pub mean: Tensor,
    /// Eigenvalues of the covariance, rising.
    values: Tensor,
    /// Their eigenvectors, width × width.
    vectors: Tensor,
}

impl Moments {
    /// Those of rows (f64, rows × width); the covariance is Σ(x − mean)(x − mean)ᵀ/n.
    pub fn of(rows: &Tensor) -> Result<Self> {
        let mean = rows.f_mean_dim([0i64].as_slice(), true, Kind::Double)?;
        let centered = rows.f_sub(&mean)?;
        let covariance = centered.f_tr()?.f_matmul(&centered)?.f_div_scalar(rows.size()[0] as f64)?;
        let (values, vectors) = covariance.f_linalg_eigh("L")?;
        Ok(Self { mean, values, vectors })
    }

    /// Σ^(−1/2)(x − mean) of rows. Directions without spread count as if they had 10⁻⁹ of the largest variance;
    /// where none has any there is no scale to measure by, and x − mean is left as it is.
    pub fn whitened(&self, rows: &Tensor) -> Result<Tensor> {
        let centered = rows.f_sub(&self.mean)?;
        let largest = f64::try_from(self.values.f_max()?)?;
        if largest < f64::MIN_POSITIVE * 1e9 {
            return Ok(centered);
        }
        let scale = self.values.f_clamp_min(1e-9 * largest)?.f_rsqrt()?;
        let along = centered.f_matmul(&self.vectors)?.f_mul(&scale)?;
        Ok(along.f_matmul(&self.vectors.f_tr()?)?)
    }
}

/// Mean and covariance of the rows that are left after `trimmed` of them went: in each round the rows left are
/// whitened by their own moments to y, the symmetric matrix V of norm 1 is found for which yᵀVy varies most, and
/// the rows whose yᵀVy is farthest from its median go.
pub(crate) fn robust_moments(rows: &Tensor, trimmed: usize) -> Result<Moments> {
    let mut left: Vec<usize> = (0..rows.size()[0] as usize).collect();
    let mut kept = rows.shallow_clone();
    for round in 0..ROUNDS {
        let count = trimmed * (round + 1) / ROUNDS - trimmed * round / ROUNDS;
        if count == 0 {
            continue;
        }
        let projections = widest(&Moments::of(&kept)?.whitened(&kept)?)?;
        let (center, _) = median_and_mad(&projections);
        let far: Vec<f64> = projections.iter().map(|p| (p - center).abs()).collect();
        let mut order: Vec<usize> = (0..far.len()).collect();
        order.sort_by(|&a, &b| by_score(&far, a, b));
        let mut stays: Vec<usize> = order.split_off(count);
        stays.sort_unstable();
        left = stays.into_iter().map(|place| left[place]).collect();
        kept = rows.f_index_select(0, &index(&left)?)?;
    }
    Moments::of(&kept)
}

/// yᵀVy per white row y, V the symmetric matrix of norm 1 for which it varies most: the top eigenvector of
/// V ↦ E[(yᵀVy)·yyᵀ] − tr(V)·I, by power iteration from the row that lies farthest out.
fn widest(white: &Tensor) -> Result<Vec<f64>> {
    let (rows, width) = (white.size()[0] as f64, white.size()[1]);
    let across = white.f_tr()?.f_contiguous()?;
    let identity = Tensor::f_eye(width, (Kind::Double, white.device()))?;
    let quadratic = |v: &Tensor| {
        white.f_matmul(v)?.f_mul(white)?.f_sum_dim_intlist([1i64].as_slice(), true, Kind::Double)
    };
    let norms = quadratic(&identity)?;
    let far = white.f_narrow(0, i64::try_from(norms.f_argmax(0, false)?)?, 1)?;
    let start = far.f_tr()?.f_matmul(&far)?;
    let mut v = start.f_div(&start.f_norm()?.f_clamp_min(f64::MIN_POSITIVE)?)?;
    for _ in 0..STEPS {
        let mean = across.f_matmul(&quadratic(&v)?.f_mul(white)?)?.f_div_scalar(rows)?;
        let next = mean.f_sub(&identity.f_mul(&v.f_trace()?)?)?;
        let norm = f64::try_from(next.f_norm()?)?;
        if norm == 0.0 {
            break;
        }
        let next = next.f_div_scalar(norm)?;
        let moved = f64::try_from(next.f_sub(&v)?.f_norm()?)?;
        v = next;
        if moved < 1e-7 {
            break;
        }
    }
    Ok(Vec::try_from(quadratic(&v)?.f_flatten(0, -1)?)?)
}

/// QUE: how far rows reach along the directions that are stretched.
pub(crate) struct Que {
    /// τ = x̃ᵀQx̃/Tr(Q) per row.
    pub scores: Vec<f64>,
    /// ⟨Σ̃, Q⟩/Tr(Q).
    pub norm: f64,
}

/// Q = exp(α(Σ̃ − I)/(‖Σ̃‖₂ − 1)), Σ̃ the covariance of all rows x̃ as whitened by `moments`. Where nothing is
/// stretched, ‖Σ̃‖₂ ≤ 1, Q is I.
pub(crate) fn que(rows: &Tensor, moments: &Moments, alpha: f64) -> Result<Que> {
    let white = moments.whitened(rows)?;
    let Moments { values, vectors, .. } = Moments::of(&white)?;
    let values = Vec::<f64>::try_from(values)?;
    let top = values.last().copied().unwrap_or(1.0);
    let stretched = top > 1.0 + 1e-9;
    let weight = |value: &f64| if stretched { (alpha * (value - 1.0) / (top - 1.0)).exp() } else { 1.0 };
    let weights: Vec<f64> = values.iter().map(weight).collect();
    let trace: f64 = weights.iter().sum();
    let norm = values.iter().zip(&weights).map(|(value, weight)| value * weight).sum::<f64>() / trace;
    let weights = Tensor::f_from_slice(&weights)?.f_view([-1, 1])?.f_div_scalar(trace)?;
    let scores = white.f_matmul(&vectors)?.f_square()?.f_matmul(&weights)?;
    Ok(Que { scores: Vec::try_from(scores.f_flatten(0, -1)?)?, norm })
}
