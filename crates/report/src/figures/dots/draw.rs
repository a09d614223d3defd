//! Drawing the rows: marks, bars, control arms, names and numbers.

use super::{ROW, Row, Rows, SMALL};
use crate::figures::axis::{Scale, clip, ticks};
use crate::figures::canvas::{Align, Canvas, Type};
use crate::figures::style::*;
use crate::format::stat;
use crate::stats::Stat;
use crate::study::Study;

/// The small hollow mark of a control arm.
fn control(canvas: &mut Canvas, which: usize, at: (f64, f64)) {
    if which == 0 {
        canvas.disc(at, 3.6, WHITE);
        canvas.ring(at, 3.6, 1.5, GREY);
    } else {
        let corner = |x: f64, y: f64| (at.0 + 4.8 * x, at.1 + 4.8 * y);
        let outline = [corner(0.0, -1.0), corner(1.0, 0.0), corner(0.0, 1.0), corner(-1.0, 0.0)];
        canvas.area(outline, WHITE);
        canvas.path([&outline[..], &outline[..2]].concat(), 1.5, GREY);
    }
}

/// What the small marks are, in one line.
pub(super) fn control_key(canvas: &mut Canvas, y: f64) -> f64 {
    let style = Type::new(13.0, GREY);
    let mut x = MARGIN + 5.0;
    for (which, words) in ["random filter of the same size", "perfect filter"].into_iter().enumerate() {
        control(canvas, which, (x, y + 4.0));
        canvas.text((x + 11.0, y + 4.0), words, style, Align::Left);
        x += 11.0 + style.width(words) + 26.0;
    }
    y + 18.0
}

/// The right end of the axis: 100 % unless everything is small.
pub(super) fn limit(stats: &[Stat]) -> f64 {
    let most = stats.iter().map(|s| s.mean).fold(0.0, f64::max);
    match most {
        m if m > 0.4 => 1.0,
        m if m <= 0.02 => 0.025,
        m => ticks(0.0, m * 1.15, 4).0.last().copied().map_or(1.0, |last| last.max(m * 1.15)),
    }
}

/// Left ends of the plot and right ends of the columns of numbers.
pub(super) struct Columns {
    pub(super) plot: (f64, f64),
    names: f64,
    pub(super) success: f64,
    pub(super) accuracy: f64,
}

impl Columns {
    pub(super) fn of(groups: &[Rows<'_>], headings: bool) -> Self {
        let rows = || groups.iter().flat_map(|g| &g.1);
        let widest = |texts: &mut dyn Iterator<Item = String>, least: &str| {
            texts.map(|t| TEXT.width(&t)).fold(TEXT.width(least), f64::max)
        };
        let accuracy = WIDTH - MARGIN;
        let numbers =
            widest(&mut rows().filter_map(|r| Some(stat("clean_accuracy", &r.accuracy?))), "accuracy, %");
        let success = accuracy - numbers - 22.0;
        let numbers = widest(&mut rows().map(|r| stat("attack_success", &r.success)), "success, %");
        let plot_end = success - numbers - 14.0;
        let mut names = rows().map(|r| if headings { &r.point.defense } else { &r.point.attack });
        let names = widest(&mut names.by_ref().map(|n| n.to_owned() + " †"), "none");
        // Attacks that differ in their last settings must be told apart where they have no heading.
        let most = if headings { 230.0 } else { 370.0 };
        let names = rows().map(|r| SMALL.width(&r.told())).fold(names, f64::max).min(most);
        Self { plot: (MARGIN + 14.0 + names + 14.0, plot_end), names, success, accuracy }
    }
}

pub(super) fn height(rows: &[Row<'_>], headings: bool) -> f64 {
    rows.iter().map(Row::height).sum::<f64>() + if headings { ROW + 12.0 } else { 0.0 }
}

pub(super) fn grid(canvas: &mut Canvas, scale: &Scale, top: f64, bottom: f64) {
    for tick in ticks(100.0 * scale.low, 100.0 * scale.high, 5).0 {
        let x = scale.at(tick / 100.0);
        canvas.line(
            (x, top),
            (x, bottom),
            if tick == 0.0 { 1.5 } else { 1.0 },
            if tick == 0.0 { FAINT } else { GRID },
        );
    }
}

pub(super) fn axis(canvas: &mut Canvas, scale: &Scale, y: f64) -> f64 {
    canvas.line((scale.from, y), (scale.to, y), 1.25, FAINT);
    let (marks, decimals) = ticks(100.0 * scale.low, 100.0 * scale.high, 5);
    for tick in marks {
        canvas.text(
            (scale.at(tick / 100.0), y + 15.0),
            &crate::format::number(tick, decimals),
            TICK,
            Align::Middle,
        );
    }
    let middle = (scale.from + scale.to) / 2.0;
    canvas.text((middle, y + 39.0), "attack success (%)", LABEL, Align::Middle);
    y + 56.0
}

pub(super) fn group(
    canvas: &mut Canvas,
    study: &Study,
    (attack, rows): (&str, &[Row<'_>]),
    scale: &Scale,
    columns: &Columns,
    y: f64,
    headings: bool,
) -> f64 {
    let mut y = y;
    let dagger = if rows.iter().any(|r| r.point.availability()) { " †" } else { "" };
    if headings {
        // Nothing else stands in its row: attacks that differ in their last settings must be told apart.
        let room = columns.plot.1 - MARGIN - HEADING.width(dagger);
        let words = HEADING.fit(attack, room) + dagger;
        // Not through the axis and the lines of the grid.
        let (left, right) = (MARGIN, MARGIN + HEADING.width(&words) + 4.0);
        canvas.area([(left, y + 5.0), (right, y + 5.0), (right, y + 27.0), (left, y + 27.0)], WHITE);
        canvas.text((MARGIN, y + 16.0), &words, HEADING, Align::Left);
        canvas.line((MARGIN, y + 1.0), (columns.accuracy, y + 1.0), 1.0, GRID);
        y += ROW + 4.0;
    }
    let bare = rows.iter().find(|r| r.point.undefended()).map(|r| scale.at(r.success.mean));
    for row in rows {
        let middle = y + ROW / 2.0;
        let ink = ink(study.attack(row.point));
        let defended = !row.point.undefended();
        let at = (scale.at(row.success.mean), middle);
        if let (Some(bare), true) = (bare, defended) {
            canvas.line((bare, middle), at, 5.0, ink.alpha(0.16));
            canvas.line((bare, middle - 6.0), (bare, middle + 6.0), 2.0, ink.alpha(0.45));
        }
        if let Some(((from, to), cut)) = row.success.interval.and_then(|i| clip(i, scale)) {
            whisker(canvas, ((scale.at(from), middle), (scale.at(to), middle)), cut, ink.alpha(0.75));
        }
        marker(canvas, study.defense(row.point), at, 6.5, ink, !defended);
        let name = if headings { row.point.defense.clone() } else { format!("{attack}{dagger}") };
        canvas.text((MARGIN + 14.0, middle), &TEXT.fit(&name, columns.names), TEXT, Align::Left);
        if !row.told().is_empty() {
            let told = SMALL.fit(&row.told(), columns.names);
            canvas.text((MARGIN + 14.0, y + ROW + 2.0), &told, SMALL, Align::Left);
        }
        if let Some(flags) = row.flags() {
            canvas.text((scale.from + 8.0, y + ROW + 2.0), &flags, SMALL, Align::Left);
        }
        canvas.text((columns.success, middle), &stat("attack_success", &row.success), TEXT, Align::Right);
        let accuracy = row.accuracy.map_or("–".into(), |s| stat("clean_accuracy", &s));
        canvas.text((columns.accuracy, middle), &accuracy, Type { ink: GREY, ..TEXT }, Align::Right);
        for (which, stat) in row.controls.iter().enumerate() {
            if let Some(stat) = stat.filter(|s| scale.holds(s.mean)) {
                control(canvas, which, (scale.at(stat.mean), y + ROW + 2.0));
            }
        }
        y += row.height();
    }
    y + if headings { 8.0 } else { 0.0 }
}
