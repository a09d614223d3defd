//! What each stage computes: from its settings and its inputs in the store to its outputs.

mod certify;
mod data;
mod detect;
mod evaluate;
mod features;
mod federate;
mod filter;
mod fit;
mod folds;
mod kept;
mod poison;
mod repair;
mod stream;
mod workshop;

use aconite_core::Observer;
use aconite_plan::{Key, Stage, StageName, StoreError};
use serde_json::Value;

pub(crate) use certify::read as read_certificates;
pub(crate) use detect::read as read_detection;
pub(crate) use evaluate::read as read_predictions;
pub(crate) use federate::{Server, read as read_rounds};
pub(crate) use filter::read as read_verdict;
pub(crate) use poison::read_poison;
pub(crate) use stream::read as read_windows;
pub(crate) use workshop::{Workshop, load_split, number, seed};

/// What a stage gives: small values for its manifest, and files.
#[derive(Debug, Default)]
pub(crate) struct Output {
    pub(crate) value: Value,
    pub(crate) files: Vec<(String, Vec<u8>)>,
}

/// Why a stage gave nothing.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It cannot be computed from its settings; trying again gives the same.
    Failed(String),
    /// An input in the store is damaged or gone; it must be computed again first.
    Input(Key, String),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Failed(why) => f.write_str(why),
            Self::Input(key, why) => write!(f, "the stage {}: {why}", key.short()),
        }
    }
}

impl From<aconite_core::Error> for Failure {
    fn from(error: aconite_core::Error) -> Self {
        Self::Failed(match error.hint {
            Some(hint) => format!("{} (hint: {hint})", error.message),
            None => error.message,
        })
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Damaged { key, what } => Self::Input(key, what),
            other => Self::Failed(other.to_string()),
        }
    }
}

/// Computes a stage.
pub(crate) fn compute(
    stage: &Stage,
    shop: &mut Workshop,
    watch: &mut dyn Observer,
) -> Result<Output, Failure> {
    aconite_train::set_threads(number(&stage.settings, "/environment/threads").unwrap_or(1));
    match stage.name {
        StageName::Data => Err(Failure::Failed("data are read by the stages that need them".into())),
        StageName::Poison => poison::compute(stage, shop, watch),
        StageName::Surrogate | StageName::Fit => fit::compute(stage, shop, watch),
        StageName::Features => features::compute(stage, shop),
        StageName::Filter => filter::compute(stage, shop),
        StageName::Repair => repair::compute(stage, shop, watch),
        StageName::Detect => detect::compute(stage, shop, watch),
        StageName::Certify => certify::compute(stage, shop),
        StageName::Evaluate => evaluate::compute(stage, shop),
    }
}
