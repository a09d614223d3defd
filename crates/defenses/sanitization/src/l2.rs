//! The L2 defense: rows far from the mean of their class go.

use aconite_core::{Defense, Evidence, Filter, Info, Reads, Removal, Result, Role, Verdict};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::points::{self, Space};

/// Removes, per class, the rows farthest from the mean of their class.
///
/// Paper: Koh, Steinhardt, Liang 2018, "Stronger Data Poisoning Attacks Break Data Sanitization Defenses",
/// the L2 defense.
///
/// s(x, y) = ‖x − μ_y‖₂, μ_y the mean of all rows that carry the label y, poisoned or not. The top 5 % of each class
/// go: ⌊0.05·n_y⌋ rows, the earlier row first on a tie, where the authors' code rounds to the nearest number.
///
/// Pixels are shares of 255, the numbers of a table are as they are. Scores are compared within a class; the area
/// under the ROC curve pools those of all classes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct L2 {
    /// Where distances are measured: in the rows themselves, as in the paper, or in the model's features.
    pub space: Space,
    /// Which rows of each class go by their score: `{ fraction = 0.05 }`, `{ count = 50 }`, `{ threshold = 2.0 }`
    /// or `{ mad = 3.0 }`.
    pub removal: Removal,
}

impl Default for L2 {
    fn default() -> Self {
        Self { space: Space::Input, removal: points::TOP }
    }
}

impl Kind for L2 {}

impl Defense for L2 {
    fn role(&self) -> Role<'_> {
        Role::Filter(self)
    }

    fn check(&self, info: &Info) -> Result<()> {
        self.removal.check("removal")?;
        self.space.check(info)
    }
}

impl Filter for L2 {
    fn reads(&self) -> Reads {
        self.space.reads()
    }

    fn removes_a_share(&self) -> bool {
        self.removal.always_removes()
    }

    fn judge(&self, evidence: &Evidence<'_>) -> Result<Verdict> {
        let all = self.space.points(evidence)?;
        let scores = points::by_class(evidence.data, |_, rows| {
            let of_class = points::of_rows(&all, rows)?;
            points::lengths(&of_class.f_sub(&points::mean(&of_class)?)?)
        })?;
        points::cut(evidence.data, scores, self.removal)
    }
}
