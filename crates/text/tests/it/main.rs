//! Tests of tokens and of SpamBayes' score.
#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

mod mail;
mod score;
