//! Messages of listed files as a data set.

use std::path::Path;
use std::sync::Arc;

use aconite_core::{Dataset, Documents, Error, Origins, Rate, Result};

use crate::class_folders::{Listed, Listing};
use crate::{Split, division, files};

/// Bytes of all messages together.
const MOST: usize = 8 << 30;

/// Reads the messages and makes training and test set.
pub(crate) fn split(root: &Path, listing: &Listing, share: Rate, seed: u64) -> Result<Split> {
    let mut bytes = 0usize;
    let mut messages = Vec::with_capacity(listing.files.len());
    for Listed { path, .. } in &listing.files {
        let message = files::read(path, files::LARGEST)?;
        if message.is_empty() {
            return Err(Error::new(format!("{}: the message is empty", path.display())));
        }
        bytes = bytes.saturating_add(message.len());
        if bytes > MOST {
            return Err(Error::new(format!("{}: more than {MOST} bytes of messages", root.display())));
        }
        messages.push(message);
    }
    let classes = Arc::new(listing.classes.clone());
    let all = Dataset::new(Documents::mail(messages), listing.labels(), classes)?
        .with_origins(Origins::files(listing.names()))?;
    match listing.train {
        None => division::divide(&all, share, seed),
        Some(n) => {
            let rows: Vec<usize> = (0..all.len()).collect();
            let (train, test) = rows.split_at(n.min(rows.len()));
            Ok(Split { train: all.select(train)?, test: all.select(test)? })
        }
    }
}
