//! `timeline`: attack success and clean accuracy of a stream over its windows, a curve an operator, with the alarms.

use std::collections::BTreeMap;

use aconite_record::{WindowRow, Windows};
use serde_json::Value;

use super::panel::{Frame, TURNS, message};
use super::{Album, Figure, ink_of, reach};
use crate::Error;
use crate::figures::axis::{Scale, share_range};
use crate::figures::canvas::{Align, Canvas, Ink};
use crate::figures::style::*;
use crate::format::interval_words;
use crate::label::value_text;
use crate::stats::Stat;
use crate::study::{Facet, Study, of_cell};
use crate::summary::Point;

/// Attacks on a page, and pages; more curves than this in a panel tell nothing.
const ATTACKS: usize = 2;
const PAGES: usize = 4;
const OPERATORS: usize = 8;
/// Height of an operator's line of alarms.
const LINE: f64 = 13.0;
const GAP: f64 = 26.0;

const READING: &str = "One curve an operator, each column an attack. Marks above the panels: the windows in which a \
                       monitor raised an alarm. How long until the first one, how deep does the accuracy fall and how \
                       high does the attack get until the operator has mended it, and does it come back afterwards?";

/// An operator under an attack, by window.
struct Curve {
    /// Its place among the operators.
    operator: usize,
    success: Vec<(f64, Stat)>,
    clean: Vec<(f64, Stat)>,
    /// Share of the seeds with an alarm.
    alarms: Vec<(f64, f64)>,
}

/// The curves of an attack.
struct Column<'a> {
    name: &'a str,
    none: bool,
    curves: Vec<Curve>,
    shaded: Option<(f64, f64)>,
    twin: Vec<(f64, Stat)>,
}

pub(crate) fn draw(study: &Study, album: &mut Album) -> Result<(), Error> {
    let facets = study.facets_by(&mut album.skipped, "timeline", |point| {
        point.streamed().then_some(&point.context_without_policy)
    });
    for facet in &facets {
        one(study, facet, album)?;
    }
    Ok(())
}

fn one(study: &Study, facet: &Facet<'_>, album: &mut Album) -> Result<(), Error> {
    let name = format!("timeline{}", facet.suffix);
    let mut operators = operators(&facet.points);
    if operators.len() > OPERATORS {
        album.skip(&name, format!("{} more operators are only in the table", operators.len() - OPERATORS));
        operators.truncate(OPERATORS);
    }
    let columns = columns(study, facet, &operators);
    if columns.is_empty() {
        album.skip(&name, "windows/ holds no windows of a done cell");
    }
    let pages = columns.len().div_ceil(ATTACKS);
    if pages > PAGES {
        album.skip(&name, format!("{} more attacks are only in the table", columns.len() - PAGES * ATTACKS));
    }
    for (i, columns) in columns.chunks(ATTACKS).enumerate().take(PAGES) {
        let name = if i == 0 { name.clone() } else { format!("{name}-page{}", i + 1) };
        let part = if pages > 1 { format!(" ({} of {})", i + 1, pages.min(PAGES)) } else { String::new() };
        page(study, facet, (name, &part), columns, &operators, album)?;
    }
    Ok(())
}

/// The operators of a context by name, those who do nothing first: their kind, and what else varies among those of a kind.
fn operators(points: &[&Point]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for point in points {
        let name = operator(points, point);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.sort_by_key(|name| name != "none");
    names
}

fn policy(point: &Point) -> Option<&Value> {
    point.any()?.setting("stream.policy")
}

fn operator(points: &[&Point], point: &Point) -> String {
    let Some(own) = policy(point).and_then(Value::as_object) else { return "none".to_owned() };
    let mut name = own.get("kind").and_then(Value::as_str).unwrap_or("none").to_owned();
    let same =
        || points.iter().filter_map(|p| policy(p)).filter(|other| other.get("kind") == own.get("kind"));
    for (key, value) in own {
        if same().any(|other| other.get(key) != Some(value)) {
            name.push_str(&format!(" {key}={}", value_text(value)));
        }
    }
    name
}

fn columns<'a>(study: &'a Study, facet: &Facet<'a>, operators: &[String]) -> Vec<Column<'a>> {
    let mut columns: Vec<Column<'a>> = Vec::new();
    let mut points = facet.points.clone();
    points.sort_by_key(|p| (study.attack(p), study.defense(p)));
    for point in points {
        let own = operator(&facet.points, point);
        let Some(operator) = operators.iter().position(|o| *o == own) else { continue };
        // A defense of the last model does not change the course: the first of several has it for all.
        let column = columns.iter().find(|c| c.name == point.attack);
        if column.is_some_and(|c| c.curves.iter().any(|curve| curve.operator == operator)) {
            continue;
        }
        let seeds: Vec<&Windows> =
            point.done.iter().flat_map(|row| of_cell(&study.windows, &row.cell)).collect();
        if seeds.iter().all(|seed| seed.windows.len() < 2) {
            continue;
        }
        let course = |of: fn(&WindowRow) -> Option<f64>| {
            over_seeds(seeds.iter().flat_map(|s| &s.windows).filter_map(|w| Some((w.window, of(w)?))))
        };
        let alarmed = course(|w| Some(f64::from(u8::from(w.alarms.contains(&true)))));
        let curve = Curve {
            operator,
            success: course(|w| w.attack_success),
            clean: course(|w| w.clean_accuracy),
            alarms: alarmed.into_iter().map(|(w, s)| (w, s.mean)).filter(|(_, share)| *share > 0.0).collect(),
        };
        match columns.iter_mut().find(|c| c.name == point.attack) {
            Some(column) => column.curves.push(curve),
            None => columns.push(Column {
                name: &point.attack,
                none: point.goal == "none",
                curves: vec![curve],
                shaded: seeds
                    .iter()
                    .find_map(|s| s.attack)
                    .map(|(from, until)| (from as f64 - 0.5, until as f64 - 0.5)),
                twin: over_seeds(seeds.iter().flat_map(|s| s.twin.iter().copied().enumerate())),
            }),
        }
    }
    columns
}

/// Values by window.
fn over_seeds(values: impl Iterator<Item = (usize, f64)>) -> Vec<(f64, Stat)> {
    let mut all: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    values.for_each(|(window, value)| all.entry(window).or_default().push(value));
    all.into_iter().filter_map(|(window, values)| Some((window as f64, Stat::of(&values)?))).collect()
}

fn page(
    study: &Study,
    facet: &Facet<'_>,
    (name, part): (String, &str),
    columns: &[Column<'_>],
    operators: &[String],
    album: &mut Album,
) -> Result<(), Error> {
    let mut canvas = Canvas::default();
    let curves = || columns.iter().flat_map(|c| &c.curves);
    let success: Vec<Stat> = curves().flat_map(|c| &c.success).map(|s| s.1).collect();
    let clean: Vec<Stat> = curves().flat_map(|c| &c.clean).map(|s| s.1).collect();
    let both = if success.is_empty() { "Clean accuracy" } else { "Attack success and clean accuracy" };
    let title = format!("{both} over the windows{part}");
    let top = head(&mut canvas, &title, &study.setting(facet), WIDTH);
    let left = MARGIN + 60.0;
    let wide = (WIDTH - MARGIN - left - GAP * (columns.len() - 1) as f64) / columns.len() as f64;
    let high = 190.0;
    let end = curves().flat_map(|c| &c.clean).map(|s| s.0).fold(1.0, f64::max);
    let twins = columns.iter().flat_map(|c| &c.twin).map(|s| s.1.mean);
    let means: Vec<f64> = clean.iter().map(|s| s.mean).chain(twins).collect();
    let range = share_range(&means, 0.05);
    let alarmed = curves().any(|c| !c.alarms.is_empty());
    let (mut bottom, mut turns) = (top, false);
    for (at, column) in columns.iter().enumerate() {
        let from = left + at as f64 * (wide + GAP);
        let heading = if column.none { "no attack" } else { column.name };
        canvas.text((from, top + 10.0), &HEADING.fit(heading, wide), HEADING, Align::Left);
        let mut y = top + 28.0;
        let first = at == 0;
        if alarmed {
            y = alarms(&mut canvas, column, (from, from + wide), (y, end), operators.len(), first) + 10.0;
        }
        if !success.is_empty() {
            let frame = Frame::new((from, from + wide), (y, y + high), reach(&success), ("window", end));
            frame.draw(&mut canvas, first.then_some("attack success (%)"), column.shaded, false);
            if column.curves.iter().all(|c| c.success.is_empty()) {
                message(&mut canvas, &frame, column.none);
            }
            column.curves.iter().for_each(|c| frame.band(&mut canvas, &c.success, ink_of(c.operator)));
            let courses = column.curves.iter().map(|c| (&c.success[..], ink_of(c.operator)));
            turns |= frame.curves(&mut canvas, courses);
            y += high + 20.0;
        }
        let frame = Frame::new((from, from + wide), (y, y + high), range, ("window", end));
        frame.draw(&mut canvas, first.then_some("clean accuracy (%)"), column.shaded, true);
        column.curves.iter().for_each(|c| frame.band(&mut canvas, &c.clean, ink_of(c.operator)));
        frame.dashes(&mut canvas, &column.twin);
        turns |= frame.curves(&mut canvas, column.curves.iter().map(|c| (&c.clean[..], ink_of(c.operator))));
        bottom = y + high + 58.0;
    }
    let under = legend(&mut canvas, operators, bottom + 10.0);
    let mut caption = interval_words(&clean.into_iter().chain(success).collect::<Vec<_>>(), "bands");
    if columns.iter().any(|c| !c.twin.is_empty()) {
        caption.push_str(" Grey dashed: the clean twin, the same stream without attack and operator.");
    }
    if columns.iter().any(|c| c.shaded.is_some()) {
        caption.push_str(" Shaded: the windows in which the attack is on.");
    }
    if turns {
        caption.push_str(TURNS);
    }
    if alarmed {
        caption.push_str(" Marks above: alarms, paler where not all seeds had one.");
    }
    let height = foot(&mut canvas, &caption, under, WIDTH);
    let svg = canvas.svg(&name, &title, (WIDTH, height))?;
    album.figures.push(Figure { name, title, reading: READING.into(), svg, shown: true });
    Ok(())
}

/// The lines of alarms, one an operator; returns where they end.
fn alarms(
    canvas: &mut Canvas,
    column: &Column<'_>,
    (left, right): (f64, f64),
    (top, end): (f64, f64),
    operators: usize,
    labelled: bool,
) -> f64 {
    let x = Scale { low: 0.0, high: end, from: left + 6.0, to: right - 6.0, log: false };
    let bottom = top + LINE * operators as f64;
    if let Some((from, until)) = column.shaded {
        let (from, until) = (x.at(from).clamp(left, right), x.at(until).clamp(left, right));
        canvas.rect((from, top), (until - from, bottom - top), VERMILLION.alpha(0.09));
    }
    let half = (0.36 * (x.at(1.0) - x.at(0.0))).clamp(1.0, 4.5);
    for curve in &column.curves {
        let y = top + LINE * (curve.operator as f64 + 0.5);
        canvas.line((left, y), (right, y), 1.0, GRID);
        for (window, share) in &curve.alarms {
            let ink: Ink = ink_of(curve.operator).alpha(0.25 + 0.75 * share);
            canvas.rect((x.at(*window) - half, y - 4.5), (2.0 * half, 9.0), ink);
        }
    }
    if labelled {
        canvas.text((left - 7.0, (top + bottom) / 2.0), "alarms", TICK, Align::Right);
    }
    bottom
}

/// The operators in columns below the panels; returns where they end.
fn legend(canvas: &mut Canvas, operators: &[String], y: f64) -> f64 {
    let name = |operator: &str| match operator {
        "none" => "no operator acts".to_owned(),
        other => other.to_owned(),
    };
    let step = (WIDTH - 2.0 * MARGIN) / 2.0;
    let rows = operators.len().div_ceil(2);
    for (i, operator) in operators.iter().enumerate() {
        let at = (MARGIN + (i / rows) as f64 * step, y + (i % rows) as f64 * 23.0);
        canvas.line(at, (at.0 + 28.0, at.1), 3.0, ink_of(i));
        canvas.text((at.0 + 38.0, at.1), &TEXT.fit(&name(operator), step - 46.0), TEXT, Align::Left);
    }
    y + rows as f64 * 23.0
}
