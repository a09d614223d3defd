//! A panel: shares over rounds, or over the share of malicious clients.

use crate::figures::axis::{Scale, ticks};
use crate::figures::canvas::{Align, Canvas, Ink, Type};
use crate::figures::style::*;
use crate::format::number;
use crate::stats::Stat;

/// A curve of no more rounds than this has a dot at each.
const DOTS: usize = 25;
/// Radius of a dot.
const DOT: f64 = 2.8;

/// What a caption says where [`Frame::curves`] let dots take turns.
pub(super) const TURNS: &str = " Where curves coincide their dots take turns.";

/// The axes of a panel.
pub(super) struct Frame {
    x: Scale,
    y: Scale,
    /// What lies below.
    label: &'static str,
}

impl Frame {
    /// A panel between these pixels, with this range of shares, from 0 to `end` of what `label` says.
    pub(super) fn new(
        xs: (f64, f64),
        ys: (f64, f64),
        (low, high): (f64, f64),
        (label, end): (&'static str, f64),
    ) -> Self {
        // A curve on an end of the range stays off the frame.
        let pad = 0.025 * (high - low);
        Self {
            x: Scale { low: 0.0, high: end, from: xs.0 + 6.0, to: xs.1 - 6.0, log: false },
            y: Scale { low: low - pad, high: high + pad, from: ys.1, to: ys.0, log: false },
            label,
        }
    }

    fn ends(&self) -> (f64, f64) {
        (self.x.from - 6.0, self.x.to + 6.0)
    }

    /// Grid, axes and the rounds with an attack; values and their name at the left where it is given, rounds or shares
    /// below where they are wanted.
    pub(super) fn draw(
        &self,
        canvas: &mut Canvas,
        label: Option<&str>,
        window: Option<(f64, f64)>,
        below: bool,
    ) {
        let (x, y, (left, right)) = (&self.x, &self.y, self.ends());
        if let Some((from, until)) = window {
            let (from, until) = (x.at(from).clamp(left, right), x.at(until).clamp(left, right));
            canvas.rect((from, y.to), (until - from, y.from - y.to), VERMILLION.alpha(0.09));
        }
        let (marks, decimals) = ticks(100.0 * y.low, 100.0 * y.high, 5);
        for tick in marks.into_iter().filter(|t| (0.0..=100.0).contains(t)) {
            let at = y.at(tick / 100.0);
            canvas.line((left, at), (right, at), 1.0, GRID);
            if label.is_some() {
                canvas.text((left - 7.0, at), &number(tick, decimals), TICK, Align::Right);
            }
        }
        let room = ((right - left) / 70.0).clamp(2.0, 8.0) as usize;
        let (marks, _) = ticks(x.low, x.high, room);
        for tick in marks.into_iter().filter(|t| (t - t.round()).abs() < 1e-9) {
            canvas.line((x.at(tick), y.from), (x.at(tick), y.from + 4.0), 1.25, FAINT);
            if below {
                canvas.text((x.at(tick), y.from + 16.0), &number(tick, 0), TICK, Align::Middle);
            }
        }
        canvas.path([(left, y.to), (left, y.from), (right, y.from)], 1.25, FAINT);
        if let Some(label) = label {
            canvas.upward((MARGIN + 8.0, (y.from + y.to) / 2.0), label, LABEL);
        }
        if below {
            canvas.text(((left + right) / 2.0, y.from + 37.0), self.label, LABEL, Align::Middle);
        }
    }

    fn y(&self, share: f64) -> f64 {
        self.y.at(share.clamp(self.y.low, self.y.high))
    }

    /// The interval along a curve.
    pub(super) fn band(&self, canvas: &mut Canvas, course: &[(f64, Stat)], ink: Ink) {
        // Where a round has no interval the band closes.
        for part in course.split(|s| s.1.interval.is_none()) {
            let ends = part.iter().filter_map(|(round, s)| Some((self.x.at(*round), s.interval?)));
            let mut outline: Vec<(f64, f64)> = ends.clone().map(|(x, (_, high))| (x, self.y(high))).collect();
            outline.extend(ends.rev().map(|(x, (low, _))| (x, self.y(low))));
            if part.len() > 1 {
                canvas.area(outline, ink.alpha(0.14));
            }
        }
    }

    /// Every curve's means along the rounds. Where dots of several lie on one another they take turns at lying on top,
    /// so that no curve hides another; whether that was so.
    pub(super) fn curves<'a>(
        &self,
        canvas: &mut Canvas,
        courses: impl Iterator<Item = (&'a [(f64, Stat)], Ink)>,
    ) -> bool {
        let paths: Vec<(Vec<(f64, f64)>, Ink)> = courses
            .map(|(course, ink)| (course.iter().map(|(r, s)| (self.x.at(*r), self.y(s.mean))).collect(), ink))
            .collect();
        for (path, ink) in paths.iter().filter(|(path, _)| path.len() > 1) {
            canvas.path(path.clone(), 2.2, *ink);
        }
        let dotted: Vec<_> = paths.iter().filter(|(path, _)| path.len() <= DOTS).collect();
        let mut turns = false;
        for round in 0..dotted.iter().map(|(path, _)| path.len()).max().unwrap_or(0) {
            let dots: Vec<_> =
                dotted.iter().filter_map(|(path, ink)| Some((*path.get(round)?, *ink))).collect();
            // From round to round another is drawn last.
            for at in 0..dots.len() {
                let (place, ink) = dots[(at + round) % dots.len()];
                canvas.disc(place, DOT, ink);
            }
            let near = |a: (f64, f64), b: (f64, f64)| (a.0 - b.0).hypot(a.1 - b.1) < DOT;
            turns |= (1..dots.len()).any(|i| dots[..i].iter().any(|other| near(other.0, dots[i].0)));
        }
        turns
    }

    /// The means along the rounds, grey and dashed.
    pub(super) fn dashes(&self, canvas: &mut Canvas, course: &[(f64, Stat)]) {
        let path: Vec<(f64, f64)> = course.iter().map(|(r, s)| (self.x.at(*r), self.y(s.mean))).collect();
        if path.len() > 1 {
            canvas.dashed(&path, &[5.0, 4.0], 1.5, GREY);
        }
    }

    /// A dashed line at a share.
    pub(super) fn reference(&self, canvas: &mut Canvas, share: f64) {
        if self.y.holds(share) {
            let (left, right) = self.ends();
            canvas.dashed(&[(left, self.y(share)), (right, self.y(share))], &[5.0, 4.0], 1.5, GREY);
        }
    }
}

/// Why a panel of attack success is bare.
pub(super) fn message(canvas: &mut Canvas, frame: &Frame, none: bool) {
    let words = if none { "nothing to succeed" } else { "aims at accuracy alone" };
    let (left, right) = frame.ends();
    let style = Type { ink: GREY, ..TEXT };
    let lines = style.wrap(words, right - left - 12.0, 2);
    canvas.lines(
        ((left + right) / 2.0, (frame.y.from + frame.y.to) / 2.0 - 8.0),
        &lines,
        style,
        Align::Middle,
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of each colour, how many discs a panel has on which no other lies.
    fn on_top(courses: &[(Vec<f64>, Ink)]) -> (bool, Vec<usize>) {
        let mut canvas = Canvas::default();
        let frame = Frame::new((0.0, 300.0), (0.0, 100.0), (0.0, 1.0), ("round", 5.0));
        let courses: Vec<(Vec<(f64, Stat)>, Ink)> = courses
            .iter()
            .map(|(values, ink)| {
                let at = |(round, value): (usize, &f64)| Some((round as f64, Stat::of(&[*value])?));
                (values.iter().enumerate().filter_map(at).collect(), *ink)
            })
            .collect();
        let turns = frame.curves(&mut canvas, courses.iter().map(|(course, ink)| (&course[..], *ink)));
        let svg = canvas.svg("curves", "curves", (300.0, 100.0)).unwrap();
        // What lies on top is drawn last.
        let value = |element: &str, key: &str| -> String {
            element.split(&format!("{key}=\"")).nth(1).unwrap().split('"').next().unwrap().to_owned()
        };
        let mut top = std::collections::BTreeMap::new();
        for disc in svg.split('<').filter(|element| element.starts_with("circle")) {
            top.insert((value(disc, "cx"), value(disc, "cy")), value(disc, "fill"));
        }
        let colour = |ink: &Ink| format!("#{:02X}{:02X}{:02X}", ink.0.0, ink.0.1, ink.0.2);
        let of = |(_, ink): &(_, Ink)| top.values().filter(|fill| **fill == colour(ink)).count();
        (turns, courses.iter().map(of).collect())
    }

    #[test]
    fn no_curve_hides_another() {
        let flat = vec![0.5; 6];
        assert_eq!(on_top(&[(flat.clone(), BLUE), (flat.clone(), GREEN)]), (true, vec![3, 3]));
        assert_eq!(on_top(&[(flat.clone(), BLUE), (vec![0.9; 6], GREEN)]), (false, vec![6, 6]));
        // They part after two rounds.
        let parting = vec![0.5, 0.5, 0.9, 0.9, 0.9, 0.9];
        assert_eq!(on_top(&[(flat, BLUE), (parting, GREEN)]), (true, vec![5, 5]));
    }
}
