//! What victims with a decision function share: inputs as numbers, and scores of decision values.

use aconite_core::{Error, Info, Model, NamedTensors, Result, RowKind, Rows};
use tch::{Kind, Tensor};

use crate::resident::{input, pixels};

/// Rows per product with the weights. Fixed: it is part of no setting and must not change results.
const ROWS: usize = 500;

/// What these victims read of rows: the numbers of a table as they are, pixels as x/127.5 − 1; f32 N×D.
pub(super) fn inputs(rows: &Rows) -> Result<Tensor> {
    Ok(input(&pixels(rows)?, Kind::Float).f_flatten(1, -1)?.f_contiguous()?)
}

/// Number of inputs of a row.
pub(super) fn width(info: &Info) -> Result<usize> {
    Ok(crate::resident::shape(info)?.pixels())
}

/// Checks that there is something to tell apart.
pub(super) fn check(info: &Info) -> Result<()> {
    match info.classes.len() {
        0 | 1 => Err(Error::new("there is nothing to tell apart: the data set has a single class")),
        _ => Ok(()),
    }
}

/// Whether a linear victim of such data is one weight per column of the table and a bias.
pub(super) fn is_one_of_columns(info: &Info) -> bool {
    matches!(info.kind, RowKind::Table(_)) && columns(info.classes.len()) == 1
}

/// Checks a factor of the loss.
pub(super) fn check_c(c: f64) -> Result<()> {
    match c.is_finite() && c > 0.0 {
        true => Ok(()),
        false => Err(Error::at("c", format!("a factor of {c} is not above 0"))),
    }
}

/// Number of decision functions: one for two classes, else one a class.
pub(super) fn columns(classes: usize) -> usize {
    if classes == 2 { 1 } else { classes }
}

/// Scores of decision values N×M: of one column f the scores −f and f, else the columns themselves.
pub(super) fn scores(values: &Tensor) -> Result<Tensor> {
    let both = match values.size()[1] {
        1 => Tensor::f_cat(&[values.f_neg()?, values.shallow_clone()], 1)?,
        _ => values.shallow_clone(),
    };
    Ok(both.f_to_kind(Kind::Float)?)
}

/// Applies `values` to slices of the inputs in f64 and makes scores of the joined decision values.
pub(super) fn in_slices(rows: &Rows, values: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
    let all = inputs(rows)?;
    let mut parts = Vec::new();
    for from in (0..rows.len()).step_by(ROWS) {
        let count = ROWS.min(rows.len() - from) as i64;
        parts.push(values(&all.f_narrow(0, from as i64, count)?.f_to_kind(Kind::Double)?)?);
    }
    scores(&Tensor::f_cat(&parts, 0)?)
}

/// A tensor of a stored model, of this shape.
pub(super) fn stored(tensors: &NamedTensors, name: &str, shape: &[i64]) -> Result<Tensor> {
    let tensor = tensors.get(name).ok_or_else(|| Error::new(format!("the stored model has no {name}")))?;
    let fits = tensor.size().len() == shape.len()
        && tensor.size().iter().zip(shape).all(|(have, want)| *want < 0 || have == want);
    match fits {
        true => Ok(tensor.f_to_kind(Kind::Double)?),
        false => Err(Error::new(format!("the stored model's {name} does not fit the data"))),
    }
}

/// A model whose decision values are linear in the inputs.
pub(super) struct LinearModel {
    /// f64, D×M.
    pub(super) weight: Tensor,
    /// f64, M.
    pub(super) bias: Tensor,
}

impl LinearModel {
    pub(super) fn restore(info: &Info, tensors: &NamedTensors) -> Result<Self> {
        let columns = columns(info.classes.len()) as i64;
        let weight = stored(tensors, "weight", &[width(info)? as i64, columns])?;
        Ok(Self { weight, bias: stored(tensors, "bias", &[columns])? })
    }
}

impl Model for LinearModel {
    fn scores(&self, rows: &Rows) -> Result<Tensor> {
        in_slices(rows, |inputs| Ok(inputs.f_matmul(&self.weight)?.f_add(&self.bias)?))
    }

    fn features(&self, rows: &Rows) -> Result<Tensor> {
        inputs(rows)
    }

    fn tensors(&self) -> NamedTensors {
        [("weight", &self.weight), ("bias", &self.bias)]
            .map(|(name, tensor)| (name.to_owned(), tensor.shallow_clone()))
            .into()
    }
}
