//! Folders of class folders of files, with `train/` and `test/` above them or not.

use std::path::{Path, PathBuf};

use aconite_core::{Error, Result};

use crate::files::{names, relative};
use crate::vocabulary::sort;

/// The files of a data set.
#[derive(Debug)]
pub(crate) struct Listing {
    /// Names of the classes: whole numbers in their order, else by letter.
    pub(crate) classes: Vec<String>,
    /// Class by class, each class's files by name; the training files first.
    pub(crate) files: Vec<Listed>,
    /// How many are training files, if the folders say so.
    pub(crate) train: Option<usize>,
}

/// A file of a data set.
#[derive(Debug)]
pub(crate) struct Listed {
    /// Its class.
    pub(crate) label: usize,
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Its path in the set, with slashes.
    pub(crate) name: String,
}

impl Listing {
    /// The labels, file by file.
    pub(crate) fn labels(&self) -> Vec<usize> {
        self.files.iter().map(|file| file.label).collect()
    }

    /// The names, file by file.
    pub(crate) fn names(&self) -> Vec<String> {
        self.files.iter().map(|file| file.name.clone()).collect()
    }

    /// The paths, file by file.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|file| file.path.as_path())
    }
}

/// Lists the files that `keep` (asked for the file name) takes.
///
/// # Errors
/// There are fewer than two classes, one is empty, or `test/` has a class that `train/` has not.
pub(crate) fn list(root: &Path, keep: impl Fn(&str) -> std::result::Result<bool, String>) -> Result<Listing> {
    let (train, test) = (root.join("train"), root.join("test"));
    let parts = match (train.is_dir(), test.is_dir()) {
        (true, true) => vec![train, test],
        (false, false) => vec![root.to_owned()],
        (has_train, _) => {
            let (there, missing) = if has_train { ("train", "test") } else { ("test", "train") };
            let message = format!("{}: there is {there}/ but no {missing}/", root.display());
            return Err(Error::new(message)
                .hint("both, or class folders alone, which are then divided by `test_share`"));
        }
    };
    let mut listing = Listing { classes: Vec::new(), files: Vec::new(), train: None };
    for (i, part) in parts.iter().enumerate() {
        let mut folders: Vec<String> =
            names(part)?.into_iter().filter(|name| part.join(name).is_dir()).collect();
        sort(&mut folders, Clone::clone);
        if i == 0 {
            if folders.len() < 2 {
                let message =
                    format!("{}: {} class folders, expected two or more", part.display(), folders.len());
                return Err(Error::new(message));
            }
            listing.classes = folders;
        } else {
            listing.train = Some(listing.files.len());
            let missing = |a: &[String], b: &[String]| a.iter().find(|name| !b.contains(name)).cloned();
            if let Some(unknown) = missing(&folders, &listing.classes) {
                let message =
                    format!("{}: class {unknown:?} is not among the training classes", part.display());
                return Err(Error::new(message));
            }
            if let Some(lacking) = missing(&listing.classes, &folders) {
                return Err(Error::new(format!(
                    "{}: there is no folder of class {lacking:?}",
                    part.display()
                )));
            }
        }
        for (label, class) in listing.classes.iter().enumerate() {
            let folder = part.join(class);
            let before = listing.files.len();
            for name in names(&folder)? {
                let path = folder.join(&name);
                if keep(&name).map_err(|what| Error::new(format!("{}: {what}", path.display())))? {
                    listing.files.push(Listed { label, name: relative(root, &path), path });
                }
            }
            if listing.files.len() == before {
                return Err(Error::new(format!("{}: the class has no files", folder.display())));
            }
        }
    }
    Ok(listing)
}
