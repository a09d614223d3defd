//! Attacks that mail words to a learning spam filter.
//!
//! The adversary sends mail that the victim learns as spam, and chooses its words so that honest mail looks like it.
//! Every message is added to the training set; none of the victim's own is touched.

mod letters;
mod list;

use aconite_core::Attack;

aconite_grid::family! {
    /// Attacks that mail words to a learning spam filter.
    pub ATTACKS: dyn Attack = {
        dictionary::Dictionary,
        focused::Focused,
        optimal::Optimal,
    }
}
