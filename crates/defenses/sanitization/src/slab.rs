//! The slab defense: rows far from the mean of their class along the line between the classes go.

use aconite_core::{Defense, Error, Evidence, Filter, Info, Reads, Removal, Result, Role, Verdict};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::{Kind as Element, Tensor};

use crate::points::{self, Space};

/// Removes, per class, the rows farthest from the mean of their class along the line to the other classes' mean.
///
/// Paper: Koh, Steinhardt, Liang 2018, "Stronger Data Poisoning Attacks Break Data Sanitization Defenses",
/// the slab defense, after Steinhardt, Koh, Liang 2017.
///
/// s(x, y) = |⟨x − μ_y, μ_y − μ_{−y}⟩|, μ_y the mean of all rows that carry the label y, poisoned or not. The top 5 %
/// of each class go: ⌊0.05·n_y⌋ rows, the earlier row first on a tie, where the authors' code rounds.
///
/// The paper's slab has two classes. For more, μ_{−y} is here the mean of all rows that carry another label: each
/// class against the rest. The vector between the means is not scaled to unit length, which changes no order
/// within a class, where scores are compared; the area under the ROC curve pools those of all classes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Slab {
    /// Where distances are measured: in the rows themselves, as in the paper, or in the model's features.
    pub space: Space,
    /// Which rows of each class go by their score: `{ fraction = 0.05 }`, `{ count = 50 }`, `{ threshold = 2.0 }`
    /// or `{ mad = 3.0 }`.
    pub removal: Removal,
}

impl Default for Slab {
    fn default() -> Self {
        Self { space: Space::Input, removal: points::TOP }
    }
}

impl Kind for Slab {}

impl Defense for Slab {
    fn role(&self) -> Role<'_> {
        Role::Filter(self)
    }

    fn check(&self, info: &Info) -> Result<()> {
        self.removal.check("removal")?;
        if info.rows.iter().filter(|&&rows| rows > 0).count() < 2 {
            return Err(alone());
        }
        self.space.check(info)
    }
}

impl Filter for Slab {
    fn reads(&self) -> Reads {
        self.space.reads()
    }

    fn removes_a_share(&self) -> bool {
        self.removal.always_removes()
    }

    fn judge(&self, evidence: &Evidence<'_>) -> Result<Verdict> {
        let (data, all) = (evidence.data, self.space.points(evidence)?);
        let total = all.f_sum_dim_intlist([0i64].as_slice(), true, Element::Double)?;
        let scores = points::by_class(data, |_, rows| {
            let others = data.len() - rows.len();
            if others == 0 {
                return Err(alone());
            }
            let of_class = points::of_rows(&all, rows)?;
            let mean = points::mean(&of_class)?;
            let rest: Tensor =
                total.f_sub(&of_class.f_sum_dim_intlist([0i64].as_slice(), true, Element::Double)?)?;
            let between = mean.f_sub(&rest.f_div_scalar(others as f64)?)?;
            Ok(of_class.f_sub(&mean)?.f_mv(&between.f_flatten(0, -1)?)?.f_abs()?)
        })?;
        points::cut(data, scores, self.removal)
    }
}

fn alone() -> Error {
    Error::new("the slab lies between the means of classes, but all rows carry one label")
}
