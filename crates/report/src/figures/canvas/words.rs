//! Texts: their type, how wide they are, how they are cut and wrapped.

use std::sync::Once;

use plotters::prelude::{FontStyle, IntoFont, TextStyle};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, register_font};

use super::{FAMILY, Ink, REGULAR, SEMIBOLD, UNITS};

/// plotters' text size is this much larger than the font size it writes.
const PLOTTERS_SIZE: f64 = 1.24;
/// ab_glyph measures at a height of ascent − descent = 1.2102 em of Inter.
const MEASURE: f64 = (2728.0 + 680.0) / 2816.0;

/// Where a text stands relative to its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    /// The point is the text's left end.
    Left,
    /// The point is its middle.
    Middle,
    /// The point is its right end.
    Right,
}

/// Size, weight and colour of a text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Type {
    pub(crate) size: f64,
    pub(crate) bold: bool,
    pub(crate) ink: Ink,
}

impl Type {
    pub(crate) const fn new(size: f64, ink: Ink) -> Self {
        Self { size, bold: false, ink }
    }

    pub(crate) const fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    pub(super) fn plotters(self, align: Align) -> TextStyle<'static> {
        register();
        let h_pos = match align {
            Align::Left => HPos::Left,
            Align::Middle => HPos::Center,
            Align::Right => HPos::Right,
        };
        let style = if self.bold { FontStyle::Bold } else { FontStyle::Normal };
        let font = (FAMILY, self.size * UNITS * PLOTTERS_SIZE, style).into_font();
        TextStyle {
            font,
            color: self.ink.0.mix(self.ink.1).to_backend_color(),
            pos: Pos::new(h_pos, VPos::Center),
        }
    }

    /// Width of a text in pixels.
    pub(crate) fn width(self, text: &str) -> f64 {
        let style = self.plotters(Align::Left);
        let units = match style.font.box_size(text) {
            Ok((width, _)) => f64::from(width),
            // The fonts are embedded, so this is out of reach; a guess is better than no figure.
            Err(_) => 0.6 * self.size * UNITS * PLOTTERS_SIZE * text.chars().count() as f64,
        };
        units / UNITS * MEASURE / PLOTTERS_SIZE
    }

    /// The text, with an ellipsis inside if it is wider than `width`: what tells two names apart often stands
    /// at their ends.
    pub(crate) fn fit(self, text: &str, width: f64) -> String {
        if self.width(text) <= width {
            return text.to_owned();
        }
        let chars: Vec<char> = text.chars().collect();
        for kept in (1..chars.len()).rev() {
            let tail = kept * 2 / 5;
            let head: String = chars[..kept - tail].iter().collect();
            let tail: String = chars[chars.len() - tail..].iter().collect();
            let cut =
                format!("{}…{}", head.trim_end_matches([' ', '_']), tail.trim_start_matches([' ', '_']));
            if self.width(&cut) <= width {
                return cut;
            }
        }
        "…".into()
    }

    /// The text in lines of at most `width`, at most `lines` of them. It is broken at spaces; a word that has no room
    /// on a line of its own is broken after `_`.
    pub(crate) fn wrap(self, text: &str, width: f64, lines: usize) -> Vec<String> {
        let mut out: Vec<String> = Vec::new();
        for word in text.split_inclusive(' ') {
            let whole = self.width(word.trim_end()) <= width;
            let pieces: Vec<&str> = if whole { vec![word] } else { word.split_inclusive('_').collect() };
            for piece in pieces {
                match out.last_mut() {
                    Some(line) if self.width(&(line.clone() + piece.trim_end())) <= width => {
                        line.push_str(piece)
                    }
                    _ => out.push(piece.to_owned()),
                }
            }
        }
        if out.len() > lines {
            let rest = out.split_off(lines.saturating_sub(1)).concat();
            out.push(rest);
        }
        out.iter().map(|line| self.fit(line.trim_end(), width)).collect()
    }
}

pub(super) fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // A font that does not parse leaves `Type::width` with its guess; a test keeps this from happening.
        let _ = register_font(FAMILY, FontStyle::Normal, REGULAR);
        let _ = register_font(FAMILY, FontStyle::Bold, SEMIBOLD);
    });
}
