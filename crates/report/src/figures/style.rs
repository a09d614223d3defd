//! What all figures share: sizes, colours, markers, dashes, the title above and the words below, the legend.

use super::canvas::{Align, Canvas, Ink, Type};

/// Width of a figure in pixels.
pub(crate) const WIDTH: f64 = 760.0;
/// Space at the left and right edges.
pub(crate) const MARGIN: f64 = 18.0;

pub(crate) const BLACK: Ink = Ink::rgb(0x1b, 0x1f, 0x24);
pub(crate) const GREY: Ink = Ink::rgb(0x5b, 0x63, 0x6d);
pub(crate) const FAINT: Ink = Ink::rgb(0xb4, 0xba, 0xc2);
pub(crate) const GRID: Ink = Ink::rgb(0xe6, 0xe8, 0xeb);
pub(crate) const WHITE: Ink = Ink::rgb(255, 255, 255);

/// Okabe and Ito's colours: told apart by the colour-blind.
pub(crate) const BLUE: Ink = Ink::rgb(0x00, 0x72, 0xb2);
pub(crate) const VERMILLION: Ink = Ink::rgb(0xd5, 0x5e, 0x00);
pub(crate) const GREEN: Ink = Ink::rgb(0x00, 0x9e, 0x73);
const PURPLE: Ink = Ink::rgb(0xcc, 0x79, 0xa7);
const ORANGE: Ink = Ink::rgb(0xe6, 0x9f, 0x00);
const SKY: Ink = Ink::rgb(0x56, 0xb4, 0xe9);

pub(crate) const TITLE: Type = Type::new(19.0, BLACK).bold();
pub(crate) const SUBTITLE: Type = Type::new(14.0, GREY);
pub(crate) const LABEL: Type = Type::new(15.5, BLACK);
pub(crate) const TICK: Type = Type::new(14.5, GREY);
pub(crate) const HEADING: Type = Type::new(15.5, BLACK).bold();
pub(crate) const TEXT: Type = Type::new(14.5, BLACK);
pub(crate) const CAPTION: Type = Type::new(13.0, GREY);

/// The end of a caption where a detector is drawn beside defenses that change the victim.
pub(crate) const DETECTORS: &str = " A detector leaves the victim as it is; what it flags is in the table.";

/// The colour of the i-th attack. After the palette's seven come darker ones, then lighter ones.
pub(crate) fn ink(i: usize) -> Ink {
    const INKS: [Ink; 7] = [BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, Ink::rgb(0x33, 0x33, 0x33)];
    let base = INKS[i % INKS.len()];
    match i / INKS.len() % 3 {
        0 => base,
        1 => base.mix(BLACK, 0.45),
        _ => base.mix(WHITE, 0.4),
    }
}

/// The dashes of the i-th line: lengths of ink and gap.
pub(crate) fn dash(i: usize) -> &'static [f64] {
    const DASHES: [&[f64]; 6] =
        [&[], &[7.0, 4.0], &[2.0, 3.5], &[9.0, 3.0, 2.0, 3.0], &[13.0, 5.0], &[5.0, 2.5, 2.0, 2.5, 2.0, 2.5]];
    DASHES[i % DASHES.len()]
}

/// Draws the i-th marker: solid for the undefended, open for the others, so that what lies below shows.
pub(crate) fn marker(canvas: &mut Canvas, i: usize, at: (f64, f64), radius: f64, ink: Ink, solid: bool) {
    let (width, fill) = (2.0, WHITE.alpha(0.72));
    let around = |corners: usize, turn: f64, scale: f64, inner: f64| -> Vec<(f64, f64)> {
        let steps = if inner < 1.0 { 2 * corners } else { corners };
        (0..steps)
            .map(|k| {
                let angle = (turn + 360.0 * k as f64 / steps as f64).to_radians();
                let r = radius * scale * if k % 2 == 1 && inner < 1.0 { inner } else { 1.0 };
                (at.0 + r * angle.cos(), at.1 + r * angle.sin())
            })
            .collect()
    };
    let outline = match i % 10 {
        0 => {
            canvas.disc(at, radius, if solid { ink } else { fill });
            return canvas.ring(at, radius, width, if solid { WHITE.alpha(0.0) } else { ink });
        }
        1 => around(4, 45.0, 1.25, 1.0),
        2 => around(3, -90.0, 1.35, 1.0),
        3 => around(4, 0.0, 1.3, 1.0),
        4 => around(3, 90.0, 1.35, 1.0),
        5 => around(4, 45.0, 1.4, 0.25),
        6 => around(5, -90.0, 1.45, 0.5),
        7 => around(6, 0.0, 1.2, 1.0),
        8 => around(4, 0.0, 1.45, 0.25),
        _ => around(5, -90.0, 1.25, 1.0),
    };
    canvas.area(outline.clone(), if solid { ink } else { fill });
    let mut closed = outline;
    closed.extend(closed.first().copied());
    closed.extend(closed.get(1).copied());
    canvas.path(closed, width, ink);
}

/// An interval as a thin bar with short caps; an end that was cut by the axis gets an arrow head instead.
pub(crate) fn whisker(
    canvas: &mut Canvas,
    (from, to): ((f64, f64), (f64, f64)),
    (cut_from, cut_to): (bool, bool),
    ink: Ink,
) {
    let length = (to.0 - from.0).hypot(to.1 - from.1);
    if length < 1e-9 {
        return;
    }
    let along = ((to.0 - from.0) / length, (to.1 - from.1) / length);
    canvas.line(from, to, 1.5, ink);
    for (end, cut, sign) in [(from, cut_from, -1.0), (to, cut_to, 1.0)] {
        let across = (-along.1, along.0);
        if cut {
            let back = (end.0 - sign * along.0 * 7.0, end.1 - sign * along.1 * 7.0);
            let side = |s: f64| (back.0 + s * across.0 * 4.0, back.1 + s * across.1 * 4.0);
            canvas.area([end, side(1.0), side(-1.0)], ink);
        } else {
            let side = |s: f64| (end.0 + s * across.0 * 3.5, end.1 + s * across.1 * 3.5);
            canvas.line(side(1.0), side(-1.0), 1.5, ink);
        }
    }
}

/// Writes the title and the line below it; returns the y at which the figure may begin.
pub(crate) fn head(canvas: &mut Canvas, title: &str, subtitle: &str, width: f64) -> f64 {
    let room = width - 2.0 * MARGIN;
    canvas.text((MARGIN, 26.0), &TITLE.fit(title, room), TITLE, Align::Left);
    if subtitle.is_empty() {
        return 46.0;
    }
    let lines = SUBTITLE.wrap(subtitle, room, 2);
    46.0 + canvas.lines((MARGIN, 49.0), &lines, SUBTITLE, Align::Left) + 4.0
}

/// Writes the caption from `y` on; returns the height of the whole figure.
pub(crate) fn foot(canvas: &mut Canvas, caption: &str, y: f64, width: f64) -> f64 {
    let lines = CAPTION.wrap(caption, width - 2.0 * MARGIN, 8);
    y + 12.0 + canvas.lines((MARGIN, y + 12.0), &lines, CAPTION, Align::Left) + 4.0
}

/// What stands before a name in a legend.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Key {
    /// A colour with a dash pattern.
    Line { ink: Ink, dash: usize },
    /// A dash pattern in neutral colour.
    Dash { dash: usize },
    /// A marker in neutral colour.
    Marker { shape: usize, solid: bool },
    /// A line with a marker on it.
    Both { ink: Ink, dash: usize, shape: usize, solid: bool },
}

/// A heading with its entries.
pub(crate) struct Group {
    pub(crate) heading: &'static str,
    pub(crate) entries: Vec<(Key, String)>,
}

const KEY: f64 = 34.0;
const ENTRY: f64 = 23.0;
/// Height of each further line of an entry, and the most lines that it has.
const LINE: f64 = 18.0;
const LINES: usize = 3;

/// Width that a legend takes, at most `most`.
pub(crate) fn legend_width(groups: &[Group], most: f64) -> f64 {
    let entries = groups.iter().flat_map(|g| &g.entries).map(|(_, name)| KEY + 6.0 + TEXT.width(name));
    entries.chain(groups.iter().map(|g| HEADING.width(g.heading))).fold(90.0, f64::max).min(most) + 2.0
}

/// Height that a legend takes when all its entries are drawn, whole.
pub(crate) fn legend_height(groups: &[Group], width: f64) -> f64 {
    let entry = |(_, name): &(Key, String)| ENTRY + LINE * (entry_lines(name, width, LINES).len() - 1) as f64;
    groups.iter().map(|g| 36.0 + g.entries.iter().map(entry).sum::<f64>()).sum()
}

/// An entry's name in lines: names that are cut may say the same.
fn entry_lines(name: &str, width: f64, lines: usize) -> Vec<String> {
    TEXT.wrap(name, width - KEY - 6.0, lines)
}

/// The words that all of several names begin with, their last space included.
fn shared(entries: &[(Key, String)]) -> &str {
    let Some(((_, first), rest)) = entries.split_first().filter(|(_, rest)| !rest.is_empty()) else {
        return "";
    };
    let mut begins = first.rmatch_indices(' ').map(|(at, _)| &first[..=at]);
    begins.find(|words| rest.iter().all(|(_, name)| name.starts_with(*words))).unwrap_or("")
}

/// Draws the groups below each other. Long names take several lines if all entries have room then; if not, what all names
/// of a group begin with stands in its heading. Entries beyond `bottom` become `+k more`.
pub(crate) fn legend(canvas: &mut Canvas, (x, y): (f64, f64), width: f64, bottom: f64, groups: &[Group]) {
    let rows: usize = groups.iter().map(|g| g.entries.len()).sum();
    let lines = if legend_height(groups, width) <= bottom - y { LINES } else { 1 };
    let room = (bottom - y - groups.len() as f64 * 36.0) / ENTRY;
    let mut left = (room.floor().max(groups.len() as f64) as usize).min(rows);
    let mut y = y;
    for (i, group) in groups.iter().enumerate() {
        if group.entries.is_empty() {
            continue;
        }
        let later: usize = groups[i + 1..].iter().map(|g| g.entries.len()).sum();
        // A group gets what the later ones leave, but at least a half of what is there.
        let mut share =
            left.saturating_sub(later).max(left.div_ceil(groups.len() - i)).min(group.entries.len());
        left -= share;
        let more = group.entries.len() - share;
        if more > 0 && share > 1 {
            share -= 1;
        }
        let words = if lines == 1 { shared(&group.entries) } else { "" };
        let heading = format!("{} {words}", group.heading);
        canvas.text((x, y + 8.0), &HEADING.fit(heading.trim_end(), width), HEADING, Align::Left);
        y += 30.0;
        for (key, name) in &group.entries[..share] {
            draw_key(canvas, *key, (x, y));
            for (i, line) in entry_lines(&name[words.len()..], width, lines).iter().enumerate() {
                y += if i > 0 { LINE } else { 0.0 };
                canvas.text((x + KEY + 6.0, y), line, TEXT, Align::Left);
            }
            y += ENTRY;
        }
        if share < group.entries.len() {
            let words = format!("+{} more", group.entries.len() - share);
            canvas.text((x + KEY + 6.0, y), &words, Type { ink: GREY, ..TEXT }, Align::Left);
            y += ENTRY;
        }
        y += 6.0;
    }
}

/// Draws a key, its left end at the given point.
pub(crate) fn draw_key(canvas: &mut Canvas, key: Key, (x, y): (f64, f64)) {
    let ends = [(x, y), (x + KEY - 4.0, y)];
    let middle = (x + KEY / 2.0 - 2.0, y);
    match key {
        Key::Line { ink, dash: pattern } => {
            canvas.dashed(&ends, dash(pattern), 2.5, ink);
            canvas.disc(middle, 5.5, ink);
        }
        Key::Dash { dash: pattern } => canvas.dashed(&ends, dash(pattern), 2.5, GREY),
        Key::Marker { shape, solid } => marker(canvas, shape, middle, 6.0, GREY, solid),
        Key::Both { ink, dash: pattern, shape, solid } => {
            canvas.dashed(&ends, dash(pattern), 2.0, ink);
            marker(canvas, shape, middle, 5.0, ink, solid);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_share_whole_words() {
        let of = |names: &[&str]| {
            let key = Key::Dash { dash: 0 };
            let entries: Vec<_> = names.iter().map(|name| (key, (*name).to_owned())).collect();
            shared(&entries).to_owned()
        };
        assert_eq!(of(&["frog weeks=1 growth=2", "frog weeks=15 growth=2"]), "frog ");
        assert_eq!(of(&["frog a=1 b=2", "frog a=1 b=3"]), "frog a=1 ");
        assert_eq!(of(&["badnets", "blended"]), "");
        assert_eq!(of(&["frog weeks=1"]), "", "one name stays whole");
    }
}
