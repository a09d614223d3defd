//! `mnist`: MNIST.

use std::path::PathBuf;

use aconite_core::Result;
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::idx_set::{IdxSet, Published};
use crate::{Places, Source, Split};

/// 60,000 training and 10,000 test images of handwritten digits, grey 28×28.
///
/// Read from the four published IDX files, gzipped or not.
///
/// Source: LeCun, Cortes, Burges, yann.lecun.com/exdb/mnist; CC BY-SA 3.0.
///
/// Paper: LeCun, Bottou, Bengio, Haffner 1998, Gradient-based learning applied to document recognition.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Mnist {}

impl Kind for Mnist {}

const CLASSES: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

pub(crate) const SET: IdxSet = IdxSet {
    name: "mnist",
    files: [
        Published {
            name: "train-images-idx3-ubyte",
            dims: &[60_000, 28, 28],
            sha256: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        },
        Published {
            name: "train-labels-idx1-ubyte",
            dims: &[60_000],
            sha256: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        },
        Published {
            name: "t10k-images-idx3-ubyte",
            dims: &[10_000, 28, 28],
            sha256: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        },
        Published {
            name: "t10k-labels-idx1-ubyte",
            dims: &[10_000],
            sha256: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        },
    ],
    classes: CLASSES,
    hint: "put train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and \
           t10k-labels-idx1-ubyte (or their .gz) into $ACONITE_DATA/mnist/",
};

impl Source for Mnist {
    fn load(&self, places: &Places) -> Result<Split> {
        SET.load(places)
    }

    fn fingerprint(&self, _: &Places) -> Result<String> {
        Ok(SET.fingerprint())
    }

    fn licence(&self) -> &'static str {
        "CC BY-SA 3.0, LeCun, Cortes, Burges"
    }

    fn found(&self, places: &Places) -> Result<Option<PathBuf>> {
        SET.folder(places).map(Some)
    }
}
