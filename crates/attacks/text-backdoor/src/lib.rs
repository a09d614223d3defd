//! Attacks on texts: words and sentences that open a backdoor, and fake reviews of a product.

use aconite_core::Attack;

pub mod insertion;
mod mention;
mod phrases;
mod rows;

pub use insertion::{Insertion, Position};

aconite_grid::family! {
    /// Attacks on texts.
    pub ATTACKS: dyn Attack = {
        rare_word::RareWord,
        sentence::Sentence,
        fake_reviews::FakeReviews,
    }
}
