//! NumPy's `.npy`: a magic, a version, and a Python dictionary that says type, order and shape.

use std::io::Read;

use super::array::{Array, Element, size};
use super::{Fault, broken, by, check_bytes, exactly, hex};

/// Longest header; NumPy itself refuses more than 10,000 characters.
const HEADER: usize = 10_000;
/// Most dimensions.
const RANK: usize = 8;

/// Reads one array of at most `most` bytes.
pub(crate) fn read(mut reader: impl Read, most: u64) -> Result<Array, Fault> {
    let head = prefix(&mut reader, 0, 8)?;
    let [0x93, b'N', b'U', b'M', b'P', b'Y', major, _] = head.as_slice() else {
        let message = format!("found [{}], expected [93 4e 55 4d 50 59] (a NumPy array)", hex(&head, 6));
        return Err(Fault::byte(0, message));
    };
    let width = match major {
        1 => 2,
        2 | 3 => 4,
        other => return Err(Fault::byte(6, format!("version {other} of the format, expected 1 to 3"))),
    };
    let length = prefix(&mut reader, 8, width)?.iter().rev().fold(0, |all, &b| all << 8 | usize::from(b));
    if length > HEADER {
        return Err(Fault::byte(8, format!("a header of {length} bytes, expected at most {HEADER}")));
    }
    let start = 8 + width;
    let header = prefix(&mut reader, start as u64, length)?;
    let header = std::str::from_utf8(&header)
        .map_err(|e| Fault::byte((start + e.valid_up_to()) as u64, "the header is not text"))?;
    let header = Header::parse(header).map_err(|m| Fault::byte(start as u64, m))?;
    let element = element(&header.descr, start as u64)?;
    if header.fortran {
        return Err(Fault::byte(start as u64, "the array is in Fortran order, expected C order")
            .hint("save numpy.ascontiguousarray(…) of it"));
    }
    let n = check_bytes(size(&header.shape, element), most, start as u64, &by(&header.shape))?;
    Array::new(header.shape, element, exactly(reader, (start + length) as u64, n)?)
}

fn prefix(reader: &mut impl Read, from: u64, n: usize) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::with_capacity(n);
    let read = reader.by_ref().take(n as u64).read_to_end(&mut bytes);
    let end = from + bytes.len() as u64;
    read.map_err(|e| broken(&e, end, from + n as u64))?;
    if bytes.len() < n {
        return Err(Fault::byte(end, format!("the header is cut off, expected {} bytes", from + n as u64)));
    }
    Ok(bytes)
}

fn element(descr: &str, at: u64) -> Result<Element, Fault> {
    Ok(match descr {
        "|b1" => Element::Bool,
        "|u1" => Element::U8,
        "|i1" => Element::I8,
        "<u2" => Element::U16,
        "<i2" => Element::I16,
        "<u4" => Element::U32,
        "<i4" => Element::I32,
        "<u8" => Element::U64,
        "<i8" => Element::I64,
        "<f4" => Element::F32,
        "<f8" => Element::F64,
        object if object.trim_start_matches(['|', '<', '>', '=']).starts_with('O') => {
            let message = "an array of Python objects, which is a pickle and runs code when opened: refused";
            return Err(Fault::byte(at, message).hint("save numbers: array.astype(\"float32\")"));
        }
        big if big.starts_with('>') => {
            let message = format!("type {big:?} is big-endian, expected little-endian");
            return Err(Fault::byte(at, message).hint("save array.astype(array.dtype.newbyteorder(\"<\"))"));
        }
        other => {
            let message = format!("type {other:?}, expected bool, 8- to 64-bit whole numbers, f32 or f64");
            return Err(Fault::byte(at, message).hint("save array.astype(\"float32\") or (\"uint8\")"));
        }
    })
}

struct Header {
    descr: String,
    fortran: bool,
    shape: Vec<usize>,
}

impl Header {
    /// Reads `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
    fn parse(text: &str) -> Result<Self, String> {
        let (mut descr, mut fortran, mut shape) = (None, None, None);
        let mut rest = text.trim().strip_prefix('{').ok_or("the header is no dictionary")?.trim_start();
        loop {
            if let Some(end) = rest.strip_prefix('}') {
                if !end.trim().is_empty() {
                    return Err("the header goes on behind its dictionary".into());
                }
                break;
            }
            let (key, after) = string(rest)?;
            rest = after.trim_start().strip_prefix(':').ok_or("a key has no value")?.trim_start();
            match key {
                "descr" if rest.starts_with('[') => {
                    return Err("an array of records, expected one of plain numbers".into());
                }
                "descr" => {
                    let (value, after) = string(rest)?;
                    (descr, rest) = (Some(value.to_owned()), after);
                }
                "fortran_order" => {
                    let (value, after) = match rest.strip_prefix("True") {
                        Some(after) => (true, after),
                        None => (false, rest.strip_prefix("False").ok_or("fortran_order is no bool")?),
                    };
                    (fortran, rest) = (Some(value), after);
                }
                "shape" => {
                    let (value, after) = tuple(rest)?;
                    (shape, rest) = (Some(value), after);
                }
                other => return Err(format!("unknown key {other:?} in the header")),
            }
            rest = rest.trim_start();
            rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
        }
        Ok(Self {
            descr: descr.ok_or("the header has no type")?,
            fortran: fortran.ok_or("the header has no order")?,
            shape: shape.ok_or("the header has no shape")?,
        })
    }
}

fn string(text: &str) -> Result<(&str, &str), String> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"')).ok_or("the header lacks a quote")?;
    text.get(1..).and_then(|t| t.split_once(quote)).ok_or_else(|| "the header leaves a quote open".into())
}

fn tuple(text: &str) -> Result<(Vec<usize>, &str), String> {
    let inner = text.strip_prefix('(').ok_or("the shape is no tuple")?;
    let (inner, after) = inner.split_once(')').ok_or("the shape is left open")?;
    let parts: Vec<&str> = inner.split(',').map(str::trim).filter(|p| !p.is_empty()).collect();
    if parts.len() > RANK {
        return Err(format!("{} dimensions, expected at most {RANK}", parts.len()));
    }
    let dims: Result<Vec<usize>, String> = parts
        .into_iter()
        .map(|p| p.trim_end_matches('L').parse().map_err(|_| format!("{p:?} in the shape is no size")))
        .collect();
    Ok((dims?, after))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A file as NumPy writes it.
    pub(in crate::formats) fn npy(descr: &str, shape: &str, bytes: &[u8]) -> Vec<u8> {
        let header = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n");
        let mut all = b"\x93NUMPY\x01\x00".to_vec();
        all.extend((header.len() as u16).to_le_bytes());
        all.extend(header.as_bytes());
        all.extend(bytes);
        all
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(values in proptest::collection::vec(any::<i32>(), 1..20)) {
            let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
            let file = npy("'<i4'", &format!("({},)", values.len()), &bytes);
            let array = read(file.as_slice(), 1000).unwrap();
            prop_assert_eq!(array.numbers().map(|v| v as i32).collect::<Vec<_>>(), values);
            for cut in 0..file.len() {
                prop_assert!(read(&file[..cut], 1000).is_err());
            }
        }
    }
}
