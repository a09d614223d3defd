//! IDX, the format of MNIST.
//!
//! Layout: two zero bytes, a type byte (8: unsigned byte), the number of dimensions, then each dimension as a
//! big-endian u32, then the values.

use std::io::Read;

use super::{Fault, broken, by, check_bytes, exactly, hex, product};

/// Values in so many dimensions.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Idx {
    /// The header, which belongs to a published file's hash.
    pub(crate) header: Vec<u8>,
    /// Number of rows first.
    pub(crate) dims: Vec<usize>,
    /// The values, the last dimension fastest.
    pub(crate) values: Vec<u8>,
}

/// Reads a file of unsigned bytes with `rank` dimensions. `most` is what the reader can give at most; `dims`,
/// if known, is what the header must say.
pub(crate) fn read(
    mut reader: impl Read,
    rank: &[usize],
    most: u64,
    expected: Option<&[usize]>,
) -> Result<Idx, Fault> {
    let mut header = Vec::with_capacity(4 + 4 * 4);
    fill(&mut reader, &mut header, 4)?;
    let n = header.get(3).map_or(0, |&n| usize::from(n));
    if header.get(..3) != Some(&[0, 0, 8]) || !rank.contains(&n) {
        let ranks: Vec<String> = rank.iter().map(|r| format!("00 00 08 {r:02x}")).collect();
        return Err(Fault::byte(
            0,
            format!(
                "not an IDX file of unsigned bytes with {} dimensions: found [{}], expected [{}]",
                rank.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or "),
                hex(&header, 4),
                ranks.join("] or [")
            ),
        ));
    }
    let mut dims = Vec::with_capacity(n);
    for i in 0..n {
        let at = header.len();
        fill(&mut reader, &mut header, 4)?;
        let dim = header.get(at..).unwrap_or_default().iter().fold(0, |all, &b| all << 8 | usize::from(b));
        if let Some(&published) = expected.and_then(|e| e.get(i))
            && published != dim
        {
            let message = format!("the header says {dim} where the published file has {published}");
            return Err(Fault::byte(at as u64, message));
        }
        dims.push(dim);
    }
    let size = check_bytes(product(&dims), most, 4, &format!("{} values", by(&dims)))?;
    let values = exactly(reader, header.len() as u64, size)?;
    Ok(Idx { header, dims, values })
}

fn fill(reader: &mut impl Read, header: &mut Vec<u8>, n: u64) -> Result<(), Fault> {
    let from = header.len() as u64;
    let read = reader.by_ref().take(n).read_to_end(header);
    let end = header.len() as u64;
    read.map_err(|e| broken(&e, end, from + n))?;
    if end < from + n {
        return Err(Fault::byte(end, format!("the header is cut off, expected {} bytes", from + n)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(n in 1usize..5, h in 1usize..4, w in 1usize..4, fill in any::<u8>()) {
            let mut bytes = vec![0, 0, 8, 3];
            for dim in [n, h, w] {
                bytes.extend((dim as u32).to_be_bytes());
            }
            let values: Vec<u8> = (0..n * h * w).map(|i| fill.wrapping_add(i as u8)).collect();
            bytes.extend(&values);
            let idx = read(bytes.as_slice(), &[3], bytes.len() as u64, None).unwrap();
            prop_assert_eq!((&idx.dims, &idx.values), (&vec![n, h, w], &values));
            for cut in 0..bytes.len() {
                prop_assert!(read(&bytes[..cut], &[3], bytes.len() as u64, None).is_err());
            }
        }
    }
}
