//! Data sets as an experiment asks for them: by kind and settings, from files made up here.

#![allow(clippy::unwrap_used, clippy::panic)] // Helpers of tests stop at the first surprise as tests do.

mod allocations;
mod broken;
mod hostile;
mod made;
mod own;
mod published;

use std::fs;
use std::path::Path;

use aconite_core::Result;
use aconite_data::{DATASETS, Places, Source, Split};
use serde_json::Value;

/// Builds a kind from some of its settings.
fn source(kind: &str, settings: &Value) -> Box<dyn Source> {
    let entry = DATASETS.iter().find(|entry| entry.spec.kind == kind).unwrap();
    let mut all = entry.spec.defaults();
    for (key, value) in settings.as_object().into_iter().flatten() {
        assert!(all.get(key).is_some(), "{kind} has no setting {key}");
        all[key] = value.clone();
    }
    (entry.build)(&all).unwrap()
}

/// Loads a kind that looks for its files in `root` alone.
fn load(kind: &str, settings: &Value, root: &Path) -> Result<Split> {
    source(kind, settings).load(&Places(vec![root.to_owned()]))
}

/// Writes files below `root`, with the folders that they need.
fn write(root: &Path, files: &[(String, Vec<u8>)]) {
    for (name, bytes) in files {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // A new file: writing over an old one waits for the disk on some file systems.
        let _ = fs::remove_file(&path);
        fs::write(path, bytes).unwrap();
    }
}

/// Files by name.
type Files = Vec<(String, Vec<u8>)>;

/// Files by name.
fn files<const N: usize>(files: [(&str, Vec<u8>); N]) -> Files {
    files.map(|(name, bytes)| (name.to_owned(), bytes)).to_vec()
}
