//! Label sanitization: a row whose neighbours agree on another label gets that label.

use aconite_core::{Defense, Evidence, Filter, Info, Rate, Reads, Result, Role, Verdict};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::neighbours::{nearest, prepared};
use crate::points::{Space, check_neighbours};

/// Gives rows the label that enough of their nearest neighbours carry, and removes none.
///
/// Paper: Paudice, Muñoz-González, Lupu 2018, "Label Sanitization against Label Flipping Poisoning Attacks",
/// Algorithm 2.
///
/// S_k(i) are the k rows j ≠ i with the smallest ‖x_j − x_i‖₂, m the label that most of them carry. Where
/// |{j ∈ S_k(i): y_j = m}|/k ≥ η, row i is trained with the label m, else with y_i. Its score is
/// 1 − |{j ∈ S_k(i): y_j = y_i}|/k.
///
/// All neighbours vote with the labels as given: a row that was relabelled votes as before, so that the order of
/// rows does not matter. Where labels tie for m, the given one is kept if it is among them, and the smallest is
/// taken otherwise. Equally distant rows count in the order of the training set. k and η are options of the paper,
/// which demands η ≥ 0.5; the numbers are the usual ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KnnRelabel {
    /// Number of neighbours k, from 1 to one less than the training rows.
    #[schemars(range(min = 1))]
    pub k: usize,
    /// Share η of the neighbours that must carry a label for it to be taken, in [0, 1].
    pub eta: Rate,
    /// Where distances are measured: in the rows themselves, as in the paper, or in the model's features.
    pub space: Space,
}

impl Default for KnnRelabel {
    fn default() -> Self {
        Self { k: 10, eta: Rate::literal(0.5), space: Space::Input }
    }
}

impl Kind for KnnRelabel {}

impl Defense for KnnRelabel {
    fn role(&self) -> Role<'_> {
        Role::Filter(self)
    }

    fn check(&self, info: &Info) -> Result<()> {
        check_neighbours(self.k, info)?;
        self.space.check(info)
    }
}

impl Filter for KnnRelabel {
    fn reads(&self) -> Reads {
        self.space.reads()
    }

    fn judge(&self, evidence: &Evidence<'_>) -> Result<Verdict> {
        let (data, given) = (evidence.data, evidence.data.labels());
        let points = prepared(&self.space.points(evidence)?, false)?;
        let mut labels = given.to_vec();
        let mut scores = vec![0.0; given.len()];
        let mut votes = vec![0usize; data.num_classes()];
        nearest(&points, self.k, |row, neighbours| {
            votes.fill(0);
            for &neighbour in neighbours {
                votes[given[neighbour as usize]] += 1;
            }
            let own = votes[given[row]];
            let most = votes.iter().copied().max().unwrap_or(0);
            // 0.7·10 is a little more than 7: what is missing is the last bit, not a neighbour.
            if most > own && most as f64 + 1e-9 >= self.eta.get() * self.k as f64 {
                labels[row] = votes.iter().position(|&n| n == most).unwrap_or(given[row]);
            }
            scores[row] = 1.0 - own as f64 / self.k as f64;
            Ok(())
        })?;
        Ok(Verdict { scores, removed: vec![false; given.len()], labels: Some(labels) })
    }
}
