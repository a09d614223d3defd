//! The control arm that filters by chance.

use aconite_core::{ControlArm, Defense, Knowledge, Rate, Result, Role, Seed, Truth, Verdict};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Removes rows at random, as many as are poisoned: what a filter must beat.
///
/// Paper: none of its own; the control arm of chance, which says what removing so many rows costs by itself.
///
/// A permutation of the rows is drawn; the score of the row at place p (from 0) of n is (n − p)/n, and the first
/// rows go: exactly as many as are poisoned, or ⌊remove·n⌋.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RandomFilter {
    /// Share of all rows to remove, in [0, 1]; none removes as many rows as are poisoned, which it is told.
    pub remove: Option<Rate>,
}

impl Kind for RandomFilter {}

impl Defense for RandomFilter {
    fn role(&self) -> Role<'_> {
        Role::Control(self)
    }

    fn knowledge(&self) -> Vec<Knowledge> {
        if self.remove.is_none() { vec![Knowledge::PoisonedRows] } else { Vec::new() }
    }
}

impl ControlArm for RandomFilter {
    fn judge(&self, truth: Truth<'_>, seed: Seed) -> Result<Verdict> {
        let n = truth.poisoned.len();
        let count = match self.remove {
            Some(share) => share.count(n),
            None => truth.poisoned.iter().filter(|poisoned| **poisoned).count(),
        };
        Ok(random_verdict(n, count, seed))
    }
}

/// Removes `count` of `n` rows by chance: the first of a permutation drawn from the stream `order`.
pub fn random_verdict(n: usize, count: usize, seed: Seed) -> Verdict {
    let mut verdict = Verdict::new(vec![0.0; n], vec![false; n]);
    let all: Vec<usize> = (0..n).collect();
    for (place, row) in seed.derive("order").shuffled(&all).into_iter().enumerate() {
        verdict.scores[row] = (n - place) as f64 / n as f64;
        verdict.removed[row] = place < count;
    }
    verdict
}
