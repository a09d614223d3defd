//! The column of the worst attacks and the row of the best defenses.

use super::matrix::{Best, Defense, Matrix};
use super::panel::{Marks, VALUE, decorate, nothing};
use super::shades::{Shades, on};
use super::{Layout, NAME, Panel, SMALL};
use crate::figures::canvas::{Align, Canvas, Type};
use crate::figures::style::*;
use crate::format::value;

const LINE: f64 = 15.0;

/// The worst attack of a defense, and against how many it fails.
pub(super) fn worst(
    canvas: &mut Canvas,
    matrix: &Matrix<'_>,
    layout: &Layout,
    panel: &Panel<'_>,
    (defense, top, high): (&Defense<'_>, f64, f64),
    shades: &Shades,
) {
    let x = layout.right(panel) + Layout::APART;
    let place = ((x + 1.0, top + 1.0), (layout.worst - 2.0, high - 2.0));
    let middle = (x + layout.worst / 2.0, top + high / 2.0);
    match matrix.worst(defense, &panel.attacks) {
        None => nothing(canvas, place),
        Some(worst) => {
            let ground = shades.of_value(worst.stat.mean);
            canvas.rect(place.0, place.1, ground);
            let ink = on(ground);
            let mark = if worst.at_least { "≥ " } else { "" };
            let small = Type { ink, ..SMALL };
            let words = format!("{mark}{}", value(panel.metric, worst.stat.mean));
            canvas.text((middle.0, middle.1 - 7.5), &words, Type { ink, ..VALUE }, Align::Middle);
            let name = small.fit(worst.attack.name, layout.worst - 8.0);
            canvas.text((middle.0, middle.1 + 8.5), &name, small, Align::Middle);
        }
    }
    let (fails, of) = matrix.failures(defense, &panel.attacks);
    if of > 0 {
        let style = if fails > 0 { TEXT.bold() } else { Type { ink: GREY, ..TEXT } };
        let at = (x + layout.worst + Layout::APART + layout.fails / 2.0, middle.1);
        canvas.text(at, &format!("{fails} of {of}"), style, Align::Middle);
    }
}

/// The row of the best defenses; returns its bottom.
pub(super) fn best(
    canvas: &mut Canvas,
    matrix: &Matrix<'_>,
    layout: &Layout,
    (panel, all): (&Panel<'_>, &[Option<Best<'_>>]),
    top: f64,
    shades: &Shades,
) -> f64 {
    let cell = layout.cell;
    if all.iter().all(Option::is_none) {
        return top - Layout::APART;
    }
    let names: Vec<Vec<String>> = all
        .iter()
        .map(|b| b.as_ref().map(|b| SMALL.wrap(b.defense, cell - 8.0, 4)).unwrap_or_default())
        .collect();
    let lines = names.iter().map(Vec::len).max().unwrap_or(0) as f64;
    let high = 32.0 + (lines + 1.0) * LINE;
    let label = (layout.left() - 9.0, top + 16.0);
    canvas.text(label, "best defense", NAME.bold(), Align::Right);
    let last = (label.0, top + 31.0 + lines * LINE);
    canvas.text(last, "clean accuracy it keeps", SMALL, Align::Right);
    for (j, (best, names)) in all.iter().zip(&names).enumerate() {
        let x = layout.left() + j as f64 * cell;
        let place = ((x + 1.0, top + 1.0), (cell - 2.0, high - 2.0));
        let middle = x + cell / 2.0;
        let Some(best) = best else {
            nothing(canvas, place);
            continue;
        };
        let ground = shades.of_value(best.stat.mean);
        canvas.rect(place.0, place.1, ground);
        let fails = matrix
            .defenses
            .iter()
            .find(|d| d.name == best.defense)
            .is_some_and(|d| matrix.fails(&panel.attacks[j], d) == Some(true));
        decorate(canvas, place, Marks { fails, best: true, costly: false });
        let ink = on(ground);
        let small = Type { ink, ..SMALL };
        let words = value(panel.metric, best.stat.mean);
        canvas.text((middle, top + 16.0), &words, Type { ink, ..VALUE }, Align::Middle);
        for (k, name) in names.iter().enumerate() {
            canvas.text((middle, top + 33.0 + k as f64 * LINE), name, small, Align::Middle);
        }
        if let Some(accuracy) = best.accuracy {
            let words = format!("acc. {}", value("clean_accuracy", accuracy.mean));
            canvas.text((middle, last.1), &words, small, Align::Middle);
        }
    }
    top + high
}
