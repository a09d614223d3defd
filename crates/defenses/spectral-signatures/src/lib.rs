//! Filters that look for a second population in the features of a class.

mod classes;
mod ica;
mod kmeans;
mod pca;
mod reclassify;
mod robust;
mod silhouette;

use aconite_core::Defense;

pub use classes::Scope;

aconite_grid::family! {
    /// Filters that look for a second population in the features of a class.
    pub DEFENSES: dyn Defense = {
        spectral_signatures::SpectralSignatures,
        activation_clustering::ActivationClustering,
        spectre::Spectre,
    }
}
