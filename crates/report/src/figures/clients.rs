//! `clients`: which client of a federation holds how many rows of which class, and who is malicious.

use aconite_record::{CellRow, Rounds};
use serde_json::Value;

use super::axis::{Scale, ticks};
use super::canvas::{Align, Canvas, Ink, Type};
use super::style::*;
use super::{Album, Figure};
use crate::Error;
use crate::format::{number, plain};
use crate::label::value_text;
use crate::study::{Study, of_cell};

/// More clients than this are columns too narrow to see.
const CLIENTS: usize = 480;
const BARS: f64 = 84.0;
const SMALL: Type = Type::new(12.5, GREY);

pub(crate) fn draw(study: &Study, album: &mut Album) -> Result<(), Error> {
    if !study.federated() {
        return Ok(());
    }
    let cells = study.points.iter().filter(|p| p.federated()).flat_map(|p| &p.done);
    let files = cells.flat_map(|row| of_cell(&study.rounds, &row.cell).into_iter().map(move |r| (row, r)));
    let mut held = files.filter(|(_, rounds)| rounds.clients.iter().any(|c| !c.is_empty())).peekable();
    let first = held.peek().copied();
    // Who is malicious is drawn by the seed: a cell with an attack shows it.
    match held.find(|(_, rounds)| rounds.malicious.contains(&true)).or(first) {
        Some((row, rounds)) => one(row, rounds, album),
        None => {
            album.skip("clients", "rounds/ holds no clients of a done cell");
            Ok(())
        }
    }
}

fn one(row: &CellRow, rounds: &Rounds, album: &mut Album) -> Result<(), Error> {
    let all = &rounds.clients;
    let shown = &all[..all.len().min(CLIENTS)];
    let classes = shown.iter().map(Vec::len).max().unwrap_or(0).max(1);
    let bad = |client: usize| rounds.malicious.get(client).copied().unwrap_or(false);
    let tint = |client: usize| if bad(client) { VERMILLION } else { BLUE };
    let most = shown.iter().flatten().copied().max().unwrap_or(0).max(1) as f64;

    let mut canvas = Canvas::default();
    let title = "Which client holds what";
    let mut words = vec![partition(row)];
    words.extend(["dataset", "federation"].map(|s| row.kind(s).to_owned()));
    words.retain(|w| !w.is_empty() && w != "none");
    let top = head(&mut canvas, title, &words.join(" · "), WIDTH) + 8.0;
    let left = MARGIN + 66.0;
    let span = WIDTH - MARGIN - left;
    // A few clients need not fill the page.
    let step = (span / shown.len() as f64).min(44.0);
    let right = left + step * shown.len() as f64;
    let middle = |client: usize| left + (client as f64 + 0.5) * step;

    let sizes: Vec<f64> = shown.iter().map(|c| c.iter().sum::<usize>() as f64).collect();
    let tallest = sizes.iter().copied().fold(1.0, f64::max);
    let y = Scale { low: 0.0, high: 1.04 * tallest, from: top + BARS, to: top, log: false };
    for tick in ticks(0.0, y.high, 3).0.into_iter().filter(|t| (t - t.round()).abs() < 1e-9) {
        canvas.line((left, y.at(tick)), (right, y.at(tick)), 1.0, GRID);
        canvas.text((left - 8.0, y.at(tick)), &number(tick, 0), TICK, Align::Right);
    }
    canvas.upward((MARGIN + 8.0, top + BARS / 2.0), "rows", LABEL);
    let gap = if step > 4.0 { 0.16 * step } else { 0.0 };
    for (client, size) in sizes.iter().enumerate() {
        let at = (middle(client) - (step - gap) / 2.0, y.at(*size));
        canvas.rect(at, (step - gap, y.from - at.1), tint(client).mix(WHITE, 0.15));
    }
    canvas.line((left, y.from), (right, y.from), 1.25, FAINT);

    // The strip: classes from the top, a column a client; a triangle points at the malicious.
    let strip = top + BARS + 20.0;
    let cell = step.clamp(16.0, 24.0).min(260.0 / classes as f64);
    let high = cell * classes as f64;
    for client in (0..shown.len()).filter(|c| bad(*c)) {
        let (x, half) = (middle(client), (0.4 * step).clamp(1.5, 5.0));
        canvas.area([(x - half, strip - 12.0), (x + half, strip - 12.0), (x, strip - 4.0)], VERMILLION);
    }
    let rgb: Vec<u8> = (0..classes)
        .flat_map(|class| {
            shown.iter().enumerate().map(move |(c, rows)| (c, rows.get(class).copied().unwrap_or(0)))
        })
        .flat_map(|(client, rows)| bytes(shade(tint(client), rows as f64 / most)))
        .collect();
    canvas.frame((left - 0.5, strip - 0.5), (right - left + 1.0, high + 1.0), 1.0, FAINT);
    canvas.image((left, strip), (right - left, high), shown.len(), &rgb);
    let every = (15.0 / cell).ceil().max(1.0) as usize;
    // Round steps are easier to count.
    let every = [1, 2, 5, 10, 20, 50, 100, 200, 500].into_iter().find(|e| *e >= every).unwrap_or(1000);
    for class in (0..classes).step_by(every) {
        let at = (left - 8.0, strip + (class as f64 + 0.5) * cell);
        canvas.text(at, &class.to_string(), Type { size: 13.0, ..TICK }, Align::Right);
    }
    canvas.upward((MARGIN + 8.0, strip + high / 2.0), "class", LABEL);
    let room = ((right - left) / 46.0).clamp(1.0, 14.0) as usize;
    for tick in
        ticks(0.0, shown.len() as f64 - 0.5, room).0.into_iter().filter(|t| (t - t.round()).abs() < 1e-9)
    {
        canvas.text((middle(tick as usize), strip + high + 15.0), &number(tick, 0), TICK, Align::Middle);
    }
    canvas.text(((left + right) / 2.0, strip + high + 36.0), "client", LABEL, Align::Middle);

    let under = key(&mut canvas, left, strip + high + 66.0, most, rounds.malicious.contains(&true));
    let height = foot(&mut canvas, &caption(row, rounds, shown.len()), under, WIDTH);
    let reading = "Above, how many rows a client has; below, of which classes. The more the columns differ, the less the \
                   updates of honest clients agree, and the better a malicious one hides among them.";
    let svg = canvas.svg("clients", title, (WIDTH, height))?;
    let (name, title) = ("clients".to_owned(), title.to_owned());
    album.figures.push(Figure { name, title, reading: reading.into(), svg, shown: true });
    Ok(())
}

/// The partition and its settings: `dirichlet alpha=0.5`.
fn partition(row: &CellRow) -> String {
    let Some(table) = row.setting("federation.partition").and_then(Value::as_object) else {
        return String::new();
    };
    let mut words = vec![table.get("kind").map(value_text).unwrap_or_default()];
    let rest = table.iter().filter(|(key, value)| *key != "kind" && !value.is_null());
    words.extend(rest.map(|(key, value)| format!("{key}={}", value_text(value))));
    words.join(" ").trim().to_owned()
}

/// White for nothing; the fewest rows are seen.
fn shade(ink: Ink, share: f64) -> Ink {
    if share <= 0.0 { WHITE } else { WHITE.mix(ink, 0.1 + 0.9 * share.min(1.0)) }
}

fn bytes(ink: Ink) -> [u8; 3] {
    [ink.0.0, ink.0.1, ink.0.2]
}

/// What the shades stand for; returns where it ends.
fn key(canvas: &mut Canvas, left: f64, y: f64, most: f64, malicious: bool) -> f64 {
    let mut x = left;
    for (ink, name) in
        [(BLUE, "honest"), (VERMILLION, "malicious")].into_iter().take(1 + usize::from(malicious))
    {
        canvas.text((x, y), name, TEXT, Align::Left);
        x += TEXT.width(name) + 12.0;
        canvas.text((x, y), "0", SMALL, Align::Left);
        x += 14.0;
        for k in 0..20 {
            canvas.rect((x + 4.0 * f64::from(k), y - 6.0), (4.5, 12.0), shade(ink, f64::from(k) / 19.0));
        }
        canvas.frame((x - 0.5, y - 6.5), (81.0, 13.0), 1.0, FAINT);
        let words = format!("{} rows of a class", plain(most));
        canvas.text((x + 88.0, y), &words, SMALL, Align::Left);
        x += 88.0 + SMALL.width(&words) + 40.0;
    }
    y + 24.0
}

/// Whose clients these are, and the sizes of all of them.
fn caption(row: &CellRow, rounds: &Rounds, shown: usize) -> String {
    let mut sizes: Vec<usize> = rounds.clients.iter().map(|c| c.iter().sum()).collect();
    sizes.sort_unstable();
    let bad = rounds.malicious.iter().filter(|bad| **bad).count();
    let kind = row.setting("federation.partition.kind").map(value_text);
    let mut words = kind.map(|kind| format!("Partition {kind}: ")).unwrap_or_default();
    let n = sizes.len();
    words.push_str(&format!("{n} client{}", if n == 1 { "" } else { "s" }));
    words.push_str(&match bad {
        0 => ", none of them malicious".to_owned(),
        bad => format!(", {bad} of them malicious (triangles)"),
    });
    let (least, most) = (sizes.first().copied().unwrap_or(0), sizes.last().copied().unwrap_or(0));
    words.push_str(&format!("; rows of a client: min {least}, median {}, max {most}.", median(&sizes)));
    if shown < n {
        words.push_str(&format!(" The first {shown} clients are drawn."));
    }
    words.push_str(&format!(" Seed {} of {}.", row.seed, row.cell));
    words
}

/// The middle of sorted counts; between two of them their mean.
fn median(sorted: &[usize]) -> f64 {
    let half = sorted.len() / 2;
    match (sorted.get(half), sorted.len() % 2) {
        (None, _) => 0.0,
        (Some(value), 1) => *value as f64,
        (Some(value), _) => (*value + sorted[half - 1]) as f64 / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aconite_record::{Provenance, Status};

    fn row(federation: Value) -> CellRow {
        CellRow {
            schema: 1,
            cell: "sign_flip-krum-s4".into(),
            point: 0,
            seed: 4,
            status: Status::Done,
            error: None,
            settings: serde_json::json!({ "federation": federation }),
            axes: vec![],
            goal: "availability".into(),
            knowledge: vec![],
            needs: vec![],
            metrics: Default::default(),
            seconds: Default::default(),
            provenance: Provenance::default(),
        }
    }

    #[test]
    fn the_caption_tells_partition_and_sizes() {
        let clients = vec![vec![3, 0], vec![10, 1], vec![0, 2], vec![4, 4]];
        let rounds = Rounds { clients, malicious: vec![false, true, false, false], rounds: vec![] };
        let row =
            row(serde_json::json!({"kind": "fed_avg", "partition": {"kind": "dirichlet", "alpha": 0.5}}));
        assert_eq!(partition(&row), "dirichlet alpha=0.5");
        assert_eq!(
            caption(&row, &rounds, 3),
            "Partition dirichlet: 4 clients, 1 of them malicious (triangles); rows of a client: min 2, median 5.5, max 11. \
             The first 3 clients are drawn. Seed 4 of sign_flip-krum-s4."
        );
    }

    #[test]
    fn medians_by_hand() {
        assert_eq!([median(&[]), median(&[7]), median(&[1, 4]), median(&[1, 4, 9])], [0.0, 7.0, 2.5, 4.0]);
    }

    #[test]
    fn only_nothing_is_white() {
        assert_eq!((shade(BLUE, 0.0), shade(BLUE, 1.0)), (WHITE, BLUE));
        assert!(shade(BLUE, 1e-3).luminance() < 0.95);
    }
}
