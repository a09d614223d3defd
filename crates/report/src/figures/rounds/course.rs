//! What a federation's rounds were over the seeds.

use std::collections::BTreeMap;

use aconite_record::{CellRow, RoundRow, Rounds};

use crate::stats::Stat;
use crate::study::{Facet, Study, of_cell};
use crate::summary::Point;

/// A curve is drawn at no more rounds than this.
const ROUNDS: usize = 300;

/// The curves of an attack.
pub(super) struct Attack<'a> {
    pub(super) name: &'a str,
    /// Whether there is no attack.
    pub(super) none: bool,
    /// Curves, by rule.
    pub(super) curves: Vec<Curve>,
    /// The rounds with an attack, if they are not all.
    pub(super) window: Option<(f64, f64)>,
}

/// A rule under an attack, by round.
pub(super) struct Curve {
    /// Index of the rule in [`Facet`]'s legend.
    pub(super) rule: usize,
    pub(super) success: Vec<(f64, Stat)>,
    pub(super) clean: Vec<(f64, Stat)>,
    /// Whether rounds that were looked at are left out.
    pub(super) thinned: bool,
}

impl Attack<'_> {
    /// Whether it aims at anything but accuracy.
    pub(super) fn succeeds(&self) -> bool {
        self.curves.iter().any(|c| !c.success.is_empty())
    }
}

/// The attacks of a context with the curves of these rules, and how many rules are left out.
pub(super) fn attacks<'a>(study: &'a Study, facet: &Facet<'a>, rules: &[&str]) -> Vec<Attack<'a>> {
    let mut attacks: Vec<Attack<'a>> = Vec::new();
    let mut points: Vec<&'a Point> = facet.points.clone();
    points.sort_by_key(|p| (study.attack(p), study.defense(p)));
    for point in points {
        let seeds = seeds(study, point);
        let Some(rule) = rules.iter().position(|r| *r == point.defense) else { continue };
        let (success, clean) = (course(&seeds, |r| r.attack_success), course(&seeds, |r| r.clean_accuracy));
        if success.is_empty() && clean.is_empty() {
            continue;
        }
        let thinned = success.len().max(clean.len()) > ROUNDS;
        let curve = Curve { rule, success: thin(success), clean: thin(clean), thinned };
        match attacks.iter_mut().find(|a| a.name == point.attack) {
            Some(attack) => attack.curves.push(curve),
            None => attacks.push(Attack {
                name: &point.attack,
                none: point.goal == "none",
                curves: vec![curve],
                window: point.any().filter(|_| point.goal != "none").and_then(|row| window(row, &seeds)),
            }),
        }
    }
    attacks
}

/// Those of a federation by the share of malicious clients: what the rules end with after the last round.
pub(super) fn by_share<'a>(study: &'a Study, points: &[&'a Point], rules: &[&str]) -> Vec<Attack<'a>> {
    let mut attacks: Vec<Attack<'a>> = Vec::new();
    let mut points = points.to_vec();
    points.sort_by(|a, b| {
        let order = (study.attack(a), study.defense(a)).cmp(&(study.attack(b), study.defense(b)));
        order.then(a.malicious.partial_cmp(&b.malicious).unwrap_or(std::cmp::Ordering::Equal))
    });
    for point in points.into_iter().filter(|p| p.goal != "none") {
        let Some(rule) = rules.iter().position(|r| *r == point.defense) else { continue };
        let Some(share) = point.malicious else { continue };
        // An attack on availability has no success of its own: it is the accuracy that the other panel shows.
        let value = |metric: &str, wanted: bool| {
            point.shown(metric).filter(|_| wanted).map(|stat| (100.0 * share, stat))
        };
        let attack = match attacks.iter().position(|a| a.name == point.attack) {
            Some(at) => at,
            None => {
                attacks.push(Attack { name: &point.attack, none: false, curves: Vec::new(), window: None });
                attacks.len() - 1
            }
        };
        let curves = &mut attacks[attack].curves;
        let curve = match curves.iter().position(|c| c.rule == rule) {
            Some(at) => at,
            None => {
                curves.push(Curve { rule, success: Vec::new(), clean: Vec::new(), thinned: false });
                curves.len() - 1
            }
        };
        curves[curve].success.extend(value("attack_success", !point.availability()));
        curves[curve].clean.extend(value("clean_accuracy", true));
    }
    attacks
}

/// The rules of a context that have rounds, in the order of the study.
pub(super) fn rules<'a>(study: &'a Study, points: &[&'a Point]) -> Vec<&'a str> {
    let mut points: Vec<&'a Point> = points.to_vec();
    points.retain(|p| p.federated() && seeds(study, p).iter().flatten().any(|r| !r.rounds.is_empty()));
    points.sort_by_key(|p| study.defense(p));
    let mut rules: Vec<&str> = points.into_iter().map(|p| p.defense.as_str()).collect();
    rules.dedup();
    rules
}

/// The rounds of each seed: one file, or one a trial.
fn seeds<'a>(study: &'a Study, point: &Point) -> Vec<Vec<&'a Rounds>> {
    let files = point.done.iter().map(|row| of_cell(&study.rounds, &row.cell));
    files.filter(|trials| !trials.is_empty()).collect()
}

/// A value at each round that was looked at, over the seeds; a seed's is the mean of its trials.
fn course(seeds: &[Vec<&Rounds>], of: impl Fn(&RoundRow) -> Option<f64>) -> Vec<(f64, Stat)> {
    let mut all: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for trials in seeds {
        let mut own: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
        for round in trials.iter().flat_map(|trial| &trial.rounds) {
            own.entry(round.round).or_default().extend(of(round));
        }
        for (round, values) in own {
            all.entry(round).or_default().extend(Stat::of(&values).map(|s| s.mean));
        }
    }
    all.into_iter().filter_map(|(round, values)| Some((round as f64, Stat::of(&values)?))).collect()
}

/// Every k-th value and the last one, where they are too many to be told apart.
fn thin(course: Vec<(f64, Stat)>) -> Vec<(f64, Stat)> {
    let (step, last) = (course.len().div_ceil(ROUNDS).max(1), course.len().saturating_sub(1));
    let kept = course.into_iter().enumerate().filter(|(i, _)| i % step == 0 || *i == last);
    kept.map(|(_, value)| value).collect()
}

/// From half a round before the attack's first to half a round after its last; none if it is on throughout.
fn window(row: &CellRow, seeds: &[Vec<&Rounds>]) -> Option<(f64, f64)> {
    let setting = |key: &str| row.setting(&format!("federation.{key}"))?.as_u64();
    let seen = seeds.iter().flatten().flat_map(|r| &r.rounds).map(|r| r.round as u64 + 1).max();
    let rounds = setting("rounds").or(seen)?;
    let from = setting("attack_from").unwrap_or(0);
    let until = setting("attack_until").unwrap_or(rounds).min(rounds);
    let part = (from > 0 || until < rounds) && from < until;
    part.then_some((from as f64 - 0.5, until as f64 - 0.5))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(values: &[(usize, Option<f64>)]) -> Rounds {
        let round = |(round, clean_accuracy): &(usize, Option<f64>)| RoundRow {
            round: *round,
            clean_accuracy: *clean_accuracy,
            attack_success: None,
            clients: vec![0],
            attacking: vec![false],
            weights: None,
            seconds: 1.0,
        };
        Rounds { rounds: values.iter().map(round).collect(), ..Rounds::default() }
    }

    #[test]
    fn a_round_is_the_mean_over_the_seeds_that_looked_at_it() {
        let a = rounds(&[(0, Some(0.2)), (1, None), (2, Some(0.8))]);
        let (b, c) = (rounds(&[(0, Some(0.4)), (2, Some(0.5))]), rounds(&[(0, Some(0.8)), (2, Some(0.7))]));
        // The second seed has two trials: 0.6 and 0.6 on average.
        let all = course(&[vec![&a], vec![&b, &c]], |r| r.clean_accuracy);
        let numbers: Vec<_> = all.iter().map(|(round, s)| (*round, s.n)).collect();
        assert_eq!(numbers, [(0.0, 2), (2.0, 2)]);
        assert!((all[0].1.mean - 0.4).abs() < 1e-12 && (all[1].1.mean - 0.7).abs() < 1e-12);
        // t(0.975, 1) · 0.28284 / √2 = 12.7062 · 0.2 on either side.
        let (low, high) = all[0].1.interval.unwrap();
        assert!((low + 2.141_24).abs() < 1e-4 && (high - 2.941_24).abs() < 1e-4, "{low} {high}");
        assert!(course(&[vec![&a]], |r| r.attack_success).is_empty());
    }

    #[test]
    fn long_courses_are_thinned_to_their_end() {
        let one = Stat::of(&[0.5]).unwrap();
        let all: Vec<(f64, Stat)> = (0..1000).map(|r| (f64::from(r), one)).collect();
        let few = thin(all.clone());
        assert_eq!((few.len(), few[1].0, few[few.len() - 1].0), (251, 4.0, 999.0));
        assert_eq!(thin(all[..ROUNDS].to_vec()).len(), ROUNDS);
        assert!(thin(Vec::new()).is_empty());
    }

    #[test]
    fn the_window_is_told_where_the_attack_is_not_on_throughout() {
        let of = |federation: serde_json::Value| {
            let study = Study::of(vec![CellRow {
                schema: 1,
                cell: "c".into(),
                point: 0,
                seed: 0,
                status: aconite_record::Status::Done,
                error: None,
                settings: serde_json::json!({ "federation": federation }),
                axes: vec![],
                goal: "backdoor".into(),
                knowledge: vec![],
                needs: vec![],
                metrics: BTreeMap::new(),
                seconds: BTreeMap::new(),
                provenance: aconite_record::Provenance::default(),
            }]);
            window(&study.rows[0], &[])
        };
        let json = |from, until: Option<u32>| serde_json::json!({"rounds": 40, "attack_from": from, "attack_until": until});
        assert_eq!([of(json(0, None)), of(json(0, Some(40))), of(json(0, Some(99)))], [None; 3]);
        assert_eq!(of(json(10, None)), Some((9.5, 39.5)));
        assert_eq!(of(json(10, Some(20))), Some((9.5, 19.5)));
        assert_eq!(of(json(50, None)), None, "the attack never begins");
    }
}
