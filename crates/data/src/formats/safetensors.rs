//! Safetensors: a JSON header with names, types, shapes and offsets, then the values.

use safetensors::tensor::SafeTensors;
use safetensors::{Dtype, SafeTensorError};

use super::array::{Array, Element};
use super::{Fault, by};

/// An open file.
pub(crate) struct Tensors<'a> {
    inner: SafeTensors<'a>,
}

impl<'a> Tensors<'a> {
    /// Reads and checks the header: every tensor lies in the file, and none in another.
    pub(crate) fn open(bytes: &'a [u8]) -> Result<Self, Fault> {
        let inner = SafeTensors::deserialize(bytes).map_err(|e| fault(&e, bytes))?;
        Ok(Self { inner })
    }

    /// Names of the tensors, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.inner.names().into_iter().map(ToString::to_string).collect();
        names.sort();
        names
    }

    /// Copies the tensor called `name`; `None` if there is none.
    pub(crate) fn array(&self, name: &str) -> Result<Option<Array>, Fault> {
        let Ok(view) = self.inner.tensor(name) else { return Ok(None) };
        let element = match view.dtype() {
            Dtype::BOOL => Element::Bool,
            Dtype::U8 => Element::U8,
            Dtype::I8 => Element::I8,
            Dtype::U16 => Element::U16,
            Dtype::I16 => Element::I16,
            Dtype::U32 => Element::U32,
            Dtype::I32 => Element::I32,
            Dtype::U64 => Element::U64,
            Dtype::I64 => Element::I64,
            Dtype::F32 => Element::F32,
            Dtype::F64 => Element::F64,
            other => {
                let message = format!(
                    "tensor {name:?} is {other:?} of {}, expected bool, 8- to 64-bit whole numbers, f32 or f64",
                    by(view.shape())
                );
                return Err(Fault::new(message));
            }
        };
        Array::new(view.shape().to_vec(), element, view.data().to_vec()).map(Some)
    }
}

/// Puts the crate's words into a place in the file and what was expected there.
fn fault(error: &SafeTensorError, bytes: &[u8]) -> Fault {
    let announced =
        bytes.get(..8).map_or(0, |b| b.iter().rev().fold(0u64, |all, &b| all << 8 | u64::from(b)));
    let end = announced.saturating_add(8);
    let n = bytes.len();
    match error {
        SafeTensorError::HeaderTooSmall => {
            Fault::byte(n as u64, "the file ends here, expected a header length of 8 bytes")
        }
        SafeTensorError::HeaderTooLarge | SafeTensorError::InvalidHeaderLength => {
            Fault::byte(0, format!("a header of {announced} bytes is announced, but the file has {n}"))
        }
        SafeTensorError::MetadataIncompleteBuffer => Fault::byte(
            end,
            format!(
                "the header describes another number of bytes than the {} that follow it",
                (n as u64).saturating_sub(end)
            ),
        ),
        SafeTensorError::InvalidOffset(name) => {
            Fault::byte(8, format!("tensor {name:?} overlaps another, leaves a gap or lies beyond the file"))
        }
        SafeTensorError::TensorInvalidInfo => {
            Fault::byte(8, "a tensor's shape and type do not fit its offsets")
        }
        SafeTensorError::ValidationOverflow => Fault::byte(8, "a tensor's shape is beyond any memory"),
        other => Fault::byte(8, other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use safetensors::tensor::TensorView;

    proptest! {
        #[test]
        fn what_is_written_is_read(values in proptest::collection::vec(any::<f32>(), 1..20)) {
            let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
            let view = TensorView::new(Dtype::F32, vec![values.len(), 1], &bytes).unwrap();
            let file = safetensors::serialize([("x", view)], None).unwrap();
            let array = Tensors::open(&file).unwrap().array("x").unwrap().unwrap();
            prop_assert_eq!(array.shape(), [values.len(), 1]);
            prop_assert_eq!(array.into_bytes(), bytes);
            for cut in 0..file.len() {
                prop_assert!(Tensors::open(&file[..cut]).is_err());
            }
        }
    }
}
