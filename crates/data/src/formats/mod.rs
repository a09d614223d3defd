//! File formats: bytes in, plain structures out.
//!
//! Nothing here knows of data sets, folders or libtorch, so that the fuzz targets compile these files alone.
//! No reader trusts a header: what it announces is checked against what the file can hold, or against a stated
//! limit, before memory is taken for it.

pub(crate) mod array;
pub(crate) mod cifar;
pub(crate) mod csv;
pub(crate) mod idx;
pub(crate) mod npy;
pub(crate) mod npz;
pub(crate) mod picture;
pub(crate) mod pnm;
pub(crate) mod resize;
pub(crate) mod safetensors;

use std::fmt;
use std::io::{ErrorKind, Read};

/// What is wrong with the content of a file, and where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    place: Place,
    message: String,
    /// What to do, if there is something to do.
    pub(crate) hint: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    File,
    Byte(u64),
    Line(u64),
}

impl Fault {
    /// Something wrong with the file as a whole.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { place: Place::File, message: message.into(), hint: None }
    }

    /// Something wrong at an offset, from 0.
    pub(crate) fn byte(offset: u64, message: impl Into<String>) -> Self {
        Self { place: Place::Byte(offset), message: message.into(), hint: None }
    }

    /// Something wrong in a line, from 1.
    pub(crate) fn line(line: u64, message: impl Into<String>) -> Self {
        Self { place: Place::Line(line), message: message.into(), hint: None }
    }

    /// Adds what to do about it.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Puts `what` before the message, behind the place.
    pub(crate) fn about(mut self, what: &str) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Place::File => {}
            Place::Byte(byte) => write!(f, "byte {byte}: ")?,
            Place::Line(line) => write!(f, "line {line}: ")?,
        }
        f.write_str(&self.message)
    }
}

/// Bytes of the largest array that is read: a stream of zeros compresses a thousandfold, whatever it announces.
pub(crate) const LARGEST: u64 = 4 << 30;
/// Memory taken at once for content that is not read yet; more comes as the content does.
const AT_ONCE: u64 = 64 << 20;

/// Reads exactly `n` bytes, of which the first has the offset `from`, and finds that nothing follows.
pub(crate) fn exactly(mut reader: impl Read, from: u64, n: u64) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(n.min(AT_ONCE) as usize).map_err(|e| Fault::new(e.to_string()))?;
    let read = reader.by_ref().take(n.saturating_add(1)).read_to_end(&mut bytes);
    let end = from + bytes.len() as u64;
    read.map_err(|e| broken(&e, end, from + n))?;
    match (bytes.len() as u64).cmp(&n) {
        std::cmp::Ordering::Equal => Ok(bytes),
        std::cmp::Ordering::Less => {
            Err(Fault::byte(end, format!("the file ends here, expected {} bytes", from + n)))
        }
        std::cmp::Ordering::Greater => {
            Err(Fault::byte(from + n, format!("the file goes on, expected {} bytes in all", from + n)))
        }
    }
}

/// The fault of a read that failed `at` an offset of `expected` bytes.
pub(crate) fn broken(error: &std::io::Error, at: u64, expected: u64) -> Fault {
    match error.kind() {
        ErrorKind::UnexpectedEof => {
            Fault::byte(at, format!("the compressed stream is cut off, expected {expected} bytes"))
        }
        _ => Fault::byte(at, format!("not readable: {error}")),
    }
}

/// Refuses an array of `size` bytes that its file, of which at most `most` bytes can come, cannot hold, or that is
/// too large in any case. No size is one beyond all counting.
pub(crate) fn check_bytes(size: Option<u64>, most: u64, at: u64, what: &str) -> Result<u64, Fault> {
    match size {
        Some(size) if size <= most.min(LARGEST) => Ok(size),
        Some(size) if size <= most => {
            let message = format!("the header announces {what}, {size} bytes, expected at most {LARGEST}");
            Err(Fault::byte(at, message))
        }
        _ => Err(Fault::byte(at, format!("the header announces {what}, more than the file can hold"))),
    }
}

/// The product of dimensions, unless it is beyond any memory.
pub(crate) fn product(dims: &[usize]) -> Option<u64> {
    dims.iter().try_fold(1u64, |all, &d| all.checked_mul(d as u64)).filter(|&n| n <= 1 << 48)
}

/// `3×28×28`.
pub(crate) fn by(dims: &[usize]) -> String {
    dims.iter().map(ToString::to_string).collect::<Vec<_>>().join("×")
}

/// The first bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8], n: usize) -> String {
    bytes.iter().take(n).map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" ")
}
