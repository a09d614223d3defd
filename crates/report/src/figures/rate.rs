//! `rate`: attack success and clean accuracy against the poison rate, one line an attack and defense; for filters of
//! spam also what becomes of ham and of spam.

use super::axis::{Scale, clip, share_range, ticks};
use super::canvas::{Align, Canvas};
use super::style::*;
use super::tradeoff::twin_accuracy;
use super::{Album, Figure};
use crate::Error;
use crate::format::{interval_words, number, percent};
use crate::stats::Stat;
use crate::study::{Facet, Study};
use crate::summary::Point;

const PANEL: f64 = 300.0;
/// More lines than this in one panel tell nothing; the rest is left to the table.
const LINES: usize = 24;

/// What two panels show.
struct Pair {
    /// Behind `rate` in the figure's name.
    name: &'static str,
    title: &'static str,
    /// Metrics and the labels of their axes.
    panels: [(&'static str, &'static str); 2],
}

const PAIRS: [Pair; 3] = [
    Pair {
        name: "",
        title: "Attack success and clean accuracy against the poison rate",
        panels: [("attack_success", "attack success (%)"), ("clean_accuracy", "clean accuracy (%)")],
    },
    Pair {
        name: "-ham",
        title: "What becomes of ham against the poison rate",
        panels: [
            ("ham_as_spam", "ham taken for spam (%)"),
            ("ham_not_delivered", "ham taken for spam or unsure (%)"),
        ],
    },
    Pair {
        name: "-spam",
        title: "What becomes of spam against the poison rate",
        panels: [
            ("spam_as_ham", "spam taken for ham (%)"),
            ("spam_not_caught", "spam taken for ham or unsure (%)"),
        ],
    },
];

pub(crate) fn draw(study: &Study, album: &mut Album) -> Result<(), Error> {
    let mut drawn = false;
    for facet in study.facets(&mut album.skipped, "rate") {
        if study.rate_varies(&facet.points) {
            for pair in &PAIRS {
                let has = |p: &&Point| pair.panels.iter().any(|(metric, _)| p.shown(metric).is_some());
                if pair.name.is_empty() || facet.points.iter().any(has) {
                    one(study, &facet, pair, album)?;
                }
            }
            drawn = true;
        }
    }
    if !drawn {
        album.skip("rate", "no attack has two poison rates; put \"attack.rate\" into [grid] to draw it");
    }
    Ok(())
}

/// One attack with one defense, by rising rate.
struct Line<'a> {
    attack: usize,
    defense: usize,
    points: Vec<&'a Point>,
}

fn one(study: &Study, facet: &Facet<'_>, pair: &Pair, album: &mut Album) -> Result<(), Error> {
    let name = format!("rate{}{}", pair.name, facet.suffix);
    let mut lines: Vec<Line<'_>> = Vec::new();
    for point in facet.points.iter().filter(|p| p.rate.is_some()) {
        let (attack, defense) = (study.attack(point), study.defense(point));
        match lines.iter_mut().find(|l| (l.attack, l.defense) == (attack, defense)) {
            Some(line) => line.points.push(point),
            None => lines.push(Line { attack, defense, points: vec![point] }),
        }
    }
    for line in &mut lines {
        line.points.sort_by(|a, b| a.rate.partial_cmp(&b.rate).unwrap_or(std::cmp::Ordering::Equal));
    }
    lines.sort_by_key(|l| (l.attack, l.defense));
    let more = lines.len().saturating_sub(LINES);
    lines.truncate(LINES);
    if more > 0 {
        album.skip(&name, format!("{more} more lines are only in the table"));
    }

    let mut canvas = Canvas::default();
    let title = pair.title;
    let top = head(&mut canvas, title, &study.setting(facet), WIDTH) + 26.0;
    let gap = 64.0;
    let wide = (WIDTH - 2.0 * MARGIN - 40.0 - gap) / 2.0;
    let mut stats: Vec<Stat> = Vec::new();
    let twin = twin_accuracy(&facet.points).filter(|_| pair.panels.iter().any(|p| p.0 == "clean_accuracy"));
    for (i, (metric, label)) in pair.panels.into_iter().enumerate() {
        let from = MARGIN + 40.0 + i as f64 * (wide + gap);
        canvas.text((from - 40.0, top - 16.0), label, LABEL, Align::Left);
        let twin = twin.filter(|_| metric == "clean_accuracy");
        let panel = Panel { metric, xs: (from, from + wide), ys: (top + PANEL, top) };
        stats.extend(panel.draw(&mut canvas, &lines, twin));
    }
    canvas.text(
        (WIDTH / 2.0, top + PANEL + 42.0),
        "poison rate (% of the training set)",
        LABEL,
        Align::Middle,
    );
    let below = legend_below(&mut canvas, study, &lines, pair.name.is_empty(), top + PANEL + 70.0);
    let mut caption = interval_words(&stats, "bars");
    if let Some(twin) = twin {
        caption.push_str(&format!(" Grey dashed line: clean twin, {} %.", percent(twin.mean)));
    }
    if pair.name.is_empty() && facet.points.iter().any(|p| p.availability()) {
        caption.push_str(" † availability attack: success = accuracy drop.");
    }
    if let Some(scope) = rate_scope(&lines) {
        caption.push_str(&scope);
    }
    let height = foot(&mut canvas, &caption, below, WIDTH);
    let reading = "One line an attack and defense: colours are attacks, shapes and dashes are defenses. How much \
                   poison does the attack need, and does the defense hold when there is more or less of it?";
    let svg = canvas.svg(&name, title, (WIDTH, height))?;
    album.figures.push(Figure { name, title: title.into(), reading: reading.into(), svg, shown: true });
    Ok(())
}

/// What the rate is a share of, if it is not the training set.
fn rate_scope(lines: &[Line<'_>]) -> Option<String> {
    let points = || lines.iter().flat_map(|l| &l.points);
    let scopes = points().filter_map(|p| p.any()?.setting("attack.rate_of")?.as_str().map(str::to_owned));
    let odd: std::collections::BTreeSet<String> = scopes.filter(|s| s != "train_set").collect();
    let odd: Vec<String> = odd.into_iter().map(|s| s.replace('_', " ")).collect();
    (!odd.is_empty()).then(|| format!(" Some rates are shares of the {}.", odd.join(" and the ")))
}

struct Panel {
    metric: &'static str,
    xs: (f64, f64),
    ys: (f64, f64),
}

impl Panel {
    fn draw(&self, canvas: &mut Canvas, lines: &[Line<'_>], twin: Option<Stat>) -> Vec<Stat> {
        let stat = |p: &Point| Some((p.rate?, p.shown(self.metric)?));
        let series: Vec<(&Line<'_>, Vec<(f64, Stat)>)> =
            lines.iter().map(|l| (l, l.points.iter().filter_map(|p| stat(p)).collect())).collect();
        let all: Vec<(f64, Stat)> = series.iter().flat_map(|s| s.1.iter().copied()).collect();
        let mut means: Vec<f64> = all.iter().map(|s| s.1.mean).collect();
        means.extend(twin.map(|t| t.mean));
        let y = self.vertical(&means);
        let x = self.horizontal(lines);
        frame(canvas, &x, &y, &rates(lines));
        if let Some(twin) = twin.filter(|t| y.holds(t.mean)) {
            canvas.dashed(
                &[(x.from - 8.0, y.at(twin.mean)), (x.to + 8.0, y.at(twin.mean))],
                &[5.0, 4.0],
                1.5,
                GREY,
            );
        }
        // Lines stand a little beside each other, so that their bars do not hide one another.
        let count = series.len().max(1) as f64;
        let aside = |i: usize| (i as f64 - (count - 1.0) / 2.0) * (12.0 / count).min(3.5);
        for (i, (line, points)) in series.iter().enumerate() {
            let ink = ink(line.attack);
            let at = |p: &(f64, Stat)| (x.at(p.0) + aside(i), y.at(p.1.mean));
            for point in points {
                if let Some(((low, high), cut)) = point.1.interval.and_then(|i| clip(i, &y)) {
                    let bar = ((at(point).0, y.at(low)), (at(point).0, y.at(high)));
                    whisker(canvas, bar, cut, ink.alpha(0.4));
                }
            }
            let path: Vec<(f64, f64)> = points.iter().map(at).collect();
            canvas.dashed(&path, dash(line.defense), 2.2, ink);
        }
        for (i, (line, points)) in series.iter().enumerate() {
            for (rate, stat) in points {
                let at = (x.at(*rate) + aside(i), y.at(stat.mean));
                let solid = line.points.first().is_some_and(|p| p.undefended());
                marker(canvas, line.defense, at, 5.0, ink(line.attack), solid);
            }
        }
        all.into_iter().map(|s| s.1).collect()
    }

    fn vertical(&self, means: &[f64]) -> Scale {
        let (mut low, mut high) = share_range(means, 0.03);
        if self.metric != "clean_accuracy" {
            (low, high) = (low.min(0.0), if high > 0.6 { 1.0 } else { high });
        }
        let pad = 0.035 * (high - low);
        Scale { low: low - pad, high: high + pad, from: self.ys.0, to: self.ys.1, log: false }
    }

    fn horizontal(&self, lines: &[Line<'_>]) -> Scale {
        let rates = rates(lines);
        let (low, high) = (rates.first().copied().unwrap_or(0.0), rates.last().copied().unwrap_or(1.0));
        let log = low > 0.0 && high / low >= 9.999;
        let (low, high) = if high > low { (low, high) } else { (low - 0.01, low + 0.01) };
        Scale { low, high, from: self.xs.0 + 18.0, to: self.xs.1 - 18.0, log }
    }
}

fn rates(lines: &[Line<'_>]) -> Vec<f64> {
    let mut rates: Vec<f64> = lines.iter().flat_map(|l| &l.points).filter_map(|p| p.rate).collect();
    rates.sort_by(f64::total_cmp);
    rates.dedup();
    rates
}

fn frame(canvas: &mut Canvas, x: &Scale, y: &Scale, rates: &[f64]) {
    let (left, right) = (x.from - 18.0, x.to + 18.0);
    let (marks, decimals) = ticks(100.0 * y.low, 100.0 * y.high, 5);
    for tick in marks.into_iter().filter(|t| *t <= 100.0) {
        let at = y.at(tick / 100.0);
        canvas.line((left, at), (right, at), 1.0, GRID);
        canvas.text((left - 7.0, at), &number(tick, decimals), TICK, Align::Right);
    }
    // The rates themselves are the ticks; those that would touch the last label stay without one.
    let mut free = f64::NEG_INFINITY;
    for rate in rates {
        let (at, text) = (x.at(*rate), crate::format::rate(*rate));
        canvas.line((at, y.from), (at, y.from + 5.0), 1.25, FAINT);
        let half = TICK.width(&text) / 2.0;
        if at - half > free + 6.0 {
            canvas.text((at, y.from + 17.0), &text, TICK, Align::Middle);
            free = at + half;
        }
    }
    canvas.path([(left, y.to), (left, y.from), (right, y.from)], 1.25, FAINT);
}

/// The lines' names in columns below the panels; those of attacks on availability with a mark, if `marked`.
fn legend_below(canvas: &mut Canvas, study: &Study, lines: &[Line<'_>], marked: bool, y: f64) -> f64 {
    let dagger = |l: &Line<'_>| {
        if marked && l.points.iter().any(|p| p.availability()) { " †" } else { "" }
    };
    let name =
        |l: &Line<'_>| format!("{}{} · {}", study.attacks[l.attack], dagger(l), study.defenses[l.defense]);
    let widest = lines.iter().map(|l| TEXT.width(&name(l))).fold(0.0, f64::max) + 58.0;
    let columns = ((WIDTH - 2.0 * MARGIN) / widest).floor().clamp(1.0, 3.0) as usize;
    let rows = lines.len().div_ceil(columns);
    let step = (WIDTH - 2.0 * MARGIN) / columns as f64;
    for (i, line) in lines.iter().enumerate() {
        let at = (MARGIN + (i / rows) as f64 * step, y + (i % rows) as f64 * 23.0);
        let solid = line.points.first().is_some_and(|p| p.undefended());
        let key = Key::Both { ink: ink(line.attack), dash: line.defense, shape: line.defense, solid };
        draw_key(canvas, key, at);
        canvas.text((at.0 + 40.0, at.1), &TEXT.fit(&name(line), step - 44.0), TEXT, Align::Left);
    }
    y + rows as f64 * 23.0
}
