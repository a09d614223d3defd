//! Several monitors.

use aconite_core::{Error, Result};
use aconite_grid::{Kind, Nested};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Monitor;

/// Several monitors side by side: the alarm of any one is an alarm.
///
/// Paper: none of its own.
///
/// Each has its own `threshold` and `sigmas`; beside `several` they are refused.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Several {
    /// The monitors, each as in `[stream.monitor]`: a kind with its settings.
    pub monitors: Vec<Value>,
}

impl Kind for Several {
    const NESTED: Option<Nested> = Some(Nested::List("monitors"));
}

impl Monitor for Several {
    fn parts(&self) -> Option<&[Value]> {
        Some(&self.monitors)
    }

    fn check(&self) -> Result<()> {
        match self.monitors.is_empty() {
            true => Err(Error::at("monitors", "several monitors without one watch nothing")
                .hint("monitors = [\"holdout_accuracy\", \"ks\"]")),
            false => Ok(()),
        }
    }
}
