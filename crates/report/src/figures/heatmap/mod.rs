//! `heatmap`: the matrix of defenses and attacks, the values printed in the cells. Attack success with the worst
//! attack of each defense, the best defense of each attack and marks where a defense fails; clean and robust
//! accuracy; AUROC of the filters and detectors; in one figure if the matrix is small, else in one each.

mod arms;
mod caption;
mod extremes;
mod matrix;
mod panel;
mod shades;
#[cfg(test)]
mod tests;

use self::matrix::{Attack, Defense, Matrix};
use super::canvas::{Canvas, Type};
use super::style::*;
use super::{Album, Figure};
use crate::Error;
use crate::role::Role;
use crate::study::{Facet, Study};

/// More defenses and attacks than these are left to the table.
const ROWS: usize = 48;
const COLUMNS: usize = 12;
/// Up to this many defenses the metrics share a figure.
const TOGETHER: usize = 8;

const NAME: Type = Type::new(14.0, BLACK);
const SMALL: Type = Type::new(11.5, GREY);
const COLUMN: Type = Type::new(13.5, BLACK);

const METRICS: [(&str, &str); 4] = [
    ("attack_success", "attack success"),
    ("clean_accuracy", "clean accuracy"),
    ("robust_accuracy", "robust accuracy"),
    ("auroc", "AUROC"),
];

pub(crate) fn draw(study: &Study, album: &mut Album) -> Result<(), Error> {
    let mut drawn = false;
    for facet in study.facets(&mut album.skipped, "heatmap") {
        drawn |= one(study, &facet, album)?;
    }
    if !drawn {
        album.skip("heatmap", "a matrix needs at least two attacks and two defenses with results");
    }
    Ok(())
}

fn one(study: &Study, facet: &Facet<'_>, album: &mut Album) -> Result<bool, Error> {
    let name = format!("heatmap{}", facet.suffix);
    let mut matrix = Matrix::of(study, facet);
    let (attacks, defenses) = matrix.size();
    if attacks < 2 || defenses < 2 {
        return Ok(false);
    }
    for (count, most, what) in [(attacks, COLUMNS, "attacks"), (defenses, ROWS, "defenses")] {
        if count > most {
            album.skip(&name, format!("{} more {what} are only in the table", count - most));
        }
    }
    matrix.attacks.truncate(COLUMNS);
    matrix.defenses.truncate(ROWS);
    let panels: Vec<Panel<'_>> =
        METRICS.iter().filter_map(|&(metric, label)| Panel::of(&matrix, metric, label)).collect();
    let layout = Layout::of(&matrix, &panels);
    let groups = if matrix.defenses.len() <= TOGETHER {
        vec![&panels[..]]
    } else {
        panels.chunks(1).collect::<Vec<_>>()
    };
    for (i, panels) in groups.iter().filter(|g| !g.is_empty()).enumerate() {
        let name = match (i, &panels[0]) {
            (0, _) => name.clone(),
            (_, panel) => format!("heatmap-{}{}", panel.metric, facet.suffix),
        };
        let subtitle = study.setting(facet);
        album.figures.push(figure(&matrix, &layout, panels, (name, &subtitle))?);
    }
    Ok(!panels.is_empty())
}

/// A metric with the attacks and the defenses that have it.
struct Panel<'a> {
    metric: &'static str,
    label: &'static str,
    attacks: Vec<Attack<'a>>,
    defenses: Vec<Defense<'a>>,
}

impl<'a> Panel<'a> {
    fn of(matrix: &Matrix<'a>, metric: &'static str, label: &'static str) -> Option<Self> {
        let auroc = metric == "auroc";
        let has = |d: &Defense<'_>| matrix.attacks.iter().any(|a| matrix.cell(metric, a, d).stat().is_some());
        // A detector leaves the victim as it is; an arm has no more than its own metrics.
        let shown = |d: &&Defense<'_>| match d.role {
            Role::Detector => auroc && has(d),
            _ if auroc || d.arm.is_some() => has(d),
            _ => true,
        };
        let defenses: Vec<Defense<'a>> = matrix.defenses.iter().filter(shown).cloned().collect();
        let mut attacks = matrix.columns(metric, &defenses);
        attacks.retain(|a| !(a.none && auroc));
        let least = if auroc { 1 } else { 2 };
        (defenses.len() >= least && !attacks.is_empty()).then_some(Self { metric, label, attacks, defenses })
    }

    fn is_success(&self) -> bool {
        self.metric == "attack_success"
    }

    fn is_auroc(&self) -> bool {
        self.metric == "auroc"
    }
}

/// Widths that all panels of a matrix share.
struct Layout {
    names: f64,
    cell: f64,
    worst: f64,
    /// 0 where nothing is known of any defense's failures.
    fails: f64,
    /// Whether defenses of several roles are there, so that they are grouped under headings.
    grouped: bool,
}

impl Layout {
    /// Space before the columns and the row of extremes.
    const APART: f64 = 12.0;

    fn of(matrix: &Matrix<'_>, panels: &[Panel<'_>]) -> Self {
        let widest = |texts: &mut dyn Iterator<Item = f64>, least: f64, most: f64| {
            texts.fold(least, f64::max).min(most)
        };
        let name = |d: &Defense<'_>| NAME.width(d.name).max(SMALL.width(&d.told));
        let names = widest(&mut matrix.defenses.iter().map(name), 136.0, 196.0) + 12.0;
        let longest = |a: &Attack<'_>| {
            a.marked().split_inclusive([' ', '_']).map(|p| COLUMN.width(p)).fold(0.0, f64::max)
        };
        let least = widest(&mut matrix.attacks.iter().map(longest), 62.0, 140.0) + 8.0;
        let worst = widest(&mut matrix.attacks.iter().map(|a| SMALL.width(&a.marked()) + 16.0), 96.0, 150.0);
        let known = |panel: &Panel<'_>| {
            panel.defenses.iter().any(|defense| matrix.failures(defense, &panel.attacks).1 > 0)
        };
        let fails = if panels.iter().any(known) { 62.0 } else { 0.0 };
        // What the cells of a panel leave to others, and how many there are beside each other.
        let taken: Vec<(f64, f64)> = panels
            .iter()
            .map(|panel| {
                let extremes = if panel.is_success() { Self::extremes(worst, fails) } else { 0.0 };
                (2.0 * MARGIN + names + extremes, panel.attacks.len().max(1) as f64)
            })
            .collect();
        let room = taken.iter().map(|(taken, count)| (WIDTH - taken) / count).fold(104.0, f64::min);
        let cell = room.max(least);
        let mut roles: Vec<Role> = matrix.defenses.iter().map(|d| d.role).collect();
        roles.dedup();
        roles.retain(|r| *r != Role::None);
        Self { names, cell, worst, fails, grouped: roles.len() > 1 }
    }

    fn left(&self) -> f64 {
        MARGIN + self.names
    }

    /// The width of the columns of extremes, with the space before each.
    fn extremes(worst: f64, fails: f64) -> f64 {
        let fails = if fails > 0.0 { Self::APART + fails } else { 0.0 };
        Self::APART + worst + fails
    }

    /// The right end of a panel.
    fn end(&self, panel: &Panel<'_>) -> f64 {
        let extremes = if panel.is_success() { Self::extremes(self.worst, self.fails) } else { 0.0 };
        self.right(panel) + extremes
    }

    /// The right end of a panel's cells.
    fn right(&self, panel: &Panel<'_>) -> f64 {
        self.left() + self.cell * panel.attacks.len() as f64
    }
}

fn figure(
    matrix: &Matrix<'_>,
    layout: &Layout,
    panels: &[Panel<'_>],
    (name, subtitle): (String, &str),
) -> Result<Figure, Error> {
    let mut canvas = Canvas::default();
    let width = panels.iter().map(|p| layout.end(p) + MARGIN).fold(WIDTH, f64::max);
    let title = match panels {
        [one] if one.is_auroc() => "How well scores tell the attack: AUROC".to_owned(),
        [one] if !one.is_success() => format!("Attacks against defenses: {}", one.label),
        _ => "Attacks against defenses".to_owned(),
    };
    let mut y = head(&mut canvas, &title, subtitle, width) + 10.0;
    let mut stats = Vec::new();
    let mut palest = false;
    for panel in panels {
        let (bottom, drawn, cut) = panel::draw(&mut canvas, matrix, layout, panel, y);
        stats.extend(drawn);
        palest |= cut;
        y = bottom + 34.0;
    }
    let caption = caption::caption(matrix, panels, &stats, palest);
    let height = foot(&mut canvas, &caption, y - 24.0, width);
    let svg = canvas.svg(&name, &title, (width, height))?;
    Ok(Figure { name, title, reading: reading(panels), svg, shown: true })
}

fn reading(panels: &[Panel<'_>]) -> String {
    let mut reading = "Rows are defenses, columns are attacks.".to_owned();
    if panels.iter().any(Panel::is_success) {
        reading.push_str(
            " Orange is what the attacker got. A black corner: the defense fails, at least half of the attack's \
             undefended success is left. At the right stands the attack that gets most from each defense and how \
             often the defense fails, below the defense that leaves least of each attack (green frames).",
        );
    }
    if panels.iter().any(|p| p.metric == "clean_accuracy") {
        reading.push_str(
            " Pale blue is accuracy lost; stripes: more than ten points less than without the defense. No attack: \
             what the defense costs on clean training data.",
        );
    }
    if panels.iter().any(Panel::is_auroc) {
        reading.push_str(
            " AUROC: 0.5 is chance, 1 parts perfectly: a filter's scores poisoned from clean rows, a detector's \
             triggered from untouched inputs or the target from the other classes. It judges the scores, whatever is \
             then removed.",
        );
    }
    reading
}
