//! Data sets: one file each.
//!
//! This crate owns file formats, where data sets are looked for, and the checks that what is found is what was
//! published. What an experiment does with the rows is not known here.

pub mod export;
mod idx;
mod places;
mod subset;

use std::fmt::Debug;
use std::path::PathBuf;

use aconite_core::{Dataset, Result};

pub use places::Places;
pub use subset::{Common, balanced};

aconite_grid::family! {
    /// Every data set.
    pub DATASETS: dyn Source = {
        fashion_mnist_mini::FashionMnistMini,
        fashion_mnist::FashionMnist,
        mnist::Mnist,
        exported::Exported,
        mock::Mock,
    }
}

/// A training and a test set.
#[derive(Debug, Clone)]
pub struct Split {
    /// What the victim learns from, and the attack changes.
    pub train: Dataset,
    /// What the victim is judged by; nobody changes or chooses anything by it.
    pub test: Dataset,
}

/// A data set: where it is and how it is read.
pub trait Source: Debug + Send + Sync {
    /// Reads and checks it.
    ///
    /// # Errors
    /// It is not there (the message says where it was looked for and how to get it), or a file is not what was
    /// published.
    fn load(&self, places: &Places) -> Result<Split>;

    /// What identifies the content, for the keys of results: hashes of the files.
    ///
    /// # Errors
    /// As [`Source::load`].
    fn fingerprint(&self, places: &Places) -> Result<String>;

    /// Licence and origin in a line.
    fn licence(&self) -> &'static str;

    /// Where the files were found; `None` for an embedded set.
    ///
    /// # Errors
    /// They were not found.
    fn found(&self, places: &Places) -> Result<Option<PathBuf>>;
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_registry_keeps_its_promises() {
        aconite_grid::assert_invariants(super::DATASETS);
    }
}
