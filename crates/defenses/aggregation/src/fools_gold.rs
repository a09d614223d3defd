//! FoolsGold: clients that resemble each other weigh less.

use aconite_core::{Aggregate, Aggregator, Defense, Error, Info, NamedTensors, Result, Role, Updates};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use crate::combine::{aggregate, combination, norms};
use crate::distances::{Distances, View};
use crate::matrix::Matrix;
use crate::require;

/// Weighs clients down whose updates so far point the same way as another's.
///
/// Paper: Fung, Yoon, Beschastnikh 2020, "The Limitations of Federated Learning in Sybil Settings", Algorithm 1.
///
/// With H_i the sum of client i's updates so far: c_ij = cos(H_i, H_j), v_i = max_j c_ij over the others; where
/// v_i < v_j, c_ij is multiplied by v_i/v_j ("pardoning"); α_i = 1 − max_j c_ij, cut to [0, 1] and divided by the
/// largest; then α_i ← κ(ln(α_i/(1 − α_i)) + ½), cut to [0, 1]. z = Σ α_i x_i / Σ α_i.
///
/// Where we differ: similarity counts all parameters alike (the paper offers to weigh those of the output layer);
/// v_i/v_j is cut to [0, 1], since a negative ratio would turn unlike updates into like ones; and if no client has
/// any weight, because all point the same way, all weigh the same. The history is a second matrix of the updates'
/// size; in rounds in which only some clients take part, their rows are copied. Behind `bucketing`, whose groups are drawn
/// anew in every round, sums over rounds would mean nothing: `history = false` is needed there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FoolsGold {
    /// Confidence, κ: how steeply weights go to 0 or 1; above 0.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub kappa: f64,
    /// Whether similarity is that of the sums of all updates so far, as in the paper, or of this round's alone.
    pub history: bool,
}

impl Default for FoolsGold {
    fn default() -> Self {
        Self { kappa: 1.0, history: true }
    }
}

impl Kind for FoolsGold {
    // 2: the last bits of distances.
    const VERSION: u32 = 2;
}

impl Defense for FoolsGold {
    fn role(&self) -> Role<'_> {
        Role::Aggregator(self)
    }

    fn check(&self, _info: &Info) -> Result<()> {
        require::positive("kappa", self.kappa)
    }
}

impl Aggregator for FoolsGold {
    fn check_clients(&self, clients: usize, _malicious: Option<usize>) -> Result<()> {
        require::at_least("fools gold", clients, 2)
    }

    fn remembers_clients(&self) -> Option<&'static str> {
        self.history.then_some("history")
    }

    fn aggregate(&self, updates: &Updates<'_>, memory: &mut NamedTensors) -> Result<Aggregate> {
        let matrix = Matrix::of(updates)?;
        self.check_clients(matrix.len(), updates.malicious)?;
        let similar = if self.history {
            matrix.check_finite()?; // Before it gets into the history.
            let sums = tch::no_grad(|| remember(&matrix.tensor()?, updates.clients, memory))?;
            cosines(&Matrix::new(&sums, updates.clients)?)?
        } else {
            cosines(&matrix)?
        };
        let mut weights = weights(similar, matrix.len(), self.kappa);
        let sum: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|weight| *weight /= sum);
        aggregate(&combination(&matrix, &weights)?, Some(weights))
    }
}

/// Names in the rule's memory: the sums, and whose they are.
const SUMS: &str = "history";
const OWNERS: &str = "clients";

/// Adds the round's updates to the clients' sums and returns those of the round's clients.
fn remember(updates: &Tensor, clients: &[usize], memory: &mut NamedTensors) -> Result<Tensor> {
    let (n, d) = updates.size2()?;
    // After a mixing, rows are nobody's; their places stand for them.
    let own: Vec<i64> = match clients.len() {
        count if count as i64 == n => clients.iter().map(|&client| client as i64).collect(),
        _ => (0..n).collect(),
    };
    let known: Vec<i64> = match memory.get(OWNERS) {
        Some(owners) => Vec::try_from(owners)?,
        None => Vec::new(),
    };
    let mut owners: Vec<i64> = known.iter().chain(&own).copied().collect();
    owners.sort_unstable();
    owners.dedup();
    let places = |of: &[i64]| -> Result<Tensor> {
        let places: Vec<i64> =
            of.iter().map(|client| owners.partition_point(|o| o < client) as i64).collect();
        Ok(Tensor::f_from_slice(&places)?)
    };
    let mut sums = match memory.remove(SUMS) {
        Some(sums) if owners == known => sums,
        last => {
            let mut sums = Tensor::f_zeros([owners.len() as i64, d], (updates.f_kind()?, Device::Cpu))?;
            if let Some(last) = last {
                let _ = sums.f_index_add_(0, &places(&known)?, &last)?;
            }
            sums
        }
    };
    let all = own == owners;
    if sums.size2()?.1 != d {
        return Err(Error::new("the history is of updates of another length"));
    }
    if all {
        let _ = sums.f_add_(updates)?;
    } else {
        let _ = sums.f_index_add_(0, &places(&own)?, updates)?;
    }
    let round = if all { sums.shallow_clone() } else { sums.f_index_select(0, &places(&own)?)? };
    memory.insert(SUMS.into(), sums);
    memory.insert(OWNERS.into(), Tensor::f_from_slice(&owners)?);
    Ok(round)
}

/// cos(x_i, x_j) of all pairs; 0 with an update that is 0.
fn cosines(matrix: &Matrix<'_>) -> Result<Vec<f64>> {
    let norms = norms(matrix)?;
    let n = norms.len();
    let scale = norms.iter().map(|&norm| if norm > 0.0 { 1.0 / norm } else { 0.0 }).collect();
    let distances = Distances::of(matrix, &View { scale: Some(scale), offset: None })?;
    let cosine = |a: usize, b: usize| match norms[a] > 0.0 && norms[b] > 0.0 {
        true => 1.0 - 0.5 * distances.row(a)[b],
        false => 0.0,
    };
    Ok((0..n * n).map(|at| cosine(at / n, at % n)).collect())
}

/// The clients' weights between 0 and 1, from the n × n similarities.
fn weights(mut similar: Vec<f64>, n: usize, kappa: f64) -> Vec<f64> {
    let most = |similar: &[f64], row: usize| {
        let others = (0..n).filter(|&other| other != row).map(|other| similar[row * n + other]);
        others.fold(f64::NEG_INFINITY, f64::max)
    };
    let closest: Vec<f64> = (0..n).map(|row| most(&similar, row)).collect();
    for a in 0..n {
        for b in 0..n {
            if closest[a] < closest[b] && closest[b] > 0.0 {
                similar[a * n + b] *= (closest[a] / closest[b]).max(0.0);
            }
        }
    }
    let mut weights: Vec<f64> = (0..n).map(|row| (1.0 - most(&similar, row)).clamp(0.0, 1.0)).collect();
    let largest = weights.iter().copied().fold(0.0, f64::max);
    if largest == 0.0 {
        return vec![1.0; n];
    }
    for weight in &mut weights {
        let share = *weight / largest;
        // The logit is −∞ at 0 and ∞ at 1.
        *weight = (kappa * ((share / (1.0 - share)).ln() + 0.5)).clamp(0.0, 1.0);
    }
    weights
}
