//! Fixed pixels near the bottom right corner of an image.
//!
//! A figure is a list of [`Dot`]s, placed by their distance from the corner, so that one figure fits images of
//! any size. Every attack with a small fixed trigger builds on it.

use aconite_core::{ImageTrigger, Shape};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Black and white as bytes.
const BLACK: u8 = 0;
const WHITE: u8 = 255;

/// How a square patch is filled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Fill {
    /// All white.
    #[default]
    White,
    /// White and black in turns, white in the patch's own bottom right corner.
    Checkerboard,
}

/// One pixel of a figure, in all channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dot {
    /// Rows above the image's last row.
    pub up: usize,
    /// Columns to the left of the image's last column.
    pub left: usize,
    /// What the pixel becomes.
    pub value: u8,
}

/// Pixels near the bottom right corner that are overwritten in all channels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    dots: Vec<Dot>,
}

impl Figure {
    /// A figure of these pixels, moved `margin` pixels up and to the left.
    pub fn new(dots: impl IntoIterator<Item = Dot>, margin: usize) -> Self {
        let moved = |dot: Dot| Dot {
            up: dot.up.saturating_add(margin),
            left: dot.left.saturating_add(margin),
            value: dot.value,
        };
        Self { dots: dots.into_iter().map(moved).collect() }
    }

    /// One white pixel.
    pub fn pixel(margin: usize) -> Self {
        Self::new([Dot { up: 0, left: 0, value: WHITE }], margin)
    }

    /// Four white pixels that touch at corners or lie two apart: the corner itself, its diagonal neighbour, and
    /// the pixels two to the left and two above.
    pub fn pattern(margin: usize) -> Self {
        let places = [(0, 0), (1, 1), (0, 2), (2, 0)];
        Self::new(places.map(|(up, left)| Dot { up, left, value: WHITE }), margin)
    }

    /// A square of `size` × `size` pixels.
    pub fn patch(size: usize, fill: Fill, margin: usize) -> Self {
        let value = |up: usize, left: usize| match fill {
            Fill::Checkerboard if (up + left) % 2 == 1 => BLACK,
            Fill::White | Fill::Checkerboard => WHITE,
        };
        let dot = |up, left| Dot { up, left, value: value(up, left) };
        Self::new((0..size).flat_map(|up| (0..size).map(move |left| dot(up, left))), margin)
    }

    /// Its pixels.
    pub fn dots(&self) -> &[Dot] {
        &self.dots
    }

    /// Rows and columns that it needs, the margin included.
    pub fn extent(&self) -> (usize, usize) {
        let rows = self.dots.iter().map(|dot| dot.up.saturating_add(1)).max().unwrap_or(0);
        let columns = self.dots.iter().map(|dot| dot.left.saturating_add(1)).max().unwrap_or(0);
        (rows, columns)
    }

    /// Whether it lies on images of this shape.
    pub fn fits(&self, shape: Shape) -> bool {
        let (rows, columns) = self.extent();
        rows <= shape.height && columns <= shape.width
    }
}

impl ImageTrigger for Figure {
    /// Pixels beyond the image's edge are left out: [`Figure::fits`] tells beforehand whether there are any.
    fn stamp(&self, image: &mut [u8], shape: Shape) {
        for dot in &self.dots {
            if dot.up >= shape.height || dot.left >= shape.width {
                continue;
            }
            let (row, column) = (shape.height - 1 - dot.up, shape.width - 1 - dot.left);
            for channel in 0..shape.channels {
                image[shape.at(channel, row, column)] = dot.value;
            }
        }
    }
}
