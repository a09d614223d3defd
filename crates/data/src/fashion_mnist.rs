//! `fashion_mnist`: Fashion-MNIST.

use std::path::PathBuf;

use aconite_core::Result;
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::idx_set::{IdxSet, Published};
use crate::{Places, Source, Split};

/// 60,000 training and 10,000 test images of clothing in ten classes, grey 28×28.
///
/// Read from the four published IDX files, gzipped or not.
///
/// Source: Zalando SE, github.com/zalandoresearch/fashion-mnist; MIT.
///
/// Paper: Xiao, Rasul, Vollgraf 2017, Fashion-MNIST: a novel image dataset for benchmarking machine learning
/// algorithms (arXiv:1708.07747).
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FashionMnist {}

impl Kind for FashionMnist {}

pub(crate) const CLASSES: [&str; 10] =
    ["t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"];

pub(crate) const SET: IdxSet = IdxSet {
    name: "fashion_mnist",
    files: [
        Published {
            name: "train-images-idx3-ubyte",
            dims: &[60_000, 28, 28],
            sha256: "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        },
        Published {
            name: "train-labels-idx1-ubyte",
            dims: &[60_000],
            sha256: "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        },
        Published {
            name: "t10k-images-idx3-ubyte",
            dims: &[10_000, 28, 28],
            sha256: "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        },
        Published {
            name: "t10k-labels-idx1-ubyte",
            dims: &[10_000],
            sha256: "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        },
    ],
    classes: CLASSES,
    hint: "on Debian and Ubuntu: apt install dataset-fashion-mnist; elsewhere put the four files \
           of github.com/zalandoresearch/fashion-mnist into $ACONITE_DATA/fashion_mnist/",
};

impl Source for FashionMnist {
    fn load(&self, places: &Places) -> Result<Split> {
        SET.load(places)
    }

    fn fingerprint(&self, _: &Places) -> Result<String> {
        Ok(SET.fingerprint())
    }

    fn licence(&self) -> &'static str {
        "MIT, Zalando SE 2017"
    }

    fn found(&self, places: &Places) -> Result<Option<PathBuf>> {
        SET.folder(places).map(Some)
    }
}
