//! From e-mail messages and texts to tokens, and SpamBayes' score of them.
//!
//! This crate owns what a word is: the parser of messages ([`mail_tokens`]), the tokens of bodies and texts, a
//! [`Lexicon`] that numbers them, and the exact [`spambayes`] scorer. It knows nothing of data sets and victims, and
//! builds without libtorch. Whatever bytes it is given, it gives tokens and does not panic.

mod body;
mod hostile;
mod html;
mod lexicon;
mod mail;
pub mod spambayes;
mod words;

pub use body::{Limits, body_tokens, chunks};
pub use html::strip;
pub use lexicon::Lexicon;
pub use mail::{body_text, head, mail_tokens};
pub use words::words;
