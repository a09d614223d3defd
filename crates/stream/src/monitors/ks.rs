//! The statistic of Kolmogorov and Smirnov.

use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::measure;
use crate::{Look, Monitor, Sees};

/// Watches how far a window's scores have drifted, by the two-sample statistic of Kolmogorov and Smirnov.
///
/// Paper: Smirnov 1939; for shifts of what a classifier says, Rabanser, Günnemann, Lipton 2019, "Failing Loudly: An
/// Empirical Study of Methods for Detecting Dataset Shift".
///
/// D = sup_x |F(x) − G(x)|, F and G the empirical distributions of a score in the window and in the reference window.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Ks {
    /// Which score is compared.
    pub of: Of,
}

/// A score of a row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Of {
    /// That of the given label minus the highest of the others: falls where labels are wrong.
    #[default]
    Margin,
    /// The highest minus the second: falls where rows are strange.
    Confidence,
}

impl Kind for Ks {}

impl Monitor for Ks {
    fn sees(&self) -> Sees {
        Sees { scores: true, ..Sees::default() }
    }

    fn drift(&self, reference: &Look, now: &Look) -> Option<f64> {
        match self.of {
            Of::Margin => measure::ks(&reference.margins, &now.margins),
            Of::Confidence => measure::ks(&reference.confidences, &now.confidences),
        }
    }
}
