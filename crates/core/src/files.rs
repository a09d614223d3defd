//! Files that a user names.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::{Error, Result};

/// Opens a regular file (a pipe or a device would never end); with its length in bytes.
///
/// # Errors
/// Names the path: it is no file, or cannot be opened.
pub fn open(path: &Path) -> Result<(File, u64)> {
    let because = |e: std::io::Error| Error::new(format!("{}: {e}", path.display()));
    let meta = std::fs::metadata(path).map_err(because)?;
    if !meta.is_file() {
        return Err(Error::new(format!("{}: not a file", path.display())));
    }
    Ok((File::open(path).map_err(because)?, meta.len()))
}

/// Reads a whole regular file of at most `most` bytes.
///
/// # Errors
/// As [`open`]; it is longer.
pub fn read(path: &Path, most: u64) -> Result<Vec<u8>> {
    let (file, length) = open(path)?;
    if length > most {
        return Err(Error::new(format!("{}: {length} bytes, expected at most {most}", path.display())));
    }
    let mut bytes = Vec::with_capacity(length as usize + 1);
    let read = file.take(most).read_to_end(&mut bytes);
    read.map_err(|e| Error::new(format!("{}: {e}", path.display())))?;
    Ok(bytes)
}
