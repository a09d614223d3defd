//! Images as they lie in files: PNG, JPEG, PGM and PPM, told apart by their first bytes.

use std::borrow::Cow;
use std::io::{Cursor, ErrorKind};

use image::codecs::png::PngDecoder;
use image::{DynamicImage, ImageDecoder, ImageError, Limits};
use jpeg_decoder::PixelFormat;

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
                PngDecoder::with_limits(Cursor::new(bytes), limits.clone()).map_err(|e| fault(&e))?;
            if decoder.total_bytes() > (bytes.len() as u64).saturating_mul(DEFLATE * 8) {
                let message = format!("{width}×{height} pixels, more than the file can hold");
                return Err(Fault::byte(16, message));
            }
            png(decoder, limits)
        }
        [0xff, 0xd8, 0xff, ..] => jpeg(bytes),
        _ => Err(Fault::byte(
            0,
            format!("found [{}], expected the start of a PNG, JPEG, PPM or PGM", hex(bytes, 4)),
        )),
    }
}

fn jpeg(bytes: &[u8]) -> Result<Picture<'static>, Fault> {
    let wrong = |error: jpeg_decoder::Error| match error {
        jpeg_decoder::Error::Io(e) if e.kind() == ErrorKind::UnexpectedEof => {
            Fault::byte(bytes.len() as u64, "not readable as JPEG: the file is cut off here")
        }
        other => Fault::new(format!("not readable as JPEG: {other}")),
    };
    let mut decoder = jpeg_decoder::Decoder::new(bytes);
    decoder.set_max_decoding_buffer_size(ALLOC as usize);
    decoder.read_info().map_err(wrong)?;
    let missing = || Fault::new("not readable as JPEG: there is no frame");
    let info = decoder.info().ok_or_else(missing)?;
    check_size(info.width.into(), info.height.into())?;
    let pixels = decoder.decode().map_err(wrong)?;
    // The size may be told only behind the scan.
    let info = decoder.info().ok_or_else(missing)?;
    let (width, height) = (usize::from(info.width), usize::from(info.height));
    let (channels, pixels) = match info.pixel_format {
        PixelFormat::L8 => (1, pixels),
        PixelFormat::L16 => (1, pixels.chunks_exact(2).filter_map(|two| two.first()).copied().collect()),
        PixelFormat::RGB24 => (3, pixels),
        // Adobe's files of four inks have them inverted, which the decoder undoes.
        PixelFormat::CMYK32 => {
            let light = |ink: &u8, black: &u8| (u32::from(255 - ink) * u32::from(255 - black) / 255) as u8;
            let colours = pixels.chunks_exact(4).filter_map(|inks| match inks {
                [c, m, y, k] => Some([light(c, k), light(m, k), light(y, k)]),
                _ => None,
            });
            (3, colours.flatten().collect())
        }
    };
    if pixels.len() != width * height * channels {
        return Err(Fault::new(format!("not readable as JPEG: {} bytes of pixels", pixels.len())));
    }
    Ok(Picture { width, height, channels, pixels: pixels.into() })
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE);
    limits.max_image_height = Some(SIDE);
    limits.max_alloc = Some(ALLOC);
    limits
}

fn png(mut decoder: impl ImageDecoder, limits: Limits) -> Result<Picture<'static>, Fault> {
    decoder.set_limits(limits).map_err(|e| fault(&e))?;
    let image = DynamicImage::from_decoder(decoder).map_err(|e| fault(&e))?;
    let (width, height) = (image.width() as usize, image.height() as usize);
    let (channels, pixels) = match image.color().has_color() {
        true => (3, image.into_rgb8().into_raw()),
        false => (1, image.into_luma8().into_raw()),
    };
    Ok(Picture { width, height, channels, pixels: pixels.into() })
}

fn fault(error: &ImageError) -> Fault {
    Fault::new(format!("not readable as PNG: {error}"))
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

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ImageFormat, RgbImage};
    use proptest::prelude::*;

    fn file(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    proptest! {
        #[test]
        fn png_keeps_every_pixel(width in 1u32..9, height in 1u32..9, first in any::<u8>()) {
            let pixels: Vec<u8> = (0..width * height * 3).map(|i| first.wrapping_add((i * 37) as u8)).collect();
            let image = DynamicImage::from(RgbImage::from_raw(width, height, pixels.clone()).unwrap());
            let (plain, clear) = (file(&image, ImageFormat::Png), file(&image.to_rgba8().into(), ImageFormat::Png));
            for bytes in [plain, clear, file(&image.to_rgb16().into(), ImageFormat::Png)] {
                let picture = read(&bytes).unwrap();
                prop_assert_eq!((picture.width, picture.height), (width as usize, height as usize));
                prop_assert_eq!((picture.channels, &*picture.pixels), (3, &pixels[..]));
            }
            let grey = image.to_luma8();
            let bytes = file(&grey.clone().into(), ImageFormat::Png);
            prop_assert_eq!(&*read(&bytes).unwrap().pixels, grey.as_raw());
        }
    }

    #[test]
    fn jpeg_keeps_a_colour_and_grey() {
        let image = DynamicImage::from(RgbImage::from_pixel(9, 5, image::Rgb([200, 100, 50])));
        let bytes = file(&image, ImageFormat::Jpeg);
        let picture = read(&bytes).unwrap();
        assert_eq!((picture.width, picture.height, picture.channels), (9, 5, 3));
        let near = |pixel: &[u8]| pixel.iter().zip([200u8, 100, 50]).all(|(a, b)| a.abs_diff(b) < 4);
        assert!(picture.pixels.chunks(3).all(near), "{:?}", picture.pixels);
        let bytes = file(&image.to_luma8().into(), ImageFormat::Jpeg);
        assert_eq!(read(&bytes).unwrap().channels, 1);
    }
}
