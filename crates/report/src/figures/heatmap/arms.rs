//! Control arms in the matrix: they were run beside the points, and their numbers lie in the points' rows.

use std::collections::BTreeMap;

use super::matrix::Defense;
use crate::figures::tradeoff::twin_accuracy;
use crate::role::Role;
use crate::stats::Stat;
use crate::summary::{Point, value};

/// Whether some defense was run on the clean twin.
pub(super) fn twins(points: &[&Point]) -> bool {
    points.iter().any(|p| p.stat("twin_clean_accuracy").is_some())
}

/// Clean accuracy of the clean twin under a defense, or under none.
pub(super) fn twin(points: &[&Point], defense: &str, undefended: bool) -> Option<Stat> {
    if undefended {
        return twin_accuracy(points);
    }
    let same: Vec<&Point> = points.iter().copied().filter(|p| p.defense == defense).collect();
    over_seeds(&same, "twin_clean_accuracy")
}

/// The arms that were run beside filters, as rows.
pub(super) fn rows(points: &[&Point]) -> Vec<Defense<'static>> {
    let row = |(name, arm, told): (&'static str, &'static str, &str)| Defense {
        name,
        role: Role::Control,
        told: told.to_owned(),
        arm: Some(arm),
    };
    [
        ("perfect_filter", "perfect_filter", "told: poisoned rows"),
        ("random_filter", "random_filter", "of the filters' sizes"),
    ]
    .into_iter()
    .filter(|(_, arm, _)| filters(points).any(|p| p.stat(&format!("{arm}_attack_success")).is_some()))
    .map(row)
    .collect()
}

/// A metric of an arm against an attack, over all filters beside which it was run.
pub(super) fn of_filters(points: &[&Point], attack: &str, metric: &str) -> Option<Stat> {
    let same: Vec<&Point> = filters(points).filter(|p| p.attack == attack).collect();
    over_seeds(&same, metric)
}

/// Chains have arms of their own: what comes after their filter goes on.
fn filters<'a>(points: &[&'a Point]) -> impl Iterator<Item = &'a Point> {
    points.iter().copied().filter(|p| p.role == Role::Filter)
}

/// A metric over the seeds, each seed's value being the mean over the points.
fn over_seeds(points: &[&Point], metric: &str) -> Option<Stat> {
    let mut by_seed: BTreeMap<u64, (f64, usize)> = BTreeMap::new();
    for (row, value) in points.iter().flat_map(|p| &p.done).filter_map(|r| Some((r, value(r, metric)?))) {
        let sum = by_seed.entry(row.seed).or_default();
        *sum = (sum.0 + value, sum.1 + 1);
    }
    Stat::of(&by_seed.into_values().map(|(sum, n)| sum / n as f64).collect::<Vec<_>>())
}
