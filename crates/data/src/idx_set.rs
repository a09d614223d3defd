//! Published sets of four IDX files, plain or gzipped.

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use aconite_core::{Dataset, Error, Images, Origins, Result, Shape};
use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};

use crate::files::{in_file, open};
use crate::formats::{Fault, idx};
use crate::places::existing;
use crate::{Places, Split};

/// One published IDX file: its dimensions and the SHA-256 of its uncompressed bytes.
#[derive(Debug)]
pub(crate) struct Published {
    /// Name without `.gz`.
    pub(crate) name: &'static str,
    /// Number of rows, then height and width for images.
    pub(crate) dims: &'static [usize],
    /// SHA-256 in hexadecimal.
    pub(crate) sha256: &'static str,
}

/// A set of four IDX files.
#[derive(Debug)]
pub(crate) struct IdxSet {
    /// Folder name and kind.
    pub(crate) name: &'static str,
    /// Training images, training labels, test images, test labels.
    pub(crate) files: [Published; 4],
    /// Names of the ten classes.
    pub(crate) classes: [&'static str; 10],
    /// How to get the files.
    pub(crate) hint: &'static str,
}

impl IdxSet {
    /// The folder that holds the set.
    pub(crate) fn folder(&self, places: &Places) -> Result<PathBuf> {
        places.find(self.name, &self.files.each_ref().map(|f| f.name), self.hint)
    }

    /// The hashes, which [`IdxSet::load`] checks.
    pub(crate) fn fingerprint(&self) -> String {
        self.files.each_ref().map(|f| f.sha256).join(" ")
    }

    /// Reads and checks the four files.
    pub(crate) fn load(&self, places: &Places) -> Result<Split> {
        let folder = self.folder(places)?;
        let bytes = |published: &Published| -> Result<Vec<u8>> {
            let path = existing(&folder, published.name).ok_or_else(|| {
                Error::new(format!("{} disappeared", folder.join(published.name).display()))
            })?;
            let opened = open(&path)?;
            let read = parse(opened.reader, published).map_err(in_file(&path));
            read.map_err(|e| if e.hint.is_some() { e } else { e.hint(self.hint) })
        };
        self.join(bytes)
    }

    /// Builds the split from each file's values.
    pub(crate) fn join(&self, bytes: impl Fn(&Published) -> Result<Vec<u8>>) -> Result<Split> {
        let classes = Arc::new(self.classes.iter().map(|c| c.to_string()).collect::<Vec<_>>());
        let part = |images: &Published, labels: &Published| -> Result<Dataset> {
            let shape = Shape { channels: 1, height: images.dims[1], width: images.dims[2] };
            let labels_read = bytes(labels)?.into_iter().map(usize::from).collect();
            Dataset::new(Images::new(shape, bytes(images)?)?, labels_read, classes.clone())
                .and_then(|data| data.with_origins(Origins::lines(images.name, images.dims[0])))
                .map_err(|e| Error::new(format!("{}: {}", labels.name, e.message)))
        };
        let [train_images, train_labels, test_images, test_labels] = &self.files;
        Ok(Split { train: part(train_images, train_labels)?, test: part(test_images, test_labels)? })
    }
}

/// Reads values from a gzipped file that is part of the program.
pub(crate) fn embedded(gzip: &[u8], published: &Published) -> Result<Vec<u8>> {
    parse(MultiGzDecoder::new(gzip), published)
        .map_err(|what| Error::new(format!("embedded {}: {what}", published.name)))
}

/// Reads a file and checks it against what was published, which also says how much memory it takes.
fn parse(reader: impl Read, published: &Published) -> Result<Vec<u8>, Fault> {
    let size = published.dims.iter().product::<usize>() as u64;
    let idx = idx::read(reader, &[published.dims.len()], size, Some(published.dims))?;
    let digest: String = Sha256::new()
        .chain_update(&idx.header)
        .chain_update(&idx.values)
        .finalize()
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    if digest != published.sha256 {
        return Err(Fault::new(format!(
            "SHA-256 of the uncompressed bytes is {digest}, the published file has {}",
            published.sha256
        )));
    }
    Ok(idx.values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    // python: hashlib.sha256(bytes([0,0,8,1, 0,0,0,3, 7,8,9])).hexdigest()
    const THREE: Published = Published {
        name: "three",
        dims: &[3],
        sha256: "e660eb3c65f6f20ad59af8d770abce5d8a3aa1cb11cb12eb3a1f5215b9fac6a9",
    };

    fn whole() -> Vec<u8> {
        vec![0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9]
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn fails(bytes: Vec<u8>) -> String {
        parse(bytes.as_slice(), &THREE).unwrap_err().to_string()
    }

    #[test]
    fn a_whole_file_is_read_plain_and_gzipped() {
        assert_eq!(parse(whole().as_slice(), &THREE).unwrap(), [7, 8, 9]);
        assert_eq!(embedded(&gzip(&whole()), &THREE).unwrap(), [7, 8, 9]);
    }

    #[test]
    fn every_truncation_is_an_error() {
        for cut in 0..whole().len() {
            assert!(!fails(whole()[..cut].to_vec()).is_empty());
        }
        let zipped = gzip(&whole());
        for cut in 0..zipped.len() - 8 {
            assert!(embedded(&zipped[..cut], &THREE).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn lies_are_named() {
        assert!(fails([whole(), vec![1]].concat()).contains("byte 11: the file goes on"));
        let mut huge = whole();
        huge[4] = 0x80;
        assert!(fails(huge).contains("says 2147483651"));
        let mut magic = whole();
        magic[2] = 0x0d;
        assert!(fails(magic).contains("00 00 0d 01"));
        let mut flipped = whole();
        flipped[10] = 8;
        assert!(fails(flipped).contains("SHA-256"));
        assert!(embedded(b"not gzip at all", &THREE).is_err());
    }

    #[test]
    fn a_gzip_bomb_is_cut_off_at_the_published_size() {
        let bomb = gzip(&[whole(), vec![0; 50_000_000]].concat());
        assert!(embedded(&bomb, &THREE).unwrap_err().message.contains("byte 11: the file goes on"));
    }
}
