//! A model's tensors in a row.

use aconite_core::{Error, NamedTensors, Result};
use tch::{Kind, Tensor};

/// Which numbers of a row are whose: tensors by name, in the order of names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    parts: Vec<(String, Vec<i64>)>,
    numbers: i64,
}

impl Layout {
    /// The layout of a model's tensors.
    pub fn of(tensors: &NamedTensors) -> Self {
        let parts: Vec<_> = tensors.iter().map(|(name, tensor)| (name.clone(), tensor.size())).collect();
        let numbers = parts.iter().map(|(_, size)| size.iter().product::<i64>()).sum();
        Self { parts, numbers }
    }

    /// How many numbers a row has, d.
    pub fn numbers(&self) -> i64 {
        self.numbers
    }

    /// The tensors in a row, f32, d.
    ///
    /// # Errors
    /// They are others than those of the layout.
    pub fn flat(&self, tensors: &NamedTensors) -> Result<Tensor> {
        if !self.parts.iter().map(|(name, _)| name).eq(tensors.keys()) {
            return Err(Error::new("a client's model has other tensors than the server's"));
        }
        let rows: Vec<Tensor> = tensors
            .values()
            .map(|tensor| Ok(tensor.detach().f_to_kind(Kind::Float)?.f_reshape([-1])?))
            .collect::<Result<_>>()?;
        Ok(Tensor::f_cat(&rows, 0)?)
    }

    /// The tensors of a row.
    ///
    /// # Errors
    /// The row is of another length.
    pub fn tensors(&self, row: &Tensor) -> Result<NamedTensors> {
        let sizes: Vec<i64> = self.parts.iter().map(|(_, size)| size.iter().product()).collect();
        let pieces = row.f_split_with_sizes(&sizes, 0)?;
        let named = self.parts.iter().zip(pieces);
        named.map(|((name, size), piece)| Ok((name.clone(), piece.f_reshape(size)?))).collect()
    }
}
