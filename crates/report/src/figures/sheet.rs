//! `sheet`: a contact sheet of the rows that a filter suspects most.

use super::canvas::{Align, Canvas, Type, png};
use super::style::*;
use crate::Error;

/// Pictures in a row of the sheet.
const COLUMNS: usize = 8;
const GAP: f64 = 10.0;

/// A contact sheet.
#[derive(Debug, Clone)]
pub struct Sheet {
    /// What is shown.
    pub title: String,
    /// How it was chosen.
    pub subtitle: String,
    /// What the marks mean.
    pub caption: String,
    /// Channels (1 or 3), rows and columns of a picture.
    pub shape: [usize; 3],
    /// The pictures, the most suspicious first.
    pub pictures: Vec<Picture>,
}

/// A picture on a sheet.
#[derive(Debug, Clone)]
pub struct Picture {
    /// C×H×W bytes.
    pub bytes: Vec<u8>,
    /// First line below it.
    pub label: String,
    /// Second line below it.
    pub words: String,
    /// Whether it gets a coloured frame.
    pub marked: bool,
}

impl Sheet {
    /// Draws the sheet: SVG and PNG.
    ///
    /// # Errors
    /// The pictures do not fit their shape, or the font renderer fails.
    pub fn draw(&self) -> Result<(String, Vec<u8>), Error> {
        let [channels, rows, columns] = self.shape;
        let size = channels * rows * columns;
        if !matches!(channels, 1 | 3) || size == 0 || self.pictures.iter().any(|p| p.bytes.len() != size) {
            let what =
                format!("pictures of {channels}×{rows}×{columns} are grey or red-green-blue and whole");
            return Err(Error::Figure { figure: "sheet".into(), what });
        }
        let mut canvas = Canvas::default();
        let top = head(&mut canvas, &self.title, &self.subtitle, WIDTH) + 4.0;
        let tile = (WIDTH - 2.0 * MARGIN - GAP * (COLUMNS - 1) as f64) / COLUMNS as f64;
        let high = tile * rows as f64 / columns as f64;
        let step = high + 42.0;
        for (i, picture) in self.pictures.iter().enumerate() {
            let x = MARGIN + (i % COLUMNS) as f64 * (tile + GAP);
            let y = top + (i / COLUMNS) as f64 * step;
            let plane = rows * columns;
            let rgb: Vec<u8> = (0..plane)
                .flat_map(|p| [0, 1, 2].map(|c| picture.bytes[if channels == 3 { c * plane + p } else { p }]))
                .collect();
            canvas.image((x, y), (tile, high), columns, &rgb);
            let (width, ink) = if picture.marked { (3.0, VERMILLION) } else { (1.0, GRID) };
            canvas.frame((x - 1.0, y - 1.0), (tile + 2.0, high + 2.0), width, ink);
            let lines = [(&picture.label, Type::new(13.0, BLACK)), (&picture.words, Type::new(12.0, GREY))];
            for (line, (text, style)) in lines.into_iter().enumerate() {
                let at = (x + tile / 2.0, y + high + 13.0 + 15.0 * line as f64);
                canvas.text(at, &style.fit(text, tile + GAP - 2.0), style, Align::Middle);
            }
        }
        let rows_drawn = self.pictures.len().div_ceil(COLUMNS) as f64;
        let height = foot(&mut canvas, &self.caption, top + rows_drawn * step, WIDTH);
        let svg = canvas.svg("sheet", &self.title, (WIDTH, height))?;
        let pixels = png("sheet", &svg)?;
        Ok((svg, pixels))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_must_be_whole() {
        let sheet = |shape, bytes: usize| Sheet {
            title: "t".into(),
            subtitle: "s".into(),
            caption: "c".into(),
            shape,
            pictures: vec![Picture {
                bytes: vec![7; bytes],
                label: "a".into(),
                words: "b".into(),
                marked: true,
            }],
        };
        let (svg, png) = sheet([1, 4, 4], 16).draw().unwrap();
        assert!(svg.contains("<image") && png.starts_with(b"\x89PNG"));
        assert!(sheet([3, 4, 4], 48).draw().is_ok());
        for (shape, bytes) in [([1, 4, 4], 15), ([2, 4, 4], 32), ([1, 0, 4], 0)] {
            assert!(sheet(shape, bytes).draw().is_err());
        }
    }
}
