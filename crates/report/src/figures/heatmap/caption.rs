//! The words below the matrix: how to read the numbers, what is left aside, and why places are empty.

use super::Panel;
use super::matrix::{Attack, Cell, Defense, Matrix, WORKS};
use crate::format::{interval_words, percent};
use crate::role::Role;
use crate::stats::Stat;

/// The caption of a figure of these panels, with the statistics in them; `palest` is whether a value lies below the
/// palest shade.
pub(super) fn caption(matrix: &Matrix<'_>, panels: &[Panel<'_>], stats: &[Stat], palest: bool) -> String {
    let lone = stats.iter().all(|s| s.n == 1);
    let mut caption = interval_words(stats, if lone { "in brackets" } else { "±" });
    caption = caption.replace("±: 95 %", "±: half of the 95 %");
    let success = panels.iter().find(|p| p.is_success());
    if let Some(panel) = success {
        caption.push_str(&of_success(matrix, panel));
    }
    let detectors: Vec<&str> =
        matrix.defenses.iter().filter(|d| d.role == Role::Detector).map(|d| d.name).collect();
    if !detectors.is_empty() && panels.iter().any(|p| !p.is_auroc()) {
        caption.push_str(&format!(
            " Not shown: {}; a detector leaves the victim as it is.",
            detectors.join(", ")
        ));
    }
    if panels.iter().any(|p| p.defenses.iter().any(|d| d.arm == Some("random_filter"))) {
        caption.push_str(" random_filter: mean over the filters beside which it was run.");
    }
    for panel in panels {
        let gaps = gaps(matrix, panel.metric, &panel.attacks, &panel.defenses);
        caption.push_str(&match panels {
            [_] => gaps,
            _ => gaps.replacen(" –:", &format!(" – in {}:", panel.label), 1),
        });
        let missing: Vec<&str> = matrix
            .attacks
            .iter()
            .filter(|a| !panel.attacks.contains(a) && (!a.none || panel.metric == "clean_accuracy"))
            .map(|a| a.name)
            .collect();
        if !missing.is_empty() {
            caption.push_str(&format!(" No {}: {}.", panel.label, missing.join(", ")));
        }
    }
    if palest {
        caption.push_str(" The palest shade also stands for all below its range.");
    }
    caption
}

fn of_success(matrix: &Matrix<'_>, panel: &Panel<'_>) -> String {
    let mut caption = String::new();
    if panel.attacks.iter().any(|a| a.availability) {
        caption.push_str(" † availability attack: success = accuracy drop");
        let others = panel.attacks.iter().any(|a| !a.availability);
        caption.push_str(if others { ", never the worst attack." } else { "." });
    }
    let worst = panel.defenses.iter().filter_map(|d| matrix.worst(d, &panel.attacks));
    if worst.into_iter().any(|w| w.at_least) {
        caption.push_str(" ≥: an attack has no result.");
    }
    let defended = panel.defenses.iter().any(|d| d.role.defends());
    let weak: Vec<&str> = panel
        .attacks
        .iter()
        .filter(|a| panel.defenses.iter().all(|d| matrix.fails(a, d).is_none()))
        .map(|a| a.name)
        .collect();
    if defended && !weak.is_empty() {
        caption.push_str(&format!(
            " No verdict on {}: undefended under {} % (a drop: {}), or not run.",
            weak.join(", "),
            percent(WORKS.0).trim_end_matches(".0"),
            percent(WORKS.1).trim_end_matches(".0"),
        ));
    }
    if panel.defenses.iter().any(|d| d.role == Role::Control) {
        caption.push_str(" Control arms are never the best defense.");
    }
    caption
}

/// Why places are empty, in words; nothing if none is.
fn gaps(matrix: &Matrix<'_>, metric: &str, attacks: &[Attack<'_>], defenses: &[Defense<'_>]) -> String {
    let mut words = Vec::new();
    for (cell, why) in [
        (Cell::Failed, "failed"),
        (Cell::NotRun, "not in the grid or not yet run"),
        (Cell::Without, "without this metric"),
    ] {
        let mut places: Vec<String> = Vec::new();
        for defense in defenses {
            // There is nothing to filter without an attack.
            let runs = |a: &&Attack<'_>| !(a.none && defense.arm.is_some());
            let same = attacks.iter().filter(runs).filter(|a| matrix.cell(metric, a, defense) == cell);
            places.extend(same.map(|a| format!("{} × {}", defense.name, a.marked())));
        }
        match places.len() {
            0 => {}
            1..=2 => words.push(format!("{why} ({})", places.join(", "))),
            n => words.push(format!("{why} ({n} cells)")),
        }
    }
    if words.is_empty() { String::new() } else { format!(" –: {}.", words.join("; ")) }
}
