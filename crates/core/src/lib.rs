//! The words of the house as types.
//!
//! This crate owns what attacks, defenses, learners and the runner speak to each other: [`Dataset`] and
//! [`Poisoned`], [`Seed`] streams, exact [`Rate`]s, [`Trigger`]s and [`Goal`]s, the metrics, and the traits of
//! the families. It contains no algorithm of the field.

mod attack;
mod class;
mod dataset;
mod defense;
mod error;
mod federated;
pub mod files;
mod goal;
mod groups;
mod learner;
pub mod metrics;
mod network;
mod origin;
pub mod points;
mod poisoned;
mod rate;
mod relabel;
mod removal;
mod rows;
mod seed;
pub mod similarity;
mod steps;
mod trigger;

pub use attack::{Attack, Member, Needs, Scene};
pub use class::Class;
pub use dataset::{Dataset, Info};
pub use defense::{
    Certificate, Certified, ControlArm, Damaged, Defense, Evidence, Filter, Findings, Flags, InputDetector,
    Knowledge, ModelDetector, Reads, Regime, Repair, ReversedTrigger, Role, Subject, Told, Training, Verdict,
    by_score, top_scores,
};
pub use error::{Error, Result};
pub use federated::{
    Aggregate, Aggregator, All, FromAll, FromOwn, Mixing, Own, Reader, Reading, ServerNeeds, UpdateAttack,
    Updates,
};
pub use goal::{AsrScope, Goal, LabelMap};
pub use groups::Groups;
pub use learner::{
    Cutoffs, Followed, Learner, Machine, Model, NamedTensors, Observer, Online, Relearns, Retraining,
    Samples, Silent, Sorted, Support, Work, best_class, fit_each, shared,
};
pub use network::{Mode, Network};
pub use origin::Origins;
pub use poisoned::{Added, Poison, Poisoned, Target, Truth};
pub use rate::{Rate, RateOf, budget, held_out};
pub use relabel::{Chosen, Labels, Relabel};
pub use removal::{MAD_SCALE, Removal, median_and_mad, median_and_mad_in};
pub use rows::{Documents, Images, RowKind, Rows, Shape, Table};
pub use seed::Seed;
pub use steps::{Batch, Course, Feed, Pace, Part, Plain, Steps};
pub use trigger::{ImageTrigger, Trigger};
