//! Nearest-neighbour mixing: each update becomes the mean of those around it.

use aconite_core::{Defense, Knowledge, Mixing, Result, Role, Updates};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::distances::Distances;
use crate::matrix::Matrix;
use crate::require;

/// Replaces each update by the mean of the n − f updates nearest to it before the rule sees them.
///
/// Paper: Allouah, Farhadkhani, Guerraoui, Gupta, Pinot, Stephan 2023, "Fixing by Mixing: A Recipe for Optimal
/// Byzantine ML under Heterogeneity", Algorithm 2.
///
/// y_i = (1/(n − f)) Σ x_j over the n − f updates j nearest to x_i, x_i itself first. The rule after it still sees n
/// rows and must expect f malicious ones. Needs n ≥ 2f + 1. Equally near: the client with the smaller number.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Nnm {
    /// How many clients of a round it takes for malicious, f, from 0; none is told the true number.
    pub f: Option<usize>,
}

impl Kind for Nnm {
    // 2: the last bits of distances.
    const VERSION: u32 = 2;
}

impl Defense for Nnm {
    fn role(&self) -> Role<'_> {
        Role::Mixing(self)
    }

    fn knowledge(&self) -> Vec<Knowledge> {
        require::count_unless(self.f)
    }
}

impl Mixing for Nnm {
    fn counts(&self, clients: usize, malicious: Option<usize>) -> Result<(usize, Option<usize>)> {
        require::clients("nearest-neighbour mixing", clients, require::expected(self.f, malicious)?, 2, 1)?;
        Ok((clients, malicious))
    }

    fn weights(&self, updates: &Updates<'_>) -> Result<Tensor> {
        let matrix = Matrix::of(updates)?;
        let n = matrix.len();
        self.counts(n, updates.malicious)?;
        let count = n - updates.expected(self.f)?;
        let distances = Distances::between(&matrix)?;
        let mut weights = vec![0.0f32; n * n];
        for (row, weights) in weights.chunks_exact_mut(n).enumerate() {
            let to = distances.row(row);
            let mut order: Vec<usize> = (0..n).collect();
            // Itself first, also where another update equals it.
            order.sort_by(|&a, &b| to[a].total_cmp(&to[b]).then((b == row).cmp(&(a == row))));
            order.iter().take(count).for_each(|&near| weights[near] = 1.0 / count as f32);
        }
        Ok(Tensor::f_from_slice(&weights)?.f_view([n as i64, n as i64])?)
    }
}
