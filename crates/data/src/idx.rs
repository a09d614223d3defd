//! `idx`: a user's own images in MNIST's format.

use std::path::PathBuf;

use aconite_core::{Error, Rate, Result};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::files::{about, fingerprint, in_file, open};
use crate::formats::array::{Array, Element};
use crate::formats::idx;
use crate::places::existing;
use crate::tensors::{Layout, Pair, Plan, split};
use crate::{Places, Source, Split, division};

/// Images of your own in four IDX files, the format of MNIST, gzipped or not.
///
/// Images are unsigned bytes in rows × height × width, or rows × channels × height × width; labels are unsigned
/// bytes from 0 without gaps.
///
/// Paper: none; it is your own data.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Idx {
    /// The folder of the files, from the working directory or from `$ACONITE_DATA`.
    pub path: String,
    /// Its training images, here and below without `.gz`.
    pub train_images: String,
    /// Its training labels.
    pub train_labels: String,
    /// Its test images; none if empty, and then a share of the training rows is tested with.
    pub test_images: String,
    /// Its test labels.
    pub test_labels: String,
    /// Share of the rows of each class that become test rows if there are no test images, in (0, 1).
    pub test_share: Rate,
    /// Which rows these are.
    pub split_seed: u64,
}

impl Default for Idx {
    fn default() -> Self {
        Self {
            path: String::new(),
            train_images: "train-images-idx3-ubyte".into(),
            train_labels: "train-labels-idx1-ubyte".into(),
            test_images: "t10k-images-idx3-ubyte".into(),
            test_labels: "t10k-labels-idx1-ubyte".into(),
            test_share: division::TEST_SHARE,
            split_seed: 0,
        }
    }
}

impl Kind for Idx {}

impl Idx {
    /// Settings and their files, all that are used.
    fn files(&self, places: &Places) -> Result<Vec<(&'static str, PathBuf)>> {
        let folder = places.own("path", &self.path)?;
        let all = [
            ("train_images", &self.train_images),
            ("train_labels", &self.train_labels),
            ("test_images", &self.test_images),
            ("test_labels", &self.test_labels),
        ];
        let used = if self.test_images.is_empty() { 2 } else { 4 };
        all.into_iter()
            .take(used)
            .map(|(key, name)| {
                let path = existing(&folder, name).filter(|path| path.is_file()).ok_or_else(|| {
                    Error::at(key, format!("{} is not there, nor with .gz", folder.join(name).display()))
                })?;
                Ok((key, path))
            })
            .collect()
    }
}

/// Reads two files.
fn pair(images: &(&'static str, PathBuf), labels: &(&'static str, PathBuf)) -> Result<Pair> {
    let array = |(key, path): &(&'static str, PathBuf), rank: &[usize]| -> Result<Array> {
        let opened = open(path).map_err(about(key))?;
        idx::read(opened.reader, rank, opened.most, None)
            .and_then(|idx| Array::new(idx.dims, Element::U8, idx.values))
            .map_err(in_file(path))
            .map_err(about(key))
    };
    Ok(Pair {
        content: array(images, &[3, 4])?,
        labels: array(labels, &[1])?,
        content_name: images.1.display().to_string(),
        labels_name: labels.1.display().to_string(),
        file: crate::csv::file_name(&images.1),
    })
}

impl Source for Idx {
    fn load(&self, places: &Places) -> Result<Split> {
        let files = self.files(places)?;
        let mut pairs = files.chunks_exact(2).map(|two| match two {
            [images, labels] => pair(images, labels),
            _ => Err(Error::at("path", "images and labels come in pairs")),
        });
        let train = pairs.next().unwrap_or_else(|| Err(Error::at("path", "there are no files")))?;
        let test = pairs.next().transpose()?;
        let plan = Plan {
            layout: Layout::Nchw,
            standardise: false,
            test_share: self.test_share,
            split_seed: self.split_seed,
        };
        split(train, test, &plan).map_err(about("path"))
    }

    fn fingerprint(&self, places: &Places) -> Result<String> {
        let files = self.files(places)?;
        let root = places.own("path", &self.path)?;
        fingerprint(&root, files.iter().map(|(_, path)| path.as_path())).map_err(about("path"))
    }

    fn licence(&self) -> &'static str {
        "your own"
    }

    fn found(&self, places: &Places) -> Result<Option<PathBuf>> {
        places.own("path", &self.path).map(Some)
    }
}
