//! NumPy's `.npz`: a zip of arrays. Nothing is unpacked to disk, so that names of members are only names.

use std::io::{Read, Seek};

use zip::ZipArchive;
use zip::result::ZipError;

use super::array::Array;
use super::{Fault, npy};

/// Deflate makes at most 1032 bytes of one.
const DEFLATE: u64 = 1032;

/// An open archive.
pub(crate) struct Npz<R> {
    zip: ZipArchive<R>,
}

impl<R: Read + Seek> Npz<R> {
    /// Reads the list of members.
    pub(crate) fn open(reader: R) -> Result<Self, Fault> {
        let zip = ZipArchive::new(reader)
            .map_err(|e| Fault::new(format!("not readable as npz, which is a zip archive: {e}")))?;
        Ok(Self { zip })
    }

    /// Names of the arrays, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.zip.file_names().filter_map(|n| n.strip_suffix(".npy")).map(str::to_owned).collect();
        names.sort();
        names
    }

    /// Reads the array called `name`; `None` if there is none.
    pub(crate) fn array(&mut self, name: &str) -> Result<Option<Array>, Fault> {
        let member = match self.zip.by_name(&format!("{name}.npy")) {
            Ok(member) => member,
            Err(ZipError::FileNotFound) => return Ok(None),
            Err(e) => return Err(Fault::new(format!("array {name:?}: {e}"))),
        };
        let most = member.compressed_size().saturating_mul(DEFLATE);
        npy::read(member, most).map(Some).map_err(|fault| fault.about(&format!("array {name:?}")))
    }
}
