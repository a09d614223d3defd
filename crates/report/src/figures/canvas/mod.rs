//! The canvas: a list of shapes in pixels that plotters' SVG backend writes and resvg rasterises.
//!
//! plotters' coordinates are whole numbers, so one pixel is [`UNITS`] of them. The font is embedded: texts
//! are measured with it, the PNG is drawn with it, and the SVG names it with the usual ones behind it.

mod raster;
mod words;

use plotters::prelude::{DrawingBackend, FontTransform, RGBColor, SVGBackend, ShapeStyle};
use plotters::style::Color;
use resvg::tiny_skia;

pub(crate) use raster::{base64, png};
pub(crate) use words::{Align, Type};

use crate::Error;

/// plotters' whole-number units per pixel.
const UNITS: f64 = 4.0;
/// How much larger the PNG is than the SVG's nominal size.
const PNG_SCALE: f32 = 2.0;
/// The fonts, as the SVG names them.
const FAMILY: &str = "Inter, Helvetica, Arial, sans-serif";

/// Inter, regular weight: a subset under the SIL Open Font License, see `fonts/OFL.txt`.
pub(crate) const REGULAR: &[u8] = include_bytes!("../../../fonts/Inter-Regular.otf");
/// Inter, semi-bold.
pub(crate) const SEMIBOLD: &[u8] = include_bytes!("../../../fonts/Inter-SemiBold.otf");

/// A colour with its opacity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ink(pub(crate) RGBColor, pub(crate) f64);

impl Ink {
    pub(crate) const fn rgb(r: u8, g: u8, b: u8) -> Self {
        Self(RGBColor(r, g, b), 1.0)
    }

    /// The same colour with another opacity.
    pub(crate) const fn alpha(self, alpha: f64) -> Self {
        Self(self.0, alpha)
    }

    /// Mixed with `other`: 0 is this colour, 1 the other.
    pub(crate) fn mix(self, other: Ink, share: f64) -> Self {
        let part = |a: u8, b: u8| {
            (f64::from(a) + (f64::from(b) - f64::from(a)) * share.clamp(0.0, 1.0)).round() as u8
        };
        Self(
            RGBColor(part(self.0.0, other.0.0), part(self.0.1, other.0.1), part(self.0.2, other.0.2)),
            self.1,
        )
    }

    /// Relative luminance, 0 to 1, as WCAG 2 defines it.
    pub(crate) fn luminance(self) -> f64 {
        let part = |v: u8| match f64::from(v) / 255.0 {
            v if v <= 0.04045 => v / 12.92,
            v => ((v + 0.055) / 1.055).powf(2.4),
        };
        0.2126 * part(self.0.0) + 0.7152 * part(self.0.1) + 0.0722 * part(self.0.2)
    }
}

#[derive(Debug, Clone)]
enum Shape {
    Path { points: Vec<(f64, f64)>, width: f64, ink: Ink },
    Area { points: Vec<(f64, f64)>, ink: Ink },
    Ring { at: (f64, f64), radius: f64, width: f64, ink: Ink },
    Disc { at: (f64, f64), radius: f64, ink: Ink },
    Text { at: (f64, f64), text: String, style: Type, align: Align, upward: bool },
    Image { at: (f64, f64), size: (f64, f64), png: Vec<u8> },
}

/// Shapes in pixels from the top left, in the order in which they are drawn.
#[derive(Debug, Clone, Default)]
pub(crate) struct Canvas {
    shapes: Vec<Shape>,
}

impl Canvas {
    pub(crate) fn path(&mut self, points: impl Into<Vec<(f64, f64)>>, width: f64, ink: Ink) {
        self.shapes.push(Shape::Path { points: points.into(), width, ink });
    }

    pub(crate) fn line(&mut self, from: (f64, f64), to: (f64, f64), width: f64, ink: Ink) {
        self.path([from, to], width, ink);
    }

    /// A line in dashes: lengths of ink and gap in turn; an empty pattern is a solid line.
    pub(crate) fn dashed(&mut self, points: &[(f64, f64)], pattern: &[f64], width: f64, ink: Ink) {
        if pattern.iter().sum::<f64>() <= 0.0 {
            return self.path(points, width, ink);
        }
        let (mut at, mut left) = (0, pattern[0]);
        for pair in points.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            let length = (to.0 - from.0).hypot(to.1 - from.1);
            let mut walked = 0.0;
            while walked < length {
                let step = left.min(length - walked);
                let spot =
                    |d: f64| (from.0 + (to.0 - from.0) * d / length, from.1 + (to.1 - from.1) * d / length);
                if at % 2 == 0 {
                    self.line(spot(walked), spot(walked + step), width, ink);
                }
                (walked, left) = (walked + step, left - step);
                if left <= 1e-9 {
                    at += 1;
                    left = pattern[at % pattern.len()].max(1e-3);
                }
            }
        }
    }

    pub(crate) fn area(&mut self, points: impl Into<Vec<(f64, f64)>>, ink: Ink) {
        self.shapes.push(Shape::Area { points: points.into(), ink });
    }

    /// A filled rectangle.
    pub(crate) fn rect(&mut self, (x, y): (f64, f64), (w, h): (f64, f64), ink: Ink) {
        self.area([(x, y), (x + w, y), (x + w, y + h), (x, y + h)], ink);
    }

    /// A rectangle's outline.
    pub(crate) fn frame(&mut self, (x, y): (f64, f64), (w, h): (f64, f64), width: f64, ink: Ink) {
        // It begins within a side, so that every corner is a joint.
        let start = (x + w / 2.0, y);
        self.path([start, (x + w, y), (x + w, y + h), (x, y + h), (x, y), start], width, ink);
    }

    pub(crate) fn disc(&mut self, at: (f64, f64), radius: f64, ink: Ink) {
        self.shapes.push(Shape::Disc { at, radius, ink });
    }

    pub(crate) fn ring(&mut self, at: (f64, f64), radius: f64, width: f64, ink: Ink) {
        self.shapes.push(Shape::Ring { at, radius, width, ink });
    }

    /// A line of text, centred on `at` in height.
    pub(crate) fn text(&mut self, at: (f64, f64), text: &str, style: Type, align: Align) {
        self.shapes.push(Shape::Text { at, text: text.into(), style, align, upward: false });
    }

    /// A line of text that runs upward, its middle on `at`.
    pub(crate) fn upward(&mut self, at: (f64, f64), text: &str, style: Type) {
        self.shapes.push(Shape::Text { at, text: text.into(), style, align: Align::Middle, upward: true });
    }

    /// Lines of text below each other, the first centred on `at` in height; returns the height they take.
    pub(crate) fn lines(&mut self, at: (f64, f64), lines: &[String], style: Type, align: Align) -> f64 {
        let step = style.size * 1.36;
        for (i, line) in lines.iter().enumerate() {
            self.text((at.0, at.1 + step * i as f64), line, style, align);
        }
        step * lines.len() as f64
    }

    /// A picture of square pixels, each `zoom` output pixels wide: `rgb` holds 3 bytes a pixel.
    pub(crate) fn image(&mut self, at: (f64, f64), size: (f64, f64), columns: usize, rgb: &[u8]) {
        let rows = (rgb.len() / 3).checked_div(columns).unwrap_or(0);
        // Nearest-neighbour by hand, to a whole multiple: viewers differ in what they make of small images.
        let zoom = (((size.0 * f64::from(PNG_SCALE)) / columns.max(1) as f64).ceil() as usize).clamp(1, 32);
        let Some(mut map) = tiny_skia::Pixmap::new((columns * zoom) as u32, (rows * zoom) as u32) else {
            return;
        };
        for (i, pixel) in map.pixels_mut().iter_mut().enumerate() {
            let from = (i / (columns * zoom) / zoom * columns + i % (columns * zoom) / zoom) * 3;
            *pixel =
                tiny_skia::ColorU8::from_rgba(rgb[from], rgb[from + 1], rgb[from + 2], 255).premultiply();
        }
        if let Ok(png) = map.encode_png() {
            self.shapes.push(Shape::Image { at, size, png });
        }
    }

    /// Writes the shapes as an SVG of this size on white.
    pub(crate) fn svg(
        &self,
        figure: &str,
        title: &str,
        (width, height): (f64, f64),
    ) -> Result<String, Error> {
        let fault = |e: &dyn std::fmt::Display| Error::Figure { figure: figure.into(), what: e.to_string() };
        let size = ((width * UNITS).round() as u32, (height * UNITS).round() as u32);
        let mut body = String::new();
        {
            let mut backend = SVGBackend::with_string(&mut body, size);
            for shape in &self.shapes {
                shape.draw(&mut backend).map_err(|e| fault(&e))?;
            }
            backend.present().map_err(|e| fault(&e))?;
        }
        let body = body.split_once('\n').map_or("", |(_, rest)| rest);
        let body = body.strip_suffix("</svg>\n").unwrap_or(body);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" viewBox=\"0 0 {} {}\" role=\"img\">\n\
             <title>{}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#FFFFFF\"/>\n{body}",
            size.0 as f64 / UNITS,
            size.1 as f64 / UNITS,
            size.0,
            size.1,
            crate::html::escape(title)
        );
        for shape in &self.shapes {
            if let Shape::Image { at, size, png } = shape {
                svg.push_str(&format!(
                    "<image x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" preserveAspectRatio=\"none\" \
                     style=\"image-rendering:pixelated\" href=\"data:image/png;base64,{}\"/>\n",
                    unit(at.0),
                    unit(at.1),
                    unit(size.0),
                    unit(size.1),
                    base64(png)
                ));
            }
        }
        svg.push_str("</svg>\n");
        Ok(svg)
    }
}

fn unit(pixels: f64) -> i32 {
    let units = (pixels * UNITS).round();
    if units.is_finite() { units.clamp(-1e8, 1e8) as i32 } else { 0 }
}

fn units(point: (f64, f64)) -> (i32, i32) {
    (unit(point.0), unit(point.1))
}

impl Shape {
    fn draw(&self, backend: &mut SVGBackend<'_>) -> Result<(), String> {
        let style = |ink: Ink, width: f64, filled| ShapeStyle {
            color: ink.0.mix(ink.1),
            filled,
            stroke_width: unit(width).max(1) as u32,
        };
        let drawn = match self {
            Self::Path { points, width, ink } => {
                backend.draw_path(points.iter().map(|p| units(*p)), &style(*ink, *width, false))
            }
            Self::Area { points, ink } => {
                backend.fill_polygon(points.iter().map(|p| units(*p)), &style(*ink, 0.0, true))
            }
            Self::Ring { at, radius, width, ink } => backend.draw_circle(
                units(*at),
                unit(*radius).max(1) as u32,
                &style(*ink, *width, false),
                false,
            ),
            Self::Disc { at, radius, ink } => {
                backend.draw_circle(units(*at), unit(*radius).max(1) as u32, &style(*ink, 0.0, true), true)
            }
            Self::Text { at, text, style, align, upward } => {
                // The backend centres half the height of an x; capitals and digits are taller.
                let shift = 0.09 * style.size;
                let at = if *upward { (at.0 + shift, at.1) } else { (at.0, at.1 + shift) };
                let mut written = style.plotters(*align);
                if *upward {
                    written.font = written.font.transform(FontTransform::Rotate270);
                }
                backend.draw_text(text, &written, units(at))
            }
            Self::Image { .. } => Ok(()),
        };
        drawn.map_err(|e| e.to_string())
    }
}

#[cfg(test)]
mod tests;
