//! Clips the updates' norms; optionally adds noise.

use aconite_core::{Aggregate, Aggregator, Defense, Info, NamedTensors, Result, Role, Updates};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::combine::{add_noise, aggregate, clipped, combination, norms};
use crate::matrix::Matrix;
use crate::require;

/// Brings every update down to a largest norm and averages; with `noise`, this is weak differential privacy.
///
/// Paper: Sun, Kairouz, Suresh, McMahan 2019, "Can You Really Backdoor Federated Learning?", section 4.
///
/// z = (1/n) Σ x_i / max(1, ‖x_i‖/M) + N(0, σ²I). The paper sweeps the threshold M and adds noise that is too small
/// to give a meaningful privacy guarantee; by default M is 3 and there is no noise. M is in the unit of updates, so it fits one
/// model and learning rate only. The noise is that of the aggregate, after division by n.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NormClipping {
    /// Largest norm of an update, M; above 0.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub threshold: f64,
    /// Standard deviation of the noise on each parameter, σ; 0 for none.
    #[schemars(range(min = 0.0))]
    pub noise: f64,
}

impl Default for NormClipping {
    fn default() -> Self {
        Self { threshold: 3.0, noise: 0.0 }
    }
}

impl Kind for NormClipping {}

impl Defense for NormClipping {
    fn role(&self) -> Role<'_> {
        Role::Aggregator(self)
    }

    fn check(&self, _info: &Info) -> Result<()> {
        require::positive("threshold", self.threshold)?;
        require::not_negative("noise", self.noise)
    }
}

impl Aggregator for NormClipping {
    fn check_clients(&self, clients: usize, _malicious: Option<usize>) -> Result<()> {
        require::at_least("norm clipping", clients, 1)
    }

    fn aggregate(&self, updates: &Updates<'_>, _memory: &mut NamedTensors) -> Result<Aggregate> {
        let matrix = Matrix::of(updates)?;
        let n = matrix.len() as f64;
        let weights: Vec<f64> =
            norms(&matrix)?.iter().map(|&norm| clipped(norm, self.threshold) / n).collect();
        let mut update = combination(&matrix, &weights)?;
        add_noise(&mut update, self.noise, updates.seed);
        aggregate(&update, Some(weights))
    }
}
