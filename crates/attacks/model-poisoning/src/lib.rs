//! Attacks on the updates that malicious clients of a federation send.
//!
//! Rows are updates: weights after local training less the global weights, so that honest clients pull along the
//! mean of the rows. Where papers write of gradients, the update is a negative multiple of one.

mod deviation;
mod draws;
mod knowledge;
mod krum;
mod products;
mod rows;

use aconite_core::Attack;

pub use deviation::Deviation;
pub use knowledge::Knowledge;

aconite_grid::family! {
    /// Attacks on the updates that malicious clients of a federation send.
    pub ATTACKS: dyn Attack = {
        alie::Alie,
        fang_krum::FangKrum,
        fang_trim::FangTrim,
        gaussian::Gaussian,
        ipm::Ipm,
        mimic::Mimic,
        min_max::MinMax,
        min_sum::MinSum,
        sign_flip::SignFlip,
    }
}
