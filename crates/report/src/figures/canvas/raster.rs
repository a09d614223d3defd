//! From SVG to PNG, with the embedded fonts alone.

use std::sync::{Arc, OnceLock};

use resvg::{tiny_skia, usvg};

use super::{PNG_SCALE, REGULAR, SEMIBOLD};
use crate::Error;

/// Rasterises an SVG of [`Canvas::svg`] at twice its size.
pub(crate) fn png(figure: &str, svg: &str) -> Result<Vec<u8>, Error> {
    let fault = |e: &dyn std::fmt::Display| Error::Figure { figure: figure.into(), what: e.to_string() };
    let tree = usvg::Tree::from_str(svg, &options()).map_err(|e| fault(&e))?;
    let size = tree.size().to_int_size().scale_by(PNG_SCALE).ok_or_else(|| fault(&"it has no size"))?;
    let mut map = tiny_skia::Pixmap::new(size.width(), size.height())
        .ok_or_else(|| fault(&"it is too large for a PNG"))?;
    let scale = tiny_skia::Transform::from_scale(PNG_SCALE, PNG_SCALE);
    resvg::render(&tree, scale, &mut map.as_mut());
    images(tree.root(), scale, &mut map);
    map.encode_png().map_err(|e| fault(&e))
}

/// Draws the images, which [`Canvas::svg`] puts last: so resvg needs no decoders of formats we never write.
fn images(group: &usvg::Group, scale: tiny_skia::Transform, map: &mut tiny_skia::Pixmap) {
    for node in group.children() {
        match node {
            usvg::Node::Group(group) => images(group, scale, map),
            usvg::Node::Image(image) => {
                let usvg::ImageKind::PNG(png) = image.kind() else {
                    continue;
                };
                let Ok(picture) = tiny_skia::Pixmap::decode_png(png) else {
                    continue;
                };
                let paint = tiny_skia::PixmapPaint {
                    quality: tiny_skia::FilterQuality::Nearest,
                    ..Default::default()
                };
                let place = scale.pre_concat(image.abs_transform());
                map.draw_pixmap(0, 0, picture.as_ref(), &paint, place, None);
            }
            _ => {}
        }
    }
}

/// Options that know the embedded fonts and no others, so that every machine draws the same picture.
pub(crate) fn options() -> usvg::Options<'static> {
    static FONTS: OnceLock<Arc<usvg::fontdb::Database>> = OnceLock::new();
    let fonts = FONTS.get_or_init(|| {
        let mut fonts = usvg::fontdb::Database::new();
        fonts.load_font_data(REGULAR.to_vec());
        fonts.load_font_data(SEMIBOLD.to_vec());
        fonts.set_sans_serif_family("Inter");
        Arc::new(fonts)
    });
    usvg::Options { fontdb: fonts.clone(), font_family: "Inter".into(), ..usvg::Options::default() }
}

/// Base64 with padding.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group =
            chunk.iter().enumerate().fold(0u32, |group, (i, b)| group | u32::from(*b) << (16 - 8 * i));
        for i in 0..4 {
            let digit = DIGITS[(group >> (18 - 6 * i) & 63) as usize];
            out.push(if i <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    out
}
