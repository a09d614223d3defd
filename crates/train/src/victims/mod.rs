//! Victims that are no network: one file each. `[train]` is not for them.

use aconite_core::Learner;

mod anomaly;
mod decision;
pub(crate) mod documents;
mod subspace;
pub mod words;

aconite_grid::family! {
    /// Every victim that is no network.
    pub VICTIMS: dyn Learner = {
        logistic::Logistic,
        svm::Svm,
        spambayes::Spambayes,
        naive_bayes::NaiveBayes,
        centroid::Centroid,
        pca_subspace::PcaSubspace,
        robust_pca::RobustPca,
        mock::Mock,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_registry_keeps_its_promises() {
        aconite_grid::assert_invariants(super::VICTIMS);
    }
}
