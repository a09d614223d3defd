//! `scores`: how a filter's scores tell poisoned rows from clean ones. Clean rows stand above the line,
//! poisoned ones hang below it, each scaled to its own group, so that one percent of poison is seen; what was
//! removed is dark.

use aconite_record::{CellRow, Ledger};

use super::axis::{Scale, ticks};
use super::canvas::{Align, Canvas, Ink, Type};
use super::style::*;
use super::{Album, Figure};
use crate::Error;
use crate::format::{number, percent};
use crate::study::{Study, of_cell};
use crate::summary::Point;

/// One grid figure holds up to this many panels.
const GRID_PANELS: usize = 12;
/// More ledgers than this are not drawn at all.
const MOST: usize = 60;
const BINS: usize = 48;
/// Scores beyond this share of the rows are drawn in the last bin when the tail is long.
const TAIL: f64 = 0.995;

pub(crate) fn draw(study: &Study, album: &mut Album) -> Result<(), Error> {
    let mut panels: Vec<Panel> = Vec::new();
    let with_ledger: Vec<(&Point, &CellRow)> = study
        .points
        .iter()
        .filter_map(|p| Some((p, p.done.iter().find(|r| !of_cell(&study.ledgers, &r.cell).is_empty())?)))
        .collect();
    if with_ledger.is_empty() {
        // A federation's rows stay with its clients.
        if !study.federated() {
            album.skip("scores", "ledger/ holds no ledger of a done cell; only filters write some");
        }
        return Ok(());
    }
    if with_ledger.len() > MOST {
        album.skip(
            "scores",
            format!("drawn for the first {MOST} of {} points with a ledger", with_ledger.len()),
        );
    }
    for (point, row) in with_ledger.into_iter().take(MOST) {
        // Of several trials the first is shown.
        let Some(file) = of_cell(&study.ledgers, &row.cell).into_iter().next() else { continue };
        match Ledger::read(file) {
            Err(e) => album.skip(format!("scores-{}", row.cell), e.to_string()),
            Ok(ledger) => match Panel::of(point, row, &ledger) {
                Ok(panel) => panels.push(panel),
                Err(why) => album.skip(format!("scores-{}", row.cell), why),
            },
        }
    }
    if panels.is_empty() {
        return Ok(());
    }
    let grid = panels.len() > 1 && panels.len() <= GRID_PANELS;
    if grid {
        sheet("scores", &panels.iter().collect::<Vec<_>>(), true, album)?;
    } else if panels.len() > 1 {
        album.skip("scores", format!("{} panels are too many for one figure; see scores-*", panels.len()));
    }
    for (i, panel) in panels.iter().enumerate() {
        let name = format!("scores-{}", crate::label::slug(&panel.cell));
        sheet(&name, &[panel], !grid && i < GRID_PANELS, album)?;
    }
    Ok(())
}

/// Counts of one group: removed and kept, per bin.
#[derive(Debug, Clone)]
struct Histogram {
    removed: [usize; BINS],
    kept: [usize; BINS],
    rows: usize,
}

#[derive(Debug)]
struct Panel {
    cell: String,
    seed: u64,
    title: String,
    numbers: String,
    filter: String,
    low: f64,
    high: f64,
    /// Rows beyond the range, drawn in the outer bins.
    beyond: usize,
    clean: Histogram,
    poisoned: Histogram,
    /// The score that parts removed from kept, if one does.
    threshold: Option<f64>,
}

impl Panel {
    fn of(point: &Point, row: &CellRow, ledger: &Ledger) -> Result<Self, String> {
        let kind = row.kind("defense");
        let score = ledger.scores.iter().find(|s| s.filter == kind).or(ledger.scores.first());
        let score = score.ok_or("the ledger has no scores")?;
        let rows: Vec<(f64, bool, bool)> = score
            .values
            .iter()
            .zip(ledger.poisoned.iter().zip(&ledger.removed))
            .filter(|(v, _)| v.is_finite())
            .map(|(v, (p, r))| (*v, *p, *r))
            .collect();
        if rows.is_empty() {
            return Err("the ledger has no finite score".into());
        }
        let (low, high, beyond) = range(&rows);
        let histogram = |poisoned: bool| {
            let mut h = Histogram { removed: [0; BINS], kept: [0; BINS], rows: 0 };
            for (value, _, removed) in rows.iter().filter(|r| r.1 == poisoned) {
                let bin = ((value - low) / (high - low) * BINS as f64).floor().clamp(0.0, (BINS - 1) as f64)
                    as usize;
                if *removed {
                    h.removed[bin] += 1
                } else {
                    h.kept[bin] += 1
                }
                h.rows += 1;
            }
            h
        };
        let mut words = Vec::new();
        if let Some(auroc) = row.metric("auroc").filter(|v| v.is_finite()).or_else(|| auroc(&rows)) {
            words.push(format!("AUROC {}", number(auroc, 3)));
        }
        let share = |poisoned: bool| {
            let group = rows.iter().filter(|r| r.1 == poisoned).count();
            (group > 0).then(|| rows.iter().filter(|r| r.1 == poisoned && r.2).count() as f64 / group as f64)
        };
        for (metric, words_of, ours) in
            [("recall", "recall", share(true)), ("false_positive_rate", "FPR", share(false))]
        {
            if let Some(value) = row.metric(metric).filter(|v| v.is_finite()).or(ours) {
                words.push(format!("{words_of} {} %", percent(value)));
            }
        }
        let context = if point.context.is_empty() { String::new() } else { format!(" · {}", point.context) };
        Ok(Self {
            cell: row.cell.clone(),
            seed: row.seed,
            title: format!("{} · {}{context}", point.attack, point.defense),
            numbers: words.join(" · "),
            filter: score.filter.clone(),
            low,
            high,
            beyond,
            clean: histogram(false),
            poisoned: histogram(true),
            threshold: threshold(&rows),
        })
    }
}

/// Range of the scores and how many lie beyond it: the whole range unless a long tail would squeeze the rest.
fn range(rows: &[(f64, bool, bool)]) -> (f64, f64, usize) {
    let ends = |poisoned: Option<bool>| -> Option<(f64, f64, f64, f64)> {
        let mut values: Vec<f64> =
            rows.iter().filter(|r| poisoned.is_none_or(|p| p == r.1)).map(|r| r.0).collect();
        values.sort_by(f64::total_cmp);
        let at =
            |share: f64| values.get(((values.len().max(1) - 1) as f64 * share).round() as usize).copied();
        Some((at(0.0)?, at(1.0 - TAIL)?, at(TAIL)?, at(1.0)?))
    };
    let Some((least, _, _, most)) = ends(None) else {
        return (0.0, 1.0, 0);
    };
    // Both groups count, however few the poisoned are.
    let groups: Vec<_> = [Some(false), Some(true)].into_iter().filter_map(ends).collect();
    let inner_low = groups.iter().map(|g| g.1).fold(f64::INFINITY, f64::min);
    let inner_high = groups.iter().map(|g| g.2).fold(f64::NEG_INFINITY, f64::max);
    let inner = inner_high - inner_low;
    let long = |tail: f64| inner > 0.0 && tail > 0.5 * inner;
    let low = if long(inner_low - least) { inner_low } else { least };
    let high = if long(most - inner_high) { inner_high } else { most };
    let beyond = rows.iter().filter(|r| r.0 < low || r.0 > high).count();
    if high > low { (low, high, beyond) } else { (low - 0.5, low + 0.5, beyond) }
}

/// The value between the highest kept and the lowest removed score, if all removed lie above all kept.
fn threshold(rows: &[(f64, bool, bool)]) -> Option<f64> {
    let removed = rows.iter().filter(|r| r.2).map(|r| r.0).fold(f64::INFINITY, f64::min);
    let kept = rows.iter().filter(|r| !r.2).map(|r| r.0).fold(f64::NEG_INFINITY, f64::max);
    (removed.is_finite() && kept.is_finite() && kept <= removed).then_some((kept + removed) / 2.0)
}

/// Area under the ROC curve, ties counting half; none without both groups.
fn auroc(rows: &[(f64, bool, bool)]) -> Option<f64> {
    let mut sorted: Vec<(f64, bool)> = rows.iter().map(|r| (r.0, r.1)).collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (poisoned, clean) = (sorted.iter().filter(|r| r.1).count(), sorted.iter().filter(|r| !r.1).count());
    let (mut below, mut wins) = (0usize, 0.0);
    for tied in sorted.chunk_by(|a, b| a.0 == b.0) {
        let hits = tied.iter().filter(|r| r.1).count();
        wins += hits as f64 * (below as f64 + (tied.len() - hits) as f64 / 2.0);
        below += tied.len() - hits;
    }
    (poisoned > 0 && clean > 0).then(|| wins / (poisoned as f64 * clean as f64))
}

const CLEAN: Ink = BLUE;
const POISONED: Ink = VERMILLION;

/// The shade of what was kept.
fn pale(ink: Ink) -> Ink {
    ink.mix(WHITE, 0.7)
}

fn sheet(name: &str, panels: &[&Panel], shown: bool, album: &mut Album) -> Result<(), Error> {
    let columns = panels.len().min(2);
    let gap = 44.0;
    let wide = (WIDTH - 2.0 * MARGIN - gap * (columns - 1) as f64) / columns as f64;
    let tall = if columns == 1 { 300.0 } else { 190.0 };
    let mut canvas = Canvas::default();
    let (title, subtitle) = match panels {
        [one] => (one.title.clone(), one.numbers.clone()),
        _ => ("What the filters see".to_owned(), String::new()),
    };
    let mut y = head(&mut canvas, &title, &subtitle, WIDTH);
    y = key(&mut canvas, y + 4.0);
    let alone = panels.len() == 1;
    for (i, panel) in panels.iter().enumerate() {
        let x = MARGIN + (i % columns) as f64 * (wide + gap);
        let words = if alone { 0.0 } else { 46.0 };
        let at = y + (i / columns) as f64 * (tall + words + 68.0);
        if !alone {
            canvas.text((x, at + 8.0), &HEADING.fit(&panel.title, wide), HEADING, Align::Left);
            let small = Type { ink: GREY, ..TEXT };
            canvas.text((x, at + 30.0), &small.fit(&panel.numbers, wide), small, Align::Left);
        }
        panel.draw(&mut canvas, (x, at + words), (wide, tall));
    }
    let rows = panels.len().div_ceil(columns);
    let bottom = y + rows as f64 * (tall + if alone { 0.0 } else { 46.0 } + 68.0) - 12.0;
    let seeds: std::collections::BTreeSet<u64> = panels.iter().map(|p| p.seed).collect();
    let seeds: Vec<String> = seeds.iter().map(u64::to_string).collect();
    let word = if seeds.len() == 1 { "Seed" } else { "Seeds" };
    let mut caption = format!(
        "{word} {}, no aggregate. Each group is scaled to its own rows; dark: removed, pale: kept.",
        seeds.join(", ")
    );
    if panels.iter().any(|p| p.threshold.is_some()) {
        caption.push_str(" Dashed: threshold.");
    }
    let beyond: usize = panels.iter().map(|p| p.beyond).sum();
    if beyond > 0 {
        let rows = if beyond == 1 { "row" } else { "rows" };
        caption.push_str(&format!(" {beyond} {rows} in long tails are counted in the outer bins."));
    }
    let height = foot(&mut canvas, &caption, bottom, WIDTH);
    let reading = "A filter that sees the attack hangs the poisoned rows to the right of the clean ones, and what it \
                   removes is dark below the line and pale above it.";
    let svg = canvas.svg(name, &title, (WIDTH, height))?;
    album.figures.push(Figure { name: name.into(), title, reading: reading.into(), svg, shown });
    Ok(())
}

/// The four shades in one line.
fn key(canvas: &mut Canvas, y: f64) -> f64 {
    let mut x = MARGIN;
    for (ink, words) in [
        (CLEAN, "clean, removed"),
        (pale(CLEAN), "clean, kept"),
        (POISONED, "poisoned, removed"),
        (pale(POISONED), "poisoned, kept"),
    ] {
        canvas.rect((x, y), (14.0, 14.0), ink);
        canvas.text((x + 20.0, y + 7.0), words, TEXT, Align::Left);
        x += 20.0 + TEXT.width(words) + 22.0;
    }
    y + 36.0
}

impl Panel {
    fn draw(&self, canvas: &mut Canvas, (left, top): (f64, f64), (wide, tall): (f64, f64)) {
        let (from, to) = (left + 58.0, left + wide - 6.0);
        let x = Scale { low: self.low, high: self.high, from, to, log: false };
        let line = top + tall / 2.0;
        let (marks, decimals) = ticks(self.low, self.high, if wide > 500.0 { 7 } else { 4 });
        for tick in &marks {
            canvas.line((x.at(*tick), top), (x.at(*tick), top + tall), 1.0, GRID);
            let text = if tick.abs() >= 1e5 || (decimals > 4 && *tick != 0.0) {
                format!("{tick:.1e}").replace('-', "−")
            } else {
                number(*tick, decimals)
            };
            canvas.text((x.at(*tick), top + tall + 15.0), &text, TICK, Align::Middle);
        }
        let label = format!("score of {}", self.filter);
        let label = LABEL.fit(&label, to - from);
        canvas.text(((from + to) / 2.0, top + tall + 38.0), &label, LABEL, Align::Middle);
        let step = (to - from) / BINS as f64;
        for (histogram, ink, sign) in [(&self.clean, CLEAN, -1.0), (&self.poisoned, POISONED, 1.0)] {
            let most = (0..BINS).map(|b| histogram.removed[b] + histogram.kept[b]).max().unwrap_or(0);
            let words = if sign < 0.0 { "clean" } else { "poisoned" };
            let room = tall / 2.0 - 8.0;
            if most == 0 {
                let at = ((from + to) / 2.0, line + sign * room / 2.0);
                canvas.text(at, &format!("no {words} rows"), Type { ink: GREY, ..TEXT }, Align::Middle);
                continue;
            }
            let peak = format!("{} %", number(100.0 * most as f64 / histogram.rows as f64, 0));
            canvas.text((from - 8.0, line + sign * (room - 2.0)), &peak, TICK, Align::Right);
            canvas.line((from - 5.0, line + sign * room), (from, line + sign * room), 1.25, FAINT);
            for bin in 0..BINS {
                let (removed, all) = (histogram.removed[bin], histogram.removed[bin] + histogram.kept[bin]);
                if all == 0 {
                    continue;
                }
                // A single row among thousands still shows as a hair.
                let height = |count: usize| {
                    if count == 0 { 0.0 } else { (room * count as f64 / most as f64).max(1.25) }
                };
                let (dark, whole) = (height(removed), height(all));
                let at = from + bin as f64 * step;
                let bar = |low: f64, high: f64| {
                    [(at, low), (at + step - 0.75, low), (at + step - 0.75, high), (at, high)]
                };
                canvas.area(bar(line + sign, line + sign * (1.0 + dark)), ink);
                if whole > dark {
                    canvas.area(bar(line + sign * (1.0 + dark), line + sign * (1.0 + whole)), pale(ink));
                }
            }
        }
        canvas.line((from, line), (to, line), 1.25, GREY);
        canvas.line((from, top), (from, top + tall), 1.25, FAINT);
        canvas.text((from - 8.0, line), "0", TICK, Align::Right);
        if let Some(threshold) = self.threshold.filter(|t| x.holds(*t)) {
            canvas.dashed(&[(x.at(threshold), top), (x.at(threshold), top + tall)], &[5.0, 4.0], 1.5, BLACK);
        }
        if wide > 500.0 {
            canvas.upward((left + 8.0, line), "share of the group's rows", LABEL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_threshold_is_told_only_where_one_parts_the_rows() {
        let rows = [(1.0, false, false), (2.0, false, false), (4.0, true, true)];
        assert_eq!(threshold(&rows), Some(3.0));
        assert_eq!(threshold(&[(1.0, false, true), (2.0, false, false)]), None);
        assert_eq!(threshold(&rows[..2]), None, "nothing was removed");
    }

    #[test]
    fn a_long_tail_is_cut_and_counted() {
        let mut rows: Vec<(f64, bool, bool)> =
            (0..1000).map(|i| (f64::from(i) / 1000.0, i % 20 == 0, false)).collect();
        assert_eq!(range(&rows).2, 0);
        rows[7].0 = 1e6;
        let (_, high, beyond) = range(&rows);
        assert!(high < 2.0 && beyond >= 1, "{high} {beyond}");
        assert_eq!(range(&[(3.0, false, false)]), (2.5, 3.5, 0));
    }

    proptest! {
        #[test]
        fn auroc_counts_pairs(rows in prop::collection::vec((0u8..6, any::<bool>()), 1..40)) {
            let rows: Vec<(f64, bool, bool)> = rows.into_iter().map(|(v, p)| (f64::from(v), p, false)).collect();
            let (mut wins, mut pairs) = (0.0, 0.0);
            for a in rows.iter().filter(|r| r.1) {
                for b in rows.iter().filter(|r| !r.1) {
                    pairs += 1.0;
                    wins += if a.0 > b.0 { 1.0 } else if a.0 == b.0 { 0.5 } else { 0.0 };
                }
            }
            match auroc(&rows) {
                Some(ours) => prop_assert!((ours - wins / pairs).abs() < 1e-12),
                None => prop_assert!(pairs == 0.0),
            }
        }
    }
}
