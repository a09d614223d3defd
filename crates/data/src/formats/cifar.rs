//! The binary version of CIFAR: records of one or two label bytes and 3×32×32 pixels.

use std::io::Read;

use super::{Fault, broken};

/// Bytes of one image: red, green and blue planes of 32×32.
pub(crate) const PIXELS: usize = 3 * 32 * 32;

/// One label byte of a record: which of them, and how many classes it may tell.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Label {
    /// Its place in the record.
    pub(crate) at: usize,
    /// Label bytes of a record.
    pub(crate) of: usize,
    /// Number of classes.
    pub(crate) classes: usize,
}

/// Reads exactly `records` records and appends their pixels and labels.
pub(crate) fn read(
    mut reader: impl Read,
    records: usize,
    label: Label,
    pixels: &mut Vec<u8>,
    labels: &mut Vec<usize>,
) -> Result<(), Fault> {
    let size = (label.of + PIXELS) as u64;
    let expected = records as u64 * size;
    let cut = |at: u64| Fault::byte(at, format!("the file ends here, expected {expected} bytes"));
    let mut head = Vec::with_capacity(label.of);
    for record in 0..records as u64 {
        let from = record * size;
        head.clear();
        let read = reader.by_ref().take(label.of as u64).read_to_end(&mut head);
        read.map_err(|e| broken(&e, from, expected))?;
        let Some(found) = head.get(label.at).map(|&l| usize::from(l)).filter(|_| head.len() == label.of)
        else {
            return Err(cut(from + head.len() as u64));
        };
        if found >= label.classes {
            let at = from + label.at as u64;
            let message = format!("label {found}, expected 0 to {}", label.classes - 1);
            return Err(Fault::byte(at, message).about(&format!("record {}", record + 1)));
        }
        let before = pixels.len();
        let read = reader.by_ref().take(PIXELS as u64).read_to_end(pixels);
        let got = pixels.len() - before;
        read.map_err(|e| broken(&e, from + (label.of + got) as u64, expected))?;
        if got < PIXELS {
            return Err(cut(from + (label.of + got) as u64));
        }
        labels.push(found);
    }
    let mut more = [0];
    match reader.read(&mut more) {
        Ok(0) => Ok(()),
        Ok(_) => Err(Fault::byte(expected, format!("the file goes on, expected {expected} bytes in all"))),
        Err(e) => Err(broken(&e, expected, expected)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_in_order() {
        let label = Label { at: 1, of: 2, classes: 100 };
        let record = |coarse: u8, fine: u8, pixel: u8| [vec![coarse, fine], vec![pixel; PIXELS]].concat();
        let bytes = [record(3, 99, 7), record(0, 5, 8)].concat();
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        read(bytes.as_slice(), 2, label, &mut pixels, &mut labels).unwrap();
        assert_eq!((labels, pixels[0], pixels[PIXELS]), (vec![99, 5], 7, 8));
        for cut in [0, 1, 2, 100, PIXELS + 2, PIXELS + 3] {
            let fault = read(&bytes[..cut], 2, label, &mut vec![], &mut vec![]).unwrap_err();
            assert!(fault.to_string().starts_with(&format!("byte {cut}: ")), "{fault}");
        }
        let fault = read(bytes.as_slice(), 1, label, &mut vec![], &mut vec![]).unwrap_err();
        assert_eq!(fault.to_string(), "byte 3074: the file goes on, expected 3074 bytes in all");
        let fault = read(record(0, 100, 1).as_slice(), 1, label, &mut vec![], &mut vec![]).unwrap_err();
        assert_eq!(fault.to_string(), "byte 1: record 1: label 100, expected 0 to 99");
    }
}
