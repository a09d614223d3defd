//! `rounds`: attack success and clean accuracy of the global model over the rounds of a federation; `share`: the
//! same after the last round over the share of malicious clients; `timeline`: the same over the windows of a stream.

mod course;
mod panel;
pub(crate) mod share;
pub(crate) mod timeline;

use self::course::{Attack, attacks, rules};
use self::panel::{Frame, TURNS, message};
use super::axis::share_range;
use super::canvas::{Align, Canvas, Ink};
use super::style::*;
use super::tradeoff::twin_accuracy;
use super::{Album, Figure};
use crate::Error;
use crate::format::{interval_words, percent};
use crate::stats::Stat;
use crate::study::{Facet, Study};

/// Attacks on a page, and the most pages.
const ATTACKS: usize = 4;
const PAGES: usize = 4;
/// More curves than this in one panel tell nothing; the rest is left to the table.
const RULES: usize = 12;
const GAP: f64 = 26.0;

pub(crate) fn draw(study: &Study, album: &mut Album) -> Result<(), Error> {
    if !study.federated() {
        return Ok(());
    }
    let mut drawn = false;
    for facet in study.facets(&mut album.skipped, "rounds") {
        drawn |= one(study, &facet, album)?;
    }
    if !drawn {
        album.skip(
            "rounds",
            "no federation was looked at in two rounds or more; see federation.evaluate_every",
        );
    }
    Ok(())
}

fn one(study: &Study, facet: &Facet<'_>, album: &mut Album) -> Result<bool, Error> {
    let name = format!("rounds{}", facet.suffix);
    let mut rules = rules(study, &facet.points);
    if rules.len() > RULES {
        album.skip(&name, format!("{} more rules are only in the table", rules.len() - RULES));
        rules.truncate(RULES);
    }
    let mut attacks = attacks(study, facet, &rules);
    // A federation that was looked at once has no course.
    attacks.retain(|a| a.curves.iter().any(|c| c.clean.len().max(c.success.len()) > 1));
    pages(
        study,
        facet,
        Subject { name, over: "over the rounds", label: "round", reading: ROUNDS },
        &attacks,
        &rules,
        album,
    )
}

/// What the curves run over.
struct Subject {
    name: String,
    over: &'static str,
    label: &'static str,
    reading: &'static str,
}

const ROUNDS: &str = "One curve a rule of the server, each panel an attack. A rule that holds keeps attack success low and \
                      clean accuracy where it is without an attack, and not only in the last round: what rises and falls \
                      between the rounds is hidden in a table.";

/// A page for some attacks each; whether there was any.
fn pages(
    study: &Study,
    facet: &Facet<'_>,
    subject: Subject,
    attacks: &[Attack<'_>],
    rules: &[&str],
    album: &mut Album,
) -> Result<bool, Error> {
    let pages = attacks.len().div_ceil(ATTACKS);
    if pages > PAGES {
        let more = attacks.len() - PAGES * ATTACKS;
        album.skip(&subject.name, format!("{more} more attacks are only in the table"));
    }
    for (i, attacks) in attacks.chunks(ATTACKS).enumerate().take(PAGES) {
        let name = if i == 0 { subject.name.clone() } else { format!("{}-page{}", subject.name, i + 1) };
        let part = if pages > 1 { format!(" ({} of {})", i + 1, pages.min(PAGES)) } else { String::new() };
        page(study, facet, &Page { name, part, subject: &subject, attacks, rules }, album)?;
    }
    Ok(pages > 0)
}

struct Page<'a> {
    name: String,
    part: String,
    subject: &'a Subject,
    attacks: &'a [Attack<'a>],
    rules: &'a [&'a str],
}

fn page(study: &Study, facet: &Facet<'_>, page: &Page<'_>, album: &mut Album) -> Result<(), Error> {
    let mut canvas = Canvas::default();
    let Page { attacks, rules, subject, .. } = page;
    let stats = |of: fn(&course::Curve) -> &Vec<(f64, Stat)>| -> Vec<Stat> {
        attacks.iter().flat_map(|a| &a.curves).flat_map(of).map(|s| s.1).collect()
    };
    let (success, clean) = (stats(|c| &c.success), stats(|c| &c.clean));
    let twin = twin_accuracy(&facet.points);
    let federated = if success.is_empty() { "Clean accuracy" } else { "Attack success and clean accuracy" };
    let title = format!("{federated} {}{}", subject.over, page.part);
    let top = head(&mut canvas, &title, &study.setting(facet), WIDTH);

    let columns = if attacks.len() == 4 { 2 } else { attacks.len() };
    let left = MARGIN + 60.0;
    let wide = (WIDTH - MARGIN - left - GAP * (columns - 1) as f64) / columns as f64;
    // Two rows of attacks stay on a screen.
    let high = if attacks.len() > columns { 148.0 } else { 190.0 };
    let rounds = || attacks.iter().flat_map(|a| &a.curves).flat_map(|c| c.clean.iter().chain(&c.success));
    let end = rounds().map(|s| s.0).fold(1.0, f64::max);
    let mut means: Vec<f64> = clean.iter().map(|s| s.mean).collect();
    means.extend(twin.map(|t| t.mean));
    let (low, most) = share_range(&means, 0.05);
    // From near zero on the axis may as well begin there.
    let ranges = [reach(&success), (if low < 0.25 { low.min(0.0) } else { low }, most)];
    let (mut y, mut turns) = (top, false);
    for row in attacks.chunks(columns) {
        let mut below = y;
        for (column, attack) in row.iter().enumerate() {
            let from = left + column as f64 * (wide + GAP);
            let name = if attack.none { "no attack" } else { attack.name };
            canvas.text((from, y + 10.0), &HEADING.fit(name, wide), HEADING, Align::Left);
            below = y + 28.0;
            if !success.is_empty() {
                let frame =
                    Frame::new((from, from + wide), (below, below + high), ranges[0], (subject.label, end));
                frame.draw(&mut canvas, (column == 0).then_some("attack success (%)"), attack.window, false);
                match attack.succeeds() {
                    true => {
                        attack.curves.iter().for_each(|c| frame.band(&mut canvas, &c.success, ink_of(c.rule)))
                    }
                    false => message(&mut canvas, &frame, attack.none),
                }
                let courses = attack.curves.iter().map(|c| (&c.success[..], ink_of(c.rule)));
                turns |= frame.curves(&mut canvas, courses);
                below += high + 20.0;
            }
            let frame =
                Frame::new((from, from + wide), (below, below + high), ranges[1], (subject.label, end));
            frame.draw(&mut canvas, (column == 0).then_some("clean accuracy (%)"), attack.window, true);
            attack.curves.iter().for_each(|c| frame.band(&mut canvas, &c.clean, ink_of(c.rule)));
            if let Some(twin) = twin {
                frame.reference(&mut canvas, twin.mean);
            }
            turns |= frame.curves(&mut canvas, attack.curves.iter().map(|c| (&c.clean[..], ink_of(c.rule))));
            below += high;
        }
        y = below + 58.0;
    }
    let y = legend(&mut canvas, rules, y + 10.0);
    let all: Vec<Stat> = clean.into_iter().chain(success).collect();
    let mut caption = interval_words(&all, "bands");
    if let Some(twin) = twin {
        caption
            .push_str(&format!(" Grey dashed: clean twin after the last round, {} %.", percent(twin.mean)));
    }
    if attacks.iter().any(|a| a.window.is_some()) {
        caption.push_str(" Shaded: the rounds in which the attack is on.");
    }
    if turns {
        caption.push_str(TURNS);
    }
    if attacks.iter().flat_map(|a| &a.curves).any(|c| c.thinned) {
        caption.push_str(" Of many rounds every k-th is drawn, and the last.");
    }
    let height = foot(&mut canvas, &caption, y, WIDTH);
    let svg = canvas.svg(&page.name, &title, (WIDTH, height))?;
    album.figures.push(Figure {
        name: page.name.clone(),
        title,
        reading: subject.reading.into(),
        svg,
        shown: true,
    });
    Ok(())
}

/// The range of attack success: all of it, unless no attack gets far.
fn reach(success: &[Stat]) -> (f64, f64) {
    let most = success.iter().map(|s| s.mean).fold(0.0, f64::max);
    (0.0, if most > 0.3 { 1.0 } else { (1.3 * most).max(0.05) })
}

/// The colour of a rule; the first is the plain mean, where there is one, and black: what all others are held against.
fn ink_of(rule: usize) -> Ink {
    match rule.checked_sub(1) {
        None => Ink::rgb(0x33, 0x33, 0x33),
        // The palette's seventh is as dark as this.
        Some(i) => ink(i + i / 6),
    }
}

/// The rules in columns below the panels; returns where they end.
fn legend(canvas: &mut Canvas, rules: &[&str], y: f64) -> f64 {
    let name = |rule: &str| if rule == "none" { "none (mean)".to_owned() } else { rule.to_owned() };
    let widest = rules.iter().map(|r| TEXT.width(&name(r))).fold(0.0, f64::max) + 62.0;
    let columns = ((WIDTH - 2.0 * MARGIN) / widest).floor().clamp(1.0, 4.0) as usize;
    let columns = columns.min(rules.len().max(1));
    let rows = rules.len().div_ceil(columns);
    let step = (WIDTH - 2.0 * MARGIN) / columns as f64;
    for (i, rule) in rules.iter().enumerate() {
        let at = (MARGIN + (i / rows) as f64 * step, y + (i % rows) as f64 * 23.0);
        canvas.line(at, (at.0 + 28.0, at.1), 3.0, ink_of(i));
        canvas.text((at.0 + 38.0, at.1), &TEXT.fit(&name(rule), step - 46.0), TEXT, Align::Left);
    }
    y + rows as f64 * 23.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_have_colours_of_their_own() {
        let all: Vec<Ink> = (0..RULES).map(ink_of).collect();
        assert!((1..RULES).all(|i| !all[..i].contains(&all[i])));
    }

    #[test]
    fn success_has_the_whole_axis_once_there_is_some() {
        let stat = |v: f64| Stat::of(&[v]).unwrap();
        assert_eq!([reach(&[stat(0.1), stat(0.9)]), reach(&[stat(0.0)])], [(0.0, 1.0), (0.0, 0.05)]);
        assert!((reach(&[stat(0.1)]).1 - 0.13).abs() < 1e-12);
    }
}
