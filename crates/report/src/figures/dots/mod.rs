//! `dots`: what each defense leaves of each attack, one dot a point, the numbers beside it. Read in seconds:
//! the solid dot is the undefended victim, the line is how far the defense pulls it.

mod draw;

use self::draw::{Columns, axis, control_key, grid, group, height, limit};
use super::axis::Scale;
use super::canvas::{Align, Canvas, Type};
use super::style::*;
use super::{Album, Figure};
use crate::Error;
use crate::format::{interval_words, percent, told};
use crate::role::Role;
use crate::stats::Stat;
use crate::study::{Facet, Study};
use crate::summary::Point;

/// More rows than this in one figure make a second one; a single attack's rows beyond it are left to the table.
const ROWS: usize = 40;
/// More figures than this nobody looks at.
const PAGES: usize = 12;
const ROW: f64 = 26.0;
/// A row with control arms or knowledge has a second line for their marks and its words.
const TALL: f64 = 37.0;
const SMALL: Type = Type::new(11.5, GREY);
const RANDOM: &str = "random_filter_attack_success";
const PERFECT: &str = "perfect_filter_attack_success";

pub(crate) fn draw(study: &Study, album: &mut Album) -> Result<(), Error> {
    let facets = study.facets(&mut album.skipped, "dots");
    for facet in &facets {
        one(study, facet, album)?;
    }
    if facets.is_empty() {
        album.skip("dots", "no cell is done");
    }
    Ok(())
}

struct Row<'a> {
    point: &'a Point,
    success: Stat,
    accuracy: Option<Stat>,
    /// Attack success when as many rows are removed at random, and when exactly the poisoned ones are.
    controls: [Option<Stat>; 2],
}

impl Row<'_> {
    fn has_controls(&self) -> bool {
        self.controls.iter().any(Option::is_some)
    }

    fn height(&self) -> f64 {
        let second = self.has_controls() || !self.told().is_empty() || self.flags().is_some();
        if second { TALL } else { ROW }
    }

    /// What the defense was told, if anything.
    fn told(&self) -> String {
        if self.point.knowledge.is_empty() { String::new() } else { told(&self.point.knowledge) }
    }

    /// What a detector flags, which is not to be seen in attack success. Not where the marks of control arms stand.
    fn flags(&self) -> Option<String> {
        if self.has_controls() {
            return None;
        }
        let share = |metric| self.point.stat(metric).map(|stat| percent(stat.mean));
        let (caught, falsely) = (share("tpr")?, share("fpr")?);
        // Only a detector of models flags classes.
        let [of, others] = match self.point.stat("flagged_classes") {
            Some(_) => ["target classes", "the others"],
            None => ["triggered inputs", "clean ones"],
        };
        Some(format!("flags {caught} % of {of}, {falsely} % of {others}"))
    }
}

type Rows<'a> = (String, Vec<Row<'a>>);

fn one(study: &Study, facet: &Facet<'_>, album: &mut Album) -> Result<(), Error> {
    let name = format!("dots{}", facet.suffix);
    let mut groups: Vec<Rows<'_>> = Vec::new();
    for point in &facet.points {
        let Some(success) = point.shown("attack_success") else {
            continue;
        };
        let controls = [RANDOM, PERFECT].map(|metric| point.stat(metric));
        let row = Row { point, success, accuracy: point.stat("clean_accuracy"), controls };
        match groups.iter_mut().find(|g| g.0 == point.attack) {
            Some(group) => group.1.push(row),
            None => groups.push((point.attack.clone(), vec![row])),
        }
    }
    if groups.is_empty() {
        album.skip(name, "no done cell has attack_success");
        return Ok(());
    }
    for (_, rows) in &mut groups {
        rows.sort_by_key(|r| study.defense(r.point));
    }
    groups.sort_by(|(_, a), (_, b)| {
        let key = |rows: &[Row<'_>]| rows.first().map(|r| (study.attack(r.point), r.point.rate));
        key(a).partial_cmp(&key(b)).unwrap_or(std::cmp::Ordering::Equal)
    });
    // Whole groups on each page.
    let mut pages: Vec<(Vec<Rows<'_>>, usize)> = Vec::new();
    for (attack, mut rows) in groups {
        let more = rows.len().saturating_sub(ROWS);
        rows.truncate(ROWS);
        let fits = |page: &Vec<Rows<'_>>| page.iter().map(|g| g.1.len()).sum::<usize>() + rows.len() <= ROWS;
        match pages.last_mut() {
            Some((page, left)) if fits(page) => {
                page.push((attack, rows));
                *left += more;
            }
            _ => pages.push((vec![(attack, rows)], more)),
        }
    }
    if pages.len() > PAGES {
        album.skip(
            &name,
            format!("{} more figures of dots are not drawn; see the table", pages.len() - PAGES),
        );
        pages.truncate(PAGES);
    }
    let count = pages.len();
    for (i, (page, more)) in pages.iter().enumerate() {
        let name = if i == 0 { name.clone() } else { format!("dots-{}{}", i + 1, facet.suffix) };
        let figure = one_page(study, facet, (page, *more), (name, i, count))?;
        album.figures.push(figure);
    }
    Ok(())
}

fn one_page(
    study: &Study,
    facet: &Facet<'_>,
    (groups, more): (&[Rows<'_>], usize),
    (name, page, pages): (String, usize, usize),
) -> Result<Figure, Error> {
    let stats: Vec<Stat> = groups.iter().flat_map(|g| &g.1).map(|r| r.success).collect();
    // With one defense for all, the attacks are the rows and need no headings.
    let headings = study.defenses.len() > 1;

    let mut canvas = Canvas::default();
    let mut title =
        if headings { "What each defense leaves of each attack" } else { "Attack success" }.to_owned();
    if pages > 1 {
        title.push_str(&format!(" ({} of {pages})", page + 1));
    }
    let mut top = head(&mut canvas, &title, &study.setting(facet), WIDTH);
    let controls = groups.iter().flat_map(|g| &g.1).any(Row::has_controls);
    if controls {
        top = control_key(&mut canvas, top + 8.0);
    }
    let columns = Columns::of(groups, headings);
    let control_stats = groups.iter().flat_map(|g| &g.1).flat_map(|r| r.controls).flatten();
    let high = limit(&stats.iter().copied().chain(control_stats).collect::<Vec<_>>());
    let low = stats.iter().map(|s| s.mean).fold(0.0, f64::min);
    let scale = Scale {
        low: if low < 0.0 { low - 0.04 * high } else { 0.0 },
        high,
        from: columns.plot.0 + 8.0,
        to: columns.plot.1 - 8.0,
        log: false,
    };
    for (at, words) in [(columns.success, "success, %"), (columns.accuracy, "accuracy, %")] {
        canvas.text((at, top + 12.0), words, Type { ink: GREY, ..TEXT }, Align::Right);
    }
    let first = top + 30.0;
    let body: f64 = groups.iter().map(|g| height(&g.1, headings)).sum();
    grid(&mut canvas, &scale, first, first + body);
    let mut y = first;
    for (attack, rows) in groups {
        y = group(&mut canvas, study, (attack, rows), &scale, &columns, y, headings);
    }
    let mut y = axis(&mut canvas, &scale, first + body);
    if more > 0 {
        let words = format!("+{more} more in the table");
        canvas.text((MARGIN, y - 24.0), &words, Type { ink: GREY, ..TEXT }, Align::Left);
    }
    let mut caption = interval_words(&stats, "bars");
    if stats.iter().filter_map(|s| s.interval).any(|(low, high)| low < scale.low || high > scale.high) {
        caption.push_str(" An arrow: the interval goes on.");
    }
    if groups.iter().any(|g| g.1.iter().any(|r| r.point.availability())) {
        caption.push_str(" † availability attack: success = accuracy drop.");
    }
    if groups.iter().flat_map(|g| &g.1).any(|r| study.role(&r.point.defense) == Role::Detector) {
        caption.push_str(DETECTORS);
    }
    y = foot(&mut canvas, &caption, y + 4.0, WIDTH);
    let reading = "Each row is a defense against the attack above it. The solid dot is the undefended victim; \
                   the line from it shows how far the defense pulls the attack's success. Left is better; the \
                   last column shows what it cost in clean accuracy.";
    let mut reading = reading.to_owned();
    if controls {
        reading.push_str(
            " The small marks below a filter are its control arms: a filter that is no better than chance lies where \
             the random one does, and none can do better than the perfect one.",
        );
    }
    let svg = canvas.svg(&name, &title, (WIDTH, y))?;
    Ok(Figure { name, title, reading, svg, shown: true })
}
