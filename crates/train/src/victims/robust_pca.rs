//! `robust_pca`: an anomaly detector by what robust components leave over.

mod grid;

use aconite_core::{
    Dataset, Error, Info, Learner, Model, NamedTensors, Observer, Result, Retraining, Seed, Work,
    median_and_mad,
};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::decision::width;
use super::subspace::{Subspace, check_settings, learn, retraining};
use grid::{Search, spatial_median};

/// A detector of anomalies: what lies too far from components that maximise a robust spread, by a Laplace threshold.
///
/// Paper: Rubinstein et al. 2009, "ANTIDOTE: Understanding and Defending against Poisoning of Anomaly Detectors",
/// section 5; the components are PCA-GRID's of Croux, Filzmoser, Oliveira 2007, "Algorithms for Projection-Pursuit
/// Robust Principal Component Analysis".
///
/// Of the training rows labelled normal, c is the spatial median. Component after component, v maximises
/// MAD(⟨v, x − c⟩) over the unit vectors orthogonal to the earlier ones, MAD the median absolute deviation from the
/// median: v begins as the column with the largest MAD, and in cycle i = 1, 2, … it is turned in turn towards each
/// column, by the best of `angles` + 1 angles in [−π/2ⁱ, π/2ⁱ] that improves it. A row is anomalous if its residual
/// ρ = ‖(I − PPᵀ)(x − c)‖ is above m − b·ln(2α), the (1 − α)-quantile of the Laplace distribution with the residuals'
/// median m and b = MAD/ln 2. The scores are threshold − ρ for the normal class and ρ − threshold for the other;
/// features are the inputs.
///
/// If no direction that is left has a MAD above 0 there are fewer components. `period` retrains as in `pca_subspace`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RobustPca {
    /// Components of the normal subspace, from 1 to D − 1.
    #[schemars(range(min = 1))]
    pub components: u32,
    /// Steps of the grid of angles, 2 to 10,000.
    #[schemars(range(min = 2, max = 10_000))]
    pub angles: u32,
    /// Cycles of the search, 1 to 50; the angles' range is halved from one to the next.
    #[schemars(range(min = 1, max = 50))]
    pub cycles: u32,
    /// Rate of false alarms α on which the threshold is set, in (0, 0.5).
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 0.5))]
    pub alpha: f64,
    /// Rows labelled normal per retraining, at least 3; none learns all of them at once.
    #[schemars(range(min = 3))]
    pub period: Option<u32>,
    /// The normal class, 0 or 1; none is the class called `normal`, else 0.
    pub normal: Option<usize>,
}

impl Default for RobustPca {
    fn default() -> Self {
        Self { components: 4, angles: 20, cycles: 10, alpha: 0.001, period: None, normal: None }
    }
}

impl Kind for RobustPca {
    const VERSION: u32 = 2;
}

impl RobustPca {
    fn subspace(&self, rows: &Tensor, normal: usize) -> Result<Subspace> {
        let d = rows.size()[1] as usize;
        let values = Vec::<f64>::try_from(rows.f_contiguous()?.f_view([-1])?)?;
        let centre = spatial_median(&values, d);
        let moved: Vec<f64> = values.iter().enumerate().map(|(i, v)| v - centre[i % d]).collect();
        let search = Search { angles: self.angles as usize, cycles: self.cycles as usize };
        let found = search.components(&moved, d, (self.components as usize).min(d - 1));
        if found.is_empty() {
            let message =
                "half of the normal rows and more are alike: no direction has a median absolute deviation";
            return Err(Error::new(message).hint("take pca_subspace"));
        }
        let k = found.len() as i64;
        let basis = Tensor::from_slice(&found.concat()).f_view([k, d as i64])?.f_tr()?.f_contiguous()?;
        let centre = Tensor::from_slice(&centre);
        let mut subspace = Subspace { centre, basis, threshold: 0.0, squared: false, normal };
        let (middle, spread) = median_and_mad(&subspace.far(rows)?);
        subspace.threshold = middle - spread / std::f64::consts::LN_2 * (2.0 * self.alpha).ln();
        Ok(subspace)
    }
}

impl Learner for RobustPca {
    fn check(&self, info: &Info) -> Result<()> {
        check_settings(info, self.normal, Some(self.components), self.alpha, self.period)?;
        if !(2..=10_000).contains(&self.angles) {
            let message = format!("a grid of {} steps is out of range: 2 to 10000", self.angles);
            return Err(Error::at("angles", message));
        }
        match self.cycles {
            1..=50 => Ok(()),
            cycles => Err(Error::at("cycles", format!("{cycles} cycles are out of range: 1 to 50"))),
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
        let (inputs, k) = (width(info).unwrap_or(0) as f64, f64::from(self.components));
        Work { macs: 2.0 * inputs * k, weights: inputs * k + inputs + 1.0, features: inputs }
    }

    fn restore(&self, info: &Info, tensors: &NamedTensors) -> Result<Box<dyn Model>> {
        Ok(Box::new(Subspace::restore(info, tensors, false, self.normal)?))
    }
}
