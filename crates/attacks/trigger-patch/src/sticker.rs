//! A small picture at a place of the image: fixed, or another place, size and brightness on every image.

use aconite_core::{Error, Result, Rows, Seed, Shape, Trigger};
use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::picture::Layer;

/// Where on the image a figure is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Position {
    /// `margin` pixels from the bottom and right edges.
    #[default]
    BottomRight,
    /// `margin` pixels from the bottom and left edges.
    BottomLeft,
    /// `margin` pixels from the top and right edges.
    TopRight,
    /// `margin` pixels from the top and left edges.
    TopLeft,
    /// In the middle.
    Center,
}

/// A picture and how it is laid on an image.
///
/// What differs from image to image is drawn from the seed and the image's row number alone, so that it does not
/// depend on which rows are stamped together.
#[derive(Debug)]
pub(crate) struct Sticker {
    /// Shape of the images.
    pub(crate) images: Shape,
    /// The picture in all its sizes, each a pixel longer than the one before.
    pub(crate) sizes: Vec<Layer>,
    /// Lengths in pixels between which the size is drawn, to be rounded.
    pub(crate) length: [f64; 2],
    pub(crate) position: Position,
    /// Pixels between the picture and the edges.
    pub(crate) margin: usize,
    /// Pixels by which it may lie off its place, each way.
    pub(crate) jitter: usize,
    /// Factors between which that of its colours is drawn.
    pub(crate) brightness: [f64; 2],
    pub(crate) seed: Seed,
}

impl Sticker {
    /// Puts it on the image of row number `row`.
    fn stamp(&self, image: &mut [u8], row: usize) {
        let mut rng = self.seed.derive(&row.to_string()).rng();
        let [shortest, longest] = self.length;
        // One draw for each, always in this order: a constant draws too, so that a wider range of one leaves the
        // others as they were.
        let longer = rng.random_range(shortest..=longest).round() - shortest.round();
        let Some(layer) = self.sizes.get(longer as usize) else { return };
        let (ours, all) = (layer.shape(), self.images);
        let (top, left) = self.place(ours);
        let top = rng.random_range(around(top, self.jitter, all.height - ours.height.min(all.height)));
        let left = rng.random_range(around(left, self.jitter, all.width - ours.width.min(all.width)));
        let [darkest, brightest] = self.brightness;
        let gain = rng.random_range(darkest..=brightest);
        layer.onto(image, all, (top, left), 1.0, gain);
    }

    /// Row and column of its first pixel, before jitter.
    fn place(&self, ours: Shape) -> (usize, usize) {
        let near = self.margin;
        let far = |all: usize, own: usize| all.saturating_sub(own).saturating_sub(self.margin);
        let middle = |all: usize, own: usize| all.saturating_sub(own) / 2;
        let (rows, columns) = ((self.images.height, ours.height), (self.images.width, ours.width));
        match self.position {
            Position::BottomRight => (far(rows.0, rows.1), far(columns.0, columns.1)),
            Position::BottomLeft => (far(rows.0, rows.1), near),
            Position::TopRight => (near, far(columns.0, columns.1)),
            Position::TopLeft => (near, near),
            Position::Center => (middle(rows.0, rows.1), middle(columns.0, columns.1)),
        }
    }
}

/// Places up to `jitter` from `place`, from 0 to `last`.
fn around(place: usize, jitter: usize, last: usize) -> std::ops::RangeInclusive<usize> {
    let place = place.min(last);
    place.saturating_sub(jitter)..=place.saturating_add(jitter).min(last)
}

impl Trigger for Sticker {
    fn stamped(&self, rows: &Rows, chosen: &[usize]) -> Result<Rows> {
        let mut images = rows.images()?.select(chosen);
        if images.shape() != self.images {
            return Err(Error::new(format!(
                "a sticker for images of {} is not one for images of {}",
                self.images,
                images.shape()
            )));
        }
        for (i, &row) in chosen.iter().enumerate() {
            self.stamp(images.image_mut(i), row);
        }
        Ok(images.into())
    }
}
