//! `cifar100`: CIFAR-100.

use std::path::{Path, PathBuf};

use aconite_core::Result;
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::formats::cifar::Label;
use crate::{Places, Source, Split, cifar_set, files};

/// 50,000 training and 10,000 test photographs in a hundred classes, colour 32×32.
///
/// Read from the binary version: `train.bin` and `test.bin`, gzipped or not, in `cifar-100-binary/` or
/// `cifar100/`. A record is a coarse label, a fine label and three planes of 32×32.
///
/// Source: Alex Krizhevsky, www.cs.toronto.edu/~kriz/cifar.html; no licence is stated.
///
/// Paper: Krizhevsky 2009, Learning multiple layers of features from tiny images.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Cifar100 {
    /// The hundred classes, or the twenty groups of five.
    pub labels: Labels,
}

/// Which labels count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Labels {
    /// 100 classes.
    #[default]
    Fine,
    /// 20 superclasses.
    Coarse,
}

impl Kind for Cifar100 {}

#[rustfmt::skip]
const FINE: [&str; 100] = [
    "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle", "bowl", "boy",
    "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle", "chair", "chimpanzee", "clock",
    "cloud", "cockroach", "couch", "crab", "crocodile", "cup", "dinosaur", "dolphin", "elephant", "flatfish",
    "forest", "fox", "girl", "hamster", "house", "kangaroo", "keyboard", "lamp", "lawn_mower", "leopard", "lion",
    "lizard", "lobster", "man", "maple_tree", "motorcycle", "mountain", "mouse", "mushroom", "oak_tree", "orange",
    "orchid", "otter", "palm_tree", "pear", "pickup_truck", "pine_tree", "plain", "plate", "poppy", "porcupine",
    "possum", "rabbit", "raccoon", "ray", "road", "rocket", "rose", "sea", "seal", "shark", "shrew", "skunk",
    "skyscraper", "snail", "snake", "spider", "squirrel", "streetcar", "sunflower", "sweet_pepper", "table", "tank",
    "telephone", "television", "tiger", "tractor", "train", "trout", "tulip", "turtle", "wardrobe", "whale",
    "willow_tree", "wolf", "woman", "worm",
];
#[rustfmt::skip]
const COARSE: [&str; 20] = [
    "aquatic_mammals", "fish", "flowers", "food_containers", "fruit_and_vegetables",
    "household_electrical_devices", "household_furniture", "insects", "large_carnivores",
    "large_man-made_outdoor_things", "large_natural_outdoor_scenes", "large_omnivores_and_herbivores",
    "medium_mammals", "non-insect_invertebrates", "people", "reptiles", "small_mammals", "trees", "vehicles_1",
    "vehicles_2",
];
const FILES: [&str; 2] = ["train.bin", "test.bin"];
const HINT: &str = "put train.bin and test.bin of the binary version (cifar-100-binary.tar.gz of \
                    www.cs.toronto.edu/~kriz/cifar.html) into $ACONITE_DATA/cifar-100-binary/";

fn folder(places: &Places) -> Result<PathBuf> {
    places.find_any("cifar100", &["cifar-100-binary", "cifar100", "cifar-100"], &FILES, HINT)
}

impl Cifar100 {
    fn read(&self, folder: &Path, records: [usize; 2]) -> Result<Split> {
        let (at, classes): (usize, &[&str]) = match self.labels {
            Labels::Coarse => (0, &COARSE),
            Labels::Fine => (1, &FINE),
        };
        let label = Label { at, of: 2, classes: classes.len() };
        let [train, test] = FILES;
        let [train_records, test_records] = records;
        Ok(Split {
            train: cifar_set::load(folder, &[train], train_records, label, classes)?,
            test: cifar_set::load(folder, &[test], test_records, label, classes)?,
        })
    }
}

impl Source for Cifar100 {
    fn load(&self, places: &Places) -> Result<Split> {
        self.read(&folder(places)?, [50_000, 10_000])
    }

    fn fingerprint(&self, places: &Places) -> Result<String> {
        files::fingerprint_of(&folder(places)?, &FILES)
    }

    fn licence(&self) -> &'static str {
        "no licence stated, Alex Krizhevsky, www.cs.toronto.edu/~kriz/cifar.html"
    }

    fn found(&self, places: &Places) -> Result<Option<PathBuf>> {
        folder(places).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::cifar::PIXELS;

    #[test]
    fn fine_and_coarse_labels_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let record = |coarse: u8, fine: u8| [vec![coarse, fine], vec![fine; PIXELS]].concat();
        std::fs::write(dir.path().join(FILES[0]), [record(19, 85), record(4, 0)].concat()).unwrap();
        std::fs::write(dir.path().join(FILES[1]), record(14, 98)).unwrap();
        let load = |labels| Cifar100 { labels }.read(dir.path(), [2, 1]).unwrap();
        let fine = load(Labels::Fine);
        assert_eq!((fine.train.labels(), fine.test.labels()), (&[85, 0][..], &[98][..]));
        let names: Vec<&str> = [85, 0, 98].map(|l: usize| fine.train.classes()[l].as_str()).to_vec();
        assert_eq!(names, ["tank", "apple", "woman"]);
        let coarse = load(Labels::Coarse);
        let names: Vec<&str> = [19, 4, 14].map(|l: usize| coarse.train.classes()[l].as_str()).to_vec();
        assert_eq!((coarse.train.labels(), coarse.test.labels()), (&[19, 4][..], &[14][..]));
        assert_eq!(names, ["vehicles_2", "fruit_and_vegetables", "people"]);
        assert!(FINE.is_sorted() && COARSE.is_sorted());
    }
}
