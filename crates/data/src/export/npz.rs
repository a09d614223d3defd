//! NumPy's archive of arrays: a zip of `.npy` files.

use std::io::{Cursor, Write};

use aconite_core::{Error, Result};
use safetensors::tensor::Dtype;
use zip::write::FileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::Array;

/// The bytes of an `.npz` file. The same arrays give the same bytes.
pub(super) fn encode(arrays: &[Array]) -> Result<Vec<u8>> {
    let wrong = |e: &dyn std::fmt::Display| Error::new(format!("npz: {e}"));
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    // Stored: NumPy maps nothing, but reads it at the speed of the disk. The date is the zip epoch.
    let options = FileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(zip::DateTime::default())
        .large_file(arrays.iter().any(|a| a.bytes.len() as u64 > u64::from(u32::MAX)));
    for array in arrays {
        zip.start_file(format!("{}.npy", array.name), options).map_err(|e| wrong(&e))?;
        zip.write_all(&header(array)?).map_err(|e| wrong(&e))?;
        zip.write_all(&array.bytes).map_err(|e| wrong(&e))?;
    }
    Ok(zip.finish().map_err(|e| wrong(&e))?.into_inner())
}

/// Magic, version 1.0, length, and a Python dictionary padded so that the data begin at a multiple of 64.
fn header(array: &Array) -> Result<Vec<u8>> {
    let descr = match array.dtype {
        Dtype::U8 => "|u1",
        Dtype::BOOL => "|b1",
        Dtype::I64 => "<i8",
        Dtype::F32 => "<f4",
        other => return Err(Error::new(format!("npz: {} is of type {other:?}", array.name))),
    };
    let dims: Vec<String> = array.shape.iter().map(usize::to_string).collect();
    // A tuple of one needs its comma.
    let shape = match dims.as_slice() {
        [one] => format!("({one},)"),
        many => format!("({})", many.join(", ")),
    };
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    while (10 + text.len() + 1) % 64 != 0 {
        text.push(' ');
    }
    text.push('\n');
    let length = u16::try_from(text.len()).map_err(|_| Error::new("npz: too many dimensions"))?;
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend_from_slice(&length.to_le_bytes());
    header.extend_from_slice(text.as_bytes());
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    // import io, numpy as np; b = io.BytesIO(); np.save(b, np.array([3, 1])); b.getvalue()
    #[test]
    fn an_array_begins_as_numpy_writes_it() {
        let mut bytes = header(&Array::labels("a", &[3, 1])).unwrap();
        bytes.extend_from_slice(&Array::labels("a", &[3, 1]).bytes);
        let mut golden =
            b"\x93NUMPY\x01\x00v\x00{'descr': '<i8', 'fortran_order': False, 'shape': (2,), }".to_vec();
        golden.resize(127, b' ');
        golden.extend_from_slice(b"\n\x03\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0");
        assert_eq!(bytes, golden);
    }
}
