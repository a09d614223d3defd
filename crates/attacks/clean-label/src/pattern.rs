//! The 3×3 pattern that is added to corners of an image.

use aconite_core::{ImageTrigger, Shape};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Side of the pattern in pixels.
pub(crate) const SIDE: usize = 3;

/// Whether a pixel gets brighter, by rows and columns from the image's bottom right corner.
const BRIGHTER: [[bool; SIDE]; SIDE] = [[true, false, true], [false, true, false], [true, false, false]];

/// Which corners of an image get the pattern.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Corners {
    /// The bottom right one.
    #[default]
    One,
    /// All four, each a mirror image of its neighbours: mirroring the image leaves them as they are.
    All,
}

/// The pattern at an amplitude.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pattern {
    /// Grey levels that are added or taken away.
    pub(crate) amplitude: f64,
    pub(crate) corners: Corners,
}

impl ImageTrigger for Pattern {
    fn stamp(&self, image: &mut [u8], shape: Shape) {
        let Shape { channels, height, width } = shape;
        for (up, signs) in BRIGHTER.iter().enumerate() {
            for (left, &brighter) in signs.iter().enumerate() {
                let (bottom, right) = (height - 1 - up, width - 1 - left);
                let corners = [(bottom, right), (bottom, left), (up, right), (up, left)];
                let stamped = match self.corners {
                    Corners::One => &corners[..1],
                    Corners::All => &corners[..],
                };
                let change = if brighter { self.amplitude } else { -self.amplitude };
                for &(row, column) in stamped {
                    for channel in 0..channels {
                        let pixel = &mut image[shape.at(channel, row, column)];
                        *pixel = (f64::from(*pixel) + change).round().clamp(0.0, 255.0) as u8;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One channel of grey 100 with the pattern on.
    fn stamped(amplitude: f64, corners: Corners, shape: Shape) -> Vec<u8> {
        let mut image = vec![100; shape.pixels()];
        Pattern { amplitude, corners }.stamp(&mut image, shape);
        image
    }

    // Turner, Tsipras, Madry 2019: (row, column, sign) from the bottom right corner are
    // (−1,−1)+ (−1,−2)− (−1,−3)+ (−2,−1)− (−2,−2)+ (−2,−3)− (−3,−1)+ (−3,−2)− (−3,−3)−.
    #[test]
    fn the_bottom_right_corner_is_the_papers() {
        let shape = Shape { channels: 1, height: 4, width: 5 };
        #[rustfmt::skip]
        assert_eq!(stamped(32.0, Corners::One, shape), [
            100, 100, 100, 100, 100,
            100, 100,  68,  68, 132,
            100, 100,  68, 132,  68,
            100, 100, 132,  68, 132,
        ]);
        #[rustfmt::skip]
        assert_eq!(stamped(255.0, Corners::One, shape), [
            100, 100, 100, 100, 100,
            100, 100,   0,   0, 255,
            100, 100,   0, 255,   0,
            100, 100, 255,   0, 255,
        ]);
    }

    #[test]
    fn four_corners_are_mirror_images_in_every_channel() {
        let shape = Shape { channels: 3, height: 7, width: 6 };
        let image = stamped(32.0, Corners::All, shape);
        let one = stamped(32.0, Corners::One, shape);
        for channel in 0..3 {
            for (row, column) in (0..7).flat_map(|row| (0..6).map(move |column| (row, column))) {
                let here = image[shape.at(channel, row, column)];
                assert_eq!(here, image[shape.at(0, 6 - row, column)]);
                assert_eq!(here, image[shape.at(0, row, 5 - column)]);
                if row >= 4 && column >= 3 {
                    assert_eq!(here, one[shape.at(channel, row, column)]);
                }
            }
        }
        assert_eq!(image.iter().filter(|&&pixel| pixel != 100).count(), 3 * 4 * 9);
    }
}
