//! `tradeoff`: attack success against clean accuracy. One colour an attack, one marker a defense; in a panel an attack
//! where one would be too full.

mod panels;

use std::collections::BTreeSet;

use crate::Error;
use crate::figures::axis::{Scale, clip, share_range, ticks};
use crate::figures::canvas::{Align, Canvas, Type};
use crate::figures::style::*;
use crate::figures::{Album, Figure};
use crate::format::{interval_words, number, percent};
use crate::role::Role;
use crate::stats::Stat;
use crate::study::{Facet, Study};
use crate::summary::Point;

/// Height of the plot, and how far a long legend may stretch it.
const PLOT: (f64, f64) = (400.0, 620.0);
/// Height of the good corner as a share of the plot.
const CORNER: f64 = 0.17;
/// Lines between the points of an attack are drawn up to this many points.
const LINKED: usize = 40;
/// There are this many markers; with more defenses a marker stands for the part that a defense plays.
const MARKERS: usize = 10;

pub(crate) fn draw(study: &Study, album: &mut Album) -> Result<(), Error> {
    let facets = study.facets(&mut album.skipped, "tradeoff");
    for facet in &facets {
        one(study, facet, album)?;
    }
    if facets.is_empty() {
        album.skip("tradeoff", "no cell is done");
    }
    Ok(())
}

struct Mark<'a> {
    point: &'a Point,
    /// Its marker: that of the defense, or of its role.
    shape: usize,
    accuracy: Stat,
    success: Stat,
    radius: f64,
}

fn one(study: &Study, facet: &Facet<'_>, album: &mut Album) -> Result<(), Error> {
    let name = format!("tradeoff{}", facet.suffix);
    let rate_varies = study.rate_varies(&facet.points);
    let mut rates: Vec<f64> = facet.points.iter().filter_map(|p| p.rate).collect();
    rates.sort_by(f64::total_cmp);
    rates.dedup();
    let radius = |point: &Point| match rates.iter().position(|r| Some(*r) == point.rate) {
        Some(at) if rate_varies => 4.5 + 5.0 * at as f64 / (rates.len() - 1).max(1) as f64,
        _ if facet.points.len() > LINKED => 5.5,
        _ => 7.0,
    };
    let by_role = facet.points.iter().map(|p| &p.defense).collect::<BTreeSet<_>>().len() > MARKERS;
    let shape = |p: &Point| if by_role { study.role(&p.defense) as usize } else { study.defense(p) };
    let marks: Vec<Mark<'_>> = facet
        .points
        .iter()
        .filter_map(|point| {
            let (accuracy, success) = (point.stat("clean_accuracy")?, point.shown("attack_success")?);
            Some(Mark { point, shape: shape(point), accuracy, success, radius: radius(point) })
        })
        .collect();
    if marks.is_empty() {
        album.skip(name, "no done cell has both clean_accuracy and attack_success");
        return Ok(());
    }
    let twin = twin_accuracy(&facet.points);
    if marks.len() > LINKED && marks.iter().any(|m| m.point.attack != marks[0].point.attack) {
        let figure = panels::draw(study, (name, &study.setting(facet)), &marks, (twin, by_role), album)?;
        album.figures.push(figure);
        return Ok(());
    }

    let mut canvas = Canvas::default();
    let title = "Attack success against clean accuracy";
    let top = head(&mut canvas, title, &study.setting(facet), WIDTH) + 6.0;
    let legend_groups = groups(study, &marks, by_role);
    let legend_room = legend_width(&legend_groups, 215.0);
    let left = MARGIN + 62.0;
    let right = WIDTH - MARGIN - legend_room - 26.0;
    let plot = ((legend_height(&legend_groups, legend_room) + 10.0) / (1.0 - CORNER)).clamp(PLOT.0, PLOT.1);
    let (x, y) = scales(&marks, twin.as_ref(), (left, right), (top, top + plot));

    // Where the axis begins above 0, its lower end is no place where an attack fails.
    let fails = y.holds(0.0);
    if fails {
        corner(&mut canvas, &x, &y, twin.map(|t| t.mean));
    }
    frame(&mut canvas, &x, &y);
    if let Some(twin) = twin.filter(|t| x.holds(t.mean)) {
        let at = x.at(twin.mean);
        canvas.dashed(&[(at, y.from), (at, y.to)], &[5.0, 4.0], 1.5, GREY);
    }
    if marks.len() <= LINKED {
        links(&mut canvas, study, &marks, &x, &y, rate_varies);
        seeds(&mut canvas, study, &marks, &x, &y);
    }
    // Many bars make a thicket; paler ones leave the means to be seen.
    let pale = (6.0 / marks.len() as f64).clamp(0.16, 0.55);
    let mut arrows = false;
    for mark in &marks {
        let ink = ink(study.attack(mark.point)).alpha(pale);
        let at = (x.at(mark.accuracy.mean), y.at(mark.success.mean));
        if let Some(((from, to), cut)) = mark.accuracy.interval.and_then(|i| clip(i, &x)) {
            arrows |= cut.0 || cut.1;
            whisker(&mut canvas, ((x.at(from), at.1), (x.at(to), at.1)), cut, ink);
        }
        if let Some(((from, to), cut)) = mark.success.interval.and_then(|i| clip(i, &y)) {
            arrows |= cut.0 || cut.1;
            whisker(&mut canvas, ((at.0, y.at(from)), (at.0, y.at(to))), cut, ink);
        }
    }
    for mark in &marks {
        let at = (x.at(mark.accuracy.mean), y.at(mark.success.mean));
        let ink = ink(study.attack(mark.point));
        marker(&mut canvas, mark.shape, at, mark.radius, ink, mark.point.undefended());
    }
    legend(&mut canvas, (right + 26.0, top + 2.0), legend_room, top + (1.0 - CORNER) * plot, &legend_groups);
    // The corner is named beside it, where no marker can stand.
    if fails {
        let words = Type::new(14.5, GREEN.mix(BLACK, 0.35));
        let lines = ["accurate".to_owned(), "and safe".to_owned()];
        canvas.lines((right + 14.0, y.from - CORNER * plot / 2.0 - 10.0), &lines, words, Align::Left);
    }

    let mut caption = caption(&marks, twin.as_ref(), rate_varies, arrows);
    if !fails {
        caption.push_str(" The axis of attack success does not begin at 0.");
    }
    if marks.iter().any(|m| study.role(&m.point.defense) == Role::Detector) {
        caption.push_str(DETECTORS);
    }
    let height = foot(&mut canvas, &caption, top + plot + 58.0, WIDTH);
    let lines = match (marks.len() <= LINKED, rate_varies) {
        (false, _) => "",
        (true, true) => " Thin lines lead to the next higher poison rate.",
        (true, false) => " Thin lines lead from the undefended victim to the defended ones.",
    };
    let reading = format!(
        "Below right is where a defense should lead: the attack fails and the victim still works. Colours are \
         attacks, shapes are {}, solid is undefended.{lines}",
        if by_role { "the parts that defenses play" } else { "defenses" }
    );
    let svg = canvas.svg(&name, title, (WIDTH, height))?;
    album.figures.push(Figure { name, title: title.into(), reading, svg, shown: true });
    Ok(())
}

/// Clean accuracy of the clean twin: this cell's plus its drop, once a seed.
pub(crate) fn twin_accuracy(points: &[&Point]) -> Option<Stat> {
    let mut by_seed = std::collections::BTreeMap::new();
    for row in points.iter().flat_map(|p| &p.done) {
        let both =
            (crate::summary::value(row, "clean_accuracy"), crate::summary::value(row, "accuracy_drop"));
        if let (Some(accuracy), Some(drop)) = both {
            by_seed.entry(row.seed).or_insert(accuracy + drop);
        }
    }
    Stat::of(&by_seed.into_values().collect::<Vec<_>>())
}

fn groups(study: &Study, marks: &[Mark<'_>], by_role: bool) -> Vec<Group> {
    let mut attacks: Vec<(usize, String)> = Vec::new();
    let mut defenses: Vec<(usize, bool, String)> = Vec::new();
    for mark in marks {
        let attack = study.attack(mark.point);
        let dagger = if mark.point.availability() { " †" } else { "" };
        if !attacks.iter().any(|a| a.0 == attack) {
            attacks.push((attack, format!("{}{dagger}", mark.point.attack_without_rate)));
        }
        let name = match by_role {
            true => study.role(&mark.point.defense).plural().to_owned(),
            false => mark.point.defense.clone(),
        };
        let defense = (mark.shape, mark.point.undefended(), name);
        if !defenses.contains(&defense) {
            defenses.push(defense);
        }
    }
    attacks.sort();
    defenses.sort();
    vec![
        Group {
            heading: "Attack",
            entries: attacks
                .into_iter()
                .map(|(i, name)| (Key::Line { ink: ink(i), dash: i }, name))
                .collect(),
        },
        Group {
            heading: "Defense",
            entries: defenses
                .into_iter()
                .map(|(shape, solid, name)| (Key::Marker { shape, solid }, name))
                .collect(),
        },
    ]
}

/// Scales from the means alone: intervals of few seeds would leave nothing to see.
fn scales(marks: &[Mark<'_>], twin: Option<&Stat>, xs: (f64, f64), ys: (f64, f64)) -> (Scale, Scale) {
    let mut accuracies: Vec<f64> = marks.iter().map(|m| m.accuracy.mean).collect();
    accuracies.extend(twin.map(|t| t.mean));
    let successes: Vec<f64> = marks.iter().map(|m| m.success.mean).collect();
    let (low, high) = share_range(&accuracies, 0.03);
    let (mut least, mut most) = share_range(&successes, 0.1);
    if least < 0.4 {
        least = least.min(0.0);
    }
    if most > 0.6 {
        most = 1.0;
    }
    // A little beyond, so that markers on 0 and 100 % are whole.
    let (wide, tall) = (0.02 * (high - low), 0.035 * (most - least));
    (
        Scale { low: low - wide, high: high + wide, from: xs.0, to: xs.1, log: false },
        Scale { low: least - tall, high: most + tall, from: ys.1, to: ys.0, log: false },
    )
}

/// Shades the corner where a defense should lead.
fn corner(canvas: &mut Canvas, x: &Scale, y: &Scale, twin: Option<f64>) {
    let wide = x.to - x.from;
    let from = twin.filter(|t| x.holds(*t)).map_or(x.to, |t| x.at(t) - 0.14 * wide);
    let from = from.min(x.to - 0.3 * wide).max(x.from);
    let top = y.from + CORNER * (y.to - y.from);
    canvas.rect((from, top), (x.to - from, y.from - top), GREEN.alpha(0.1));
}

fn frame(canvas: &mut Canvas, x: &Scale, y: &Scale) {
    let (marks, decimals) = ticks(100.0 * x.low, 100.0 * x.high, 5);
    for tick in marks.into_iter().filter(|t| *t <= 100.0) {
        let at = x.at(tick / 100.0);
        canvas.line((at, y.from), (at, y.to), 1.0, GRID);
        canvas.text((at, y.from + 15.0), &number(tick, decimals), TICK, Align::Middle);
    }
    let (marks, decimals) = ticks(100.0 * y.low, 100.0 * y.high, 5);
    for tick in marks.into_iter().filter(|t| *t <= 100.0) {
        let at = y.at(tick / 100.0);
        canvas.line((x.from, at), (x.to, at), 1.0, GRID);
        canvas.text((x.from - 9.0, at), &number(tick, decimals), TICK, Align::Right);
    }
    canvas.path([(x.from, y.to), (x.from, y.from), (x.to, y.from)], 1.25, FAINT);
    canvas.text(((x.from + x.to) / 2.0, y.from + 40.0), "clean accuracy (%)", LABEL, Align::Middle);
    canvas.upward((MARGIN + 8.0, (y.from + y.to) / 2.0), "attack success (%)", LABEL);
}

/// Lines of one attack: along the rate where it varies, else from the undefended point to the others.
fn links(canvas: &mut Canvas, study: &Study, marks: &[Mark<'_>], x: &Scale, y: &Scale, rate_varies: bool) {
    let at = |m: &Mark<'_>| (x.at(m.accuracy.mean), y.at(m.success.mean));
    for mark in marks {
        let attack = study.attack(mark.point);
        let pair = if rate_varies {
            let same =
                |m: &&Mark<'_>| study.attack(m.point) == attack && m.point.defense == mark.point.defense;
            let next = |m: &&Mark<'_>| m.point.rate > mark.point.rate;
            let later = marks.iter().filter(same).filter(next);
            later.min_by(|a, b| a.point.rate.partial_cmp(&b.point.rate).unwrap_or(std::cmp::Ordering::Equal))
        } else {
            marks.iter().find(|m| m.point.undefended() && m.point.attack == mark.point.attack)
        };
        if let Some(other) = pair {
            canvas.dashed(&[at(other), at(mark)], dash(attack), 1.4, ink(attack).alpha(0.38));
        }
    }
}

fn seeds(canvas: &mut Canvas, study: &Study, marks: &[Mark<'_>], x: &Scale, y: &Scale) {
    for mark in marks.iter().filter(|m| m.success.n > 1) {
        for row in &mark.point.done {
            let both = (row.metric("clean_accuracy"), row.metric("attack_success"));
            let (Some(accuracy), Some(success)) = both else {
                continue;
            };
            if x.holds(accuracy) && y.holds(success) {
                canvas.disc((x.at(accuracy), y.at(success)), 2.6, ink(study.attack(mark.point)).alpha(0.35));
            }
        }
    }
}

fn caption(marks: &[Mark<'_>], twin: Option<&Stat>, rate_varies: bool, arrows: bool) -> String {
    let stats: Vec<Stat> = marks.iter().map(|m| m.success).collect();
    let mut words = interval_words(&stats, "bars");
    if arrows {
        words.push_str(" Arrows: the interval goes on.");
    }
    if marks.len() <= LINKED && stats.iter().any(|s| s.n > 1) {
        words.push_str(" Faint dots: single seeds.");
    }
    if let Some(twin) = twin {
        words.push_str(&format!(" Dashed line: clean twin, {} %.", percent(twin.mean)));
    }
    if rate_varies {
        words.push_str(" Larger markers: higher poison rate.");
    }
    if marks.iter().any(|m| m.point.availability()) {
        words.push_str(" † availability attack: success = accuracy drop.");
    }
    words
}
