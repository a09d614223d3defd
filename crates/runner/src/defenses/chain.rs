//! Several defenses in a row.

use aconite_core::{Defense, Error, Result, Role};
use aconite_grid::{Kind, Nested};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Several defenses in a row: filters, then a regime or a certificate, then repairs, then detectors.
///
/// Paper: none of its own; defense in depth, with each step as its own paper says.
///
/// A filter looks at what the filters before it left, a regime trains on that, a repair mends what was trained, a
/// detector inspects the last model. Chains that begin with the same steps share their stages. A step is told what
/// it declares, not what another step is told.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Chain {
    /// The defenses in order, each as in `[defense]`: a kind with its settings.
    pub(crate) steps: Vec<Value>,
}

impl Kind for Chain {
    const NESTED: Option<Nested> = Some(Nested::List("steps"));
}

impl Defense for Chain {
    fn role(&self) -> Role<'_> {
        Role::Chain
    }
}

/// Checks that steps can follow each other.
///
/// # Errors
/// Names the first step that cannot stand where it stands.
pub(crate) fn check_order(steps: &[(&str, Role<'_>)]) -> Result<()> {
    if steps.is_empty() {
        return Err(Error::at("steps", "a chain without steps defends nothing")
            .hint("steps = [\"spectral_signatures\", \"fine_tune\"]"));
    }
    let mut last: Option<(&str, &'static str, usize)> = None;
    let mut certified: Option<&str> = None;
    for (at, (kind, role)) in steps.iter().enumerate() {
        let (word, rank) = match role {
            Role::Filter(_) | Role::Control(_) => ("a filter", 0),
            Role::Mixing(_) => ("a mixing of updates", 0),
            Role::Aggregator(_) => ("a rule", 1),
            Role::Regime(_) => ("a regime", 1),
            Role::Certificate(_) => ("a certificate", 1),
            Role::Repair(_) => ("a repair", 2),
            Role::InputDetector(_) | Role::ModelDetector(_) => ("a detector", 3),
            Role::None | Role::Chain => {
                return Err(Error::at(&format!("steps.{at}"), format!("{kind:?} is no step of a chain"))
                    .hint("leave it out"));
            }
        };
        if let Some(before) = certified {
            let message = format!(
                "{kind} cannot follow {before}: a certificate is a proof about its own model, which nothing may change"
            );
            return Err(Error::at(&format!("steps.{at}"), message));
        }
        if let Some((before, before_word, before_rank)) = last
            && (rank < before_rank || rank == 1 && before_rank == 1)
        {
            let message = format!("{kind} ({word}) cannot follow {before} ({before_word})");
            return Err(Error::at(&format!("steps.{at}"), message)
                .hint("the order is: filters, one regime or certificate, repairs, detectors; in a federation: mixings, one rule, repairs, detectors"));
        }
        if matches!(role, Role::Certificate(_)) {
            certified = Some(kind);
        }
        last = Some((kind, word, rank));
    }
    Ok(())
}
