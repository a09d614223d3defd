//! Bilinear resizing with a triangle as wide as the reduction, in fixed point: bit for bit what Pillow's
//! `resize(…, BILINEAR)` gives, so that images agree with those of other programs.

use super::picture::Picture;

/// Bits behind the point of a weight.
const BITS: u32 = 22;

/// A rectangle of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Region {
    /// First column.
    pub(crate) x: usize,
    /// First row.
    pub(crate) y: usize,
    /// Columns.
    pub(crate) width: usize,
    /// Rows.
    pub(crate) height: usize,
}

impl Region {
    /// All of a picture.
    pub(crate) fn whole(picture: &Picture) -> Self {
        Self { x: 0, y: 0, width: picture.width, height: picture.height }
    }

    /// The largest square in the middle.
    pub(crate) fn square(picture: &Picture) -> Self {
        let side = picture.width.min(picture.height);
        Self { x: (picture.width - side) / 2, y: (picture.height - side) / 2, width: side, height: side }
    }

    /// Whether it lies in the picture and is not empty.
    pub(crate) fn fits(&self, picture: &Picture) -> bool {
        let inside =
            |from: usize, n: usize, all: usize| n > 0 && from.checked_add(n).is_some_and(|e| e <= all);
        inside(self.x, self.width, picture.width) && inside(self.y, self.height, picture.height)
    }
}

/// The pixels that make one of the result, and their weights.
struct Taps {
    from: usize,
    weights: Vec<i32>,
}

fn taps(from: usize, to: usize) -> Vec<Taps> {
    let scale = from as f64 / to as f64;
    let support = scale.max(1.0);
    let narrow = 1.0 / support;
    (0..to)
        .map(|i| {
            let centre = (i as f64 + 0.5) * scale;
            let first = ((centre - support + 0.5).max(0.0)) as usize;
            let end = ((centre + support + 0.5) as usize).min(from);
            let raw: Vec<f64> =
                (first..end).map(|x| (1.0 - ((x as f64 - centre + 0.5) * narrow).abs()).max(0.0)).collect();
            let sum: f64 = raw.iter().sum();
            let weights = raw.iter().map(|w| (0.5 + w / sum * f64::from(1 << BITS)) as i32).collect();
            Taps { from: first, weights }
        })
        .collect()
}

fn clipped(sum: i32) -> u8 {
    (sum >> BITS).clamp(0, 255) as u8
}

/// Resizes a region of a picture to `size`×`size` and writes it plane by plane (C×H×W) into `out`.
///
/// Grey becomes colour by repetition; colour becomes grey by ITU-R 601 as in Pillow. `out` holds
/// `channels`·`size`² bytes and the region fits, else nothing is written.
pub(crate) fn resize(picture: &Picture, region: Region, size: usize, channels: usize, out: &mut [u8]) {
    if !region.fits(picture) || out.len() != channels * size * size || size == 0 {
        return;
    }
    let c = picture.channels;
    let columns = taps(region.width, size);
    let rows = taps(region.height, size);
    let stride = picture.width * c;
    // Rows first resized in width, channels innermost.
    let mut wide = vec![0u8; region.height * size * c];
    for (line, target) in
        picture.pixels.chunks_exact(stride).skip(region.y).zip(wide.chunks_exact_mut(size * c))
    {
        let line = line.get(region.x * c..).unwrap_or_default();
        for (tap, pixel) in columns.iter().zip(target.chunks_exact_mut(c)) {
            let mut sums = [1 << (BITS - 1); 3];
            let source = line.get(tap.from * c..).unwrap_or_default();
            for (weight, values) in tap.weights.iter().zip(source.chunks_exact(c)) {
                for (sum, &value) in sums.iter_mut().zip(values) {
                    *sum += weight * i32::from(value);
                }
            }
            for (value, sum) in pixel.iter_mut().zip(sums) {
                *value = clipped(sum);
            }
        }
    }
    let mut sums = vec![0i32; size * c];
    let mut planes: Vec<&mut [u8]> = out.chunks_exact_mut(size * size).collect();
    for (y, tap) in rows.iter().enumerate() {
        sums.fill(1 << (BITS - 1));
        for (weight, line) in tap.weights.iter().zip(wide.chunks_exact(size * c).skip(tap.from)) {
            for (sum, &value) in sums.iter_mut().zip(line) {
                *sum += weight * i32::from(value);
            }
        }
        for (x, pixel) in sums.chunks_exact(c).enumerate() {
            write(&mut planes, y * size + x, pixel);
        }
    }
}

/// Writes one pixel into the planes, in their colours.
fn write(planes: &mut [&mut [u8]], at: usize, pixel: &[i32]) {
    let values = match *pixel {
        [r, g, b] if planes.len() == 3 => [clipped(r), clipped(g), clipped(b)],
        [r, g, b] => {
            let weigh = |w: u32, v: i32| w * u32::from(clipped(v));
            let luma = (weigh(19_595, r) + weigh(38_470, g) + weigh(7_471, b) + 0x8000) >> 16;
            [luma as u8; 3]
        }
        [grey, ..] => [clipped(grey); 3],
        [] => return,
    };
    for (plane, value) in planes.iter_mut().zip(values) {
        if let Some(place) = plane.get_mut(at) {
            *place = value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 7×5 pixels, as in the Python lines below.
    fn picture() -> Picture<'static> {
        let value = |y: usize, x: usize, c: usize| ((31 * y + 17 * x + 97 * c + 3 * x * y) % 256) as u8;
        let pixels: Vec<u8> =
            (0..5).flat_map(|y| (0..7).flat_map(move |x| (0..3).map(move |c| value(y, x, c)))).collect();
        Picture { width: 7, height: 5, channels: 3, pixels: pixels.into() }
    }

    fn resized(region: Region, size: usize, channels: usize) -> Vec<u8> {
        let mut out = vec![0; channels * size * size];
        resize(&picture(), region, size, channels, &mut out);
        out
    }

    // python (numpy, Pillow 13): y, x, c = numpy.mgrid[0:5, 0:7, 0:3]
    // im = Image.fromarray(((31*y + 17*x + 97*c + 3*x*y) % 256).astype("uint8"))
    // list(numpy.asarray(im.resize((3, 3), Image.BILINEAR)).transpose(2, 0, 1).reshape(-1)), then likewise of
    // im.resize((9, 9), …) the sum and [4, 5], im.resize(…).convert("L"), im.crop((1, 0, 6, 5)).resize(…)
    #[test]
    fn it_is_what_pillow_gives() {
        let whole = Region::whole(&picture());
        #[rustfmt::skip]
        assert_eq!(resized(whole, 3, 3), [
            29, 68, 107, 82, 131, 180, 134, 185, 138, 126, 165, 204, 179, 179, 109, 200, 76, 94, 200, 116, 45, 64,
            72, 118, 72, 132, 191,
        ]);
        let larger = resized(whole, 9, 3);
        assert_eq!(larger.iter().map(|&v| u32::from(v)).sum::<u32>(), 30_499);
        assert_eq!([0, 1, 2].map(|c| larger[c * 81 + 4 * 9 + 5]), [149, 246, 87]);
        assert_eq!(resized(whole, 3, 1), [105, 130, 157, 137, 152, 131, 166, 115, 118]);
        #[rustfmt::skip]
        assert_eq!(resized(Region::square(&picture()), 3, 3), [
            39, 68, 97, 95, 131, 167, 150, 194, 154, 136, 165, 194, 192, 184, 126, 185, 59, 79, 186, 120, 35, 65,
            69, 105, 88, 132, 176,
        ]);
        let identity = resized(Region { x: 2, y: 0, width: 5, height: 5 }, 5, 3);
        assert_eq!((identity[0], identity[4], identity[50]), (34, 102, (97 * 2 + 34) as u8));
    }

    #[test]
    fn a_region_outside_the_picture_does_not_fit() {
        for (x, y, width, height) in [(3, 0, 5, 5), (0, 1, 7, 5), (0, 0, 0, 1), (usize::MAX, 0, 2, 2)] {
            assert!(!Region { x, y, width, height }.fits(&picture()));
        }
    }
}
