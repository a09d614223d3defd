//! `svhn`: street view house numbers.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aconite_core::{Dataset, Error, Images, Origins, Result};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::formats::array::Element;
use crate::npz::pair;
use crate::tensors::{Layout, images, labels};
use crate::{Places, Source, Split, files};

/// 73,257 training and 26,032 test photographs of single digits, colour 32×32.
///
/// The cropped digits are published as MATLAB files, which no well-kept crate reads. Convert `train_32x32.mat` and
/// `test_32x32.mat` once, and put `train_32x32.npz` and `test_32x32.npz` into `svhn/`:
///
/// ```text
/// import numpy, scipy.io
/// for part in ["train", "test"]:
///     mat = scipy.io.loadmat(f"{part}_32x32.mat")
///     numpy.savez_compressed(f"{part}_32x32.npz",
///         images=numpy.ascontiguousarray(mat["X"].transpose(3, 0, 1, 2)), labels=mat["y"].ravel() % 10)
/// ```
///
/// Class d is digit d: the published label 10 of the digit 0 becomes 0.
///
/// Source: Stanford University, ufldl.stanford.edu/housenumbers; for non-commercial use.
///
/// Paper: Netzer, Wang, Coates, Bissacco, Wu, Ng 2011, Reading digits in natural images with unsupervised feature
/// learning, NIPS workshop.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Svhn {}

impl Kind for Svhn {}

const FILES: [&str; 2] = ["train_32x32.npz", "test_32x32.npz"];
const HINT: &str = "convert train_32x32.mat and test_32x32.mat of ufldl.stanford.edu/housenumbers as `aconite show \
                    svhn` says, and put the two .npz into $ACONITE_DATA/svhn/";

fn folder(places: &Places) -> Result<PathBuf> {
    places.find_any("svhn", &["svhn", "SVHN"], &FILES, HINT)
}

fn part(path: &Path) -> Result<Dataset> {
    let pair = pair(path, ("kind", "images"), ("kind", "labels"))?;
    let labels = labels(&pair)?;
    if let Some(row) = labels.iter().position(|&label| label > 9) {
        let message = format!("{}: row {} is no digit, expected 0 to 9", pair.labels_name, row + 1);
        return Err(Error::new(message).hint("the digit 0 is 0 here, not 10: `y % 10`"));
    }
    let (kind, name) = (pair.content.kind(), pair.content_name);
    if pair.content.element() != Element::U8
        || !matches!(pair.content.shape(), [_, 32, 32, 3] | [_, 3, 32, 32])
    {
        return Err(Error::new(format!("{name}: {kind}, expected u8 of rows×32×32×3")).hint(HINT));
    }
    let layout = if pair.content.shape().last() == Some(&3) { Layout::Nhwc } else { Layout::Nchw };
    let (shape, bytes) = images(pair.content, &name, layout)?;
    let classes = (0..10).map(|digit| digit.to_string()).collect();
    let origins = Origins::lines(&pair.file, labels.len());
    Dataset::new(Images::new(shape, bytes)?, labels, Arc::new(classes))?.with_origins(origins)
}

impl Source for Svhn {
    fn load(&self, places: &Places) -> Result<Split> {
        let folder = folder(places)?;
        let [train, test] = FILES;
        Ok(Split { train: part(&folder.join(train))?, test: part(&folder.join(test))? })
    }

    fn fingerprint(&self, places: &Places) -> Result<String> {
        files::fingerprint_of(&folder(places)?, &FILES)
    }

    fn licence(&self) -> &'static str {
        "for non-commercial use, Netzer et al., ufldl.stanford.edu/housenumbers"
    }

    fn found(&self, places: &Places) -> Result<Option<PathBuf>> {
        folder(places).map(Some)
    }
}
