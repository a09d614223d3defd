//! What the filters by distance share: rows as points, class by class, and the cut.

use aconite_core::{Dataset, Error, Evidence, Info, Rate, Reads, Removal, Result, RowKind, Rows, Verdict};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

/// Where distances are measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Space {
    /// Between the rows themselves: pixels as shares of 255, or the numbers of a table.
    #[default]
    Input,
    /// Between the penultimate activations of the model trained on the data.
    Features,
}

/// The top 5 % of each class: what the five sanitizers remove by default.
pub(crate) const TOP: Removal = Removal::Fraction(Rate::literal(0.05));

impl Space {
    /// What must be computed for it.
    pub(crate) fn reads(self) -> Reads {
        match self {
            Self::Input => Reads::NOTHING,
            Self::Features => Reads::MODEL,
        }
    }

    /// Checks that rows of this kind are points.
    ///
    /// # Errors
    /// They are texts or messages, which have no distance of their own.
    pub(crate) fn check(self, info: &Info) -> Result<()> {
        match (self, &info.kind) {
            (Self::Features, _) | (Self::Input, RowKind::Image(_) | RowKind::Table(_)) => Ok(()),
            (Self::Input, kind) => Err(no_points(kind)),
        }
    }

    /// The rows as points, f32, rows × dimensions, all finite.
    ///
    /// # Errors
    /// As [`Space::check`] and [`Evidence::features`].
    pub(crate) fn points(self, evidence: &Evidence<'_>) -> Result<Tensor> {
        if self == Self::Features {
            return Ok(evidence.features()?.shallow_clone());
        }
        match evidence.data.rows() {
            Rows::Images(images) => {
                let size = [images.len(), images.shape().pixels()].map(|n| n as i64);
                let bytes = Tensor::f_from_data_size(images.bytes(), &size, Kind::Uint8)?;
                Ok(bytes.f_to_kind(Kind::Float)?.f_div_scalar_(255.0)?)
            }
            Rows::Table(table) => {
                let size = [table.len(), table.columns().len()].map(|n| n as i64);
                Ok(Tensor::f_from_slice(table.values())?.f_view(size)?)
            }
            Rows::Documents(_) => Err(no_points(&evidence.data.rows().kind())),
        }
    }
}

fn no_points(kind: &RowKind) -> Error {
    Error::at(
        "space",
        format!("distances between rows need images or numbers, but the data set holds {kind}"),
    )
    .hint("measure in the model's features: space = \"features\"")
}

/// The chosen points in double precision.
pub(crate) fn of_rows(points: &Tensor, rows: &[usize]) -> Result<Tensor> {
    Ok(points.f_index_select(0, &index(rows)?)?.f_to_kind(Kind::Double)?)
}

/// Row numbers as a tensor.
pub(crate) fn index(rows: &[usize]) -> Result<Tensor> {
    let rows: Vec<i64> = rows.iter().map(|&row| row as i64).collect();
    Ok(Tensor::f_from_slice(&rows)?)
}

/// The mean of points, 1 × dimensions.
pub(crate) fn mean(points: &Tensor) -> Result<Tensor> {
    Ok(points.f_mean_dim([0i64].as_slice(), true, Kind::Double)?)
}

/// The length of each point.
pub(crate) fn lengths(points: &Tensor) -> Result<Tensor> {
    Ok(points.f_square()?.f_sum_dim_intlist([1i64].as_slice(), false, Kind::Double)?.f_sqrt()?)
}

/// Scores found class by class: `score` gets a class and its rows, and gives one number for each of them. It is
/// not called for classes without rows.
pub(crate) fn by_class(
    data: &Dataset,
    mut score: impl FnMut(usize, &[usize]) -> Result<Tensor>,
) -> Result<Vec<f64>> {
    let mut scores = vec![0.0; data.len()];
    for class in 0..data.num_classes() {
        let rows = data.rows_of(class);
        if rows.is_empty() {
            continue;
        }
        for (&row, value) in rows.iter().zip(Vec::<f64>::try_from(score(class, &rows)?)?) {
            scores[row] = value;
        }
    }
    Ok(scores)
}

/// Cuts the scores of each class by itself.
///
/// # Errors
/// No row would be left.
pub(crate) fn cut(data: &Dataset, scores: Vec<f64>, removal: Removal) -> Result<Verdict> {
    let mut removed = vec![false; data.len()];
    for class in 0..data.num_classes() {
        removal.cut(&scores, &data.rows_of(class), &mut removed);
    }
    if removed.iter().all(|&gone| gone) {
        return Err(Error::at("removal", "every training row would go: nothing is left to train on")
            .hint("remove a smaller share or number of each class, or set a higher threshold"));
    }
    Ok(Verdict::new(scores, removed))
}

/// Checks a number of neighbours among the other training rows.
///
/// # Errors
/// Names the range.
pub(crate) fn check_neighbours(k: usize, info: &Info) -> Result<()> {
    let others = info.total().saturating_sub(1);
    if (1..=others).contains(&k) {
        return Ok(());
    }
    Err(Error::at("k", format!("{k} neighbours are outside 1 to {others}: there are {} rows", info.total())))
}
