//! Arrays of numbers, as npz and safetensors hold them.

use super::{Fault, by, product};

/// What an element is; little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub(crate) enum Element {
    Bool,
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F32,
    F64,
}

impl Element {
    /// Bytes of one.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::Bool | Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }

    /// Its name in messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::U8 => "u8",
            Self::I8 => "i8",
            Self::U16 => "u16",
            Self::I16 => "i16",
            Self::U32 => "u32",
            Self::I32 => "i32",
            Self::U64 => "u64",
            Self::I64 => "i64",
            Self::F32 => "f32",
            Self::F64 => "f64",
        }
    }

    /// Whether it is a whole number.
    pub(crate) fn is_whole(self) -> bool {
        !matches!(self, Self::F32 | Self::F64)
    }
}

/// An array, the last dimension fastest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Array {
    shape: Vec<usize>,
    element: Element,
    bytes: Vec<u8>,
}

impl Array {
    /// Joins shape and bytes.
    pub(crate) fn new(shape: Vec<usize>, element: Element, bytes: Vec<u8>) -> Result<Self, Fault> {
        if size(&shape, element) != Some(bytes.len() as u64) {
            let message = format!("{} bytes are not {} of {}", bytes.len(), by(&shape), element.name());
            return Err(Fault::new(message));
        }
        Ok(Self { shape, element, bytes })
    }

    /// Dimensions, the number of rows first.
    pub(crate) fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// What its elements are.
    pub(crate) fn element(&self) -> Element {
        self.element
    }

    /// `u8 of 60000×28×28`.
    pub(crate) fn kind(&self) -> String {
        format!("{} of {}", self.element.name(), by(&self.shape))
    }

    /// The bytes as they are.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Elements as f64, exact up to 2⁵³.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = f64> + '_ {
        let element = self.element;
        self.bytes.chunks_exact(element.size()).map(move |b| number(element, b))
    }
}

/// Bytes of an array, if that is a number.
pub(crate) fn size(shape: &[usize], element: Element) -> Option<u64> {
    product(shape).map(|n| n * element.size() as u64)
}

fn number(element: Element, bytes: &[u8]) -> f64 {
    let mut wide = [0; 8];
    for (to, from) in wide.iter_mut().zip(bytes) {
        *to = *from;
    }
    let unsigned = u64::from_le_bytes(wide);
    match element {
        Element::Bool | Element::U8 | Element::U16 | Element::U32 | Element::U64 => unsigned as f64,
        Element::I8 => f64::from(unsigned as u8 as i8),
        Element::I16 => f64::from(unsigned as u16 as i16),
        Element::I32 => f64::from(unsigned as u32 as i32),
        Element::I64 => unsigned as i64 as f64,
        Element::F32 => f64::from(f32::from_bits(unsigned as u32)),
        Element::F64 => f64::from_bits(unsigned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_become_numbers() {
        let read = |element: Element, bytes: &[u8]| {
            let shape = vec![bytes.len() / element.size()];
            Array::new(shape, element, bytes.to_vec()).unwrap().numbers().collect::<Vec<_>>()
        };
        assert_eq!(read(Element::I8, &[255, 1]), [-1.0, 1.0]);
        assert_eq!(read(Element::U16, &[0, 1]), [256.0]);
        assert_eq!(read(Element::I64, &(-3i64).to_le_bytes()), [-3.0]);
        assert_eq!(read(Element::F32, &1.5f32.to_le_bytes()), [1.5]);
        assert_eq!(read(Element::F64, &(-0.25f64).to_le_bytes()), [-0.25]);
        assert!(Array::new(vec![2, usize::MAX], Element::U8, vec![]).is_err());
        assert!(Array::new(vec![3], Element::U16, vec![0; 5]).is_err());
    }
}
