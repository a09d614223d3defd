//! FLAME: clustering by direction, clipping to the median length, noise.

use aconite_core::{Aggregate, Aggregator, Defense, Info, NamedTensors, Result, Role, Updates};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::combine::{add_noise, aggregate, clipped, combination, median, norms, numbers};
use crate::distances::{Distances, View};
use crate::kernels::squared_norm;
use crate::matrix::Matrix;
use crate::require;

/// Keeps the majority cluster by direction, clips it to the median length and adds noise.
///
/// Paper: Nguyen, Rieger, Chen, Yalame, Möllering, Fereidooni, Marchal, Miettinen, Mirhoseini, Zeitouni, Koushanfar,
/// Sadeghi, Schneider 2022, "FLAME: Taming Backdoors in Federated Learning", Algorithm 1.
///
/// 1. HDBSCAN on the cosine distances 1 − cos(W_i, W_j) of the clients' models W_i = global weights + x_i, with clusters
///    of at least ⌊n/2⌋ + 1, one neighbour, and a single cluster allowed; its cluster L is admitted.
/// 2. S = the median of all n lengths ‖x_i‖; z = (1/|L|) Σ_{i∈L} x_i · min(1, S/‖x_i‖).
/// 3. z is given noise N(0, (λS)²I).
///
/// With such sizes HDBSCAN is exactly this: no two clusters fit beside each other, so its tree never branches, the
/// points of its one cluster are those that stay until the end, and with one neighbour distances are not smoothed.
/// So L is the first cluster of single linkage to have ⌊n/2⌋ + 1 members; clusters that join at the same distance
/// join at once. Many implementations compare the updates instead of the models: `compare = "updates"`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Flame {
    /// Noise level, λ: the noise's standard deviation as a multiple of the median length; 0 or above. The paper's
    /// for images is 0.001.
    #[schemars(range(min = 0.0))]
    pub lambda: f64,
    /// Whether directions are those of the clients' models, as in the paper, or of their updates.
    pub compare: Compared,
}

/// What is clustered by its direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Compared {
    /// Global weights plus update.
    #[default]
    Models,
    /// The update alone.
    Updates,
}

impl Default for Flame {
    fn default() -> Self {
        Self { lambda: 0.001, compare: Compared::Models }
    }
}

impl Kind for Flame {
    // 2: the last bits of distances.
    const VERSION: u32 = 2;
}

impl Defense for Flame {
    fn role(&self) -> Role<'_> {
        Role::Aggregator(self)
    }

    fn check(&self, _info: &Info) -> Result<()> {
        require::not_negative("lambda", self.lambda)
    }
}

impl Aggregator for Flame {
    fn check_clients(&self, clients: usize, _malicious: Option<usize>) -> Result<()> {
        require::at_least("FLAME", clients, 1)
    }

    fn aggregate(&self, updates: &Updates<'_>, _memory: &mut NamedTensors) -> Result<Aggregate> {
        let matrix = Matrix::of(updates)?;
        let n = matrix.len();
        let lengths = norms(&matrix)?;
        let bound = median(&lengths);
        let (scale, offset) = match self.compare {
            Compared::Updates => (lengths.clone(), None),
            Compared::Models => {
                let global = numbers(updates.global, matrix.columns(), "the global model")?;
                (model_norms(&matrix, &global)?, Some(global))
            }
        };
        let scale = scale.iter().map(|&norm| if norm > 0.0 { 1.0 / norm } else { 0.0 }).collect();
        // Of vectors of length 1, squared distances are twice the cosine distances.
        let distances = Distances::of(&matrix, &View { scale: Some(scale), offset })?;
        let admitted = first_cluster(&distances, n / 2 + 1);
        let mut weights = vec![0.0; n];
        for &row in &admitted {
            weights[row] = clipped(lengths[row], bound) / admitted.len() as f64;
        }
        let mut update = combination(&matrix, &weights)?;
        add_noise(&mut update, self.lambda * bound, updates.seed);
        aggregate(&update, Some(weights))
    }
}

/// ‖global + x_i‖ of each update.
fn model_norms(matrix: &Matrix<'_>, global: &[f32]) -> Result<Vec<f64>> {
    let swept = matrix.sweep(false, matrix.len(), |tile, _, sums| {
        let mut model = vec![0.0f32; tile.width];
        for (sum, row) in sums.iter_mut().zip(tile.rows()) {
            let parts = row.iter().zip(tile.of(global));
            model.iter_mut().zip(parts).for_each(|(model, (update, global))| *model = update + global);
            *sum += squared_norm(&model);
        }
    })?;
    Ok(swept.sums.into_iter().map(f64::sqrt).collect())
}

/// The first cluster of single linkage to have at least `least` members, more than half of all.
fn first_cluster(distances: &Distances, least: usize) -> Vec<usize> {
    let n = distances.len();
    let mut pairs: Vec<(usize, usize)> = (0..n).flat_map(|a| (a + 1..n).map(move |b| (a, b))).collect();
    let length = |&(a, b): &(usize, usize)| distances.row(a)[b];
    pairs.sort_unstable_by(|a, b| length(a).total_cmp(&length(b)));
    let mut cluster: Vec<usize> = (0..n).collect();
    for equal in pairs.chunk_by(|a, b| length(a) == length(b)) {
        for &(a, b) in equal {
            let (from, into) = (cluster[a], cluster[b]);
            if from != into {
                cluster.iter_mut().filter(|c| **c == from).for_each(|c| *c = into);
            }
        }
        for name in 0..n {
            let members: Vec<usize> = (0..n).filter(|&row| cluster[row] == name).collect();
            if members.len() >= least {
                return members;
            }
        }
    }
    (0..n).collect()
}
