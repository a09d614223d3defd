//! The directions in which the features of a class spread most.

use std::f64::consts::TAU;

use aconite_core::{Result, Seed};
use rand::{Rng, RngExt};
use tch::{Kind, Tensor};

/// Where both sides of the features are longer than this, the leading directions are iterated: all of them would
/// be too many when only a few are wanted.
const WIDE: i64 = 512;

/// The centred features R of a class and their leading right singular vectors.
pub(crate) struct Principal {
    /// R, f64, rows × width.
    pub residuals: Tensor,
    /// Eigenvalues of RᵀR, falling: the squared singular values.
    pub values: Vec<f64>,
    /// Their eigenvectors, width × directions. The sign of each is chosen so that its first loading that counts
    /// is positive.
    pub directions: Tensor,
}

impl Principal {
    /// The residuals along the leading directions, rows × directions.
    pub fn coordinates(&self) -> Result<Tensor> {
        Ok(self.residuals.f_matmul(&self.directions)?)
    }
}

/// The `wanted` leading directions of features (f64, rows × width), or as many as the features span: directions
/// that hold no more than rounding are left out.
pub(crate) fn principal(features: &Tensor, wanted: usize) -> Result<Principal> {
    let residuals = features.f_sub(&features.f_mean_dim([0i64].as_slice(), true, Kind::Double)?)?;
    let (rows, width) = (residuals.size()[0], residuals.size()[1]);
    let wanted = (wanted as i64).min(rows).min(width);
    let (values, directions) = if rows.min(width) <= WIDE || 4 * wanted > rows.min(width) {
        exact(&residuals, wanted)?
    } else {
        iterated(&residuals, wanted)?
    };
    let values = Vec::<f64>::try_from(values)?;
    // Rows that differ by rounding alone have no direction.
    let all = f64::try_from(features.f_square()?.f_sum(Kind::Double)?)?;
    let least = (1e-12 * values.first().copied().unwrap_or(0.0)).max(1e-24 * all);
    let values: Vec<f64> = values.into_iter().take_while(|&value| value > least).collect();
    let directions = upright(&directions.f_narrow(1, 0, values.len() as i64)?)?;
    Ok(Principal { residuals, values, directions })
}

/// Eigenvalues and eigenvectors of a symmetric matrix, the largest `wanted` eigenvalues, falling.
fn largest(symmetric: &Tensor, wanted: i64) -> Result<(Tensor, Tensor)> {
    let (values, vectors) = symmetric.f_linalg_eigh("L")?;
    let flipped = (values.f_flip([0])?, vectors.f_flip([1])?);
    Ok((flipped.0.f_narrow(0, 0, wanted)?, flipped.1.f_narrow(1, 0, wanted)?))
}

/// By all eigenvectors of RᵀR, or of RRᵀ where that is the smaller one.
fn exact(residuals: &Tensor, wanted: i64) -> Result<(Tensor, Tensor)> {
    let across = residuals.f_tr()?;
    if residuals.size()[1] <= residuals.size()[0] {
        return largest(&across.f_matmul(residuals)?, wanted);
    }
    let (values, left) = largest(&residuals.f_matmul(&across)?, wanted)?;
    // u and v of a singular value s: v = Rᵀu/s.
    let lengths = values.f_clamp_min(f64::MIN_POSITIVE)?.f_sqrt()?;
    let directions = across.f_matmul(&left)?.f_div(&lengths)?;
    Ok((values, directions))
}

/// By orthogonal iteration of RᵀR on a few more columns than are wanted, with Rayleigh and Ritz's step, until
/// RᵀRv = λv holds to 10⁻⁹ of the largest eigenvalue. Where directions around the last wanted one are about
/// equally strong it may stop at a mixture of them, after so many steps that none stands out.
fn iterated(residuals: &Tensor, wanted: i64) -> Result<(Tensor, Tensor)> {
    /// Steps at most; each reads the features twice.
    const STEPS: usize = 300;
    let (rows, width) = (residuals.size()[0], residuals.size()[1]);
    let columns = (wanted + 8).min(rows).min(width);
    // Any start that is not orthogonal to what is looked for will do; the result does not remember it.
    let start = normals(&mut Seed(0).derive("orthogonal iteration").rng(), (width * columns) as usize);
    let start = Tensor::f_from_slice(&start)?.f_view([width, columns])?;
    let (mut basis, _) = Tensor::f_linalg_qr(&start, "reduced")?;
    let across = residuals.f_tr()?;
    let mut best = None;
    for _ in 0..STEPS {
        let image = across.f_matmul(&residuals.f_matmul(&basis)?)?;
        let (values, turn) = largest(&basis.f_tr()?.f_matmul(&image)?, columns)?;
        let (image, vectors) = (image.f_matmul(&turn)?, basis.f_matmul(&turn)?);
        let off = image.f_sub(&vectors.f_mul(&values)?)?.f_narrow(1, 0, wanted)?;
        let off = off.f_square()?.f_sum_dim_intlist([0i64].as_slice(), false, Kind::Double)?;
        let (off, top) = (f64::try_from(off.f_max()?)?.sqrt(), f64::try_from(values.f_select(0, 0)?)?);
        best = Some((values.f_narrow(0, 0, wanted)?, vectors.f_narrow(1, 0, wanted)?));
        if off <= 1e-9 * top {
            break;
        }
        (basis, _) = Tensor::f_linalg_qr(&image, "reduced")?;
    }
    best.map_or_else(|| exact(residuals, wanted), Ok)
}

/// The columns with their signs turned so that the first entry that is more than rounding is positive.
fn upright(columns: &Tensor) -> Result<Tensor> {
    let (height, width) = (columns.size()[0] as usize, columns.size()[1] as usize);
    let flat = Vec::<f64>::try_from(columns.f_tr()?.f_flatten(0, -1)?)?;
    let sign = |column: &[f64]| {
        let largest = column.iter().fold(0.0, |largest: f64, x| largest.max(x.abs()));
        column.iter().find(|x| x.abs() > 1e-6 * largest).map_or(1.0, |x| x.signum())
    };
    let signs: Vec<f64> = flat.chunks_exact(height.max(1)).take(width).map(sign).collect();
    Ok(columns.f_mul(&Tensor::f_from_slice(&signs)?)?)
}

/// Standard normal draws (Box and Muller).
pub(crate) fn normals(rng: &mut impl Rng, count: usize) -> Vec<f64> {
    let mut draw = || {
        // 1 − u lies in (0, 1]: its logarithm is finite.
        let (u, v): (f64, f64) = (rng.random(), rng.random());
        (-2.0 * (1.0 - u).ln()).sqrt() * (TAU * v).cos()
    };
    (0..count).map(|_| draw()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    /// Smooth made-up features with a few directions that stand out, and others that fall off.
    fn smooth(rows: i64, width: i64) -> Tensor {
        let at = |n: i64| Tensor::arange(n, (Kind::Double, Device::Cpu));
        let (rows, columns) = (at(rows).view([rows, 1]), at(width).view([1, width]));
        let spread = (&rows * 0.7).sin() * 3.0 * (&columns * 0.3).cos()
            + (&rows * 1.1).cos() * 2.0 * (&columns * 0.5).sin()
            + (&rows * &columns * 0.37).sin();
        &spread - spread.mean_dim([0i64].as_slice(), true, Kind::Double)
    }

    #[test]
    fn the_iterated_directions_are_the_exact_ones() {
        for (rows, width) in [(90, 40), (40, 90)] {
            let residuals = smooth(rows, width);
            let ((a, u), (b, v)) = (exact(&residuals, 2).unwrap(), iterated(&residuals, 2).unwrap());
            let off = (&a / &b - 1.0).abs().max().double_value(&[]);
            let cosines = (u * v).sum_dim_intlist([0i64].as_slice(), false, Kind::Double).abs();
            let turned = (cosines - 1.0).abs().max().double_value(&[]);
            assert!(off < 1e-9 && turned < 1e-9, "{off} {turned}");
        }
    }

    #[test]
    fn what_does_not_spread_has_no_direction() {
        let constant = Tensor::full([5, 3], 0.1, (Kind::Double, Device::Cpu));
        assert!(principal(&constant, 2).unwrap().values.is_empty());
        let line =
            Tensor::arange(6, (Kind::Double, Device::Cpu)).view([6, 1]) * Tensor::from_slice(&[1.0, -2.0]);
        let principal = principal(&line, 2).unwrap();
        assert_eq!((principal.values.len(), principal.directions.size()), (1, vec![2, 1]));
        assert!(principal.directions.double_value(&[0, 0]) > 0.0);
    }

    #[test]
    fn normal_draws_have_mean_0_and_variance_1() {
        let draws = normals(&mut Seed(3).rng(), 20_000);
        let mean = draws.iter().sum::<f64>() / 2e4;
        let variance = draws.iter().map(|x| x * x).sum::<f64>() / 2e4;
        // Standard errors are 0.007 and 0.01.
        assert!(mean.abs() < 0.035 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
    }
}
