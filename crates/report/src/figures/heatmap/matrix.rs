//! What stands in the matrix: defenses by role against attacks, and the best and worst of each.

use std::collections::BTreeMap;

use super::arms;
use crate::format::told;
use crate::role::Role;
use crate::stats::Stat;
use crate::study::{Facet, Study};
use crate::summary::Point;

/// A defense fails against an attack if it leaves at least this share of what the attack gets undefended.
pub(super) const FAILS: f64 = 0.5;
/// A defense is too costly if its victim's clean accuracy is lower than the undefended one's by more than this.
pub(super) const COSTLY: f64 = 0.1;
/// An attack that gets less than this undefended cannot be defended against; the second is for accuracy drops.
pub(super) const WORKS: (f64, f64) = (0.1, 0.02);

/// A defense, or an arm that stands for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Defense<'a> {
    pub(super) name: &'a str,
    pub(super) role: Role,
    /// What it was told beyond the data, in words.
    pub(super) told: String,
    /// The prefix of the metrics of a control arm that was run beside the filters; none for a point of the grid.
    pub(super) arm: Option<&'static str>,
}

/// An attack, or its absence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attack<'a> {
    pub(super) name: &'a str,
    pub(super) availability: bool,
    /// Whether there is no attack.
    pub(super) none: bool,
    /// What it needs beside the training set.
    pub(super) needs: String,
}

impl Attack<'_> {
    /// Its name, marked if its success is an accuracy drop.
    pub(super) fn marked(&self) -> String {
        match (self.none, self.availability) {
            (true, _) => "no attack".to_owned(),
            (_, true) => format!("{}\u{a0}†", self.name),
            _ => self.name.to_owned(),
        }
    }
}

/// What is known of a metric at a place of the matrix.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Cell {
    /// A mean, perhaps with an interval.
    Value(Stat),
    /// All its cells failed.
    Failed,
    /// Its cells ended and do not have the metric.
    Without,
    /// The grid has no such point, or it has not ended.
    NotRun,
}

impl Cell {
    pub(super) fn stat(&self) -> Option<&Stat> {
        match self {
            Self::Value(stat) => Some(stat),
            _ => None,
        }
    }
}

/// The highest success over the attacks.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Worst<'a> {
    pub(super) stat: Stat,
    pub(super) attack: Attack<'a>,
    /// Whether an attack has no result, so that the worst may be worse.
    pub(super) at_least: bool,
}

/// The lowest success over the defenses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Best<'a> {
    pub(super) stat: Stat,
    pub(super) defense: &'a str,
    /// The clean accuracy that it keeps.
    pub(super) accuracy: Option<Stat>,
}

/// All defenses and attacks of a facet.
#[derive(Debug)]
pub(super) struct Matrix<'a> {
    pub(super) attacks: Vec<Attack<'a>>,
    pub(super) defenses: Vec<Defense<'a>>,
    /// The points of the facet, those without a result among them.
    points: Vec<&'a Point>,
    /// The same by the names of attack and defense.
    places: BTreeMap<(&'a str, &'a str), &'a Point>,
}

impl<'a> Matrix<'a> {
    pub(super) fn of(study: &'a Study, facet: &Facet<'a>) -> Self {
        let points: Vec<&Point> = study.points.iter().filter(|p| p.context == facet.context).collect();
        let mut sorted = points.clone();
        sorted.sort_by(|a, b| {
            let key = |p: &Point| (study.attack(p), p.rate);
            key(a).partial_cmp(&key(b)).unwrap_or(std::cmp::Ordering::Equal)
        });
        let (mut attacks, mut defenses): (Vec<Attack<'_>>, Vec<Defense<'_>>) = (Vec::new(), Vec::new());
        for point in sorted {
            if !attacks.iter().any(|a| a.name == point.attack) {
                attacks.push(Attack {
                    name: &point.attack,
                    availability: point.availability(),
                    none: point.goal == "none",
                    needs: needed(points.iter().filter(|p| p.attack == point.attack)),
                });
            }
            if !defenses.iter().any(|d| d.name == point.defense) {
                let role = study.role(&point.defense);
                let told = all_told(role, points.iter().filter(|p| p.defense == point.defense));
                defenses.push(Defense { name: &point.defense, role, told, arm: None });
            }
        }
        let place = |d: &Defense<'_>| study.defenses.iter().position(|known| known == d.name);
        defenses.sort_by_key(|d| (d.role, place(d)));
        if arms::twins(&points) && !attacks.iter().any(|a| a.none) {
            attacks.push(Attack { name: "none", availability: false, none: true, needs: String::new() });
        }
        let arms = arms::rows(&points).into_iter().filter(|arm| !defenses.iter().any(|d| d.name == arm.name));
        let arms: Vec<Defense<'_>> = arms.collect();
        let end = defenses.iter().position(|d| d.role > Role::Control).unwrap_or(defenses.len());
        defenses.splice(end..end, arms);
        let place = |p: &&'a Point| ((p.attack.as_str(), p.defense.as_str()), *p);
        let places = points.iter().rev().map(place).collect();
        Self { attacks, defenses, points, places }
    }

    /// Number of points' attacks and defenses: without the arms, and without the absence of both.
    pub(super) fn size(&self) -> (usize, usize) {
        let own = |d: &&Defense<'_>| d.arm.is_none();
        let run = |a: &&Attack<'_>| self.points.iter().any(|p| p.attack == a.name);
        (self.attacks.iter().filter(run).count(), self.defenses.iter().filter(own).count())
    }

    fn point(&self, attack: &str, defense: &str) -> Option<&'a Point> {
        self.places.get(&(attack, defense)).copied()
    }

    pub(super) fn cell(&self, metric: &str, attack: &Attack<'_>, defense: &Defense<'_>) -> Cell {
        if let Some(arm) = defense.arm {
            return arms::of_filters(&self.points, attack.name, &format!("{arm}_{metric}"))
                .map_or(Cell::Without, Cell::Value);
        }
        if attack.none && metric == "clean_accuracy" {
            let twin = || arms::twin(&self.points, defense.name, defense.role == Role::None);
            let own = self.point(attack.name, defense.name).and_then(|p| p.shown(metric));
            return own.or_else(twin).map_or(Cell::NotRun, Cell::Value);
        }
        match self.point(attack.name, defense.name) {
            None => Cell::NotRun,
            Some(point) => match point.shown(metric) {
                Some(stat) => Cell::Value(stat),
                None if !point.done.is_empty() => Cell::Without,
                None => Cell::Failed,
            },
        }
    }

    /// The attacks that have the metric with some defense.
    pub(super) fn columns(&self, metric: &str, rows: &[Defense<'a>]) -> Vec<Attack<'a>> {
        let has = |a: &&Attack<'_>| rows.iter().any(|d| self.cell(metric, a, d).stat().is_some());
        self.attacks.iter().filter(has).cloned().collect()
    }

    /// The mean of a metric without a defense.
    fn undefended(&self, metric: &str, attack: &Attack<'_>) -> Option<f64> {
        let none = self.defenses.iter().find(|d| d.role == Role::None)?;
        Some(self.cell(metric, attack, none).stat()?.mean)
    }

    /// Whether the defense leaves at least half of what the attack gets undefended; nothing is said of an attack
    /// that gets hardly anything, and of what is no defense.
    pub(super) fn fails(&self, attack: &Attack<'_>, defense: &Defense<'_>) -> Option<bool> {
        let least = if attack.availability { WORKS.1 } else { WORKS.0 };
        let bare = self.undefended("attack_success", attack).filter(|s| *s >= least)?;
        let left = self.cell("attack_success", attack, defense).stat()?.mean;
        defense.role.defends().then_some(left >= FAILS * bare)
    }

    /// Whether the defense takes too much of the clean accuracy.
    pub(super) fn costly(&self, attack: &Attack<'_>, defense: &Defense<'_>) -> bool {
        let accuracy = self.cell("clean_accuracy", attack, defense).stat().map(|s| s.mean);
        let both = self.undefended("clean_accuracy", attack).zip(accuracy);
        defense.role.defends() && both.is_some_and(|(bare, own)| bare - own > COSTLY)
    }

    /// Against how many of these attacks the defense fails, and of how many it is known.
    pub(super) fn failures(&self, defense: &Defense<'_>, attacks: &[Attack<'_>]) -> (usize, usize) {
        let known: Vec<bool> = attacks.iter().filter_map(|a| self.fails(a, defense)).collect();
        (known.iter().filter(|fails| **fails).count(), known.len())
    }

    /// The attack that gets most from a defense. An accuracy drop is no share of inputs: attacks on availability
    /// count only where there are no others.
    pub(super) fn worst(&self, defense: &Defense<'_>, attacks: &[Attack<'a>]) -> Option<Worst<'a>> {
        let only = attacks.iter().all(|a| a.availability);
        let counted: Vec<&Attack<'_>> = attacks.iter().filter(|a| only || !a.availability).collect();
        let stats: Vec<(Stat, &Attack<'_>)> = counted
            .iter()
            .filter_map(|a| Some((*self.cell("attack_success", a, defense).stat()?, *a)))
            .collect();
        let (stat, attack) = stats.iter().copied().reduce(|a, b| if b.0.mean > a.0.mean { b } else { a })?;
        Some(Worst { stat, attack: attack.clone(), at_least: stats.len() < counted.len() })
    }

    /// The defense that leaves least of an attack and is not too costly; of equals the one that keeps most clean
    /// accuracy.
    pub(super) fn best(&self, attack: &Attack<'_>) -> Option<Best<'a>> {
        let counts = |d: &&Defense<'_>| d.role.defends() && !self.costly(attack, d);
        let all = self.defenses.iter().filter(counts).filter_map(|d| {
            let stat = *self.cell("attack_success", attack, d).stat()?;
            let accuracy = self.cell("clean_accuracy", attack, d).stat().copied();
            Some(Best { stat, defense: d.name, accuracy })
        });
        let key = |b: &Best<'_>| (b.stat.mean, -b.accuracy.map_or(0.0, |s| s.mean));
        all.reduce(|a, b| if key(&b) < key(&a) { b } else { a })
    }
}

/// What a defense was told, in words, over all its points.
fn all_told<'a>(role: Role, points: impl Iterator<Item = &'a &'a Point>) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in points.flat_map(|p| &p.knowledge) {
        if !words.contains(word) {
            words.push(word.clone());
        }
    }
    if role == Role::None { String::new() } else { told(&words) }
}

/// What an attack needs, in words, over all its points.
fn needed<'a>(points: impl Iterator<Item = &'a &'a Point>) -> String {
    let mut words: Vec<&str> = Vec::new();
    for word in points.filter_map(|p| p.any()).flat_map(|row| row.needs.iter().map(String::as_str)) {
        if !words.contains(&word) {
            words.push(word);
        }
    }
    if words.is_empty() { String::new() } else { format!("needs {}", words.join(", ")) }
}
