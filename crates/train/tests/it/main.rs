//! Training as its users call it.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests are tests

mod logistic;
mod nets;
mod svm;
mod table;
mod texts;
mod words;
