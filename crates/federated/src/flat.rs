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
        let mut both = self.parts.iter().zip(tensors);
        // Sizes, too: a copy would spread a tensor of one number over a place of many.
        let equal = both.all(|((name, size), (own, tensor))| name == own && *size == tensor.size());
        if !equal || self.parts.len() != tensors.len() {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn tensors(parts: &[(&str, &[i64])]) -> NamedTensors {
        let filled = |size: &[i64]| Tensor::ones(size, (Kind::Float, Device::Cpu));
        parts.iter().map(|(name, size)| ((*name).to_owned(), filled(size))).collect()
    }

    #[test]
    fn tensors_go_into_a_row_and_come_back_and_others_are_refused() {
        let model = tensors(&[("bias", &[3]), ("weight", &[3, 2])]);
        let layout = Layout::of(&model);
        let row = layout.flat(&model).unwrap();
        assert_eq!((layout.numbers(), row.size()), (9, vec![9]));
        assert_eq!(layout.tensors(&row).unwrap(), model);
        for other in [
            tensors(&[("bias", &[3])]),
            tensors(&[("bias", &[3]), ("weights", &[3, 2])]),
            tensors(&[("bias", &[1]), ("weight", &[3, 2])]),
            tensors(&[("bias", &[3]), ("weight", &[2, 3])]),
        ] {
            assert!(layout.flat(&other).unwrap_err().message.contains("other tensors"));
        }
    }
}
