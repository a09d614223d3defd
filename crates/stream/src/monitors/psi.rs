//! The population stability index.

use aconite_core::{Error, Result};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::measure;
use crate::{Look, Monitor, Sees};

/// Watches how far a window's features or scores have drifted, by the population stability index.
///
/// Paper: Siddiqi 2006, "Credit Risk Scorecards" (there 0.1 is a small change and 0.25 a large one); Yurdakul 2018,
/// "Statistical Properties of Population Stability Index".
///
/// PSI = Σ_b (p_b − q_b)·ln(p_b / q_b) over `bins` bins whose edges are quantiles of the reference window, p the shares
/// of the window and q of the reference, each (count + ½)/(n + bins/2); a value on an edge lies above it. Of features
/// the mean over all of them. Without any drift it is about (bins − 1)·(1/n + 1/m): small windows drift by chance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Psi {
    /// What is compared.
    pub of: Of,
    /// Bins, at least 2.
    #[schemars(range(min = 2))]
    pub bins: usize,
}

/// What of a window is compared with the reference window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Of {
    /// The penultimate activations of its rows.
    #[default]
    Features,
    /// The score of the given label minus the highest of the others: falls where labels are wrong.
    Margin,
    /// The highest score minus the second: falls where rows are strange.
    Confidence,
}

impl Default for Psi {
    fn default() -> Self {
        Self { of: Of::Features, bins: 10 }
    }
}

impl Kind for Psi {}

impl Monitor for Psi {
    fn check(&self) -> Result<()> {
        match self.bins < 2 {
            true => Err(Error::at("bins", format!("{} bins tell nothing apart: at least 2", self.bins))),
            false => Ok(()),
        }
    }

    fn sees(&self) -> Sees {
        let features = self.of == Of::Features;
        Sees { features, scores: !features, holdout: false }
    }

    fn drift(&self, reference: &Look, now: &Look) -> Option<f64> {
        let of = |a: &[f64], b: &[f64]| measure::psi(a, b, self.bins);
        match self.of {
            Of::Margin => of(&reference.margins, &now.margins),
            Of::Confidence => of(&reference.confidences, &now.confidences),
            Of::Features => {
                let pairs = reference.features.iter().zip(&now.features);
                let all: Vec<f64> = pairs.filter_map(|(a, b)| of(a, b)).collect();
                (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
            }
        }
    }
}
