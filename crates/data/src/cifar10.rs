//! `cifar10`: CIFAR-10.

use std::path::{Path, PathBuf};

use aconite_core::Result;
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::formats::cifar::Label;
use crate::{Places, Source, Split, cifar_set, files};

/// 50,000 training and 10,000 test photographs in ten classes, colour 32×32.
///
/// Read from the binary version: `data_batch_1.bin` to `data_batch_5.bin` and `test_batch.bin`, gzipped or not, in
/// `cifar-10-batches-bin/` or `cifar10/`. Each holds 10,000 records of a label byte and three planes of 32×32.
///
/// Source: Alex Krizhevsky, www.cs.toronto.edu/~kriz/cifar.html; no licence is stated.
///
/// Paper: Krizhevsky 2009, Learning multiple layers of features from tiny images.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Cifar10 {}

impl Kind for Cifar10 {}

const CLASSES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
const TRAIN: [&str; 5] =
    ["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"];
const TEST: [&str; 1] = ["test_batch.bin"];
const HINT: &str = "put the .bin files of the binary version (cifar-10-binary.tar.gz of \
                    www.cs.toronto.edu/~kriz/cifar.html) into $ACONITE_DATA/cifar-10-batches-bin/";

fn folder(places: &Places) -> Result<PathBuf> {
    places.find_any(
        "cifar10",
        &["cifar-10-batches-bin", "cifar10", "cifar-10"],
        &[&TRAIN[..], &TEST].concat(),
        HINT,
    )
}

fn load(folder: &Path, records: usize) -> Result<Split> {
    let label = Label { at: 0, of: 1, classes: CLASSES.len() };
    let part = |files: &[&str]| cifar_set::load(folder, files, records, label, &CLASSES);
    Ok(Split { train: part(&TRAIN)?, test: part(&TEST)? })
}

impl Source for Cifar10 {
    fn load(&self, places: &Places) -> Result<Split> {
        load(&folder(places)?, 10_000)
    }

    fn fingerprint(&self, places: &Places) -> Result<String> {
        files::fingerprint_of(&folder(places)?, &[&TRAIN[..], &TEST].concat())
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
    fn records_of_five_files_become_rows() {
        let dir = tempfile::tempdir().unwrap();
        for (i, name) in TRAIN.iter().chain(&TEST).enumerate() {
            let record = |label: u8| [vec![label], vec![i as u8; PIXELS]].concat();
            std::fs::write(dir.path().join(name), [record(i as u8), record(9)].concat()).unwrap();
        }
        let split = load(dir.path(), 2).unwrap();
        assert_eq!(split.train.labels(), [0, 9, 1, 9, 2, 9, 3, 9, 4, 9]);
        assert_eq!((split.test.labels(), split.test.images().unwrap().image(1)[0]), (&[5, 9][..], 5));
        assert_eq!(split.train.origins().of(3), "data_batch_2.bin:2");
        assert_eq!(split.train.classes()[9], "truck");
        let error = Cifar10 {}.load(&Places(vec![dir.path().to_owned()])).unwrap_err();
        assert!(error.message.contains("cifar-10-batches-bin"), "{error}");
    }

    #[test]
    fn the_published_set_is_whole() {
        let places = Places::from_env();
        if folder(&places).is_err() {
            eprintln!("skipped: CIFAR-10 is not on this machine");
            return;
        }
        let split = Cifar10 {}.load(&places).unwrap();
        assert_eq!((split.train.len(), split.test.info().rows), (50_000, vec![1000; 10]));
        assert_eq!(split.train.info().rows, [5000; 10]);
    }
}
