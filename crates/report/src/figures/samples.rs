//! `samples`: what an attack did to some training images: clean, poisoned, and their difference amplified.

use aconite_record::Samples;

use super::canvas::{Align, Canvas, Type};
use super::style::*;
use super::{Album, Figure};
use crate::Error;
use crate::study::Study;

/// Examples of an attack.
const EXAMPLES: usize = 4;
/// More attacks than this make a second sheet nobody looks at.
const ATTACKS: usize = 16;
const GAP: f64 = 3.0;
const BETWEEN: f64 = 20.0;

pub(crate) fn draw(study: &Study, album: &mut Album) -> Result<(), Error> {
    let pictures = |s: &Samples| matches!(s.shape, [1 | 3, height, width] if height > 0 && width > 0);
    let usable = |s: &&Samples| !s.index.is_empty() && pictures(s);
    let mut all: Vec<&Samples> = study.samples.iter().filter(usable).collect();
    if all.is_empty() {
        // A federation's rows stay with its clients.
        if !study.federated() {
            album.skip("samples", "samples/ holds no images; only attacks on images leave some");
        }
        return Ok(());
    }
    let rank = |s: &Samples| {
        study.points.iter().position(|p| s.attack == p.attack || s.attack == p.attack_without_rate)
    };
    all.sort_by_key(|s| (rank(s).unwrap_or(usize::MAX), s.attack.clone()));
    if all.len() > ATTACKS {
        album.skip("samples", format!("{} more attacks are not drawn", all.len() - ATTACKS));
        all.truncate(ATTACKS);
    }
    let tile = ((WIDTH - 2.0 * MARGIN - BETWEEN * (EXAMPLES - 1) as f64) / EXAMPLES as f64 - 2.0 * GAP) / 3.0;
    let mut canvas = Canvas::default();
    let title = "What the attacks do to training images";
    let mut y = head(&mut canvas, title, "each triple: clean, poisoned, difference", WIDTH) + 4.0;
    let mut unchanged = false;
    for samples in &all {
        let factor = factor(samples);
        unchanged |= factor.is_none();
        let words = match factor {
            Some(k) => format!("difference × {k}"),
            None => "pixels unchanged, only the label".into(),
        };
        canvas.text((WIDTH - MARGIN, y + 8.0), &words, SUBTITLE, Align::Right);
        let room = WIDTH - 2.0 * MARGIN - SUBTITLE.width(&words) - 20.0;
        canvas.text((MARGIN, y + 8.0), &HEADING.fit(&samples.attack, room), HEADING, Align::Left);
        y += 24.0;
        let high = tile * samples.shape[1] as f64 / samples.shape[2] as f64;
        for i in 0..samples.index.len().min(EXAMPLES) {
            let x = MARGIN + i as f64 * (3.0 * tile + 2.0 * GAP + BETWEEN);
            example(&mut canvas, samples, i, (x, y), (tile, high), factor.unwrap_or(1));
        }
        y += high + 42.0;
    }
    let caption = "Below each: label before → label after. Difference: mid grey is no change, lighter is more, darker is less.";
    let height = foot(&mut canvas, caption, y - 10.0, WIDTH);
    let reading =
        if unchanged { "An attack that only changes labels leaves the pixels as they are." } else { "" };
    let svg = canvas.svg("samples", title, (WIDTH, height))?;
    album.figures.push(Figure {
        name: "samples".into(),
        title: title.into(),
        reading: reading.into(),
        svg,
        shown: true,
    });
    Ok(())
}

/// The whole factor that brings the largest difference near the full range; none if nothing differs.
fn factor(samples: &Samples) -> Option<u32> {
    let pairs = samples.clean.iter().zip(&samples.poisoned).take(EXAMPLES);
    let most =
        pairs.flat_map(|(a, b)| a.iter().zip(b)).map(|(a, b)| u32::from(a.abs_diff(*b))).max().unwrap_or(0);
    (most > 0).then(|| (127 / most).max(1))
}

fn example(
    canvas: &mut Canvas,
    samples: &Samples,
    i: usize,
    at: (f64, f64),
    (tile, high): (f64, f64),
    factor: u32,
) {
    let [channels, rows, columns] = samples.shape;
    let plane = rows * columns;
    let rgb = |pixel: &dyn Fn(usize) -> u8| -> Vec<u8> {
        (0..plane)
            .flat_map(|p| [0, 1, 2].map(|c| pixel(if channels == 3 { c * plane + p } else { p })))
            .collect()
    };
    let (clean, poisoned) = (&samples.clean[i], &samples.poisoned[i]);
    let difference = |p: usize| {
        let d = (i32::from(poisoned[p]) - i32::from(clean[p])) * factor as i32;
        (128 + d).clamp(0, 255) as u8
    };
    let pictures = [rgb(&|p| clean[p]), rgb(&|p| poisoned[p]), rgb(&difference)];
    for (k, picture) in pictures.iter().enumerate() {
        let x = at.0 + k as f64 * (tile + GAP);
        canvas.frame((x - 0.5, at.1 - 0.5), (tile + 1.0, high + 1.0), 1.0, GRID);
        canvas.image((x, at.1), (tile, high), columns, picture);
    }
    let class = |label: usize| samples.classes.get(label).cloned().unwrap_or_else(|| label.to_string());
    let (before, after) = (class(samples.true_label[i]), class(samples.given_label[i]));
    let changed = before != after;
    let words = format!("{before} → {after}");
    let style = Type { ink: if changed { BLACK } else { GREY }, ..Type::new(14.0, BLACK) };
    let middle = at.0 + (3.0 * tile + 2.0 * GAP) / 2.0;
    canvas.text(
        (middle, at.1 + high + 15.0),
        &style.fit(&words, 3.0 * tile + 2.0 * GAP + 8.0),
        style,
        Align::Middle,
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_factor_follows_the_largest_difference() {
        let with = |d: u8| Samples {
            stage: String::new(),
            attack: "a".into(),
            shape: [1, 1, 2],
            classes: vec![],
            index: vec![0],
            true_label: vec![0],
            given_label: vec![1],
            clean: vec![vec![10, 20]],
            poisoned: vec![vec![10, 20 + d]],
        };
        assert_eq!([factor(&with(0)), factor(&with(8)), factor(&with(200))], [None, Some(15), Some(1)]);
    }
}
