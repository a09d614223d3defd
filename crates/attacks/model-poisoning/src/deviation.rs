//! The search that Min-Max and Min-Sum share: how far from the mean an update can go and still lie among the others.

use aconite_core::{Own, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::products::{Rows, squared_distances};
use crate::rows::{check_positive, deviation, mean, repeat};

/// The direction away from the mean.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Deviation {
    /// The mean over its length.
    #[default]
    Unit,
    /// The signs of the mean.
    Sign,
    /// The standard deviation of each coordinate.
    Std,
}

impl Deviation {
    fn of(self, rows: &Tensor, mean: &Tensor) -> Result<Tensor> {
        Ok(match self {
            // A mean of 0 has no direction, and stays 0.
            Self::Unit => mean.f_div(&mean.f_norm()?.f_clamp_min(f64::from(f32::MIN_POSITIVE))?)?,
            Self::Sign => mean.f_sign()?,
            Self::Std => deviation(rows, mean)?,
        })
    }
}

/// How the update farthest from the mean is looked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Search {
    pub deviation: Deviation,
    /// The first γ.
    pub gamma: f64,
    /// γ is found when it lies so close to the last that held.
    pub tolerance: f64,
    /// What is bounded: what it makes of the squared distances from an update to all must not exceed what it makes
    /// of those from some reference update.
    pub size: fn(&[f64]) -> f64,
}

impl Search {
    pub fn check(&self) -> Result<()> {
        check_positive("gamma", "a first γ", self.gamma)?;
        check_positive("tolerance", "a tolerance", self.tolerance)
    }

    /// The update for every malicious client.
    pub fn craft(&self, own: &Own<'_>) -> Result<Tensor> {
        let mean = mean(own.reference)?;
        let deviation = self.deviation.of(own.reference, &mean)?;
        let rows = Rows { parts: &[own.reference], centre: Some(&mean) };
        let gram = rows.gram()?;
        let bound = squared_distances(&gram).iter().map(|row| (self.size)(row)).fold(0.0, f64::max);
        let along = rows.along(&[&deviation])?;
        let length = Rows { parts: &[&deviation.f_unsqueeze(0)?], centre: None }.gram()?;
        let length = length.iter().flatten().sum::<f64>();
        // ‖(mean − γ·dev) − u‖² for each u, of which only three products are needed.
        let holds = |gamma: f64| {
            let squared = |i: usize| gram[i][i] + 2.0 * gamma * along[i][0] + gamma * gamma * length;
            let squares: Vec<f64> = (0..gram.len()).map(squared).collect();
            (self.size)(&squares) <= bound
        };
        repeat(&mean.f_sub(&deviation.f_mul_scalar(self.largest(holds))?)?, own.malicious())
    }

    /// The largest γ that holds, as far as steps that halve reach it.
    fn largest(&self, holds: impl Fn(f64) -> bool) -> f64 {
        let (mut gamma, mut step, mut held) = (self.gamma, self.gamma / 2.0, 0.0);
        // The second condition ends what a tolerance below the spacing of floats would not.
        while (gamma - held).abs() > self.tolerance && gamma + step != gamma {
            if holds(gamma) {
                held = gamma;
                gamma += step;
            } else {
                gamma -= step;
            }
            step /= 2.0;
        }
        held
    }
}
