//! A stage: one step of work, and everything that determines what comes out.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Key;

/// What a stage does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageName {
    /// Decodes a data set whose files take long to read; no stage of the plan, only kept with them.
    Data,
    /// Trains a model for the attack to look at, or for the victim to start from.
    Surrogate,
    /// Makes the poison.
    Poison,
    /// Trains a victim.
    Fit,
    /// Penultimate activations and scores of a model on its training set.
    Features,
    /// Scores training rows and says which to remove.
    Filter,
    /// Mends a trained model.
    Repair,
    /// Flags inputs of a model, or the model.
    Detect,
    /// Predictions with a proof.
    Certify,
    /// Predictions and metrics on the test set.
    Evaluate,
}

impl StageName {
    /// The word used in results.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Surrogate => "surrogate",
            Self::Poison => "poison",
            Self::Fit => "fit",
            Self::Features => "features",
            Self::Filter => "filter",
            Self::Repair => "repair",
            Self::Detect => "detect",
            Self::Certify => "certify",
            Self::Evaluate => "evaluate",
        }
    }

    /// Raise it when the stage's own code gives another result than before.
    pub(crate) fn version(self) -> u32 {
        match self {
            Self::Poison | Self::Features | Self::Filter => 2,
            _ => 1,
        }
    }
}

/// A stage: everything that determines its output, and the stages whose outputs it reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// Its identity.
    pub key: Key,
    /// What it does.
    pub name: StageName,
    /// All settings that it reads, with defaults.
    pub settings: Value,
    /// Keys of its inputs, by the part they play: `poison`, `model`, `features`, `filter`.
    pub inputs: Vec<(String, Key)>,
}

impl Stage {
    /// The key of the input that plays a part.
    pub fn input(&self, part: &str) -> Option<&Key> {
        self.inputs.iter().find(|(p, _)| p == part).map(|(_, key)| key)
    }
}
