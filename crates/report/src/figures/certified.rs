//! `certified`: the share of test rows that stay right however the adversary uses its budget, against the budget.

use aconite_record::Certificates;

use super::axis::{Scale, ticks};
use super::canvas::{Align, Canvas};
use super::style::*;
use super::{Album, Figure};
use crate::Error;
use crate::format::{number, seeds};
use crate::role::Role;
use crate::stats::Stat;
use crate::study::{Facet, Study, of_cell};
use crate::summary::Point;

const PLOT: f64 = 360.0;
/// More lines than this tell nothing; the rest is left to the table.
const LINES: usize = 16;
/// A curve is drawn at no more radii than this.
const RADII: usize = 240;

pub(crate) fn draw(study: &Study, album: &mut Album) -> Result<(), Error> {
    if study.certificates.is_empty() {
        if study.reached("certify", Role::Certificate) {
            album.skip("certified", "certificates/ holds nothing, although cells were certified");
        }
        return Ok(());
    }
    let mut drawn = false;
    for facet in study.facets(&mut album.skipped, "certified") {
        drawn |= one(study, &facet, album)?;
    }
    if !drawn {
        album.skip("certified", "no done cell has certificates");
    }
    Ok(())
}

/// The curve of a point: at each radius the certified accuracy over the seeds.
struct Curve<'a> {
    point: &'a Point,
    defense: usize,
    steps: Vec<(f64, Stat)>,
}

fn one(study: &Study, facet: &Facet<'_>, album: &mut Album) -> Result<bool, Error> {
    let name = format!("certified{}", facet.suffix);
    let of = |p: &Point| -> Vec<Certificates> {
        p.done.iter().filter_map(|r| pooled(&of_cell(&study.certificates, &r.cell))).collect()
    };
    let mut points: Vec<&Point> = facet.points.iter().copied().filter(|p| !of(p).is_empty()).collect();
    if points.is_empty() {
        return Ok(false);
    }
    points.sort_by_key(|p| (study.defense(p), study.attack(p)));
    if points.len() > LINES {
        album.skip(&name, format!("{} more lines are only in the table", points.len() - LINES));
        points.truncate(LINES);
    }
    let right = |p: &Point| -> Vec<f64> {
        let held = of(p).into_iter().flat_map(|c| c.radii.into_iter().zip(c.correct));
        held.filter(|(r, right)| *right && r.is_finite()).map(|(r, _)| r).collect()
    };
    let radii = radii(points.iter().flat_map(|p| right(p)).collect());
    let mut defenses: Vec<&str> = Vec::new();
    let mut curves = Vec::new();
    for point in points {
        if !defenses.contains(&point.defense.as_str()) {
            defenses.push(&point.defense);
        }
        let defense = defenses.iter().position(|d| *d == point.defense).unwrap_or(0);
        let all = of(point);
        let at = |r: f64| Stat::of(&all.iter().map(|c| c.accuracy_at(r)).collect::<Vec<_>>());
        let steps = radii.iter().filter_map(|r| Some((*r, at(*r)?))).collect();
        curves.push(Curve { point, defense, steps });
    }

    let mut canvas = Canvas::default();
    let title = "Certified accuracy against the adversary's budget";
    let mut subtitle = study.setting(facet);
    if let [only] = defenses[..] {
        subtitle = if subtitle.is_empty() { only.to_owned() } else { format!("{subtitle} · {only}") };
    }
    let top = head(&mut canvas, title, &subtitle, WIDTH) + 8.0;
    let groups = legend_groups(study, &curves, &defenses);
    let room = legend_width(&groups, 215.0);
    let stats = || curves.iter().flat_map(|c| c.steps.iter().map(|s| s.1));
    let most = stats().map(|s| s.mean).fold(0.0, f64::max);
    let x = Scale {
        low: 0.0,
        high: radii.last().copied().unwrap_or(1.0).max(1.0),
        from: MARGIN + 58.0,
        to: WIDTH - MARGIN - room - 30.0,
        log: false,
    };
    let y = Scale { low: 0.0, high: (1.06 * most).clamp(0.05, 1.0), from: top + PLOT, to: top, log: false };
    frame(&mut canvas, &x, &y);
    for curve in &curves {
        curve.band(&mut canvas, &x, &y, ink(study.attack(curve.point)).alpha(0.13));
    }
    for curve in &curves {
        let points = curve.path(&x, &y, |s| s.mean);
        canvas.dashed(&points, dash(curve.defense), 2.2, ink(study.attack(curve.point)));
    }
    legend(&mut canvas, (x.to + 30.0, top), room, top + PLOT, &groups);
    let counts = curves.iter().filter_map(|c| Some(c.steps.first()?.1.n));
    let mut caption = match stats().any(|s| s.interval.is_some()) {
        true => format!("Mean of {}; bands: 95 % t-interval.", seeds(counts)),
        false => "One seed, so no interval.".to_owned(),
    };
    caption.push_str(" A changed training row counts as two: one removed, one inserted.");
    let height = foot(&mut canvas, &caption, top + PLOT + 58.0, WIDTH);
    let reading = "At 0 stands the plain accuracy. A line falls where predictions can no longer be proven to hold: \
                   whatever the adversary inserts or removes within the budget, the accuracy stays on or above the \
                   line. The proof does not depend on the attack that was run.";
    let svg = canvas.svg(&name, title, (WIDTH, height))?;
    album.figures.push(Figure { name, title: title.into(), reading: reading.into(), svg, shown: true });
    Ok(true)
}

/// The certificates of all trials of a cell as one: each trial has a victim of its own.
fn pooled(trials: &[&Certificates]) -> Option<Certificates> {
    let mut all = Certificates::default();
    for trial in trials {
        all.radii.extend(&trial.radii);
        all.correct.extend(&trial.correct);
    }
    (!all.radii.is_empty()).then_some(all)
}

/// The radii at which the curves fall, from 0 on; evenly spaced ones where they are too many.
fn radii(mut all: Vec<f64>) -> Vec<f64> {
    all.push(0.0);
    all.retain(|r| *r >= 0.0);
    all.sort_by(f64::total_cmp);
    all.dedup();
    if all.len() > RADII {
        let most = all.last().copied().unwrap_or(0.0);
        let even = |i: usize| most * i as f64 / (RADII - 1) as f64;
        all = (0..RADII).map(even).collect();
    }
    all
}

impl Curve<'_> {
    /// Steps: the value of a radius holds down to the radius before it, and is 0 beyond the last.
    fn path(&self, x: &Scale, y: &Scale, of: impl Fn(&Stat) -> f64) -> Vec<(f64, f64)> {
        let mut path: Vec<(f64, f64)> = Vec::new();
        let mut from = 0.0;
        for (radius, stat) in &self.steps {
            let at = y.at(of(stat).clamp(y.low, y.high));
            path.extend([(x.at(from), at), (x.at(*radius), at)]);
            from = *radius;
        }
        path.push((x.at(from), y.from));
        path.dedup();
        path
    }

    fn band(&self, canvas: &mut Canvas, x: &Scale, y: &Scale, ink: super::canvas::Ink) {
        if self.steps.iter().all(|s| s.1.interval.is_none()) {
            return;
        }
        let end = |high: bool| {
            move |s: &Stat| {
                let (lo, hi) = s.interval.unwrap_or((s.mean, s.mean));
                if high { hi } else { lo }
            }
        };
        let mut outline = self.path(x, y, end(true));
        outline.extend(self.path(x, y, end(false)).into_iter().rev());
        canvas.area(outline, ink);
    }
}

fn legend_groups(study: &Study, curves: &[Curve<'_>], defenses: &[&str]) -> Vec<Group> {
    let mut attacks: Vec<(usize, String)> = Vec::new();
    for curve in curves {
        let attack = (study.attack(curve.point), curve.point.attack_without_rate.clone());
        if !attacks.contains(&attack) {
            attacks.push(attack);
        }
    }
    let line = |(i, name): (usize, String)| (Key::Line { ink: ink(i), dash: 0 }, name);
    let mut groups = vec![Group { heading: "Attack", entries: attacks.into_iter().map(line).collect() }];
    if defenses.len() > 1 {
        let line = |(i, name): (usize, &&str)| (Key::Dash { dash: i }, (*name).to_owned());
        groups.push(Group { heading: "Defense", entries: defenses.iter().enumerate().map(line).collect() });
    }
    groups
}

fn frame(canvas: &mut Canvas, x: &Scale, y: &Scale) {
    let (marks, decimals) = ticks(x.low, x.high, 6);
    for tick in marks {
        canvas.line((x.at(tick), y.from), (x.at(tick), y.to), 1.0, GRID);
        canvas.text((x.at(tick), y.from + 15.0), &number(tick, decimals), TICK, Align::Middle);
    }
    let (marks, decimals) = ticks(100.0 * y.low, 100.0 * y.high, 5);
    for tick in marks.into_iter().filter(|t| *t <= 100.0) {
        let at = y.at(tick / 100.0);
        canvas.line((x.from, at), (x.to, at), 1.0, GRID);
        canvas.text((x.from - 9.0, at), &number(tick, decimals), TICK, Align::Right);
    }
    canvas.path([(x.from, y.to), (x.from, y.from), (x.to, y.from)], 1.25, FAINT);
    let words = "radius: training rows inserted or removed";
    canvas.text(((x.from + x.to) / 2.0, y.from + 40.0), words, LABEL, Align::Middle);
    canvas.upward((MARGIN + 8.0, (y.from + y.to) / 2.0), "certified accuracy (%)", LABEL);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn radii_begin_at_zero_and_are_not_too_many() {
        assert_eq!(radii(vec![3.0, 1.0, 3.0, -1.0]), [0.0, 1.0, 3.0]);
        let many = radii((0..1000).map(f64::from).collect());
        assert_eq!((many.len(), many[0], many[RADII - 1]), (RADII, 0.0, 999.0));
    }

    #[test]
    fn the_trials_of_a_seed_are_one_value() {
        let trial =
            |radius: f64, right| Certificates { radii: vec![radius, 1.0], correct: vec![right, true] };
        let all = pooled(&[&trial(5.0, true), &trial(9.0, false)]).unwrap();
        assert_eq!([1.0, 2.0, 6.0].map(|r| all.accuracy_at(r)), [0.75, 0.25, 0.0]);
        assert!(pooled(&[]).is_none());
    }
}
