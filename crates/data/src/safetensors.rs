//! `safetensors`: a user's own tensors, and what `aconite poison` exports.

use std::path::{Path, PathBuf};

use aconite_core::{Error, Rate, Result};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::csv::file_name;
use crate::files::{about, fingerprint, in_file, read};
use crate::formats::LARGEST;
use crate::formats::safetensors::Tensors;
use crate::npz::listed;
use crate::tensors::{Layout, Pair, Plan, split};
use crate::{Places, Source, Split, division};

/// Tensors of your own: a folder with `train.safetensors` and `test.safetensors`, or one file.
///
/// Images are u8 in rows × height × width or in four dimensions as `layout` says; rows × columns of numbers are a
/// table. Labels are whole numbers from 0 without gaps. Of a single file, of each class the share `test_share` is
/// drawn by `split_seed`, the same for every seed of an experiment. A folder that `aconite poison` wrote is read as
/// it is.
///
/// Paper: none; it is your own data.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Safetensors {
    /// The folder or file, from the working directory or from `$ACONITE_DATA`.
    pub path: String,
    /// The tensor of images or rows.
    pub images: String,
    /// The tensor of their labels.
    pub labels: String,
    /// Where the channels of images in four dimensions are.
    pub layout: Layout,
    /// Whether each column of a table gets mean 0 and standard deviation 1 over the training rows; a column that is
    /// constant there becomes 0 and stays.
    pub standardise: bool,
    /// Share of the rows of each class that become test rows if `path` is a single file, in (0, 1).
    pub test_share: Rate,
    /// Which rows these are.
    pub split_seed: u64,
}

impl Default for Safetensors {
    fn default() -> Self {
        Self {
            path: String::new(),
            images: "images".into(),
            labels: "labels".into(),
            layout: Layout::Nchw,
            standardise: true,
            test_share: division::TEST_SHARE,
            split_seed: 0,
        }
    }
}

impl Kind for Safetensors {}

/// Largest file.
const MOST: u64 = 2 * LARGEST;

impl Safetensors {
    fn files(&self, places: &Places) -> Result<Vec<PathBuf>> {
        let path = places.own("path", &self.path)?;
        if !path.is_dir() {
            return Ok(vec![path]);
        }
        let files = ["train", "test"].map(|part| path.join(format!("{part}.safetensors")));
        match files.iter().find(|file| !file.is_file()) {
            Some(missing) => Err(Error::at("path", format!("{} is not there", missing.display()))
                .hint("a folder holds train.safetensors and test.safetensors; or name one file")),
            None => Ok(files.to_vec()),
        }
    }

    fn pair(&self, path: &Path) -> Result<Pair> {
        let bytes = read(path, MOST)?;
        let tensors = Tensors::open(&bytes).map_err(in_file(path))?;
        let array = |key: &str, name: &str| {
            tensors.array(name).map_err(in_file(path)).map_err(about(key))?.ok_or_else(|| {
                Error::at(key, format!("{}: there is no tensor {name:?}", path.display()))
                    .hint(format!("it has {}", listed(&tensors.names())))
            })
        };
        Ok(Pair {
            content: array("images", &self.images)?,
            labels: array("labels", &self.labels)?,
            content_name: format!("{}: tensor {:?}", path.display(), self.images),
            labels_name: format!("{}: tensor {:?}", path.display(), self.labels),
            file: file_name(path),
        })
    }
}

impl Source for Safetensors {
    fn load(&self, places: &Places) -> Result<Split> {
        let files = self.files(places)?;
        let mut pairs = files.iter().map(|path| self.pair(path).map_err(about("path")));
        let train = pairs.next().unwrap_or_else(|| Err(Error::at("path", "there are no files")))?;
        let test = pairs.next().transpose()?;
        let plan = Plan {
            layout: self.layout,
            standardise: self.standardise,
            test_share: self.test_share,
            split_seed: self.split_seed,
        };
        split(train, test, &plan).map_err(about("path"))
    }

    fn fingerprint(&self, places: &Places) -> Result<String> {
        let files = self.files(places)?;
        let root = files.first().and_then(|file| file.parent()).unwrap_or("".as_ref());
        fingerprint(root, files.iter().map(PathBuf::as_path)).map_err(about("path"))
    }

    fn licence(&self) -> &'static str {
        "your own"
    }

    fn found(&self, places: &Places) -> Result<Option<PathBuf>> {
        places.own("path", &self.path).map(Some)
    }
}
