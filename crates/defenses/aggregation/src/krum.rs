//! Krum: the update that is nearest to its neighbours.

use aconite_core::{Aggregate, Aggregator, Defense, Knowledge, NamedTensors, Result, Role, Updates};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::combine::equal_weights;
use crate::distances::Distances;
use crate::matrix::Matrix;
use crate::require;

/// Takes the one update that is nearest to its n − f − 2 nearest others.
///
/// Paper: Blanchard, El Mhamdi, Guerraoui, Stainer 2017, "Machine Learning with Adversaries: Byzantine Tolerant
/// Gradient Descent", section 4.
///
/// s(i) = Σ ‖x_i − x_j‖² over the n − f − 2 others j that are nearest to i; z = x_i with the smallest s(i). The
/// distances are squared. Needs n ≥ 2f + 3. Equal scores: the client with the smaller number, as in the paper.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Krum {
    /// How many clients of a round the rule takes for malicious, f, from 0; none is told the true number.
    pub f: Option<usize>,
}

impl Kind for Krum {
    // 2: the last bits of distances.
    const VERSION: u32 = 2;
}

impl Defense for Krum {
    fn role(&self) -> Role<'_> {
        Role::Aggregator(self)
    }

    fn knowledge(&self) -> Vec<Knowledge> {
        require::count_unless(self.f)
    }
}

impl Aggregator for Krum {
    fn check_clients(&self, clients: usize, malicious: Option<usize>) -> Result<()> {
        require::clients("krum", clients, require::expected(self.f, malicious)?, 2, 3)
    }

    fn aggregate(&self, updates: &Updates<'_>, _memory: &mut NamedTensors) -> Result<Aggregate> {
        let matrix = Matrix::of(updates)?;
        self.check_clients(matrix.len(), updates.malicious)?;
        let f = updates.expected(self.f)?;
        let rows: Vec<usize> = (0..matrix.len()).collect();
        let chosen = choose(&Distances::between(&matrix)?, &rows, f);
        let weights = Some(equal_weights(matrix.len(), &[chosen]));
        Ok(Aggregate { update: matrix.row(chosen)?.copy(), weights })
    }
}

/// s(i) of each of `rows` among them.
pub(crate) fn scores(distances: &Distances, rows: &[usize], f: usize) -> Vec<f64> {
    let neighbours = rows.len().saturating_sub(f + 2);
    let score = |&row: &usize| {
        let mut to: Vec<f64> =
            rows.iter().filter(|&&other| other != row).map(|&other| distances.row(row)[other]).collect();
        to.sort_unstable_by(f64::total_cmp);
        to.iter().take(neighbours).sum()
    };
    rows.iter().map(score).collect()
}

/// Krum's choice among `rows`.
pub(crate) fn choose(distances: &Distances, rows: &[usize], f: usize) -> usize {
    let scores = scores(distances, rows, f);
    let best = (0..rows.len()).min_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    best.map_or(0, |best| rows[best])
}
