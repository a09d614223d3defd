//! Data sets: one file each.
//!
//! This crate owns file formats, where data sets are looked for, and the checks that what is found is what was
//! published. What an experiment does with the rows is not known here.

mod cifar_set;
mod class_folders;
mod columns;
mod delimited;
mod division;
mod embedded;
pub mod export;
pub mod fetch;
mod files;
mod formats;
mod idx_set;
mod mail_set;
mod pictures;
mod places;
mod subset;
mod tensors;
mod vocabulary;

use std::fmt::Debug;
use std::path::PathBuf;

use aconite_core::{Dataset, Result};

pub use pictures::Colour;
pub use places::Places;
pub use subset::{Common, balanced, cut};
pub use tensors::Layout;

aconite_grid::family! {
    /// Every data set.
    pub DATASETS: dyn Source = {
        fashion_mnist_mini::FashionMnistMini,
        fashion_mnist::FashionMnist,
        mnist::Mnist,
        cifar10::Cifar10,
        cifar100::Cifar100,
        svhn::Svhn,
        gtsrb::Gtsrb,
        sms_spam::SmsSpam,
        spamassassin::Spamassassin,
        rt_polarity::RtPolarity,
        spambase::Spambase,
        breast_cancer::BreastCancer,
        nsl_kdd::NslKdd,
        traffic::Traffic,
        image_folder::ImageFolder,
        mail_folder::MailFolder,
        csv::Csv,
        text_csv::TextCsv,
        idx::Idx,
        npz::Npz,
        safetensors::Safetensors,
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

    /// Whether the files take so long to decode that the decoded images are worth keeping in the store.
    fn is_worth_keeping(&self) -> bool {
        false
    }

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
