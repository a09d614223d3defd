//! What counts as the attacker's success.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the adversary is after. The goal computes success; attacks do not grade themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// No attack: no success to speak of.
    None,
    /// A worse model: success is the drop of clean accuracy against the clean twin.
    Availability,
    /// Untouched inputs of a class are misread as the map says.
    Targeted(LabelMap),
    /// Chosen test inputs, one a trial and untouched, are misread as `wanted`.
    TargetedInputs {
        /// The label that the adversary wants for them.
        wanted: usize,
    },
    /// Inputs with the trigger are misread as the map says.
    Backdoor(LabelMap),
}

impl Goal {
    /// The word used in results.
    pub fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Availability => "availability",
            Self::Targeted(_) | Self::TargetedInputs { .. } => "targeted",
            Self::Backdoor(_) => "backdoor",
        }
    }

    /// The single target class, if the goal has one.
    pub fn target(&self) -> Option<usize> {
        match self {
            Self::Targeted(map) | Self::Backdoor(map) => map.target(),
            Self::TargetedInputs { wanted } => Some(*wanted),
            Self::None | Self::Availability => None,
        }
    }
}

/// Which label the attacker wants for a triggered input of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelMap {
    /// Every class becomes `target`.
    AllToOne {
        /// The wanted label.
        target: usize,
    },
    /// Class y becomes y + 1 modulo the number of classes.
    AllToAll {
        /// Number of classes.
        classes: usize,
    },
    /// Only inputs of `source` become `target`.
    SourceSpecific {
        /// The class attacked.
        source: usize,
        /// The wanted label.
        target: usize,
    },
}

impl LabelMap {
    /// The label wanted for a triggered input of class `label`, or `None` if the attack leaves it alone.
    pub fn wanted(&self, label: usize) -> Option<usize> {
        match *self {
            Self::AllToOne { target } => Some(target),
            Self::AllToAll { classes } => Some((label + 1) % classes),
            Self::SourceSpecific { source, target } => (label == source).then_some(target),
        }
    }

    /// The single target class, if there is one.
    pub fn target(&self) -> Option<usize> {
        match *self {
            Self::AllToOne { target } | Self::SourceSpecific { target, .. } => Some(target),
            Self::AllToAll { .. } => None,
        }
    }

    /// Whether rows of class `label` get another label.
    pub fn changes(&self, label: usize) -> bool {
        self.wanted(label).is_some_and(|wanted| wanted != label)
    }

    /// Whether a triggered test input of class `label` counts towards attack success.
    pub fn counts(&self, label: usize, scope: AsrScope) -> bool {
        self.wanted(label).is_some_and(|wanted| wanted != label || scope == AsrScope::All)
    }
}

/// Which triggered test inputs count towards attack success.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum AsrScope {
    /// Only inputs whose true class is not already the wanted one.
    #[default]
    NonTarget,
    /// All inputs, also those of the target class, as some tools count.
    All,
}
