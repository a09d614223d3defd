//! `triggers`: what a model detector found in the model of each attack: the trigger reversed for each class, and
//! below it the class's anomaly index.

use aconite_record::{CellRow, Detection};

use super::canvas::{Align, Canvas, Type};
use super::style::*;
use super::{Album, Figure};
use crate::Error;
use crate::format::{number, told};
use crate::label::slug;
use crate::role::Role;
use crate::study::{Study, of_cell};
use crate::summary::Point;

/// Classes in a row, and the most that are shown: the most suspicious.
const COLUMNS: usize = 10;
const CLASSES: usize = 20;
/// More attacks than this make a second sheet nobody looks at.
const ATTACKS: usize = 12;
/// Above this index a class stands out from the others (Wang et al. 2019).
const THRESHOLD: f64 = 2.0;
/// Bars end here, so that one huge index leaves the others to be seen; the number stands above it.
const TALLEST: f64 = 8.0;
const BARS: f64 = 44.0;
const AXIS: f64 = 26.0;
const GAP: f64 = 8.0;

const SMALL: Type = Type::new(12.5, BLACK);

/// A detector's findings in the first seed of an attack.
struct Found<'a> {
    point: &'a Point,
    row: &'a CellRow,
    detection: &'a Detection,
}

pub(crate) fn draw(study: &Study, album: &mut Album) -> Result<(), Error> {
    let mut groups: Vec<Vec<Found<'_>>> = Vec::new();
    for point in &study.points {
        let Some((row, detection)) =
            point.done.iter().find_map(|row| Some((row, *of_cell(&study.detections, &row.cell).first()?)))
        else {
            continue;
        };
        if detection.classes.is_empty() {
            continue;
        }
        let found = Found { point, row, detection };
        let same = |g: &&mut Vec<Found<'_>>| {
            g.first().is_some_and(|f| f.point.defense == point.defense && f.point.context == point.context)
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(found),
            None => groups.push(vec![found]),
        }
    }
    if groups.is_empty() {
        // Without a detector nobody waits for the figure.
        if study.reached("detect", Role::Detector) {
            let why = "detections/ holds nothing of a done cell; only model detectors write some";
            album.skip("triggers", why);
        }
        return Ok(());
    }
    let alone = groups.len() == 1;
    for (i, group) in groups.iter_mut().enumerate() {
        let mut name = "triggers".to_owned();
        if let (false, Some(first)) = (alone, group.first()) {
            name = format!(
                "triggers-{}-{}",
                i + 1,
                slug(&format!("{} {}", first.point.defense, first.point.context))
            );
        }
        group.sort_by_key(|f| study.attack(f.point));
        if group.len() > ATTACKS {
            album.skip(&name, format!("{} more attacks are not drawn", group.len() - ATTACKS));
            group.truncate(ATTACKS);
        }
        sheet(name, group, album)?;
    }
    Ok(())
}

fn sheet(name: String, group: &[Found<'_>], album: &mut Album) -> Result<(), Error> {
    let mut canvas = Canvas::default();
    let reverses = group.iter().any(|f| !f.detection.triggers.is_empty());
    let title = match reverses {
        true => "Triggers reversed from the models",
        false => "How far each class stands out",
    };
    let defense = group.first().map_or("", |f| f.point.defense.as_str());
    let context = group.first().map_or("", |f| f.point.context.as_str());
    let told = group.first().map(|f| told(&f.point.knowledge)).unwrap_or_default();
    let subtitle =
        [defense, &told, context].into_iter().filter(|w| !w.is_empty()).collect::<Vec<_>>().join(" · ");
    let mut y = head(&mut canvas, title, &subtitle, WIDTH) + 4.0;
    let indices = || group.iter().flat_map(|f| f.detection.index.iter().copied().flatten());
    let most = indices().filter(|v| v.is_finite()).fold(0.0, f64::max);
    let top = most.clamp(2.0 * THRESHOLD, TALLEST);
    for found in group {
        y = attack(&mut canvas, found, top, y) + 18.0;
    }
    let mut caption = seeds(group);
    caption.push_str(
        " Numbers and bars: anomaly index of the class; dashed: 2, above which a class stands out; orange: flagged.",
    );
    if reverses {
        caption
            .push_str(" Pictures: mask × pattern on mid grey, the colour of what the trigger leaves alone.");
    }
    if group.iter().any(|f| target(f).is_some()) {
        caption.push_str(" Bold: the attack's real target.");
    }
    if most > top {
        caption.push_str(&format!(" Bars end at {}.", number(top, 0)));
    }
    let classes = group.iter().map(|f| f.detection.classes.len()).max().unwrap_or(0);
    if classes > CLASSES {
        caption.push_str(&format!(" The {CLASSES} classes of the highest index among {classes}."));
    }
    let height = foot(&mut canvas, &caption, y - 8.0, WIDTH);
    let reading = "For every class the detector looks for the smallest change that sends all inputs there. The target \
                   of a backdoor needs a much smaller one than the others: its index is high and its picture is \
                   almost bare. An index can also be high because a class needs an unusually large change; that is \
                   not flagged.";
    let svg = canvas.svg(&name, title, (WIDTH, height))?;
    album.figures.push(Figure { name, title: title.into(), reading: reading.into(), svg, shown: true });
    Ok(())
}

/// Which seeds are shown.
fn seeds(group: &[Found<'_>]) -> String {
    let seeds: std::collections::BTreeSet<u64> = group.iter().map(|f| f.row.seed).collect();
    let list: Vec<String> = seeds.iter().map(u64::to_string).collect();
    format!("{} {}, no aggregate.", if list.len() == 1 { "Seed" } else { "Seeds" }, list.join(", "))
}

/// The attack's real target, if it has a single one.
fn target(found: &Found<'_>) -> Option<usize> {
    if found.point.goal == "none" {
        return None;
    }
    found.row.setting("attack.target")?.as_u64().and_then(|t| usize::try_from(t).ok())
}

fn attack(canvas: &mut Canvas, found: &Found<'_>, top: f64, y: f64) -> f64 {
    let detection = found.detection;
    let flagged: Vec<&str> = (0..detection.classes.len())
        .filter(|c| detection.flagged[*c])
        .map(|c| detection.classes[c].as_str())
        .collect();
    let (words, ink) = match flagged.is_empty() {
        true => ("nothing flagged".to_owned(), GREY),
        false => (format!("flagged: {}", flagged.join(", ")), VERMILLION.mix(BLACK, 0.25)),
    };
    let style = Type { ink, ..SUBTITLE };
    let words = style.fit(&words, 0.6 * WIDTH);
    canvas.text((WIDTH - MARGIN, y + 8.0), &words, style, Align::Right);
    let name = if found.point.goal == "none" { "no attack" } else { &found.point.attack };
    let room = WIDTH - 2.0 * MARGIN - style.width(&words) - 20.0;
    canvas.text((MARGIN, y + 8.0), &HEADING.fit(name, room), HEADING, Align::Left);
    let mut y = y + 26.0;
    for classes in shown(detection).chunks(COLUMNS) {
        y = strip(canvas, found, classes, top, y) + 10.0;
    }
    y
}

/// The classes that are shown, in their order: all, or those of the highest index.
fn shown(detection: &Detection) -> Vec<usize> {
    let mut order: Vec<usize> = (0..detection.classes.len()).collect();
    let key = |c: &usize| (detection.flagged[*c], detection.index[*c].unwrap_or(f64::NEG_INFINITY));
    order.sort_by(|a, b| key(b).partial_cmp(&key(a)).unwrap_or(std::cmp::Ordering::Equal));
    order.truncate(CLASSES);
    order.sort_unstable();
    order
}

/// A row of classes: picture, name, bar.
fn strip(canvas: &mut Canvas, found: &Found<'_>, classes: &[usize], top: f64, y: f64) -> f64 {
    let detection = found.detection;
    let step = (WIDTH - 2.0 * MARGIN - AXIS + GAP) / COLUMNS as f64;
    let tile = step - GAP;
    let left = MARGIN + AXIS;
    let pictures = detection.triggers.len() == detection.classes.len() && detection.width > 0;
    let high = if pictures { tile * detection.height as f64 / detection.width as f64 } else { 0.0 };
    let names: Vec<Vec<String>> = classes
        .iter()
        .map(|&class| name_style(found, class).wrap(&detection.classes[class], step - 3.0, 2))
        .collect();
    let most = names.iter().map(Vec::len).max().unwrap_or(1) as f64;
    let named = y + if pictures { high + 13.0 } else { 6.0 };
    let indices = named + 15.0 * most + 1.0;
    let floor = indices + 14.0 + BARS;
    let end = left + classes.len() as f64 * step - GAP;
    let at = |value: f64| floor - BARS * value.clamp(0.0, top) / top;
    canvas.line((left - 4.0, floor), (end + 4.0, floor), 1.25, FAINT);
    canvas.text((left - 9.0, at(THRESHOLD)), &number(THRESHOLD, 0), Type::new(12.0, GREY), Align::Right);
    for (i, &class) in classes.iter().enumerate() {
        let x = left + i as f64 * step;
        let flagged = detection.flagged[class];
        if pictures {
            let rgb = picture(detection, class);
            let (width, ink) = if flagged { (3.0, VERMILLION) } else { (1.0, GRID) };
            canvas.frame((x - 1.0, y - 1.0), (tile + 2.0, high + 2.0), width, ink);
            canvas.image((x, y), (tile, high), detection.width, &rgb);
        }
        let middle = x + tile / 2.0;
        for (k, line) in names[i].iter().enumerate() {
            let at = (middle, named + 15.0 * k as f64);
            canvas.text(at, line, name_style(found, class), Align::Middle);
        }
        let ink = if flagged { VERMILLION.mix(BLACK, 0.25) } else { GREY };
        let style = Type { bold: flagged, ..Type::new(12.5, ink) };
        let index = detection.index[class].filter(|v| v.is_finite());
        let words = index.map_or("–".to_owned(), |v| number(v, 1));
        canvas.text((middle, indices), &words, style, Align::Middle);
        if let Some(index) = index {
            let ink = if flagged { VERMILLION } else { BLUE.mix(WHITE, 0.45) };
            let bar = (tile * 0.5, floor - at(index));
            canvas.rect((middle - bar.0 / 2.0, at(index)), bar, ink);
        }
    }
    canvas.dashed(
        &[(left - 4.0, at(THRESHOLD)), (end + 4.0, at(THRESHOLD))],
        &[5.0, 4.0],
        1.25,
        BLACK.alpha(0.6),
    );
    floor
}

/// The real target's name is bold.
fn name_style(found: &Found<'_>, class: usize) -> Type {
    if target(found) == Some(class) { SMALL.bold() } else { SMALL }
}

/// Mask × pattern on mid grey, three bytes a pixel.
fn picture(detection: &Detection, class: usize) -> Vec<u8> {
    let trigger = &detection.triggers[class];
    let channels = detection.channels;
    let value = |p: usize, c: usize| {
        let mask = f64::from(trigger.mask[p]).clamp(0.0, 1.0);
        let pattern = trigger.pattern.get(p * channels + c.min(channels - 1)).copied().unwrap_or(0.0);
        (mask * f64::from(pattern) + (1.0 - mask) * 128.0).round().clamp(0.0, 255.0) as u8
    };
    (0..trigger.mask.len()).flat_map(|p| [0, 1, 2].map(|c| value(p, c))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aconite_record::Reversed;

    fn detection(classes: usize) -> Detection {
        Detection {
            kind: "d".into(),
            classes: (0..classes).map(|c| c.to_string()).collect(),
            index: (0..classes).map(|c| Some(c as f64)).collect(),
            flagged: vec![false; classes],
            height: 1,
            width: 2,
            channels: 3,
            triggers: vec![
                Reversed { mask: vec![1.0, 0.0], pattern: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0] };
                classes
            ],
        }
    }

    #[test]
    fn a_picture_shows_the_pattern_where_the_mask_is() {
        assert_eq!(picture(&detection(1), 0), [1, 2, 3, 128, 128, 128]);
        let mut grey = detection(1);
        grey.channels = 1;
        grey.triggers[0].pattern = vec![200.0, 9.0];
        grey.triggers[0].mask[1] = 0.5;
        assert_eq!(picture(&grey, 0), [200, 200, 200, 69, 69, 69]);
    }

    #[test]
    fn of_many_classes_the_most_suspicious_are_shown() {
        assert_eq!(shown(&detection(3)), [0, 1, 2]);
        let mut many = detection(40);
        many.flagged[0] = true;
        many.index[39] = None;
        let expected: Vec<usize> = [0].into_iter().chain(20..39).collect();
        assert_eq!(shown(&many), expected);
    }
}
