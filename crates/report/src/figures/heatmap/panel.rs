//! Drawing a panel: names, cells and the marks in them.

use super::matrix::{Attack, Best, COSTLY, Cell, Defense, FAILS, Matrix};
use super::shades::{Shades, on};
use super::{COLUMN, Layout, NAME, Panel, SMALL, extremes};
use crate::figures::canvas::{Align, Canvas, Type};
use crate::figures::style::*;
use crate::format::value;
use crate::role::Role;
use crate::stats::Stat;

/// Least height of a row, height of a group's heading.
const ROW: f64 = 37.0;
const GROUP: f64 = 26.0;
pub(super) const VALUE: Type = Type::new(14.5, BLACK).bold();

/// Where something stands and how large it is.
pub(super) type Place = ((f64, f64), (f64, f64));

/// What is marked in a cell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Marks {
    pub(super) fails: bool,
    pub(super) costly: bool,
    pub(super) best: bool,
}

/// Draws a panel; returns its bottom, the statistics in it, and whether a value lies below the palest shade.
pub(super) fn draw(
    canvas: &mut Canvas,
    matrix: &Matrix<'_>,
    layout: &Layout,
    panel: &Panel<'_>,
    y: f64,
) -> (f64, Vec<Stat>, bool) {
    let (left, cell) = (layout.left(), layout.cell);
    let rows: Vec<Vec<Cell>> = panel
        .defenses
        .iter()
        .map(|d| panel.attacks.iter().map(|a| matrix.cell(panel.metric, a, d)).collect())
        .collect();
    let bests: Vec<Option<Best<'_>>> = panel.attacks.iter().map(|a| matrix.best(a)).collect();
    let marks = |d: &Defense<'_>| -> Vec<Marks> {
        panel
            .attacks
            .iter()
            .zip(&bests)
            .map(|(a, best)| marks(matrix, panel, (a, d), best.as_ref()))
            .collect()
    };
    let marks: Vec<Vec<Marks>> = panel.defenses.iter().map(marks).collect();
    let stats: Vec<Stat> = rows.iter().flatten().filter_map(|c| c.stat().copied()).collect();
    let shades = Shades::of(panel.metric, &stats.iter().map(|s| s.mean).collect::<Vec<_>>());
    let label = if panel.is_auroc() { panel.label.to_owned() } else { format!("{} (%)", panel.label) };
    canvas.text((left, y), &label, HEADING, Align::Left);
    shades.key(canvas, (left + HEADING.width(&label) + 22.0, y));
    let all: Vec<Marks> = marks.iter().flatten().copied().collect();
    let y = y + legend(canvas, (left, y + 21.0), layout.end(panel).max(WIDTH - MARGIN), &all);

    let mut top = heads(canvas, layout, panel, y + 26.0);
    let mut role = None;
    for ((defense, cells), marks) in panel.defenses.iter().zip(&rows).zip(&marks) {
        if layout.grouped && role != Some(defense.role) && defense.role != Role::None {
            let end = layout.end(panel);
            canvas.line((MARGIN, top + 4.0), (end, top + 4.0), 1.0, GRID);
            let style = Type::new(12.5, GREY).bold();
            canvas.text((MARGIN, top + 15.0), defense.role.plural(), style, Align::Left);
            top += GROUP;
        }
        role = Some(defense.role);
        let high = row_name(canvas, layout, defense, top);
        for (j, (value, marks)) in cells.iter().zip(marks).enumerate() {
            let place = ((left + j as f64 * cell, top), (cell, high));
            square(canvas, place, panel.metric, value, *marks, &shades);
        }
        if panel.is_success() {
            extremes::worst(canvas, matrix, layout, panel, (defense, top, high), &shades);
        }
        top += high;
    }
    if panel.is_success() {
        top = extremes::best(canvas, matrix, layout, (panel, &bests), top + Layout::APART, &shades);
    }
    let cut = !panel.is_auroc() && stats.iter().any(|s| s.mean < shades.low - 1e-9);
    (top, stats, cut)
}

fn marks(
    matrix: &Matrix<'_>,
    panel: &Panel<'_>,
    (attack, defense): (&Attack<'_>, &Defense<'_>),
    best: Option<&Best<'_>>,
) -> Marks {
    match panel.metric {
        "attack_success" => Marks {
            fails: matrix.fails(attack, defense) == Some(true),
            costly: matrix.costly(attack, defense),
            best: best.is_some_and(|b| b.defense == defense.name),
        },
        "clean_accuracy" => Marks { costly: matrix.costly(attack, defense), ..Marks::default() },
        _ => Marks::default(),
    }
}

/// What the marks are, in one line or two; returns the height they take.
fn legend(canvas: &mut Canvas, (left, y): (f64, f64), right: f64, all: &[Marks]) -> f64 {
    let share = format!("fails: ≥ {:.0} % of the undefended success left", 100.0 * FAILS);
    let cost = format!("over {:.0} points of accuracy lost", 100.0 * COSTLY);
    let entries = [
        (Marks { fails: true, ..Marks::default() }, share),
        (Marks { costly: true, ..Marks::default() }, cost),
        (Marks { best: true, ..Marks::default() }, "best defense".to_owned()),
    ];
    let (mut x, mut line) = (left, 0.0);
    let mut any = false;
    for (mark, words) in entries {
        let occurs = |m: &Marks| mark.fails && m.fails || mark.costly && m.costly || mark.best && m.best;
        if !all.iter().any(occurs) {
            continue;
        }
        let width = 24.0 + SMALL.width(&words);
        if any && x + width > right {
            (x, line) = (left, line + 17.0);
        }
        let place = ((x, y + line - 6.5), (18.0, 13.0));
        canvas.rect(place.0, place.1, GRID.alpha(0.7));
        decorate(canvas, place, mark);
        canvas.text((x + 24.0, y + line), &words, SMALL, Align::Left);
        (x, any) = (x + width + 18.0, true);
    }
    if any { line + 21.0 } else { 0.0 }
}

/// Draws the marks of a cell: stripes, a frame, and a corner over both.
pub(super) fn decorate(canvas: &mut Canvas, ((x, y), (wide, high)): Place, marks: Marks) {
    if marks.costly {
        // Rising stripes, cut at the sides.
        const GAP: f64 = 7.0;
        let mut at = GAP / 2.0;
        while at < wide + high {
            let from = (at.min(wide), (at - wide).max(0.0));
            let to = ((at - high).max(0.0), at.min(high));
            canvas.line((x + from.0, y + from.1), (x + to.0, y + to.1), 1.25, BLACK.alpha(0.2));
            at += GAP;
        }
    }
    if marks.best {
        canvas.frame((x + 1.25, y + 1.25), (wide - 2.5, high - 2.5), 2.5, GREEN);
    }
    if marks.fails {
        let size = (high * 0.32).clamp(7.0, 11.0);
        canvas.area([(x + wide - size, y), (x + wide, y), (x + wide, y + size)], BLACK);
    }
}

/// Writes the names of the columns from `y` on; returns where the rows begin.
fn heads(canvas: &mut Canvas, layout: &Layout, panel: &Panel<'_>, y: f64) -> f64 {
    let step = COLUMN.size * 1.3;
    let labels: Vec<(Vec<String>, Vec<String>)> = panel
        .attacks
        .iter()
        .map(|a| {
            let needs =
                if a.needs.is_empty() { Vec::new() } else { SMALL.wrap(&a.needs, layout.cell - 4.0, 3) };
            (COLUMN.wrap(&a.marked(), layout.cell - 4.0, 3), needs)
        })
        .collect();
    let high =
        |(names, needs): &(Vec<String>, Vec<String>)| names.len() as f64 * step + needs.len() as f64 * 13.5;
    let most = labels.iter().map(high).fold(step, f64::max);
    for (j, label) in labels.iter().enumerate() {
        let middle = layout.left() + (j as f64 + 0.5) * layout.cell;
        let mut at = y + most - high(label);
        for line in &label.0 {
            canvas.text((middle, at), line, COLUMN, Align::Middle);
            at += step;
        }
        for line in &label.1 {
            canvas.text((middle, at - 1.5), line, SMALL, Align::Middle);
            at += 13.5;
        }
    }
    if panel.is_success() {
        let at = layout.right(panel) + Layout::APART;
        let bottom = y + most - step;
        canvas.text((at + layout.worst / 2.0, bottom), "worst attack", COLUMN.bold(), Align::Middle);
        if layout.fails > 0.0 {
            let at = at + layout.worst + Layout::APART + layout.fails / 2.0;
            canvas.text((at, bottom), "fails", COLUMN.bold(), Align::Middle);
        }
    }
    y + most - 0.5 * step + 6.0
}

/// Writes a defense's name with what it was told; returns the height of its row.
fn row_name(canvas: &mut Canvas, layout: &Layout, defense: &Defense<'_>, top: f64) -> f64 {
    let room = layout.names - 10.0;
    let names = NAME.wrap(defense.name, room, 3);
    let told = if defense.told.is_empty() { Vec::new() } else { SMALL.wrap(&defense.told, room, 2) };
    let text = names.len() as f64 * 17.0 + told.len() as f64 * 13.5;
    let high = ROW.max(text + 7.0);
    let mut y = top + (high - text) / 2.0;
    for name in &names {
        canvas.text((layout.left() - 9.0, y + 8.5), name, NAME, Align::Right);
        y += 17.0;
    }
    for line in &told {
        canvas.text((layout.left() - 9.0, y + 6.0), line, SMALL, Align::Right);
        y += 13.5;
    }
    high
}

/// `± 1.2`, or the ends of Wilson's interval, which does not lie evenly around the mean.
fn spread(metric: &str, stat: &Stat) -> Option<String> {
    match stat.interval {
        Some((low, high)) if stat.is_wilson() => {
            Some(format!("[{}, {}]", value(metric, low), value(metric, high)))
        }
        _ => stat.half().map(|half| format!("± {}", value(metric, half))),
    }
}

pub(super) fn nothing(canvas: &mut Canvas, (at, size): Place) {
    canvas.frame(at, size, 1.0, GRID);
    let middle = (at.0 + size.0 / 2.0, at.1 + size.1 / 2.0);
    canvas.text(middle, "–", Type { ink: GREY, ..TEXT }, Align::Middle);
}

fn square(
    canvas: &mut Canvas,
    ((x, y), (wide, high)): Place,
    metric: &str,
    cell: &Cell,
    marks: Marks,
    shades: &Shades,
) {
    let place = ((x + 1.0, y + 1.0), (wide - 2.0, high - 2.0));
    let middle = (x + wide / 2.0, y + high / 2.0);
    let Some(stat) = cell.stat() else {
        return nothing(canvas, place);
    };
    let ground = shades.of_value(stat.mean);
    canvas.rect(place.0, place.1, ground);
    decorate(canvas, place, marks);
    let ink = on(ground);
    let bold = Type { ink, ..VALUE };
    let mut write = |y: f64, words: &str, style: Type| {
        if marks.costly {
            // No stripes behind the text.
            let size = (style.width(words) + 4.0, style.size + 1.0);
            canvas.rect((middle.0 - size.0 / 2.0, y - size.1 / 2.0), size, ground);
        }
        canvas.text((middle.0, y), words, style, Align::Middle);
    };
    match spread(metric, stat) {
        Some(words) => {
            let small = Type { ink, ..SMALL };
            write(middle.1 - 7.5, &value(metric, stat.mean), bold);
            write(middle.1 + 8.5, &small.fit(&words, wide - 4.0), small);
        }
        None => write(middle.1, &value(metric, stat.mean), bold),
    }
}
