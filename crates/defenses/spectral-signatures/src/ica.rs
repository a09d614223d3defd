//! Independent components of white data.

use aconite_core::Result;
use tch::{Kind, Tensor};

/// Iterations at most.
const ITERATIONS: usize = 200;
/// How far the cosine between an old and a new direction may be from 1 at the end, as in scikit-learn.
pub(crate) const TOLERANCE: f64 = 1e-4;

/// Independent components, rows × components, of unit variance, of coordinates along principal directions.
/// `values` are the squared singular values of the directions.
pub(crate) fn independent(
    coordinates: &Tensor,
    values: &[f64],
    start: &Tensor,
    tolerance: f64,
) -> Result<Tensor> {
    let rows = coordinates.size()[0] as f64;
    let scale: Vec<f64> = values.iter().map(|value| (rows / value).sqrt()).collect();
    let white = coordinates.f_mul(&Tensor::f_from_slice(&scale)?)?.f_tr()?.f_contiguous()?;
    let sources = unmixing(&white, start, tolerance)?.f_matmul(&white)?;
    let spread = sources.f_std_dim([1i64].as_slice(), false, true)?;
    Ok(sources.f_div(&spread)?.f_tr()?.f_contiguous()?)
}

/// FastICA, all components in parallel, with the contrast log cosh (Hyvärinen 1999):
/// W ← decorrelated(E[tanh(Wx)xᵀ] − diag(E[1 − tanh²(Wx)])·W) until no row turns any more.
///
/// `white` are the data x, f64, components × rows, centred, with unit covariance; `start` is W to begin with,
/// components × components. What has not settled after 200 iterations is taken as it is.
fn unmixing(white: &Tensor, start: &Tensor, tolerance: f64) -> Result<Tensor> {
    let across = white.f_tr()?;
    let rows = white.size()[1] as f64;
    let mut w = decorrelated(start)?;
    for _ in 0..ITERATIONS {
        let mut tanh = w.f_matmul(white)?.f_tanh_()?;
        let pulled = tanh.f_matmul(&across)?.f_div_scalar(rows)?;
        let squares = tanh.f_square_()?.f_mean_dim([1i64].as_slice(), true, Kind::Double)?;
        let slope = squares.f_neg()?.f_add_scalar(1.0)?;
        let next = decorrelated(&pulled.f_sub(&slope.f_mul(&w)?)?)?;
        let cosines = next.f_mul(&w)?.f_sum_dim_intlist([1i64].as_slice(), false, Kind::Double)?;
        let turned = f64::try_from(cosines.f_abs()?.f_sub_scalar(1.0)?.f_abs()?.f_max()?)?;
        w = next;
        if turned < tolerance {
            break;
        }
    }
    Ok(w)
}

/// (WWᵀ)^(−1/2)·W, whose rows are orthonormal.
fn decorrelated(w: &Tensor) -> Result<Tensor> {
    let (values, vectors) = w.f_matmul(&w.f_tr()?)?.f_linalg_eigh("L")?;
    let scale = values.f_clamp_min(f64::MIN_POSITIVE)?.f_rsqrt()?;
    Ok(vectors.f_mul(&scale)?.f_matmul(&vectors.f_tr()?)?.f_matmul(w)?)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::pca::principal;
    use tch::Device;

    // i = np.arange(80.)[:, None]; j = np.arange(6.)[None]
    // S = np.hstack([np.sin(.7 * i), (7 * i % 11) / 11 - .5, (i * i % 13) / 13 - .5])
    // X = S @ np.cos(1.3 * j + 2.1 * np.arange(3.)[:, None]) + .05 * np.sin(.37 * i * j) + 2
    /// Three sources in six mixtures, f64, 80 × 6.
    pub(crate) fn mixtures() -> Tensor {
        let number = |i: usize, j: usize| {
            let (x, y) = (i as f64, j as f64);
            let sources =
                [(0.7 * x).sin(), (7 * i % 11) as f64 / 11.0 - 0.5, (i * i % 13) as f64 / 13.0 - 0.5];
            let mixed: f64 =
                sources.iter().enumerate().map(|(s, value)| value * (1.3 * y + 2.1 * s as f64).cos()).sum();
            mixed + 0.05 * (0.37 * x * y).sin() + 2.0
        };
        let all: Vec<f64> = (0..80).flat_map(|i| (0..6).map(move |j| number(i, j))).collect();
        Tensor::from_slice(&all).view([80, 6])
    }

    /// Compares rows 0, 1 and 79 with what scikit-learn gave, up to the sign of each column.
    fn compare(ours: &Tensor, theirs: [[f64; 3]; 3]) {
        assert_eq!(ours.size(), [80, 3]);
        for column in 0..3 {
            let at = |place: usize| ours.double_value(&[[0, 1, 79][place], column as i64]);
            let sign = (at(1) * theirs[1][column]).signum();
            for (place, row) in theirs.iter().enumerate() {
                let (a, b) = (sign * at(place), row[column]);
                assert!((a - b).abs() < 1e-5, "row {place}, column {column}: {a} {b}");
            }
        }
    }

    // W = np.sin(np.arange(9.) + 1).reshape(3, 3)
    // FastICA(3, w_init=W, whiten="unit-variance", fun="logcosh", algorithm="parallel", whiten_solver="eigh",
    // tol=1e-12, max_iter=2000) of scikit-learn 1.9: fit_transform(X)[[0, 1, 79]]; PCA(3).fit_transform(X)[[0, 1, 79]]
    const ICA: [[f64; 3]; 3] = [
        [-0.588797746, 0.015131185, -0.012704366],
        [-0.938177938, -0.237930458, -1.294229372],
        [0.956215511, 0.812348718, -0.458766366],
    ];
    const PCA: [[f64; 3]; 3] = [
        [0.827071834, 0.00119755797, 0.000152596584],
        [1.35082458, -0.772126475, 0.00821480569],
        [-1.28782859, -0.273948599, -0.0312102455],
    ];

    #[test]
    fn components_are_scikit_learns() {
        let principal = principal(&mixtures(), 3).unwrap();
        let coordinates = principal.coordinates().unwrap();
        compare(&coordinates, PCA);
        let start =
            Tensor::arange(9, (Kind::Double, Device::Cpu)).f_add_scalar(1.0).unwrap().sin().view([3, 3]);
        // To the fixed point: how far from it the usual tolerance stops depends on the way there.
        compare(&independent(&coordinates, &principal.values, &start, 1e-12).unwrap(), ICA);
    }

    #[test]
    fn components_are_uncorrelated_and_of_unit_variance() {
        let principal = principal(&mixtures(), 6).unwrap();
        let start = Tensor::eye(6, (Kind::Double, Device::Cpu));
        let sources =
            independent(&principal.coordinates().unwrap(), &principal.values, &start, TOLERANCE).unwrap();
        let off = sources.tr().matmul(&sources) / 80.0 - Tensor::eye(6, (Kind::Double, Device::Cpu));
        assert!(off.abs().max().double_value(&[]) < 1e-9);
    }
}
