//! From an experiment's TOML to its cells.
//!
//! This crate owns the registry of kinds, the grammar of an experiment (base file, sections, axes, seeds,
//! claims) and its errors, which name file, line and column and put a caret under the culprit. It knows no
//! algorithm: the runner hands it the sections and their kinds as a [`Schema`].

mod axes;
mod error;
mod expect;
mod experiment;
mod hint;
mod registry;
mod resolve;
mod schema;
mod source;
mod tree;

pub use error::Error;
pub use expect::{Bound, Expect};
pub use experiment::{Experiment, Override, Point};
pub use hint::nearest;
pub use registry::{Entry, Field, Kind, Nested, Spec, assert_invariants, rebuild};
pub use schema::{Schema, Section};
pub use source::Place;

/// A TOML value with the span of each of its parts.
pub(crate) type Tree = toml::Spanned<toml::de::DeValue<'static>>;
/// A TOML table with the span of each of its parts.
pub(crate) type Table = toml::de::DeTable<'static>;
