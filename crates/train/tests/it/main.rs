//! Training as its users call it.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests are tests

mod centroid;
mod logistic;
mod nets;
mod subspace;
mod svm;
mod table;
mod texts;
mod together;
mod words;
