//! What an operator sees of a window.

use std::fmt::Debug;

use aconite_core::{Dataset, Error, Model, Result, metrics};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::{Kind as Number, Tensor};

use crate::Monitor;

/// What a monitor must be shown beyond the labels that the rows came with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sees {
    /// Scores of the rows by the model that served before the reference window.
    pub scores: bool,
    /// Their penultimate activations in that model.
    pub features: bool,
    /// The accuracy of the model just trained on the trusted holdout.
    pub holdout: bool,
}

impl Sees {
    /// What either must be shown.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            scores: self.scores || other.scores,
            features: self.features || other.features,
            holdout: self.holdout || other.holdout,
        }
    }
}

/// A window as monitors see it. What none of them asked for is empty.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Look {
    /// Rows per given label, one count a class.
    pub labels: Vec<usize>,
    /// Per row, the score of its given label minus the highest of the others.
    pub margins: Vec<f64>,
    /// Per row, the highest score minus the second.
    pub confidences: Vec<f64>,
    /// The values of each feature, one list a feature.
    pub features: Vec<Vec<f64>>,
    /// Accuracy on the trusted holdout.
    pub holdout_accuracy: Option<f64>,
}

impl Look {
    /// What `model` shows of `data`. The holdout is another model's matter.
    ///
    /// # Errors
    /// libtorch refused.
    pub(crate) fn of(data: &Dataset, model: Option<&dyn Model>, sees: Sees) -> Result<Self> {
        let mut look = Self { labels: vec![0; data.num_classes()], ..Self::default() };
        data.labels().iter().for_each(|&label| look.labels[label] += 1);
        let Some(model) = model else { return Ok(look) };
        let (scores, features) = match (sees.scores, sees.features) {
            (true, true) => {
                let (scores, features) = model.scores_and_features(data.rows())?;
                (Some(scores), Some(features))
            }
            (scores, features) => (
                scores.then(|| model.scores(data.rows())).transpose()?,
                features.then(|| model.features(data.rows())).transpose()?,
            ),
        };
        if let Some(scores) = scores {
            for (row, &label) in lists(&scores)?.iter().zip(data.labels()) {
                let best = |skip: usize| {
                    let others = row.iter().enumerate().filter(|(class, _)| *class != skip);
                    others.map(|(_, score)| *score).fold(f64::NEG_INFINITY, f64::max)
                };
                let top = (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap_or(0);
                look.margins.push(row[label] - best(label));
                look.confidences.push(row[top] - best(top));
            }
        }
        if let Some(features) = features {
            look.features = lists(&features.transpose(0, 1))?;
        }
        Ok(look)
    }
}

/// The accuracy of a model on the trusted holdout.
pub(crate) fn accuracy(model: &dyn Model, holdout: &Dataset) -> Result<Option<f64>> {
    Ok(metrics::accuracy(&model.predict(holdout.rows())?, holdout.labels()))
}

/// A matrix row by row.
fn lists(matrix: &Tensor) -> Result<Vec<Vec<f64>>> {
    let [rows, columns] = matrix.size()[..] else {
        return Err(Error::new(format!("a matrix has the sizes {:?}", matrix.size())));
    };
    let flat = Vec::<f64>::try_from(matrix.to_kind(Number::Double).contiguous().view([-1]))?;
    let columns = (columns as usize).max(1);
    Ok((0..rows as usize).map(|row| flat[row * columns..(row + 1) * columns].to_vec()).collect())
}

/// When a monitor raises an alarm: the keys that every monitor understands.
///
/// Paper: none.
///
/// The alarm is raised where the monitor's number is above `threshold`; without one, above m + `sigmas`·s, m and s the
/// mean and the standard deviation (over n − 1) of its numbers in the calm windows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Threshold {
    /// The number above which an alarm is raised; calibrated in the calm windows where none is stated.
    pub threshold: Option<f64>,
    /// Standard deviations of the calm windows, above 0. At 4 with five calm windows a normal number is above it by
    /// chance in one window of about 90 (Student's t at 4/√(1 + 1/5), 4 degrees of freedom).
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub sigmas: f64,
}

impl Default for Threshold {
    fn default() -> Self {
        Self { threshold: None, sigmas: 4.0 }
    }
}

impl Kind for Threshold {}

impl Threshold {
    /// Checks the settings.
    ///
    /// # Errors
    /// Names the setting, its value and the range.
    pub fn check(&self) -> Result<()> {
        match self.sigmas.is_finite() && self.sigmas > 0.0 {
            true => Ok(()),
            false => Err(Error::at("sigmas", format!("{} standard deviations are not above 0", self.sigmas))),
        }
    }

    /// The threshold after these numbers of the calm windows.
    pub fn of(&self, calm: &[f64]) -> Option<f64> {
        if self.threshold.is_some() {
            return self.threshold;
        }
        if calm.len() < 2 {
            return None;
        }
        let n = calm.len() as f64;
        let mean = calm.iter().sum::<f64>() / n;
        let variance = calm.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
        Some(mean + self.sigmas * variance.sqrt())
    }
}

/// A monitor, its name in results, and when it raises an alarm.
#[derive(Debug)]
pub struct Watched {
    /// Its name.
    pub name: String,
    /// The monitor.
    pub monitor: Box<dyn Monitor>,
    /// Its threshold.
    pub threshold: Threshold,
}
