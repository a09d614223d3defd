//! The k-NN defense: rows far from their nearest neighbours go.

use aconite_core::{Defense, Evidence, Filter, Info, Reads, Removal, Result, Role, Verdict};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::{Kind as Element, Tensor};

use crate::neighbours::{nearest, prepared};
use crate::points::{self, Space};

/// Removes, per class, the rows whose nearest neighbours, of whatever label, are far away.
///
/// Paper: Koh, Steinhardt, Liang 2018, "Stronger Data Poisoning Attacks Break Data Sanitization Defenses",
/// the k-NN defense.
///
/// s(x, y) = Σ_{j ∈ S_k(x)} ‖x − x_j‖₂, S_k(x) the k = 5 nearest rows of the whole training set. The top 5 % of each
/// class go: ⌊0.05·n_y⌋ rows, the earlier row first on a tie, where the authors' code rounds.
///
/// A row is not its own neighbour; in the authors' code it is the first of the five. Neighbours are found with f32
/// products, so that of two that are equally far to 10⁻⁷ of the largest square either may be taken; their distances
/// are then computed in double precision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KnnDistance {
    /// Where distances are measured: in the rows themselves, as in the paper, or in the model's features.
    pub space: Space,
    /// Number of neighbours, from 1 to one less than the training rows.
    #[schemars(range(min = 1))]
    pub k: usize,
    /// Which rows of each class go by their score: `{ fraction = 0.05 }`, `{ count = 50 }`, `{ threshold = 2.0 }`
    /// or `{ mad = 3.0 }`.
    pub removal: Removal,
}

impl Default for KnnDistance {
    fn default() -> Self {
        Self { space: Space::Input, k: 5, removal: points::TOP }
    }
}

impl Kind for KnnDistance {}

impl Defense for KnnDistance {
    fn role(&self) -> Role<'_> {
        Role::Filter(self)
    }

    fn check(&self, info: &Info) -> Result<()> {
        points::check_neighbours(self.k, info)?;
        self.removal.check("removal")?;
        self.space.check(info)
    }
}

impl Filter for KnnDistance {
    fn reads(&self) -> Reads {
        self.space.reads()
    }

    fn removes_a_share(&self) -> bool {
        self.removal.always_removes()
    }

    fn judge(&self, evidence: &Evidence<'_>) -> Result<Verdict> {
        let all = self.space.points(evidence)?;
        points::cut(evidence.data, sums_of_distances(&all, self.k)?, self.removal)
    }
}

/// Differences of points that are held in double precision at a time: 32 MB.
const HELD: usize = 4 << 20;

/// Per row, the sum of the distances to its `k` nearest.
fn sums_of_distances(points: &Tensor, k: usize) -> Result<Vec<f64>> {
    let [n, width] = [0, 1].map(|dim| points.size()[dim] as usize);
    let at_once = (HELD / (k * width).max(1)).clamp(1, n);
    let mut sums = Vec::with_capacity(n);
    let mut waiting: Vec<i64> = Vec::with_capacity(at_once * k);
    nearest(&prepared(points, false)?, k, |row, neighbours| {
        waiting.extend(neighbours.iter().map(|&neighbour| i64::from(neighbour)));
        let rows = row + 1 - sums.len();
        if rows == at_once || row + 1 == n {
            let here = points.f_narrow(0, sums.len() as i64, rows as i64)?.f_unsqueeze(1)?;
            let there = points.f_index_select(0, &Tensor::f_from_slice(&waiting)?)?;
            let mut there = there.f_to_kind(Element::Double)?.f_view([rows as i64, -1, width as i64])?;
            let squares = there.f_sub_(&here)?.f_square()?.f_sum_dim_intlist(
                [2i64].as_slice(),
                false,
                Element::Double,
            )?;
            let of_rows = squares.f_sqrt()?.f_sum_dim_intlist([1i64].as_slice(), false, Element::Double)?;
            sums.extend(Vec::<f64>::try_from(of_rows)?);
            waiting.clear();
        }
        Ok(())
    })?;
    Ok(sums)
}
