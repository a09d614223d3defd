//! Shares of the labels.

use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Look, Monitor};

/// Watches how far the share of any class among the given labels has moved.
///
/// Paper: none of its own; the prior shift of Moreno-Torres, Raeder, Alaiz-Rodríguez, Chawla, Herrera 2012, "A Unifying
/// View on Dataset Shift in Classification".
///
/// max_c |p_c − q_c|, p the shares of the classes in the window and q in the reference window. It needs no model, and
/// sees flips towards one class, not flips that leave the shares alone.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LabelRate {}

impl Kind for LabelRate {}

impl Monitor for LabelRate {
    fn drift(&self, reference: &Look, now: &Look) -> Option<f64> {
        let total = |look: &Look| look.labels.iter().sum::<usize>() as f64;
        let (n, m) = (total(reference), total(now));
        if n == 0.0 || m == 0.0 {
            return None;
        }
        let moved =
            reference.labels.iter().zip(&now.labels).map(|(&q, &p)| (p as f64 / m - q as f64 / n).abs());
        moved.reduce(f64::max)
    }
}
