//! A few poisoned rows beside their clean originals, kept so that a report can show the attack.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{Error, write_whole};

/// `samples/<attack>.json`: some images before and after the attack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Samples {
    /// Key of the stage that made the poison.
    #[serde(default)]
    pub stage: String,
    /// Name of the attack as shown in figures: its kind, and what varies over the grid.
    pub attack: String,
    /// Channels, height, width.
    pub shape: [usize; 3],
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Rows of the training set.
    pub index: Vec<usize>,
    /// Label before the attack, per row.
    pub true_label: Vec<usize>,
    /// Label after the attack, per row.
    pub given_label: Vec<usize>,
    /// Pixels before the attack, per row, C×H×W of 0–255.
    pub clean: Vec<Vec<u8>>,
    /// Pixels after the attack, likewise.
    pub poisoned: Vec<Vec<u8>>,
}

impl Samples {
    /// Writes the samples.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let text = serde_json::to_string(self).map_err(|e| Error::damaged(path, e))?;
        write_whole(path, text.as_bytes())
    }

    /// Reads them back.
    ///
    /// # Errors
    /// The file is unreadable, or an image does not have C·H·W pixels.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
        let samples: Self = serde_json::from_str(&text).map_err(|e| Error::damaged(path, e))?;
        let pixels: usize = samples.shape.iter().product();
        let n = samples.index.len();
        let whole = |images: &[Vec<u8>]| images.len() == n && images.iter().all(|i| i.len() == pixels);
        if !whole(&samples.clean) || !whole(&samples.poisoned) {
            return Err(Error::damaged(path, format_args!("an image does not have {pixels} pixels")));
        }
        if samples.true_label.len() != n || samples.given_label.len() != n {
            return Err(Error::damaged(path, "labels and images differ in number"));
        }
        Ok(samples)
    }
}
