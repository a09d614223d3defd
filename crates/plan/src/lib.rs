//! From cells to unique stages.
//!
//! A stage is a pure function of its settings and of the stages before it. This crate owns the shape of the
//! pipeline ([`Plan`]), the identity of a stage ([`Key`]) and the place where finished stages are kept
//! ([`Store`]). It computes nothing of the field itself and knows neither libtorch nor any algorithm.

mod arrays;
mod cell;
mod claim;
mod cost;
mod key;
mod pack;
mod pipeline;
mod queue;
mod stage;
mod store;

pub use arrays::{Array, Wait, arrays};
pub use cell::{AttackFacts, CellFacts, CellStages, Control, Line, Step, StepRole};
pub use claim::Claim;
pub use cost::{Basis, Cost, Costs, Passes, Size};
pub use key::Key;
pub use pack::{Cut, Load, Task, class_mb, pack};
pub use pipeline::{Environment, Plan, as_before};
pub use queue::Queue;
pub use stage::{Stage, StageName};
pub use store::{Entry, Kept, Manifest, Store, StoreError};
