//! `npz`: a user's own NumPy arrays.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use aconite_core::{Error, Rate, Result};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::csv::file_name;
use crate::files::{about, because, fingerprint, in_file};
use crate::formats::npz;
use crate::tensors::{Layout, Pair, Plan, split};
use crate::{Places, Source, Split, division};

/// Arrays of your own in a file of `numpy.savez` or `savez_compressed`.
///
/// Images are `uint8` in rows × height × width or in four dimensions as `layout` says; rows × columns of numbers
/// are a table. Labels are whole numbers from 0 without gaps. Arrays of objects are refused: they are pickles.
///
/// Paper: none; it is your own data.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Npz {
    /// The file, from the working directory or from `$ACONITE_DATA`.
    pub path: String,
    /// The array of training images or rows.
    pub images: String,
    /// The array of their labels.
    pub labels: String,
    /// The array of test images or rows; none if empty, and then a share of the training rows is tested with.
    pub test_images: String,
    /// The array of their labels.
    pub test_labels: String,
    /// Where the channels of images in four dimensions are.
    pub layout: Layout,
    /// Whether each column of a table gets mean 0 and standard deviation 1 over the training rows; a column that is
    /// constant there becomes 0 and stays.
    pub standardise: bool,
    /// Share of the rows of each class that become test rows if there are no test images, in (0, 1).
    pub test_share: Rate,
    /// Which rows these are.
    pub split_seed: u64,
}

impl Default for Npz {
    fn default() -> Self {
        Self {
            path: String::new(),
            images: "x_train".into(),
            labels: "y_train".into(),
            test_images: "x_test".into(),
            test_labels: "y_test".into(),
            layout: Layout::Nhwc,
            standardise: true,
            test_share: division::TEST_SHARE,
            split_seed: 0,
        }
    }
}

impl Kind for Npz {}

/// Reads an array of images or rows and one of labels; each comes with its setting's key and its name.
pub(crate) fn pair(path: &Path, content: (&str, &str), labels: (&str, &str)) -> Result<Pair> {
    let file = File::open(path).map_err(|e| because(path, &e))?;
    let mut npz = npz::Npz::open(BufReader::new(file)).map_err(in_file(path))?;
    let names = npz.names();
    let mut array = |(key, name): (&str, &str)| {
        npz.array(name).map_err(in_file(path)).map_err(about(key))?.ok_or_else(|| {
            Error::at(key, format!("{}: there is no array {name:?}", path.display()))
                .hint(format!("it has {}", listed(&names)))
        })
    };
    Ok(Pair {
        content: array(content)?,
        labels: array(labels)?,
        content_name: format!("{}: array {:?}", path.display(), content.1),
        labels_name: format!("{}: array {:?}", path.display(), labels.1),
        file: file_name(path),
    })
}

/// Names in a hint.
pub(crate) fn listed(names: &[String]) -> String {
    match names {
        [] => "none".to_owned(),
        names if names.len() > 12 => format!("{}, …", names.get(..12).unwrap_or_default().join(", ")),
        names => names.join(", "),
    }
}

impl Source for Npz {
    fn load(&self, places: &Places) -> Result<Split> {
        let path = places.own("path", &self.path)?;
        if path.is_dir() {
            return Err(Error::at("path", format!("{}: a folder, expected a file", path.display())));
        }
        let train = pair(&path, ("images", &self.images), ("labels", &self.labels)).map_err(about("path"))?;
        let test = match self.test_images.is_empty() {
            true => None,
            false => Some(
                pair(&path, ("test_images", &self.test_images), ("test_labels", &self.test_labels))
                    .map_err(about("path"))?,
            ),
        };
        let plan = Plan {
            layout: self.layout,
            standardise: self.standardise,
            test_share: self.test_share,
            split_seed: self.split_seed,
        };
        split(train, test, &plan).map_err(about("path"))
    }

    fn fingerprint(&self, places: &Places) -> Result<String> {
        let path = places.own("path", &self.path)?;
        let root = path.parent().unwrap_or("".as_ref());
        fingerprint(root, [path.as_path()]).map_err(about("path"))
    }

    fn licence(&self) -> &'static str {
        "your own"
    }

    fn found(&self, places: &Places) -> Result<Option<PathBuf>> {
        places.own("path", &self.path).map(Some)
    }
}
