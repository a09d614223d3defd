//! Files of lines that are part of the program, gzipped.

use std::io::Read;

use aconite_core::{Error, Result};
use flate2::read::GzDecoder;
use sha2::{Digest, Sha256};

/// A gzipped file in the program, and what it must be when unpacked.
#[derive(Debug)]
pub(crate) struct Embedded {
    /// Its name in origins and messages.
    pub(crate) name: &'static str,
    /// The gzipped bytes.
    pub(crate) gzip: &'static [u8],
    /// Bytes when unpacked.
    pub(crate) size: u64,
    /// SHA-256 of these, in hexadecimal.
    pub(crate) sha256: &'static str,
}

impl Embedded {
    /// The unpacked bytes.
    pub(crate) fn read(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(self.size as usize + 1);
        let wrong = |what: &str| Error::new(format!("embedded {}: {what}", self.name));
        GzDecoder::new(self.gzip)
            .take(self.size + 1)
            .read_to_end(&mut bytes)
            .map_err(|e| wrong(&e.to_string()))?;
        let digest: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
        if digest != self.sha256 {
            return Err(wrong("the content is not what was built in"));
        }
        Ok(bytes)
    }
}
