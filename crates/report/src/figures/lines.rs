//! `lines`: attack success, or the displacement of a centre, against a numeric axis of the grid.

use std::collections::BTreeSet;

use super::axis::{Scale, clip, ticks};
use super::canvas::{Align, Canvas};
use super::style::*;
use super::{Album, Figure};
use crate::Error;
use crate::format::{heading, interval_words, is_share, number};
use crate::label::{Labels, slug, value_text};
use crate::stats::Stat;
use crate::study::Study;
use crate::summary::{Point, settings_beside};

const PANEL: f64 = 320.0;
/// More lines than this in one panel tell nothing; the rest is left to the table.
const LINES: usize = 14;
/// Fewer values than this are no course.
const VALUES: usize = 3;

pub(crate) fn draw(study: &Study, album: &mut Album) -> Result<(), Error> {
    let has = |metric: &str| study.points.iter().any(|p| p.shown(metric).is_some());
    let metric = if has("displacement") { "displacement" } else { "attack_success" };
    let paths = paths(study);
    if paths.is_empty() {
        album.skip("lines", "no axis of the grid holds three numbers, and nothing but numbers");
    }
    for path in paths {
        match path == "attack.rate" && metric == "attack_success" {
            true => album.skip("lines-attack.rate", "success against the rate is the figure `rate`"),
            false => one(study, album, &path, metric)?,
        }
    }
    Ok(())
}

/// The axes of the grid that hold three numbers and more, and nothing else.
fn paths(study: &Study) -> Vec<String> {
    let all: BTreeSet<&String> = study.rows.iter().flat_map(|row| &row.axes).collect();
    let numeric = |path: &&String| {
        let values: Option<Vec<f64>> = study.points.iter().filter_map(|p| x_of(p, path)).collect();
        values.is_some_and(|values| distinct(values).len() >= VALUES)
    };
    all.into_iter().filter(numeric).cloned().collect()
}

/// A point's place on an axis: nothing if it has none, and nothing within if that is no number.
fn x_of(point: &Point, path: &str) -> Option<Option<f64>> {
    let value = point.any()?.setting(path)?;
    (!value.is_null()).then(|| value.as_f64().filter(|v| v.is_finite()))
}

fn distinct(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values.dedup();
    values
}

/// Points that differ in nothing but their place on the axis.
struct Line<'a> {
    settings: String,
    /// The names of its attack and defense, and its context.
    words: [String; 3],
    /// What of them tells it from the others.
    name: String,
    /// By rising place.
    points: Vec<(f64, Stat, &'a Point)>,
}

fn lines<'a>(study: &'a Study, path: &str, metric: &str) -> Vec<Line<'a>> {
    let labels = Labels::of(&study.rows);
    let mut lines: Vec<Line<'_>> = Vec::new();
    for point in &study.points {
        let (Some(Some(x)), Some(stat), Some(row)) = (x_of(point, path), point.shown(metric), point.any())
        else {
            continue;
        };
        let (settings, own) = (settings_beside(row, path), (x, stat, point));
        match lines.iter_mut().find(|line| line.settings == settings) {
            Some(line) => line.points.push(own),
            None => {
                let words = labels.beside(row, path);
                lines.push(Line { settings, words, name: String::new(), points: vec![own] });
            }
        }
    }
    let varies = [0, 1, 2].map(|at| lines.iter().any(|line| line.words[at] != lines[0].words[at]));
    for line in &mut lines {
        let words = line.words.iter().zip(varies).filter(|(word, varies)| *varies && !word.is_empty());
        line.name = words.map(|(word, _)| word.as_str()).collect::<Vec<_>>().join(" · ");
        if line.name.is_empty() {
            line.name.clone_from(&line.words[0]);
        }
        line.points.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    lines
}

/// The kinds that are the same in all lines.
fn setting(lines: &[Line<'_>]) -> String {
    let rows = || lines.iter().flat_map(|line| &line.points).filter_map(|(_, _, point)| point.any());
    let kinds = ["dataset", "victim", "attack", "defense"].into_iter().filter_map(|section| {
        let kind = rows().next()?.kind(section);
        (kind != "none" && rows().all(|row| row.kind(section) == kind)).then_some(kind)
    });
    kinds.collect::<Vec<_>>().join(" · ")
}

fn one(study: &Study, album: &mut Album, path: &str, metric: &'static str) -> Result<(), Error> {
    let figure = format!("lines-{}", slug(path));
    let (short, label) = (path.rsplit('.').next().unwrap_or(path), heading(metric));
    let plain = label.trim_end_matches(" (%)");
    let mut lines = lines(study, path, metric);
    if lines.len() > LINES {
        album.skip(&figure, format!("{} more lines are only in the table", lines.len() - LINES));
        lines.truncate(LINES);
    }
    let all = || lines.iter().flat_map(|line| &line.points);
    let xs = distinct(all().map(|p| p.0).collect());
    if xs.len() < VALUES {
        album.skip(&figure, format!("there is {plain} of {} of its values: it takes {VALUES}", xs.len()));
        return Ok(());
    }
    let title = format!("{} against {}", capital(plain), short.replace('_', " "));
    let mut canvas = Canvas::default();
    let top = head(&mut canvas, &title, &setting(&lines), WIDTH) + 26.0;
    let percent = if is_share(metric) { 100.0 } else { 1.0 };
    let means: Vec<f64> = all().map(|p| percent * p.1.mean).collect();
    let (low, high) = range(&means, percent);
    let (left, right) = (MARGIN + 58.0, WIDTH - MARGIN - 14.0);
    let y = Scale { low, high, from: top + PANEL, to: top, log: false };
    let x = Scale { low: xs[0], high: xs[xs.len() - 1], from: left + 18.0, to: right - 18.0, log: false };
    canvas.text((MARGIN, top - 16.0), &label, LABEL, Align::Left);
    let (marks, decimals) = ticks(low, high, 5);
    for tick in marks {
        canvas.line((left, y.at(tick)), (right, y.at(tick)), 1.0, GRID);
        canvas.text((left - 7.0, y.at(tick)), &number(tick, decimals), TICK, Align::Right);
    }
    let mut free = f64::NEG_INFINITY;
    for &value in &xs {
        let (at, text) = (x.at(value), value_text(&value.into()));
        canvas.line((at, y.from), (at, y.from + 5.0), 1.25, FAINT);
        let half = TICK.width(&text) / 2.0;
        if at - half > free + 6.0 {
            canvas.text((at, y.from + 17.0), &text, TICK, Align::Middle);
            free = at + half;
        }
    }
    canvas.path([(left, y.to), (left, y.from), (right, y.from)], 1.25, FAINT);
    canvas.text(((left + right) / 2.0, y.from + 42.0), path, LABEL, Align::Middle);
    let count = lines.len().max(1) as f64;
    for (i, line) in lines.iter().enumerate() {
        // A little beside each other, so that bars do not hide one another.
        let aside = (i as f64 - (count - 1.0) / 2.0) * (12.0 / count).min(3.0);
        let at = |p: &(f64, Stat, &Point)| (x.at(p.0) + aside, y.at(percent * p.1.mean));
        for point in &line.points {
            let interval = point.1.interval.map(|(lo, hi)| (percent * lo, percent * hi));
            if let Some(((low, high), cut)) = interval.and_then(|interval| clip(interval, &y)) {
                whisker(
                    &mut canvas,
                    ((at(point).0, y.at(low)), (at(point).0, y.at(high))),
                    cut,
                    ink(i).alpha(0.4),
                );
            }
        }
        canvas.dashed(&line.points.iter().map(at).collect::<Vec<_>>(), dash(i), 2.2, ink(i));
        line.points.iter().for_each(|point| marker(&mut canvas, i, at(point), 5.0, ink(i), true));
    }
    let drop = |line: &Line<'_>| metric == "attack_success" && line.points.iter().any(|p| p.2.availability());
    let names: Vec<String> =
        lines.iter().map(|line| format!("{}{}", line.name, if drop(line) { " †" } else { "" })).collect();
    let below = keys(&mut canvas, &names, top + PANEL + 70.0);
    let stats: Vec<Stat> = all().map(|p| p.1).collect();
    let mut caption = interval_words(&stats, "bars");
    if lines.iter().any(drop) {
        caption.push_str(" † availability attack: success = accuracy drop.");
    }
    let height = foot(&mut canvas, &caption, below, WIDTH);
    let reading = "One line per combination of everything else that varies.";
    let svg = canvas.svg(&figure, &title, (WIDTH, height))?;
    album.figures.push(Figure { name: figure, title, reading: reading.into(), svg, shown: true });
    Ok(())
}

/// From what to what the values run, padded: from 0, or the lowest mean if it is below, to the highest.
fn range(means: &[f64], percent: f64) -> (f64, f64) {
    let low = means.iter().copied().fold(0.0, f64::min);
    let high = means.iter().copied().fold(f64::NEG_INFINITY, f64::max).max(low + 0.05 * percent);
    let pad = 0.04 * (high - low);
    (low - pad, high + pad)
}

/// The lines' names in columns below the panel.
fn keys(canvas: &mut Canvas, names: &[String], y: f64) -> f64 {
    let widest = names.iter().map(|name| TEXT.width(name)).fold(0.0, f64::max) + 58.0;
    let columns = ((WIDTH - 2.0 * MARGIN) / widest).floor().clamp(1.0, 4.0) as usize;
    let (rows, step) = (names.len().div_ceil(columns), (WIDTH - 2.0 * MARGIN) / columns as f64);
    for (i, name) in names.iter().enumerate() {
        let at = (MARGIN + (i / rows) as f64 * step, y + (i % rows) as f64 * 23.0);
        draw_key(canvas, Key::Both { ink: ink(i), dash: i, shape: i, solid: true }, at);
        canvas.text((at.0 + 40.0, at.1), &TEXT.fit(name, step - 44.0), TEXT, Align::Left);
    }
    y + rows as f64 * 23.0
}

fn capital(words: &str) -> String {
    let mut chars = words.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
