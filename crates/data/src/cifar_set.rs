//! What CIFAR-10 and CIFAR-100 share: files of records, read one after the other.

use std::path::Path;
use std::sync::Arc;

use aconite_core::{Dataset, Error, Images, Origins, Result, Shape};

use crate::files::{in_file, open};
use crate::formats::cifar::{Label, PIXELS, read};
use crate::places::existing;

/// Colour, 32×32.
const SHAPE: Shape = Shape { channels: 3, height: 32, width: 32 };

/// Reads files of `records` records each.
pub(crate) fn load(
    folder: &Path,
    files: &[&str],
    records: usize,
    label: Label,
    classes: &[&str],
) -> Result<Dataset> {
    let mut pixels = Vec::new();
    let mut labels = Vec::new();
    let mut origins: Option<Origins> = None;
    pixels.reserve_exact(files.len() * records * PIXELS);
    for file in files {
        let path = existing(folder, file)
            .ok_or_else(|| Error::new(format!("{} disappeared", folder.join(file).display())))?;
        // A label and its pixels at a time out of a buffer that stays in the cache.
        let reader = std::io::BufReader::with_capacity(256 << 10, open(&path)?.reader);
        read(reader, records, label, &mut pixels, &mut labels).map_err(in_file(&path))?;
        let lines = Origins::lines(file, records);
        origins = Some(origins.map_or(lines.clone(), |before| before.followed_by(&lines)));
    }
    let classes = classes.iter().map(|&c| c.to_owned()).collect();
    let data = Dataset::new(Images::new(SHAPE, pixels)?, labels, Arc::new(classes))?;
    match origins {
        Some(origins) => data.with_origins(origins),
        None => Ok(data),
    }
}
