//! Spectral signatures: poisons stand out along the top singular direction of their class.

use aconite_core::{
    Defense, Error, Evidence, Filter, Info, Knowledge, Rate, Reads, Removal, Result, Role, Told, Verdict,
};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::Scope;
use crate::classes::{self, Opinion, Rule, above_zero, count, poisoned_share};
use crate::pca::principal;

/// Removes, per class, the rows whose features reach farthest along the class's top singular direction.
///
/// Paper: Tran, Li, Madry 2018, "Spectral Signatures in Backdoor Attacks", Algorithm 1.
///
/// For each class with features f₁ … fₙ (penultimate activations of the model trained on the poisoned set):
/// R = [fᵢ − mean f], v its top right singular vector, score τᵢ = ((fᵢ − mean f)·v)²; the ⌊multiplier·ε·n⌋ rows
/// with the highest scores go, the earlier row first on a tie. v is the top eigenvector of RᵀR in double
/// precision, found by iteration where there are more than 512 features and rows.
///
/// The paper bounds ε per class and lets the defender know it; here it is told unless `epsilon` or `remove` is
/// set: the largest share of poisoned rows in any class, and every class loses the same share. The authors' code
/// looks at the target class only (`scope = "target_class"`), takes v from the centred features but projects the
/// features as they are (`centered = false`), and removes the top 15 % (`remove = 0.15`).
///
/// Scores are compared within a class; the area under the ROC curve pools the raw scores of all rows. Rows that
/// were not looked at (outside the scope, or alone in their class) score 0, the lowest score there is, and stay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SpectralSignatures {
    /// Assumed share ε of poisoned rows in a class, in [0, 1]; none is told the largest in any class.
    pub epsilon: Option<Rate>,
    /// How many times the assumed poisons are removed, above 0.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub multiplier: f64,
    /// Share of each class to remove instead of `multiplier`·`epsilon`, in [0, 1]; 0.15 in the authors' code.
    pub remove: Option<Rate>,
    /// Whether features are centred before they are projected, as the paper says; the authors' code does not.
    pub centered: bool,
    /// The classes that are looked at.
    pub scope: Scope,
    /// Another rule to cut the scores of a class by, instead of `remove` or `multiplier`·`epsilon`.
    pub removal: Option<Removal>,
}

impl Default for SpectralSignatures {
    fn default() -> Self {
        Self {
            epsilon: None,
            multiplier: 1.5,
            remove: None,
            centered: true,
            scope: Scope::AllClasses,
            removal: None,
        }
    }
}

impl Kind for SpectralSignatures {}

impl SpectralSignatures {
    /// The share of a class that goes by the paper's rule.
    fn share(&self, told: &Told) -> Result<f64> {
        if let Some(share) = self.remove {
            return Ok(share.get());
        }
        Ok(self.multiplier * poisoned_share(self.epsilon, told, "epsilon, remove or removal")?)
    }
}

impl Defense for SpectralSignatures {
    fn role(&self) -> Role<'_> {
        Role::Filter(self)
    }

    fn knowledge(&self) -> Vec<Knowledge> {
        let rate = self.epsilon.is_none() && self.remove.is_none() && self.removal.is_none();
        let target = self.scope == Scope::TargetClass;
        let all = [(rate, Knowledge::PoisonRate), (target, Knowledge::TargetClass)];
        all.into_iter().filter_map(|(needed, knowledge)| needed.then_some(knowledge)).collect()
    }

    fn check(&self, _info: &Info) -> Result<()> {
        above_zero("multiplier", "a multiplier", self.multiplier)?;
        if let (Some(_), Some(remove)) = (self.epsilon, self.remove) {
            let message =
                format!("remove = {} fixes the share already, epsilon has no meaning", remove.get());
            return Err(Error::at("epsilon", message).hint("leave one of the two out"));
        }
        let Some(removal) = self.removal else { return Ok(()) };
        let given = [("epsilon", self.epsilon.is_some()), ("remove", self.remove.is_some())];
        if let Some((key, _)) = given.into_iter().find(|(_, given)| *given) {
            let message = format!("removal says which rows go, {key} has no meaning beside it");
            return Err(Error::at(key, message).hint("leave one of the two out"));
        }
        removal.check("removal")
    }
}

impl Filter for SpectralSignatures {
    fn reads(&self) -> Reads {
        Reads::MODEL
    }

    fn removes_a_share(&self) -> bool {
        self.removal.is_none_or(|removal| removal.always_removes())
    }

    fn judge(&self, evidence: &Evidence<'_>) -> Result<Verdict> {
        let share = if self.removal.is_some() { 0.0 } else { self.share(&evidence.told)? };
        classes::judge(evidence, self.scope, self.removal, |class| {
            let scores = projections(&class.features, self.centered)?;
            Ok(Opinion { rule: Rule::Top(count(share, scores.len())), scores })
        })
    }
}

/// Per row of the features of one class, the square of its projection on the top right singular vector of the
/// centred features; `centered` says whether the row itself is centred too.
fn projections(features: &Tensor, centered: bool) -> Result<Vec<f64>> {
    let principal = principal(features, 1)?;
    if principal.values.is_empty() {
        return Ok(vec![0.0; features.size()[0] as usize]);
    }
    let along = if centered { &principal.residuals } else { features }.f_matmul(&principal.directions)?;
    Ok(Vec::try_from(along.f_square()?.f_flatten(0, -1)?)?)
}
