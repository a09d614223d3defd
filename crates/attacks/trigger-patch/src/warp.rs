//! Warping: images read at the points of a grid.

use aconite_core::{Error, Images, Result, Rows, Seed, Shape, Trigger};
use aconite_train::{images, pixels};
use rand::RngExt;
use tch::{Kind, Tensor};

/// Images that are warped at once.
const CHUNK: usize = 256;
/// libtorch's numbers for bilinear interpolation and for zeros outside.
const BILINEAR: i64 = 0;
const ZEROS: i64 = 0;

/// A grid of the points that an image is read at.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Warp {
    /// Shape of the images.
    shape: Shape,
    /// Per pixel, row after row, column and row of the point that it is read at, from −1 at the first pixel's
    /// centre to 1 at the last one's.
    grid: Vec<f32>,
}

/// Control points of a smooth field: 2×k×k values uniform in [−1, 1], columns first, by the stream given, and
/// divided by their mean absolute value.
pub(crate) fn control_points(k: usize, seed: Seed) -> Vec<f32> {
    let mut rng = seed.rng();
    let values: Vec<f32> = (0..2 * k * k).map(|_| rng.random_range(-1.0..=1.0)).collect();
    let mean = values.iter().map(|v| v.abs()).sum::<f32>() / values.len() as f32;
    values.into_iter().map(|v| v / mean).collect()
}

/// The points of an image that is left alone: −1 to 1 in so many steps.
fn line(n: i64) -> Tensor {
    Tensor::linspace(-1.0, 1.0, n, (Kind::Float, tch::Device::Cpu))
}

/// Height and width, one divided from the other axis' offsets: columns first.
fn sides(shape: Shape) -> Tensor {
    Tensor::from_slice(&[shape.width as f32, shape.height as f32])
}

impl Warp {
    /// The grid clip((identity + s·field / side)·rescale, −1, 1), the field being the control points (2×k×k)
    /// upsampled to the image by bicubic interpolation whose corners are the control points' corners.
    pub(crate) fn new(control: &[f32], k: usize, shape: Shape, s: f64, rescale: f64) -> Result<Self> {
        let (h, w, k) = (shape.height as i64, shape.width as i64, k as i64);
        let field = Tensor::from_slice(control)
            .f_view([1, 2, k, k])?
            .f_upsample_bicubic2d([h, w], true, None, None)?
            .f_squeeze_dim(0)?
            .f_permute([1, 2, 0])?;
        let across = line(w).view([1, w]).expand([h, w], false);
        let down = line(h).view([h, 1]).expand([h, w], false);
        let identity = Tensor::stack(&[across, down], 2);
        let grid = ((identity + field * s / sides(shape)) * rescale).clamp(-1.0, 1.0);
        Ok(Self { shape, grid: Vec::<f32>::try_from(grid.f_contiguous()?.f_flatten(0, -1)?)? })
    }

    /// Images (B×H×W×C, 0–255) read at the grid's points, f32; or, with streams, one an image, at those points
    /// moved each by an offset uniform in ±1/side, still inside the image.
    pub(crate) fn warped(&self, batch: &Tensor, noise: Option<&[Seed]>) -> Result<Tensor> {
        let (h, w) = (self.shape.height as i64, self.shape.width as i64);
        let size = batch.size();
        if size.get(1..) != Some(&[h, w, self.shape.channels as i64]) {
            return Err(Error::new(format!("a warp of images of {} does not fit on {size:?}", self.shape)));
        }
        let grid = Tensor::from_slice(&self.grid).view([1, h, w, 2]);
        let grid = match noise {
            None => grid.expand([size[0], h, w, 2], false),
            Some(streams) => {
                let each = streams.iter().flat_map(|&stream| {
                    let mut rng = stream.rng();
                    (0..self.grid.len()).map(move |_| rng.random_range(-1.0f32..=1.0))
                });
                let offsets = Tensor::from_slice(&each.collect::<Vec<f32>>()).f_view([size[0], h, w, 2])?;
                (grid + offsets / sides(self.shape)).clamp(-1.0, 1.0)
            }
        };
        let planar = batch.f_permute([0, 3, 1, 2])?.f_to_kind(Kind::Float)?;
        let read = planar.f_grid_sampler(&grid, BILINEAR, ZEROS, true)?;
        Ok(read.f_permute([0, 2, 3, 1])?)
    }

    /// Copies of the chosen images, warped; with a stream, each moved by its own noise, drawn from the stream
    /// and the row number.
    pub(crate) fn images(&self, rows: &Rows, chosen: &[usize], noise: Option<Seed>) -> Result<Images> {
        let mut bytes = Vec::with_capacity(chosen.len() * self.shape.pixels());
        for chosen in chosen.chunks(CHUNK) {
            let streams: Option<Vec<Seed>> = noise.map(|seed| each_row(seed, chosen));
            let warped = self.warped(&pixels(&rows.select(chosen))?, streams.as_deref())?;
            bytes.extend_from_slice(images(&warped, self.shape)?.bytes());
        }
        Images::new(self.shape, bytes)
    }
}

/// A stream for each row.
pub(crate) fn each_row(seed: Seed, rows: &[usize]) -> Vec<Seed> {
    rows.iter().map(|row| seed.derive(&row.to_string())).collect()
}

impl Trigger for Warp {
    fn stamped(&self, rows: &Rows, chosen: &[usize]) -> Result<Rows> {
        Ok(self.images(rows, chosen, None)?.into())
    }
}

#[cfg(test)]
#[allow(clippy::excessive_precision)] // numbers as PyTorch printed them
mod tests {
    use super::*;

    // k, H, s = 4, 7, .5
    // p = torch.sin(torch.arange(2*k*k, dtype=torch.float32) * 1.7).view(1, 2, k, k); p = p / p.abs().mean()
    // field = F.interpolate(p, size=H, mode="bicubic", align_corners=True).permute(0, 2, 3, 1)
    // a = torch.linspace(-1, 1, H); x, y = torch.meshgrid(a, a, indexing="ij"); G = torch.stack((y, x), 2)[None]
    // grid = torch.clamp(G + s * field / H, -1, 1)
    // image = (torch.arange(2*H*H) * 37 % 251).float().view(1, 2, H, H)
    // warped = F.grid_sample(image, grid, align_corners=True)
    const GRID: [f32; 98] = [
        -1.000000, -0.899855, -0.596876, -0.981754, -0.220387, -1.000000, 0.059666, -1.000000, 0.304228,
        -1.000000, 0.586074, -0.998963, 0.894554, -0.911922, -0.975759, -0.581249, -0.586630, -0.667997,
        -0.227098, -0.750898, 0.038870, -0.771952, 0.281717, -0.730379, 0.579593, -0.646274, 0.907066,
        -0.566017, -0.943723, -0.273073, -0.577057, -0.361573, -0.242389, -0.436940, 0.007993, -0.430951,
        0.253621, -0.366895, 0.575610, -0.287420, 0.929597, -0.221078, -0.919160, 0.034036, -0.574550,
        -0.050136, -0.261934, -0.113844, -0.019813, -0.084363, 0.234094, -0.004700, 0.578137, 0.065410,
        0.954174, 0.115055, -0.902145, 0.337968, -0.580644, 0.265983, -0.288146, 0.219884, -0.045768,
        0.270103, 0.223834, 0.357933, 0.588930, 0.412131, 0.983030, 0.440444, -0.890239, 0.637668, -0.594009,
        0.584892, -0.321216, 0.562190, -0.071711, 0.632111, 0.220450, 0.722587, 0.606992, 0.754698, 1.000000,
        0.756734, -0.886128, 0.947799, -0.606701, 0.911133, -0.345707, 0.906341, -0.087574, 0.987672,
        0.222650, 1.000000, 0.622556, 1.000000, 1.000000, 1.000000,
    ];
    const WARPED: [f32; 98] = [
        2.4035, 45.1846, 86.5370, 117.6230, 144.7693, 176.0791, 212.4094, 12.7408, 53.8521, 91.7705,
        120.7877, 148.7415, 183.8242, 222.0999, 23.6930, 62.2689, 97.6082, 125.5444, 154.3464, 191.9946,
        232.8794, 33.7902, 70.0217, 103.1931, 130.7761, 160.8716, 200.7430, 168.9490, 42.9731, 76.9321,
        108.2930, 136.4022, 168.4360, 210.2624, 16.4655, 51.4875, 83.1024, 112.8375, 142.2107, 176.8120,
        220.4889, 13.1616, 59.3869, 89.5234, 118.3788, 148.9834, 183.7141, 228.1037, 19.0000, 58.4035,
        101.1846, 142.5370, 173.6230, 200.7693, 232.0791, 96.8103, 68.7408, 109.8521, 147.7705, 176.7877,
        204.7415, 228.4799, 75.9491, 79.6930, 118.2689, 153.6082, 181.5444, 210.3464, 65.5605, 37.8794,
        89.7902, 126.0217, 159.1931, 186.7761, 216.8716, 72.4060, 48.6746, 98.9731, 132.9321, 164.2930,
        192.4022, 224.4360, 73.7978, 59.6870, 107.4875, 139.1024, 168.8376, 198.2107, 204.9638, 58.5569,
        69.1616, 115.3870, 145.5234, 174.3788, 204.9834, 72.0588, 33.1037, 75.0000,
    ];
    const SHAPE: Shape = Shape { channels: 2, height: 7, width: 7 };

    fn close(ours: &[f32], theirs: &[f32]) {
        assert_eq!(ours.len(), theirs.len());
        for (ours, theirs) in ours.iter().zip(theirs) {
            assert!((ours - theirs).abs() < 1e-4 * theirs.abs().max(1.0), "{ours} is not {theirs}");
        }
    }

    fn warp() -> Warp {
        let sines: Vec<f32> = (0..32).map(|i| (i as f32 * 1.7).sin()).collect();
        let mean = sines.iter().map(|v| v.abs()).sum::<f32>() / 32.0;
        let control: Vec<f32> = sines.iter().map(|v| v / mean).collect();
        Warp::new(&control, 4, SHAPE, 0.5, 1.0).unwrap()
    }

    #[test]
    fn the_grid_and_the_warped_image_are_pytorch_s() {
        let warp = warp();
        close(&warp.grid, &GRID);
        let planar: Vec<f32> = (0..98).map(|i| (i * 37 % 251) as f32).collect();
        let batch = Tensor::from_slice(&planar).view([1, 2, 7, 7]).permute([0, 2, 3, 1]);
        let warped = warp.warped(&batch, None).unwrap().permute([0, 3, 1, 2]).contiguous();
        close(&Vec::<f32>::try_from(warped.flatten(0, -1)).unwrap(), &WARPED);
    }

    #[test]
    fn control_points_are_uniform_with_a_mean_size_of_one() {
        let points = control_points(40, Seed(2));
        assert_eq!(points.len(), 3200);
        let size = points.iter().map(|v| v.abs()).sum::<f32>() / 3200.0;
        assert!((size - 1.0).abs() < 1e-5, "{size}");
        // Uniform in ±1 over a mean size of ½: nothing beyond about 2, a quarter below −1.
        assert!(points.iter().all(|v| v.abs() < 2.1));
        let low = points.iter().filter(|&&v| v < -1.0).count();
        assert!(low.abs_diff(800) < 123, "{low}"); // 5 standard deviations
    }

    #[test]
    fn noise_moves_points_by_a_side_s_share_at_most_and_an_oblong_image_keeps_its_scale() {
        let oblong = Shape { channels: 1, height: 9, width: 30 };
        let still = Warp::new(&[0.0; 2], 1, oblong, 0.5, 1.0).unwrap();
        // Columns' numbers as values: what is read is the column it is read at.
        let columns: Vec<f32> = (0..270).map(|i| (i % 30) as f32).collect();
        let batch = Tensor::from_slice(&columns).view([1, 9, 30, 1]);
        assert!((still.warped(&batch, None).unwrap() - &batch).abs().max().double_value(&[]) < 1e-4);
        let moved = still.warped(&batch, Some(&[Seed(1)])).unwrap() - &batch;
        let most = moved.abs().max().double_value(&[]);
        assert!(most > 0.4 && most <= 29.0 / 2.0 / 30.0 + 1e-4, "{most}"); // 1/30 of the axis is 29/2/30 columns
        // A field of ones shifts every column by the same share.
        let shifted =
            Warp::new(&[1.0; 2], 1, oblong, 0.5, 1.0).unwrap().warped(&batch, None).unwrap() - &batch;
        assert!((shifted.double_value(&[0, 4, 10, 0]) - 0.5 * 29.0 / 2.0 / 30.0).abs() < 1e-4);
    }
}
