//! The words of the house as types.
//!
//! This crate owns what attacks, defenses, learners and the runner speak to each other: [`Dataset`] and
//! [`Poisoned`], [`Seed`] streams, exact [`Rate`]s, [`Trigger`]s and [`Goal`]s, the metrics, and the traits of
//! the families. It contains no algorithm of the field.

mod attack;
mod dataset;
mod defense;
mod error;
mod goal;
mod learner;
pub mod metrics;
mod origin;
mod poisoned;
mod rate;
mod rows;
mod seed;
mod trigger;

pub use attack::Attack;
pub use dataset::{Dataset, Info};
pub use defense::{
    ControlArm, Defense, Evidence, Filter, Knowledge, Role, Told, Verdict, by_score, top_scores,
};
pub use error::{Error, Result};
pub use goal::{AsrScope, Goal, LabelMap};
pub use learner::{Learner, Model, NamedTensors, Observer, Silent, Work, best_class};
pub use origin::Origins;
pub use poisoned::{Poison, Poisoned, Truth};
pub use rate::{Rate, RateOf, budget};
pub use rows::{Documents, Images, RowKind, Rows, Shape, Table};
pub use seed::Seed;
pub use trigger::{ImageTrigger, Trigger};
