//! Named arrays, the common ground of the formats.

use aconite_core::{Error, Result, Rows};
use safetensors::tensor::{Dtype, TensorView};

/// A named array in row-major order, little-endian.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Array {
    pub(crate) name: String,
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    pub(crate) bytes: Vec<u8>,
}

impl Array {
    fn new(name: &str, dtype: Dtype, shape: Vec<usize>, bytes: Vec<u8>) -> Self {
        Self { name: name.to_owned(), dtype, shape, bytes }
    }

    /// Labels, or row numbers, as i64.
    pub(crate) fn labels(name: &str, values: &[usize]) -> Self {
        let bytes = values.iter().flat_map(|&v| (v as i64).to_le_bytes()).collect();
        Self::new(name, Dtype::I64, vec![values.len()], bytes)
    }

    /// Yes or no per row.
    pub(crate) fn flags(name: &str, values: &[bool]) -> Self {
        Self::new(name, Dtype::BOOL, vec![values.len()], values.iter().map(|&v| u8::from(v)).collect())
    }

    /// The content of rows.
    pub(crate) fn content(rows: &Rows) -> Vec<Self> {
        match rows {
            Rows::Images(images) => {
                let s = images.shape();
                let shape = vec![images.len(), s.channels, s.height, s.width];
                vec![Self::new("images", Dtype::U8, shape, images.bytes().to_vec())]
            }
            Rows::Table(table) => {
                let bytes = table.values().iter().flat_map(|v| v.to_le_bytes()).collect();
                vec![Self::new("values", Dtype::F32, vec![table.len(), table.columns().len()], bytes)]
            }
            Rows::Documents(documents) => {
                let mut bytes = Vec::new();
                let ends: Vec<usize> = (0..documents.len())
                    .map(|row| {
                        bytes.extend_from_slice(documents.bytes(row));
                        bytes.len()
                    })
                    .collect();
                vec![Self::new("bytes", Dtype::U8, vec![bytes.len()], bytes), Self::labels("ends", &ends)]
            }
        }
    }
}

/// The bytes of a safetensors file.
pub(crate) fn safetensors(arrays: &[Array]) -> Result<Vec<u8>> {
    let wrong = |e: safetensors::SafeTensorError| Error::new(format!("safetensors: {e}"));
    let views = arrays
        .iter()
        .map(|a| Ok((a.name.as_str(), TensorView::new(a.dtype, a.shape.clone(), &a.bytes).map_err(wrong)?)))
        .collect::<Result<Vec<_>>>()?;
    safetensors::serialize(views, None).map_err(wrong)
}
