//! Attack success against clean accuracy, a panel an attack: for so many points that one panel would hide them.

use super::{Mark, corner};
use crate::Error;
use crate::figures::axis::{Scale, clip, share_range, ticks};
use crate::figures::canvas::{Align, Canvas, Ink, Type};
use crate::figures::style::*;
use crate::figures::{Album, Figure};
use crate::format::{interval_words, number, percent};
use crate::role::Role;
use crate::stats::Stat;
use crate::study::Study;

const COLUMNS: usize = 3;
/// More panels than this nobody looks at.
const PANELS: usize = 12;
const HIGH: f64 = 178.0;
const GAP: f64 = 16.0;
/// Above each panel stands its attack.
const HEAD: f64 = 34.0;
const AXIS: f64 = 56.0;
/// The axis ends this far below the highest accuracy: one collapsed victim would press all others together.
const DEPTH: f64 = 0.3;

pub(super) fn draw(
    study: &Study,
    (name, subtitle): (String, &str),
    marks: &[Mark<'_>],
    (twin, by_role): (Option<Stat>, bool),
    album: &mut Album,
) -> Result<Figure, Error> {
    // A detector leaves the victim as it is.
    let marks: Vec<&Mark<'_>> =
        marks.iter().filter(|m| study.role(&m.point.defense) != Role::Detector).collect();
    let mut attacks: Vec<&str> = Vec::new();
    for mark in &marks {
        if !attacks.contains(&mark.point.attack.as_str()) {
            attacks.push(&mark.point.attack);
        }
    }
    if attacks.len() > PANELS {
        album.skip(&name, format!("{} more attacks are only in the table", attacks.len() - PANELS));
        attacks.truncate(PANELS);
    }
    let mut canvas = Canvas::default();
    let title = "Attack success against clean accuracy";
    let top = head(&mut canvas, title, subtitle, WIDTH) + 8.0;
    let top = legend(&mut canvas, study, &marks, by_role, top);
    let wide = (WIDTH - 2.0 * MARGIN - AXIS - GAP * (COLUMNS - 1) as f64) / COLUMNS as f64;
    let (low, high) = range(&marks, twin.as_ref());
    let mut beyond = false;
    for (i, attack) in attacks.iter().enumerate() {
        let (column, line) = (i % COLUMNS, i / COLUMNS);
        let left = MARGIN + AXIS + column as f64 * (wide + GAP);
        let roof = top + HEAD + line as f64 * (HIGH + HEAD + 12.0);
        let x = Scale { low, high, from: left, to: left + wide, log: false };
        let y = Scale { low: -0.04, high: 1.04, from: roof + HIGH, to: roof, log: false };
        let last = i + COLUMNS >= attacks.len();
        let own: Vec<&Mark<'_>> = marks.iter().copied().filter(|m| m.point.attack == *attack).collect();
        let dagger = if own.iter().any(|m| m.point.availability()) { " †" } else { "" };
        let heading = HEADING.fit(attack, wide - HEADING.width(dagger)) + dagger;
        canvas.text((left, roof - 14.0), &heading, HEADING, Align::Left);
        corner(&mut canvas, &x, &y, twin.map(|t| t.mean));
        frame(&mut canvas, &x, &y, (column == 0, last));
        if let Some(twin) = twin.filter(|t| x.holds(t.mean)) {
            canvas.dashed(&[(x.at(twin.mean), y.from), (x.at(twin.mean), y.to)], &[5.0, 4.0], 1.25, GREY);
        }
        beyond |= points(&mut canvas, study, &own, &x, &y);
    }
    let lines = attacks.len().div_ceil(COLUMNS) as f64;
    let bottom = top + lines * (HIGH + HEAD + 12.0);
    let middle = MARGIN + AXIS + (WIDTH - 2.0 * MARGIN - AXIS) / 2.0;
    canvas.text((middle, bottom + 30.0), "clean accuracy (%)", LABEL, Align::Middle);
    canvas.upward((MARGIN + 8.0, top + HEAD + (bottom - top - HEAD) / 2.0), "attack success (%)", LABEL);
    let stats: Vec<Stat> = marks.iter().map(|m| m.success).collect();
    let mut caption = interval_words(&stats, "bars");
    if let Some(twin) = twin {
        caption.push_str(&format!(" Dashed line: clean twin, {} %.", percent(twin.mean)));
    }
    if beyond {
        caption.push_str(" Arrows: the accuracy is lower than the axis goes.");
    }
    if marks.iter().any(|m| m.point.availability()) {
        caption.push_str(" † availability attack: success = accuracy drop.");
    }
    let height = foot(&mut canvas, &caption, bottom + 44.0, WIDTH);
    let reading = "Below right, in the green corner, is where a defense should lead: the attack fails and the victim \
                   still works. The solid dot is the undefended victim.";
    let svg = canvas.svg(&name, title, (WIDTH, height))?;
    Ok(Figure { name, title: title.into(), reading: reading.into(), svg, shown: true })
}

/// The range of accuracies that all panels share.
fn range(marks: &[&Mark<'_>], twin: Option<&Stat>) -> (f64, f64) {
    let mut all: Vec<f64> = marks.iter().map(|m| m.accuracy.mean).chain(twin.map(|t| t.mean)).collect();
    let most = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    all.retain(|v| *v >= most - DEPTH);
    let (low, high) = share_range(&all, 0.03);
    let pad = 0.03 * (high - low);
    (low - pad, high + pad)
}

/// The markers in lines; returns where the panels may begin.
fn legend(canvas: &mut Canvas, study: &Study, marks: &[&Mark<'_>], by_role: bool, y: f64) -> f64 {
    let mut entries: Vec<(usize, bool, String)> = Vec::new();
    for mark in marks {
        let defense = &mark.point.defense;
        let name = if by_role { study.role(defense).plural().to_owned() } else { defense.clone() };
        let entry = (mark.shape, mark.point.undefended(), name);
        if !entries.contains(&entry) {
            entries.push(entry);
        }
    }
    entries.sort();
    let style = Type::new(13.5, BLACK);
    let (mut x, mut y) = (MARGIN, y + 6.0);
    for (shape, solid, name) in entries {
        let words = style.fit(&name, 260.0);
        let width = 20.0 + style.width(&words) + 20.0;
        if x > MARGIN && x + width > WIDTH - MARGIN + 20.0 {
            (x, y) = (MARGIN, y + 21.0);
        }
        marker(canvas, shape, (x + 7.0, y), 5.0, GREY, solid);
        canvas.text((x + 20.0, y), &words, style, Align::Left);
        x += width;
    }
    y + 12.0
}

/// Grid and ticks; words only at the left and the lower rim of the figure.
fn frame(canvas: &mut Canvas, x: &Scale, y: &Scale, (first, last): (bool, bool)) {
    let (marks, decimals) = ticks(100.0 * x.low, 100.0 * x.high, 3);
    let small = Type::new(13.0, GREY);
    for tick in marks.into_iter().filter(|t| (0.0..=100.0).contains(t)) {
        let at = x.at(tick / 100.0);
        canvas.line((at, y.from), (at, y.to), 1.0, GRID);
        if last {
            canvas.text((at, y.from + 13.0), &number(tick, decimals), small, Align::Middle);
        }
    }
    for tick in [0.0, 50.0, 100.0] {
        let at = y.at(tick / 100.0);
        canvas.line((x.from, at), (x.to, at), 1.0, GRID);
        if first {
            canvas.text((x.from - 8.0, at), &number(tick, 0), small, Align::Right);
        }
    }
    canvas.path([(x.from, y.to), (x.from, y.from), (x.to, y.from)], 1.25, FAINT);
}

/// Bars, then markers; returns whether one lies beyond the axis.
fn points(canvas: &mut Canvas, study: &Study, marks: &[&Mark<'_>], x: &Scale, y: &Scale) -> bool {
    let place = |m: &Mark<'_>| (x.at(m.accuracy.mean).max(x.from + 9.0), y.at(m.success.mean));
    let colour = |m: &Mark<'_>| -> Ink {
        if study.role(&m.point.defense) == Role::Control { GREY } else { ink(study.attack(m.point)) }
    };
    let mut beyond = false;
    for mark in marks {
        let (at, ink) = (place(mark), colour(mark).alpha(0.35));
        if let Some(((from, to), cut)) = mark.success.interval.and_then(|i| clip(i, y)) {
            whisker(canvas, ((at.0, y.at(from)), (at.0, y.at(to))), cut, ink);
        }
        if !x.holds(mark.accuracy.mean) {
            beyond = true;
            let tip = x.from - 1.0;
            canvas.area([(tip, at.1), (tip + 7.0, at.1 - 5.0), (tip + 7.0, at.1 + 5.0)], colour(mark));
            continue;
        }
        if let Some(((from, to), cut)) = mark.accuracy.interval.and_then(|i| clip(i, x)) {
            whisker(canvas, ((x.at(from), at.1), (x.at(to), at.1)), cut, ink);
        }
    }
    // The undefended victim is what all others are compared with: it lies on top.
    let (bare, defended): (Vec<&Mark<'_>>, Vec<&Mark<'_>>) = marks.iter().partition(|m| m.point.undefended());
    for mark in defended.iter().chain(&bare) {
        let mut at = place(mark);
        if !x.holds(mark.accuracy.mean) {
            at.0 += 6.0;
        }
        marker(canvas, mark.shape, at, 5.0, colour(mark), mark.point.undefended());
    }
    beyond
}
