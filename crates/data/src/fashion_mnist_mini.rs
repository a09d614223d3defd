//! `fashion_mnist_mini`: a class-balanced part of Fashion-MNIST inside the program.

use std::path::PathBuf;

use aconite_core::Result;
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fashion_mnist::CLASSES;
use crate::idx_set::{IdxSet, Published, embedded};
use crate::{Places, Source, Split};

/// 10,000 training and 2,000 test images of clothing in ten classes, grey 28×28; needs no file.
///
/// The first 1,000 training and 200 test images of each class of Fashion-MNIST, in their original order.
///
/// Source: Zalando SE, github.com/zalandoresearch/fashion-mnist; MIT.
///
/// Paper: Xiao, Rasul, Vollgraf 2017, Fashion-MNIST: a novel image dataset for benchmarking machine learning
/// algorithms (arXiv:1708.07747).
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FashionMnistMini {}

impl Kind for FashionMnistMini {}

const SET: IdxSet = IdxSet {
    name: "fashion_mnist_mini",
    files: [
        Published {
            name: "train-images",
            dims: &[10_000, 28, 28],
            sha256: "d33512cfdc636a0d8972818e6659995be209a88891df7fa2109d7895922c8985",
        },
        Published {
            name: "train-labels",
            dims: &[10_000],
            sha256: "620cb8e3b9348037c5ff9a07b02d773ab165330e072dfd19e0d21c59f8042dcf",
        },
        Published {
            name: "t10k-images",
            dims: &[2_000, 28, 28],
            sha256: "15a92dd1e9b16ea361928086e77df4dfa890c255c00b5a8c8162c1040ce8eef1",
        },
        Published {
            name: "t10k-labels",
            dims: &[2_000],
            sha256: "234596aeb6eb48133ec99a62541f90bc0728c9559a681f1e0638037462458f2c",
        },
    ],
    classes: CLASSES,
    hint: "",
};

impl Source for FashionMnistMini {
    fn load(&self, _: &Places) -> Result<Split> {
        SET.join(|published| {
            let gzip: &[u8] = match published.name {
                "train-images" => include_bytes!("../embedded/train-images-idx3-ubyte.gz"),
                "train-labels" => include_bytes!("../embedded/train-labels-idx1-ubyte.gz"),
                "t10k-images" => include_bytes!("../embedded/t10k-images-idx3-ubyte.gz"),
                _ => include_bytes!("../embedded/t10k-labels-idx1-ubyte.gz"),
            };
            embedded(gzip, published)
        })
    }

    fn fingerprint(&self, _: &Places) -> Result<String> {
        Ok(SET.fingerprint())
    }

    fn licence(&self) -> &'static str {
        "MIT, Zalando SE 2017"
    }

    fn found(&self, _: &Places) -> Result<Option<PathBuf>> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_balanced_and_has_the_published_pixels() {
        let split = FashionMnistMini {}.load(&Places(vec![])).unwrap();
        assert_eq!(split.train.info().rows, [1000; 10]);
        assert_eq!(split.test.info().rows, [200; 10]);
        // The first row of Fashion-MNIST is an ankle boot.
        assert_eq!((split.train.labels()[0], CLASSES[9]), (9, "ankle boot"));
        assert_eq!(&split.train.images().unwrap().image(0)[3 * 28 + 12..3 * 28 + 18], FIRST_BOOT);
    }
    // python: gzip.open("train-images-idx3-ubyte.gz").read()[16 + 3*28 + 12 : 16 + 3*28 + 18]
    const FIRST_BOOT: &[u8] = &[1, 0, 0, 13, 73, 0];
}
