//! A federation's rules: what a server makes of its clients' updates.
//!
//! Each rule is a function of the matrix clients × parameters. What takes time is shared: passes over blocks of
//! columns on all cores without a copy of the matrix, squared distances by one Gram product,
//! and sorting networks that order many coordinates at once.

mod combine;
mod distances;
mod kernels;
mod matrix;
mod mean_shift;
mod mix;
mod network;
mod require;

use aconite_core::Defense;

pub use mix::mix;

aconite_grid::family! {
    /// A federation's rules: what a server makes of its clients' updates.
    pub DEFENSES: dyn Defense = {
        mean::Mean,
        median::Median,
        trimmed_mean::TrimmedMean,
        krum::Krum,
        multi_krum::MultiKrum,
        bulyan::Bulyan,
        geometric_median::GeometricMedian,
        centered_clipping::CenteredClipping,
        norm_clipping::NormClipping,
        fools_gold::FoolsGold,
        fl_trust::FlTrust,
        flame::Flame,
        dnc::Dnc,
        sign_guard::SignGuard,
        lfr::Lfr,
        bucketing::Bucketing,
        nnm::Nnm,
    }
}
