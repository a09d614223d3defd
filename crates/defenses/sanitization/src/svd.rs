//! The SVD defense: rows far from the subspace that holds most of the data go.

use aconite_core::{Defense, Error, Evidence, Filter, Info, Reads, Removal, Result, Role, Verdict};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::{Kind as Element, Tensor};

use crate::points::{self, Space};

/// Removes, per class, the rows farthest from the low-rank subspace in which most of the data lie.
///
/// Paper: Koh, Steinhardt, Liang 2018, "Stronger Data Poisoning Attacks Break Data Sanitization Defenses",
/// the SVD defense, after Rubinstein et al. 2009.
///
/// s(x, y) = ‖(I − VVᵀ)x‖₂, V the top k right singular vectors of the matrix X of all rows of all classes, uncentred,
/// k the smallest with Σ_{i≤k} σᵢ² ≥ 0.95·‖X‖²_F. The top 5 % of each class go: ⌊0.05·n_y⌋ rows, the earlier row first
/// on a tie, where the authors' code rounds.
///
/// The authors' code takes one vector fewer than holds the 95 % and adds the means of the two classes to the
/// subspace; ours is the paper's. V comes from the eigenvectors of XᵀX or XXᵀ, whichever is smaller, in double
/// precision. Pixels are shares of 255, the numbers of a table are as they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Svd {
    /// Where distances are measured: in the rows themselves, as in the paper, or in the model's features.
    pub space: Space,
    /// Share of the squared Frobenius norm ‖X‖²_F that the subspace holds at least, in (0, 1).
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub energy: f64,
    /// Which rows of each class go by their score: `{ fraction = 0.05 }`, `{ count = 50 }`, `{ threshold = 2.0 }`
    /// or `{ mad = 3.0 }`.
    pub removal: Removal,
}

impl Default for Svd {
    fn default() -> Self {
        Self { space: Space::Input, energy: 0.95, removal: points::TOP }
    }
}

impl Kind for Svd {}

impl Defense for Svd {
    fn role(&self) -> Role<'_> {
        Role::Filter(self)
    }

    fn check(&self, info: &Info) -> Result<()> {
        self.removal.check("removal")?;
        if !(self.energy > 0.0 && self.energy < 1.0) {
            return Err(Error::at("energy", format!("a share of {} is outside (0, 1)", self.energy)));
        }
        self.space.check(info)
    }
}

impl Filter for Svd {
    fn reads(&self) -> Reads {
        self.space.reads()
    }

    fn removes_a_share(&self) -> bool {
        self.removal.always_removes()
    }

    fn judge(&self, evidence: &Evidence<'_>) -> Result<Verdict> {
        let all = self.space.points(evidence)?;
        let subspace = subspace(&all, self.energy)?;
        let scores = points::by_class(evidence.data, |_, rows| {
            let of_class = points::of_rows(&all, rows)?;
            let inside = of_class.f_matmul(&subspace)?.f_matmul(&subspace.f_tr()?)?;
            points::lengths(&of_class.f_sub(&inside)?)
        })?;
        points::cut(evidence.data, scores, self.removal)
    }
}

/// Rows of the matrix that are held in double precision at a time.
const SLICE: usize = 2048;

/// The top right singular vectors of the points, a column each: the fewest that hold `energy` of the squares.
fn subspace(points: &Tensor, energy: f64) -> Result<Tensor> {
    let [n, width] = [0, 1].map(|dim| points.size()[dim]);
    let wide = n < width;
    let gram = if wide {
        let rows = points.f_to_kind(Element::Double)?;
        rows.f_matmul(&rows.f_tr()?)?
    } else {
        let mut gram = Tensor::f_zeros([width, width], (Element::Double, points.device()))?;
        for slice in points.f_split(SLICE as i64, 0)? {
            let rows = slice.f_to_kind(Element::Double)?;
            gram = gram.f_add_(&rows.f_tr()?.f_matmul(&rows)?)?;
        }
        gram
    };
    let (values, vectors) = gram.f_linalg_eigh("L")?;
    // They ascend: the strongest come last. Rounding may push the weakest below 0.
    let squares: Vec<f64> =
        Vec::<f64>::try_from(&values)?.into_iter().map(|square| square.max(0.0)).collect();
    let wanted = energy * squares.iter().sum::<f64>();
    let mut held = 0.0;
    let mut count = 0;
    for square in squares.iter().rev() {
        if held >= wanted {
            break;
        }
        held += square;
        count += 1;
    }
    let top = vectors.f_narrow(1, squares.len() as i64 - count, count)?;
    if !wide {
        return Ok(top);
    }
    // Left singular vectors u; the right ones are Xᵀu/σ, and σ is above 0 for those that hold something.
    let sigmas = values.f_narrow(0, squares.len() as i64 - count, count)?.f_sqrt()?;
    Ok(points.f_to_kind(Element::Double)?.f_tr()?.f_matmul(&top)?.f_div_(&sigmas)?)
}
