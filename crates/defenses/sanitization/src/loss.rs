//! The loss defense: rows that the model fits badly go.

use aconite_core::{Defense, Error, Evidence, Filter, Info, Reads, Removal, Result, Role, Verdict};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::{Kind as Element, Tensor};

use crate::points;

/// Removes, per class, the rows with the highest loss under the model trained on all of the given data.
///
/// Paper: Koh, Steinhardt, Liang 2018, "Stronger Data Poisoning Attacks Break Data Sanitization Defenses",
/// the loss defense.
///
/// s(x, y) = max(0, 1 − (f_y(x) − max_{j≠y} f_j(x))), the hinge loss of the scores f (a net's logits); for two classes
/// and f₁ − f₀ = ⟨w, x⟩ + b it is the paper's hinge loss of a linear classifier. The top 5 % of each class go:
/// ⌊0.05·n_y⌋ rows, where the authors' code rounds.
///
/// Rows outside the margin all have loss 0 and would go in their order; the authors' code ranks them too by leaving
/// out the maximum with 0 (`loss = "margin"`), which changes nothing among the others. Scores that are shares or
/// probabilities never leave the margin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Loss {
    /// What is called loss.
    pub loss: Form,
    /// Which rows of each class go by their score: `{ fraction = 0.05 }`, `{ count = 50 }`, `{ threshold = 2.0 }`
    /// or `{ mad = 3.0 }`.
    pub removal: Removal,
}

/// A loss of scores.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Form {
    /// max(0, 1 − (f_y − max_{j≠y} f_j)).
    #[default]
    Hinge,
    /// 1 − (f_y − max_{j≠y} f_j), which may be negative.
    Margin,
    /// −ln softmax(f)_y.
    CrossEntropy,
}

impl Default for Loss {
    fn default() -> Self {
        Self { loss: Form::Hinge, removal: points::TOP }
    }
}

impl Kind for Loss {}

impl Defense for Loss {
    fn role(&self) -> Role<'_> {
        Role::Filter(self)
    }

    fn check(&self, info: &Info) -> Result<()> {
        if info.classes.len() < 2 {
            return Err(Error::new("with a single class there is nothing to lose"));
        }
        self.removal.check("removal")
    }
}

impl Filter for Loss {
    fn reads(&self) -> Reads {
        Reads::MODEL
    }

    fn removes_a_share(&self) -> bool {
        self.removal.always_removes()
    }

    fn judge(&self, evidence: &Evidence<'_>) -> Result<Verdict> {
        let labels = points::index(evidence.data.labels())?;
        let losses =
            self.loss.of(&evidence.scores()?.f_to_kind(Element::Double)?, &labels.f_unsqueeze(1)?)?;
        points::cut(evidence.data, Vec::try_from(losses)?, self.removal)
    }
}

impl Form {
    /// The loss per row of scores (f64, rows × classes) for labels (rows × 1).
    fn of(self, scores: &Tensor, labels: &Tensor) -> Result<Tensor> {
        if self == Self::CrossEntropy {
            let likelihoods = scores.f_log_softmax(-1, Element::Double)?.f_gather(1, labels, false)?;
            return Ok(likelihoods.f_neg()?.f_flatten(0, -1)?);
        }
        let own = scores.f_gather(1, labels, false)?.f_flatten(0, -1)?;
        let others =
            scores.f_scatter_value(1, labels, f64::NEG_INFINITY)?.f_amax([1i64].as_slice(), false)?;
        let losses = others.f_sub(&own)?.f_add_scalar(1.0)?;
        Ok(if self == Self::Hinge { losses.f_clamp_min(0.0)? } else { losses })
    }
}
