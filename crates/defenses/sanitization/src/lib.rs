//! Filters by neighbourhood, distance and loss, and the two control arms.

mod joint;
mod neighbours;
mod points;

use aconite_core::Defense;

pub use points::Space;

aconite_grid::family! {
    /// Filters by neighbourhood, distance and loss, and the two control arms.
    pub DEFENSES: dyn Defense = {
        deep_knn::DeepKnn,
        l2::L2,
        slab::Slab,
        loss::Loss,
        svd::Svd,
        knn_distance::KnnDistance,
        knn_relabel::KnnRelabel,
        confident_learning::ConfidentLearning,
        random_filter::RandomFilter,
        perfect_filter::PerfectFilter,
    }
}
