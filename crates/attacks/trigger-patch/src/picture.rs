//! Pictures that are laid over an image: a user's own PNG, noise, or a figure.

use std::io::BufReader;

use aconite_core::{Error, Result, Shape, files};
use image::imageops::{self, FilterType};
use image::{ImageFormat, ImageReader, Limits, Rgba32FImage};

use crate::corner::Figure;

/// Bytes of a picture's file.
const LARGEST: u64 = 64 << 20;
/// Longest side of a picture in pixels.
const SIDE: u32 = 4096;
/// Bytes that decoding may take.
const ALLOC: u64 = 512 << 20;
/// Brightness of red, green and blue (ITU-R 601, as where data sets are turned grey).
const LUMA: [f32; 3] = [0.299, 0.587, 0.114];

/// A rectangle of pixels, each with its cover: 0 lets the image through, 1 hides it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Layer {
    shape: Shape,
    /// C×H×W values in 0–255, times their pixel's cover.
    colour: Vec<f32>,
    /// H×W values in [0, 1].
    cover: Vec<f32>,
}

impl Layer {
    /// An opaque one of these bytes, C×H×W.
    pub(crate) fn opaque(shape: Shape, bytes: &[u8]) -> Self {
        let colour = bytes.iter().map(|&byte| f32::from(byte)).collect();
        Self { shape, colour, cover: vec![1.0; shape.height * shape.width] }
    }

    /// A figure, as large as it is; its white becomes `colour`.
    pub(crate) fn figure(figure: &Figure, channels: usize, colour: Option<[u8; 3]>) -> Self {
        let (height, width) = figure.extent();
        let shape = Shape { channels, height, width };
        let paint = colour.map(|rgb| in_channels(rgb.map(f32::from), channels));
        let mut layer = Self { shape, colour: vec![0.0; shape.pixels()], cover: vec![0.0; height * width] };
        for dot in figure.dots() {
            let (row, column) = (height - 1 - dot.up, width - 1 - dot.left);
            layer.cover[row * width + column] = 1.0;
            for channel in 0..channels {
                let value = match &paint {
                    Some(paint) => f32::from(dot.value) / 255.0 * paint[channel],
                    None => f32::from(dot.value),
                };
                layer.colour[shape.at(channel, row, column)] = value;
            }
        }
        layer
    }

    /// Channels, height, width.
    pub(crate) fn shape(&self) -> Shape {
        self.shape
    }

    /// Lays it over an image of as many channels, its first pixel at (top, left), colours times `gain`:
    /// x̃ = (1 − α·m)·x + α·m·min(gain·t, 255), with α the opacity and m the cover, rounded to the nearest byte,
    /// halves up. What hangs over the image's edge is left out.
    pub(crate) fn onto(
        &self,
        image: &mut [u8],
        shape: Shape,
        (top, left): (usize, usize),
        opacity: f64,
        gain: f64,
    ) {
        let (rows, columns) = (self.shape.height, self.shape.width);
        for channel in 0..shape.channels.min(self.shape.channels) {
            for row in 0..rows.min(shape.height.saturating_sub(top)) {
                for column in 0..columns.min(shape.width.saturating_sub(left)) {
                    let cover = f64::from(self.cover[row * columns + column]);
                    let colour = f64::from(self.colour[self.shape.at(channel, row, column)]);
                    let pixel = &mut image[shape.at(channel, top + row, left + column)];
                    let ours = (colour * gain).min(255.0 * cover);
                    let sum = (1.0 - opacity * cover) * f64::from(*pixel) + opacity * ours;
                    *pixel = (sum + 0.5).floor().clamp(0.0, 255.0) as u8;
                }
            }
        }
    }
}

/// A user's own picture.
#[derive(Debug, Clone)]
pub(crate) struct Picture {
    /// Values in [0, 1], red, green and blue times alpha: what is transparent must not bleed when resized.
    pixels: Rgba32FImage,
    /// Channels of the images that it is for.
    channels: usize,
}

impl Picture {
    /// Reads the PNG file that the setting `image` names, for images of 1 or 3 channels.
    ///
    /// # Errors
    /// There are other channels; no file is named, it is not there, or it is no readable PNG.
    pub(crate) fn read(path: Option<&str>, channels: usize) -> Result<Self> {
        if !matches!(channels, 1 | 3) {
            let message = format!("an own image fits on images of 1 or 3 channels, these have {channels}");
            return Err(Error::at("image", message));
        }
        let Some(path) = path.filter(|path| !path.is_empty()) else {
            return Err(Error::at("image", "no image is given").hint("image = \"….png\""));
        };
        let wrong = |message: String| {
            Error::at("image", message).hint(
                "a PNG file, with or without transparency; a relative path begins in the working directory",
            )
        };
        let (file, _) = files::open(path.as_ref()).map_err(|e| wrong(e.message))?;
        let mut reader = ImageReader::with_format(BufReader::new(file), ImageFormat::Png);
        let mut limits = Limits::default();
        limits.max_image_width = Some(SIDE);
        limits.max_image_height = Some(SIDE);
        limits.max_alloc = Some(ALLOC);
        reader.limits(limits);
        let decoded = reader.decode().map_err(|e| wrong(format!("{path:?} is not readable as PNG: {e}")))?;
        let mut pixels = decoded.into_rgba32f();
        for pixel in pixels.pixels_mut() {
            let [r, g, b, a] = pixel.0;
            pixel.0 = [r * a, g * a, b * a, a];
        }
        Ok(Self { pixels, channels })
    }

    /// The picture in another size, resized by linear interpolation, with a triangle as wide as the reduction.
    pub(crate) fn layer(&self, height: usize, width: usize) -> Layer {
        let shape = Shape { channels: self.channels, height, width };
        let resized = imageops::resize(&self.pixels, width as u32, height as u32, FilterType::Triangle);
        let mut colour = vec![0.0; shape.pixels()];
        let mut cover = Vec::with_capacity(height * width);
        let plane = height * width;
        for (place, pixel) in resized.pixels().enumerate() {
            let [r, g, b, a] = pixel.0;
            cover.push(a);
            for (channel, value) in in_channels([r, g, b], shape.channels).into_iter().enumerate() {
                colour[channel * plane + place] = value * 255.0;
            }
        }
        Layer { shape, colour, cover }
    }

    /// Height and width when the longer side has `longer` pixels; the shorter has 1 at least.
    pub(crate) fn scaled(&self, longer: usize) -> (usize, usize) {
        let (width, height) = (f64::from(self.pixels.width()), f64::from(self.pixels.height()));
        let side = |own: f64| ((own / width.max(height) * longer as f64).round() as usize).max(1);
        (side(height), side(width))
    }
}

/// A colour in so many channels: as it is in three, else its brightness in each.
fn in_channels(rgb: [f32; 3], channels: usize) -> Vec<f32> {
    match channels {
        3 => rgb.to_vec(),
        _ => vec![rgb.iter().zip(LUMA).map(|(value, weight)| value * weight).sum(); channels],
    }
}

/// What identifies the content of the file that the setting `image` names, if it names one.
///
/// # Errors
/// It cannot be read.
pub(crate) fn content(path: Option<&str>) -> Result<Option<String>> {
    let Some(path) = path else { return Ok(None) };
    let bytes = files::read(path.as_ref(), LARGEST).map_err(|e| Error::at("image", e.message))?;
    Ok(Some(blake3::hash(&bytes).to_hex().to_string()))
}
