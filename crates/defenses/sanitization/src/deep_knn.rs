//! Deep k-NN: a row whose neighbours in feature space carry another label is dropped.

use aconite_core::{Defense, Error, Evidence, Filter, Info, Reads, Removal, Result, Role, Verdict};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::neighbours::{nearest, prepared};
use crate::points::{check_neighbours, cut};

/// Drops rows whose nearest neighbours in feature space mostly carry another label.
///
/// Paper: Peri, Gupta, Huang, Fowl, Zhu, Feizi, Goldstein, Dickerson 2020, "Deep k-NN Defense Against
/// Clean-Label Data Poisoning Attacks", Algorithm 1 and the ablation on k.
///
/// S_k(i) are the k rows j ≠ i with the smallest ‖φ(x_j) − φ(x_i)‖₂, φ the penultimate activations. Row i is
/// dropped when the plurality label of S_k(i) is not y_i; its score is 1 − |{j ∈ S_k(i): y_j = y_i}|/k. With
/// `removal` it is the highest scores of each class that go, whatever the plurality says.
///
/// The paper measures k relative to the rows of a class and asks for more than twice the number of poisons in it;
/// its code tries 1 to 500 with 50 rows per class and leaves the features unscaled. Ours: k = 1 times the largest
/// class by default; a row is not its own neighbour (in the authors' code it is); a label that ties for the
/// plurality is enough to stay; equally distant rows count in the order of the training set. The authors' repeated
/// copies of rows of small classes are not built. Distances are f32 products: what differs by less than 10⁻⁷ of
/// the largest squared feature counts as equal or in either order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DeepKnn {
    /// Number of neighbours, from 1 to one less than the training rows; none takes `k_ratio`.
    #[schemars(range(min = 1))]
    pub k: Option<usize>,
    /// Number of neighbours as a multiple of the largest class's rows, above 0; rounded, at least 1, at most all
    /// other rows. Without meaning when `k` is given.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub k_ratio: f64,
    /// Whether features are scaled to unit length, which makes the distance the cosine's; the authors' code does not.
    pub normalize: bool,
    /// Which rows of each class go by their score: `{ fraction = 0.05 }`, `{ count = 50 }`, `{ threshold = 0.5 }`
    /// or `{ mad = 3.0 }`; none drops the rows that the plurality of their neighbours contradicts.
    pub removal: Option<Removal>,
}

impl Default for DeepKnn {
    fn default() -> Self {
        Self { k: None, k_ratio: 1.0, normalize: false, removal: None }
    }
}

impl Kind for DeepKnn {}

impl DeepKnn {
    /// Number of neighbours on data with these classes.
    fn neighbours(&self, info: &Info) -> usize {
        let largest = info.rows.iter().copied().max().unwrap_or(0);
        let wanted = self.k.unwrap_or((self.k_ratio * largest as f64).round() as usize);
        wanted.max(1).min(info.total().saturating_sub(1))
    }
}

impl Defense for DeepKnn {
    fn role(&self) -> Role<'_> {
        Role::Filter(self)
    }

    fn check(&self, info: &Info) -> Result<()> {
        self.k.map_or(Ok(()), |k| check_neighbours(k, info))?;
        self.removal.map_or(Ok(()), |rule| rule.check("removal"))?;
        if !(self.k_ratio.is_finite() && self.k_ratio > 0.0) {
            return Err(Error::at("k_ratio", format!("a ratio of {} is not above 0", self.k_ratio)));
        }
        Ok(())
    }
}

impl Filter for DeepKnn {
    fn reads(&self) -> Reads {
        Reads::MODEL
    }

    fn removes_a_share(&self) -> bool {
        self.removal.is_some_and(|rule| rule.always_removes())
    }

    fn judge(&self, evidence: &Evidence<'_>) -> Result<Verdict> {
        let info = evidence.data.info();
        let k = self.neighbours(&info);
        let labels = evidence.data.labels();
        let mut verdict = Verdict::new(vec![0.0; labels.len()], vec![false; labels.len()]);
        if k == 0 {
            return Ok(verdict);
        }
        let features = prepared(evidence.features()?, self.normalize)?;
        let mut votes = vec![0usize; info.classes.len()];
        nearest(&features, k, |row, neighbours| {
            votes.fill(0);
            for &neighbour in neighbours {
                votes[labels[neighbour as usize]] += 1;
            }
            let own = votes[labels[row]];
            verdict.scores[row] = 1.0 - own as f64 / k as f64;
            verdict.removed[row] = votes.iter().any(|&other| other > own);
            Ok(())
        })?;
        if let Some(rule) = self.removal {
            return cut(evidence.data, verdict.scores, rule);
        }
        if verdict.removed.iter().all(|&gone| gone) {
            return Err(Error::new("every row disagrees with its neighbours: nothing is left to train on")
                .hint("lower k or k_ratio"));
        }
        Ok(verdict)
    }
}
