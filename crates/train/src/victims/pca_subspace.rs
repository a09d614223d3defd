//! `pca_subspace`: an anomaly detector by what principal components leave over.

use aconite_core::{
    Dataset, Error, Info, Learner, Model, NamedTensors, Observer, Result, Retraining, Seed, Work,
};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::decision::width;
use super::subspace::{Subspace, check_settings, learn, retraining};

/// A detector of anomalies: what lies too far from the principal components of normal rows, by the Q-statistic.
///
/// Paper: Lakhina, Crovella, Diot 2004, "Diagnosing Network-Wide Traffic Anomalies", section 5; the threshold is that
/// of Jackson, Mudholkar 1979, "Control Procedures for Residuals Associated with Principal Component Analysis".
///
/// Of the training rows labelled normal, c is the mean and λ₁ ≥ … ≥ λ_D are the eigenvalues of the covariance
/// XᵀX/(n − 1); P holds the first k eigenvectors. A row is anomalous if Q = ‖(I − PPᵀ)(x − c)‖² is above
/// δ = φ₁·(z·√(2φ₂h²)/φ₁ + 1 + φ₂h(h − 1)/φ₁²)^(1/h) with φᵢ = Σ over j > k of λⱼⁱ, h = 1 − 2φ₁φ₃/(3φ₂²) and z the
/// (1 − α)-quantile of the normal distribution, with the sign of h. The scores are δ − Q for the normal class and Q − δ
/// for the other; features are the inputs.
///
/// With a `period` the detector is retrained as in Rubinstein et al. 2009, "ANTIDOTE": on each period anew, in the
/// order of the training set, from those of its rows that the last detector lets pass; if that is less than half of
/// them, the last detector stays. What is left over behind the last whole period is not learnt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PcaSubspace {
    /// Components k of the normal subspace, from 1 to D − 1; none takes as many as `variance` asks for.
    #[schemars(range(min = 1))]
    pub components: Option<u32>,
    /// Share of the variance that the smallest sufficient k holds, in (0, 1); without meaning beside `components`.
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub variance: f64,
    /// Rate of false alarms α on which the threshold is set, in (0, 0.5).
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 0.5))]
    pub alpha: f64,
    /// Rows labelled normal per retraining, at least 3; none learns all of them at once.
    #[schemars(range(min = 3))]
    pub period: Option<u32>,
    /// The normal class, 0 or 1; none is the class called `normal`, else 0.
    pub normal: Option<usize>,
}

impl Default for PcaSubspace {
    fn default() -> Self {
        Self { components: None, variance: 0.95, alpha: 0.001, period: None, normal: None }
    }
}

impl Kind for PcaSubspace {}

impl PcaSubspace {
    fn subspace(&self, rows: &Tensor, normal: usize) -> Result<Subspace> {
        let (n, centre) = (rows.size()[0], rows.f_mean_dim([0i64].as_slice(), false, tch::Kind::Double)?);
        let moved = rows.f_sub(&centre)?;
        let covariance = moved.f_tr()?.f_matmul(&moved)?.f_div_scalar((n - 1) as f64)?;
        let (ascending, vectors) = covariance.f_linalg_eigh("L")?;
        let mut values = Vec::<f64>::try_from(ascending)?;
        values.reverse();
        values.iter_mut().for_each(|value| *value = value.max(0.0));
        let total: f64 = values.iter().sum();
        let k = match self.components {
            Some(k) => k as usize,
            None => {
                let mut held = 0.0;
                let enough = |value: &f64| {
                    held += value;
                    held >= self.variance * total
                };
                1 + values.iter().position(enough).unwrap_or(0)
            }
        };
        let rest = &values[k.min(values.len())..];
        // Below this the residuals are rounding.
        if rest.iter().sum::<f64>() <= 1e-12 * total {
            let message =
                format!("{k} components leave nothing of the normal rows outside: there is no threshold");
            let key = if self.components.is_some() { "components" } else { "variance" };
            return Err(Error::at(key, message).hint(format!("lower {key}")));
        }
        let threshold = q_threshold(rest, self.alpha)?;
        let basis = vectors.f_flip([1])?.f_narrow(1, 0, k as i64)?.f_contiguous()?;
        Ok(Subspace { centre, basis, threshold, squared: true, normal })
    }
}

/// Jackson and Mudholkar's threshold of the squared residual at these eigenvalues outside the subspace.
fn q_threshold(rest: &[f64], alpha: f64) -> Result<f64> {
    let power = |i: i32| rest.iter().map(|value| value.powi(i)).sum::<f64>();
    let (one, two, three) = (power(1), power(2), power(3));
    let h = 1.0 - 2.0 * one * three / (3.0 * two * two);
    let z = f64::try_from(Tensor::from_slice(&[1.0 - alpha]).f_special_ndtri()?)?;
    // (Q/φ₁)^h is about normal; where h is 0, it is ln(Q/φ₁).
    if h.abs() < 1e-9 {
        return Ok(one * (z * (2.0 * two).sqrt() / one - two / (one * one)).exp());
    }
    let base = (z * h.signum()) * (2.0 * two * h * h).sqrt() / one + 1.0 + two * h * (h - 1.0) / (one * one);
    if base <= 0.0 {
        let message =
            format!("the Q-statistic has no threshold at a false alarm rate of {alpha} on these rows");
        return Err(
            Error::at("alpha", message).hint("raise alpha, or take robust_pca, whose threshold is another")
        );
    }
    Ok(one * base.powf(1.0 / h))
}

impl Learner for PcaSubspace {
    fn check(&self, info: &Info) -> Result<()> {
        check_settings(info, self.normal, self.components, self.alpha, self.period)?;
        match self.variance > 0.0 && self.variance < 1.0 {
            true => Ok(()),
            false => Err(Error::at("variance", format!("a share of {} is outside (0, 1)", self.variance))),
        }
    }

    fn fit(&self, data: &Dataset, _: Seed, watch: &mut dyn Observer) -> Result<Box<dyn Model>> {
        let normal = data.info().normal_class(self.normal)?;
        let fit = |rows: &Tensor| self.subspace(rows, normal);
        Ok(Box::new(learn(data, normal, self.period, watch, fit)?))
    }

    fn retraining(&self, info: &Info) -> Result<Option<Retraining>> {
        retraining(info, self.normal, self.period)
    }

    fn work(&self, info: &Info) -> Work {
        let inputs = width(info).unwrap_or(0) as f64;
        let macs = 2.0 * inputs * self.components.map_or(inputs, f64::from);
        Work { macs, weights: macs / 2.0 + inputs + 1.0, features: inputs }
    }

    fn restore(&self, info: &Info, tensors: &NamedTensors) -> Result<Box<dyn Model>> {
        Ok(Box::new(Subspace::restore(info, tensors, true, self.normal)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // from scipy.stats import norm; r = np.array(rest); p = [(r**i).sum() for i in (1, 2, 3)]
    // h = 1 - 2*p[0]*p[2]/(3*p[1]**2); z = norm.ppf(1-a)*np.sign(h)
    // p[0]*(z*np.sqrt(2*p[1]*h*h)/p[0] + 1 + p[1]*h*(h-1)/p[0]**2)**(1/h)
    #[test]
    fn the_threshold_with_numbers() {
        for (rest, alpha, want) in [
            (&[0.9, 0.5, 0.1][..], 0.01, GOLDEN[0]),
            (&[2.0, 0.3, 0.2, 0.05], 0.001, GOLDEN[1]),
            // One large value and many small ones: h is below 0.
            (&[[1.0].as_slice(), &[0.02; 100]].concat(), 0.05, GOLDEN[2]),
        ] {
            let ours = q_threshold(rest, alpha).unwrap();
            assert!((ours / want - 1.0).abs() < 1e-12, "{ours} {want}");
        }
        // All equal: Q/λ is chi-squared, whose quantile Wilson and Hilferty's cube gives: h = 1/3.
        let (k, z) = (10.0f64, 2.326_347_874_040_841);
        let cube = k * (1.0 - 2.0 / (9.0 * k) + z * (2.0 / (9.0 * k)).sqrt()).powi(3);
        assert!((q_threshold(&[1.0; 10], 0.01).unwrap() / cube - 1.0).abs() < 1e-12);
    }
    const GOLDEN: [f64; 3] = [7.141_167_142_673_867, 26.325_307_129_528_813, 6.631_710_646_851_483];
}
