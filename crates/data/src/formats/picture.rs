//! Images as they lie in files: PNG, JPEG, PGM and PPM, told apart by their first bytes.

use std::borrow::Cow;
use std::io::Cursor;

use image::codecs::{jpeg::JpegDecoder, png::PngDecoder};
use image::{DynamicImage, ImageDecoder, ImageError, Limits};

use super::{Fault, hex, pnm};

/// Longest side.
const SIDE: u32 = 16_384;
/// Most pixels: a photograph of 32 megapixels.
const PIXELS: u64 = 32 << 20;
/// What a decoder may take beside the pixels and for them.
const ALLOC: u64 = 512 << 20;
/// Deflate makes at most 1032 bytes of one.
const DEFLATE: u64 = 1032;

/// An image of 8 bits a value, channels innermost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Picture<'a> {
    /// Pixels in a row.
    pub(crate) width: usize,
    /// Rows of pixels.
    pub(crate) height: usize,
    /// 1 grey, 3 red-green-blue.
    pub(crate) channels: usize,
    /// Height × width × channels.
    pub(crate) pixels: Cow<'a, [u8]>,
}

/// Reads an image, whatever its format. Transparency is dropped; 16 bits become 8.
pub(crate) fn read(bytes: &[u8]) -> Result<Picture<'_>, Fault> {
    match bytes {
        [b'P', ..] => pnm::read(bytes),
        [0x89, b'P', b'N', b'G', ..] => {
            let limits = limits();
            // The size, which the format has in its first chunk, before anything is made of it.
            let number = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
            let (Some(width), Some(height)) = (number(16), number(20)) else {
                return Err(Fault::byte(bytes.len() as u64, "not readable as PNG: the header is cut off"));
            };
            check_size(width, height)?;
            let decoder =
                PngDecoder::with_limits(Cursor::new(bytes), limits.clone()).map_err(|e| fault("PNG", &e))?;
            if decoder.total_bytes() > (bytes.len() as u64).saturating_mul(DEFLATE * 8) {
                let message = format!("{width}×{height} pixels, more than the file can hold");
                return Err(Fault::byte(16, message));
            }
            decode("PNG", decoder, limits)
        }
        [0xff, 0xd8, 0xff, ..] => {
            let decoder = JpegDecoder::new(Cursor::new(bytes)).map_err(|e| fault("JPEG", &e))?;
            let (width, height) = decoder.dimensions();
            check_size(width, height)?;
            // The decoder greys out what is missing.
            let scan = bytes.windows(2).rposition(|two| two == [0xff, 0xda]).unwrap_or(0);
            if !bytes.get(scan..).unwrap_or_default().windows(2).any(|two| two == [0xff, 0xd9]) {
                return Err(Fault::byte(
                    bytes.len() as u64,
                    "the file is cut off: it has no end mark [ff d9]",
                ));
            }
            decode("JPEG", decoder, limits())
        }
        _ => Err(Fault::byte(
            0,
            format!("found [{}], expected the start of a PNG, JPEG, PPM or PGM", hex(bytes, 4)),
        )),
    }
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE);
    limits.max_image_height = Some(SIDE);
    limits.max_alloc = Some(ALLOC);
    limits
}

fn decode(name: &str, mut decoder: impl ImageDecoder, limits: Limits) -> Result<Picture<'static>, Fault> {
    decoder.set_limits(limits).map_err(|e| fault(name, &e))?;
    let image = DynamicImage::from_decoder(decoder).map_err(|e| fault(name, &e))?;
    let (width, height) = (image.width() as usize, image.height() as usize);
    let (channels, pixels) = match image.color().has_color() {
        true => (3, image.into_rgb8().into_raw()),
        false => (1, image.into_luma8().into_raw()),
    };
    Ok(Picture { width, height, channels, pixels: pixels.into() })
}

fn fault(name: &str, error: &ImageError) -> Fault {
    Fault::new(format!("not readable as {name}: {error}"))
}

/// Refuses sizes that no data set has.
pub(crate) fn check_size(width: u32, height: u32) -> Result<(), Fault> {
    let fits = (1..=SIDE).contains(&width) && (1..=SIDE).contains(&height);
    if fits && u64::from(width) * u64::from(height) <= PIXELS {
        return Ok(());
    }
    Err(Fault::new(format!(
        "an image of {width}×{height} pixels, expected 1 to {SIDE} a side and at most {PIXELS} in all"
    )))
}
