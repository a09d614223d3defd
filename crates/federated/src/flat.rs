//! A model's tensors in a row.

use aconite_core::{Error, NamedTensors, Result};
use tch::{Device, Kind, Tensor};

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
        let device = tensors.values().next().map_or(Device::Cpu, Tensor::device);
        let row = Tensor::f_empty([self.numbers], (Kind::Float, device))?;
        self.put(tensors, &row)?;
        Ok(row)
    }

    /// Writes the tensors into a row, f32, d.
    ///
    /// # Errors
    /// They are others than those of the layout.
    pub(crate) fn put(&self, tensors: &NamedTensors, row: &Tensor) -> Result<()> {
        if !self.parts.iter().map(|(name, _)| name).eq(tensors.keys()) {
            return Err(Error::new("a client's model has other tensors than the server's"));
        }
        for (mut place, tensor) in self.pieces(row)?.into_iter().zip(tensors.values()) {
            place.f_copy_(&tensor.detach().f_reshape([-1])?)?;
        }
        Ok(())
    }

    /// The tensors of a row.
    ///
    /// # Errors
    /// The row is of another length.
    pub fn tensors(&self, row: &Tensor) -> Result<NamedTensors> {
        let named = self.parts.iter().zip(self.pieces(row)?);
        named.map(|((name, size), piece)| Ok((name.clone(), piece.f_reshape(size)?))).collect()
    }

    /// The numbers of each tensor in a row, sharing memory with it.
    fn pieces(&self, row: &Tensor) -> Result<Vec<Tensor>> {
        let sizes: Vec<i64> = self.parts.iter().map(|(_, size)| size.iter().product()).collect();
        Ok(row.f_split_with_sizes(&sizes, 0)?)
    }
}
