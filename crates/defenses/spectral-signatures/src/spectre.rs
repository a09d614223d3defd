//! SPECTRE: poisons stand out once the features of their class are whitened robustly.

use aconite_core::{
    Defense, Error, Evidence, Filter, Info, Knowledge, Rate, Reads, Removal, Result, Role, Verdict,
    top_scores,
};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::Scope;
use crate::classes::{self, Opinion, Rule, above_zero, count, index, poisoned_share};
use crate::pca::principal;
use crate::robust::{Moments, que, robust_moments};

/// Numbers of principal directions that are tried: the squares up to 100, as in the authors' code.
const DIRECTIONS: [usize; 10] = [1, 4, 9, 16, 25, 36, 49, 64, 81, 100];
/// Principal directions in which the trials are compared.
const COMPARED: usize = 100;

/// Whitens the features of a class by a robust covariance and removes the rows with the highest QUE scores.
///
/// Paper: Hayase, Kong, Somani, Oh 2021, "SPECTRE: Defending Against Backdoor Attacks Using Robust Statistics",
/// the algorithms SPECTRE and k-identifier.
///
/// Per class of n rows: the centred features on their top k principal directions, h; robust mean μ̂ and covariance
/// Σ̂; h̃ = Σ̂^(−1/2)(h − μ̂), Σ̃ its covariance, Q = exp(α(Σ̃ − I)/(‖Σ̃‖₂ − 1)). The score is
/// τ = h̃ᵀQh̃/Tr(Q), and the ⌊multiplier·ε·n⌋ rows with the highest scores go. Without `k` the k of 1, 4, 9, … 100
/// (as many as the features span) is taken that leaves the largest QUE norm: with Σ the covariance, in the top 100
/// directions, of the rows that stay for this k, ⟨Σ̃, Q⟩/Tr(Q) of all rows whitened by Σ; the smaller k on a tie.
///
/// The paper defends the class that it knows to be the target and is told ε; here every class is looked at unless
/// `scope = "target_class"`, and ε is told, as the largest share of poisoned rows in any class, unless it is
/// assumed. ε is also what is trimmed by, so `removal` does not replace it.
///
/// Ours: the robust moments are those of the rows left after exactly ⌊trim·ε·n⌋ rows, at most half of the class,
/// went in four rounds, each time those farthest from the median along the symmetric V that makes yᵀVy of the
/// whitened rows y vary most. It is the direction of Diakonikolas et al. 2017, which the paper takes; their bound on
/// tails, below which nothing goes, holds for normal data and is not built: clean rows are trimmed too. For
/// k = 1 the authors' code uses plain squared projections; here it is treated as any other k. No more directions
/// are used than half the class's rows. Where nothing is stretched, ‖Σ̃‖₂ ≤ 1, Q is I. Scores of different classes are pooled as they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Spectre {
    /// Assumed share ε of poisoned rows in a class, in [0, 1]; none is told the largest in any class.
    pub epsilon: Option<Rate>,
    /// How many times the assumed poisons are removed, above 0.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub multiplier: f64,
    /// How many times the assumed poisons are left out of the robust moments, above 0.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub trim: f64,
    /// Sharpness α of the score, above 0: towards 0 all directions count, the larger the more only the most
    /// stretched one does.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub alpha: f64,
    /// Principal directions k, at least 1; none chooses by the QUE norm.
    #[schemars(range(min = 1))]
    pub k: Option<usize>,
    /// The classes that are looked at.
    pub scope: Scope,
    /// Another rule to cut the scores of a class by, instead of `multiplier`·ε.
    pub removal: Option<Removal>,
}

impl Default for Spectre {
    fn default() -> Self {
        Self {
            epsilon: None,
            multiplier: 1.5,
            trim: 2.0,
            alpha: 4.0,
            k: None,
            scope: Scope::AllClasses,
            removal: None,
        }
    }
}

impl Kind for Spectre {}

impl Defense for Spectre {
    fn role(&self) -> Role<'_> {
        Role::Filter(self)
    }

    fn knowledge(&self) -> Vec<Knowledge> {
        let target = self.scope == Scope::TargetClass;
        let all = [(self.epsilon.is_none(), Knowledge::PoisonRate), (target, Knowledge::TargetClass)];
        all.into_iter().filter_map(|(needed, knowledge)| needed.then_some(knowledge)).collect()
    }

    fn check(&self, _info: &Info) -> Result<()> {
        above_zero("multiplier", "a multiplier", self.multiplier)?;
        above_zero("trim", "a multiple", self.trim)?;
        above_zero("alpha", "an alpha", self.alpha)?;
        if self.k == Some(0) {
            return Err(Error::at("k", "0 directions are too few: at least 1 is needed"));
        }
        self.removal.map_or(Ok(()), |removal| removal.check("removal"))
    }
}

impl Filter for Spectre {
    fn reads(&self) -> Reads {
        Reads::MODEL
    }

    fn removes_a_share(&self) -> bool {
        self.removal.is_none_or(|removal| removal.always_removes())
    }

    fn judge(&self, evidence: &Evidence<'_>) -> Result<Verdict> {
        let epsilon = poisoned_share(self.epsilon, &evidence.told, "epsilon")?;
        classes::judge(evidence, self.scope, self.removal, |class| {
            let rows = class.rows.len();
            let top = self.k.unwrap_or(0).max(COMPARED).min(rows / 2);
            let coordinates = principal(&class.features, top)?.coordinates()?;
            if coordinates.size()[1] == 0 {
                return Ok(Opinion::none(rows));
            }
            let removed = count(self.multiplier * epsilon, rows);
            let trimmed = count(self.trim * epsilon, rows).min(rows / 2);
            let scores = self.scores(&coordinates, trimmed, removed)?;
            Ok(Opinion { scores, rule: Rule::Top(removed) })
        })
    }
}

impl Spectre {
    /// QUE scores of rows given along their principal directions, by the given k or the best one.
    fn scores(&self, coordinates: &Tensor, trimmed: usize, removed: usize) -> Result<Vec<f64>> {
        let spanned = coordinates.size()[1];
        let by = |k: usize| {
            let h = coordinates.f_narrow(1, 0, (k as i64).min(spanned))?;
            Ok(que(&h, &robust_moments(&h, trimmed)?, self.alpha)?.scores)
        };
        if let Some(k) = self.k {
            return by(k);
        }
        let compared = coordinates.f_narrow(1, 0, (COMPARED as i64).min(spanned))?;
        let mut best: Option<(f64, Vec<f64>)> = None;
        for k in DIRECTIONS.into_iter().filter(|&k| k as i64 <= spanned) {
            let scores = by(k)?;
            let norm = self.norm(&compared, &scores, removed)?;
            if best.as_ref().is_none_or(|(largest, _)| norm > *largest) {
                best = Some((norm, scores));
            }
        }
        Ok(best.map(|(_, scores)| scores).unwrap_or_default())
    }

    /// The QUE norm of all rows whitened by those that stay; 0 where too few stay to have a covariance.
    fn norm(&self, rows: &Tensor, scores: &[f64], removed: usize) -> Result<f64> {
        let all: Vec<usize> = (0..scores.len()).collect();
        let mut gone = vec![false; all.len()];
        top_scores(scores, &all, removed, &mut gone);
        let stay: Vec<usize> = all.into_iter().filter(|&row| !gone[row]).collect();
        if stay.len() < 2 {
            return Ok(0.0);
        }
        Ok(que(rows, &Moments::of(&rows.f_index_select(0, &index(&stay)?)?)?, self.alpha)?.norm)
    }
}
