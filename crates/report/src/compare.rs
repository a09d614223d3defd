//! Two results side by side: paired differences per point and metric, with an interval and a verdict.

use std::collections::{BTreeMap, BTreeSet};

use aconite_record::{CellRow, Status, leaves, metric};

use crate::label::Labels;
use crate::stats::{Stat, paired};

/// Two results side by side.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Settings with other values throughout: path, values in the first, values in the second.
    pub changed: Vec<(String, String, String)>,
    /// Differences, by point and metric.
    pub differences: Vec<Difference>,
    /// Finished cells that only the first and only the second has.
    pub alone: (usize, usize),
}

/// What changed in a metric at a point.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Name of the attack.
    pub attack: String,
    /// Name of the defense.
    pub defense: String,
    /// What else tells the point from others.
    pub context: String,
    /// The metric.
    pub metric: String,
    /// Mean in the first.
    pub first: f64,
    /// Mean in the second.
    pub second: f64,
    /// Second minus first, paired by seed.
    pub difference: Stat,
    /// What that says.
    pub verdict: Verdict,
}

/// What a paired difference says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Every pair is equal to the last bit.
    Identical,
    /// The interval lies above 0.
    Higher,
    /// The interval lies below 0.
    Lower,
    /// The interval holds 0: no difference was seen, which is not to say that there is none.
    NotSeen,
    /// One seed has no interval, and nothing is claimed.
    OneSeed,
}

impl Verdict {
    /// The verdict in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Identical => "identical",
            Self::Higher => "higher in the second",
            Self::Lower => "lower in the second",
            Self::NotSeen => "no difference seen",
            Self::OneSeed => "one seed: no interval, no verdict",
        }
    }
}

/// Compares the finished cells of two results. Cells are the same if all their settings are, but for those that
/// differ throughout, and the seed is.
pub fn compare(first: &[CellRow], second: &[CellRow]) -> Comparison {
    let done = |rows: &[CellRow]| -> Vec<CellRow> {
        rows.iter().filter(|r| r.status == Status::Done).cloned().collect()
    };
    let (first, second) = (done(first), done(second));
    let (a, b) = (values(&first), values(&second));
    let changed: Vec<(String, String, String)> = a
        .keys()
        .chain(b.keys())
        .collect::<BTreeSet<_>>()
        .into_iter()
        .filter_map(|path| {
            let (one, other) =
                (a.get(path).cloned().unwrap_or_default(), b.get(path).cloned().unwrap_or_default());
            let list = |values: &BTreeSet<String>| match values.is_empty() {
                true => "–".to_owned(),
                false => values.iter().cloned().collect::<Vec<_>>().join(", "),
            };
            one.is_disjoint(&other).then(|| (path.clone(), list(&one), list(&other)))
        })
        .collect();
    let ignored: BTreeSet<&str> = changed.iter().map(|(path, ..)| path.as_str()).collect();
    let twins: BTreeMap<String, &CellRow> = second.iter().map(|r| (identity(r, &ignored, true), r)).collect();
    let mut points: Vec<(String, Vec<(&CellRow, &CellRow)>)> = Vec::new();
    let mut matched = 0;
    for row in &first {
        let Some(twin) = twins.get(&identity(row, &ignored, true)) else { continue };
        matched += 1;
        let point = identity(row, &ignored, false);
        match points.iter_mut().find(|(p, _)| *p == point) {
            Some((_, pairs)) => pairs.push((row, twin)),
            None => points.push((point, vec![(row, twin)])),
        }
    }
    let labels = Labels::of(&first);
    let differences = points.iter().flat_map(|(_, pairs)| differences(pairs, &labels)).collect();
    Comparison { changed, differences, alone: (first.len() - matched, second.len() - matched) }
}

/// All values of each setting, by its dotted path.
fn values(rows: &[CellRow]) -> BTreeMap<String, BTreeSet<String>> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in rows {
        leaves("", &row.settings, &mut |path| {
            let value = row.setting(path).map(ToString::to_string).unwrap_or_default();
            all.entry(path.to_owned()).or_default().insert(value);
        });
    }
    all
}

/// The settings of a cell but those that are ignored, as one string.
fn identity(row: &CellRow, ignored: &BTreeSet<&str>, with_seed: bool) -> String {
    let mut parts = Vec::new();
    leaves("", &row.settings, &mut |path| {
        if !ignored.contains(path) {
            parts.push(format!("{path}={}", row.setting(path).map(ToString::to_string).unwrap_or_default()));
        }
    });
    parts.sort();
    if with_seed {
        parts.push(format!("seed={}", row.seed));
    }
    parts.join("\n")
}

fn differences(pairs: &[(&CellRow, &CellRow)], labels: &Labels) -> Vec<Difference> {
    let Some((row, _)) = pairs.first() else { return Vec::new() };
    let mut names: Vec<&String> = row.metrics.keys().filter(|name| !metric::is_cost(name)).collect();
    names.sort_by_key(|name| (metric::rank(name), (*name).clone()));
    names
        .into_iter()
        .filter_map(|name| {
            // Second minus first.
            let values: Vec<(f64, f64)> =
                pairs.iter().filter_map(|(a, b)| Some((b.metric(name)?, a.metric(name)?))).collect();
            let difference = paired(&values)?;
            let mean = |side: fn(&(f64, f64)) -> f64| {
                Stat::of(&values.iter().map(side).collect::<Vec<_>>()).map_or(f64::NAN, |s| s.mean)
            };
            Some(Difference {
                attack: labels.attack(row),
                defense: labels.defense(row),
                context: labels.context(row),
                metric: name.clone(),
                first: mean(|v| v.1),
                second: mean(|v| v.0),
                verdict: verdict(&values, &difference),
                difference,
            })
        })
        .collect()
}

fn verdict(values: &[(f64, f64)], difference: &Stat) -> Verdict {
    if values.iter().all(|(b, a)| b.to_bits() == a.to_bits()) {
        return Verdict::Identical;
    }
    match difference.interval {
        None => Verdict::OneSeed,
        Some((lo, _)) if lo > 0.0 => Verdict::Higher,
        Some((_, hi)) if hi < 0.0 => Verdict::Lower,
        Some(_) => Verdict::NotSeen,
    }
}
