//! Augmentation: random changes of a batch, vectorised and drawn from a seed.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

/// Pixels that `crop` may shift an image by, each way.
const SHIFT: i64 = 4;
/// What `cutout` paints with: the byte nearest to a net's input 0.
const GREY: i64 = 128;
/// Degrees that `rotate` may turn an image by, each way.
const TURN: f64 = 15.0;

/// A random change of training images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Augment {
    /// Pad by 4 black pixels and cut out the original size at a random place.
    Crop,
    /// Mirror left to right with probability one half.
    Flip,
    /// Paint one square grey (DeVries and Taylor 2017). Its side is half the image's shorter one (16 pixels
    /// of 32×32); its centre is any pixel with equal probability, and what hangs over the border is cut off.
    Cutout,
    /// Turn about the centre by an angle uniform in ±15°, bilinear, with black outside.
    Rotate,
}

impl Augment {
    /// Changes a batch, u8 B×H×W×C. `Crop` and `Flip` also take floats and are differentiable.
    pub fn apply(self, batch: &Tensor, rng: &mut ChaCha8Rng) -> Tensor {
        let size = batch.size();
        let (b, h, w, c) = (size[0], size[1], size[2], size[3]);
        match self {
            Self::Flip => {
                let heads: Vec<bool> = (0..b).map(|_| rng.random()).collect();
                let mirrored = Tensor::from_slice(&heads).view([b, 1, 1, 1]);
                batch.flip([2]).where_self(&mirrored, batch)
            }
            Self::Crop => {
                let mut offsets = |n: i64| {
                    let starts: Vec<i64> = (0..b).map(|_| rng.random_range(0..=2 * SHIFT)).collect();
                    Tensor::from_slice(&starts).unsqueeze(1)
                        + Tensor::arange(n, (Kind::Int64, batch.device()))
                };
                let (rows, columns) = (offsets(h), offsets(w));
                let padded = batch.constant_pad_nd([0, 0, SHIFT, SHIFT, SHIFT, SHIFT]);
                let rows = rows.view([b, h, 1, 1]).expand([b, h, w + 2 * SHIFT, c], false);
                let columns = columns.view([b, 1, w, 1]).expand([b, h, w, c], false);
                padded.gather(1, &rows, false).gather(2, &columns, false)
            }
            Self::Cutout => {
                let side = (h.min(w) / 2).max(1);
                let mut inside = |n: i64| {
                    let centres: Vec<i64> = (0..b).map(|_| rng.random_range(0..n)).collect();
                    let starts = Tensor::from_slice(&centres).unsqueeze(1) - side / 2;
                    let from_start = Tensor::arange(n, (Kind::Int64, batch.device())) - starts;
                    from_start.ge(0).logical_and(&from_start.lt(side))
                };
                let (rows, columns) = (inside(h), inside(w));
                let square = rows.view([b, h, 1, 1]).logical_and(&columns.view([b, 1, w, 1]));
                batch.masked_fill(&square, GREY)
            }
            Self::Rotate => {
                let degrees: Vec<f64> = (0..b).map(|_| rng.random_range(-TURN..=TURN)).collect();
                rotated(batch, &degrees)
            }
        }
    }
}

/// Each image of a batch (u8, B×H×W×C) turned about its centre by its angle in degrees, counter-clockwise.
fn rotated(batch: &Tensor, degrees: &[f64]) -> Tensor {
    let size = batch.size();
    let (b, h, w, c) = (size[0], size[1], size[2], size[3]);
    // The grid's coordinates run from −1 to 1 along either side, whatever its length.
    let aspect = h as f64 / w as f64;
    let rows: Vec<f32> = degrees
        .iter()
        .flat_map(|degrees| {
            let (sin, cos) = degrees.to_radians().sin_cos();
            [cos, -sin * aspect, 0.0, sin / aspect, cos, 0.0].map(|v| v as f32)
        })
        .collect();
    let grid = Tensor::affine_grid_generator(&Tensor::from_slice(&rows).view([b, 2, 3]), [b, c, h, w], false);
    let (bilinear, zeros) = (0, 0);
    let images = batch.permute([0, 3, 1, 2]).to_kind(Kind::Float);
    let turned = images.grid_sampler(&grid, bilinear, zeros, false);
    turned.round().clamp(0, 255).to_kind(Kind::Uint8).permute([0, 2, 3, 1]).contiguous()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aconite_core::Seed;

    fn batch() -> Tensor {
        Tensor::arange(8 * 6 * 5 * 3, (Kind::Int64, tch::Device::Cpu))
            .remainder(251)
            .to_kind(Kind::Uint8)
            .view([8, 6, 5, 3])
    }

    #[test]
    fn a_flip_is_the_image_or_its_mirror() {
        let x = batch();
        let y = Augment::Flip.apply(&x, &mut Seed(0).rng());
        let mut flipped = 0;
        for i in 0..8 {
            let (a, b) = (x.get(i), y.get(i));
            if a != b {
                assert_eq!(a.flip([1]), b);
                flipped += 1;
            }
        }
        assert!((1..8).contains(&flipped));
    }

    #[test]
    fn a_crop_is_a_window_of_the_padded_image() {
        let x = batch();
        let y = Augment::Crop.apply(&x, &mut Seed(3).rng());
        let padded = x.constant_pad_nd([0, 0, SHIFT, SHIFT, SHIFT, SHIFT]);
        for i in 0..8 {
            let found = (0..=2 * SHIFT)
                .any(|r| (0..=2 * SHIFT).any(|c| padded.get(i).narrow(0, r, 6).narrow(1, c, 5) == y.get(i)));
            assert!(found, "image {i}");
        }
    }

    #[test]
    fn a_cutout_leaves_pixels_or_paints_one_square() {
        // 32×32 and no pixel of the colour of the paint.
        let x = Tensor::arange(64 * 32 * 32 * 3, (Kind::Int64, tch::Device::Cpu)).remainder(127);
        let x = x.to_kind(Kind::Uint8).view([64, 32, 32, 3]);
        let y = Augment::Cutout.apply(&x, &mut Seed(0).rng());
        let painted = y.eq(GREY);
        assert_eq!(y.where_self(&painted.logical_not(), &x), x, "the other pixels are the image's");
        let sides = |dim: i64| {
            let any = painted.amax([dim, 3].as_slice(), false).to_kind(Kind::Int64);
            Vec::<i64>::try_from(any.sum_dim_intlist(1, false, Kind::Int64)).unwrap()
        };
        let (heights, widths) = (sides(2), sides(1));
        let areas =
            Vec::<i64>::try_from(painted.sum_dim_intlist([1i64, 2, 3].as_slice(), false, Kind::Int64));
        for ((height, width), area) in heights.iter().zip(&widths).zip(areas.unwrap()) {
            // Centre 0 leaves 8 of the 16 rows, centre 31 leaves 9.
            assert!((8..=16).contains(height) && (8..=16).contains(width));
            assert_eq!(area, height * width * 3, "one rectangle in all channels");
        }
        // 17 of 32 centres leave all 16 rows.
        let whole = heights.iter().filter(|&&n| n == 16).count();
        assert!((20..=48).contains(&whole), "{whole} of 64");
    }

    #[test]
    fn a_rotation_by_nothing_is_the_image() {
        let x = batch();
        assert_eq!(rotated(&x, &[0.0; 8]), x);
        assert_ne!(Augment::Rotate.apply(&x, &mut Seed(0).rng()), x);
    }

    // x = (torch.arange(30.) * 8).view(1, 1, 5, 6); a = math.radians(10); c, s = math.cos(a), math.sin(a)
    // g = F.affine_grid(torch.tensor([[[c, -s*5/6, 0], [s*6/5, c, 0]]]), (1, 1, 5, 6), align_corners=False)
    // F.grid_sample(x, g, align_corners=False).round().flatten().int().tolist()
    #[test]
    fn a_rotation_by_ten_degrees_is_pytorch_s() {
        let x = Tensor::arange(30, (Kind::Int64, tch::Device::Cpu)) * 8;
        let y = rotated(&x.to_kind(Kind::Uint8).view([1, 5, 6, 1]), &[10.0]);
        assert_eq!(Vec::<u8>::try_from(y.flatten(0, -1)).unwrap(), TEN);
    }
    const TEN: [u8; 30] = [
        2, 8, 18, 32, 49, 43, 30, 46, 62, 78, 94, 95, 75, 92, 108, 124, 140, 157, 106, 138, 154, 170, 186,
        202, 117, 183, 200, 201, 170, 136,
    ];

    #[test]
    fn a_quarter_turn_of_a_square_is_exact_and_an_oblong_keeps_its_scale() {
        let x = Tensor::arange(16, (Kind::Uint8, tch::Device::Cpu)).view([1, 4, 4, 1]);
        assert_eq!(rotated(&x, &[90.0]), x.rot90(1, [1, 2]));
        // A point above the centre of a high image goes to the left of it, as far away as it was.
        let mut high = [0u8; 9 * 5];
        high[2 * 5 + 2] = 200;
        let y = rotated(&Tensor::from_slice(&high).view([1, 9, 5, 1]), &[90.0]);
        assert_eq!(Vec::<u8>::try_from(y.flatten(0, -1)).unwrap()[4 * 5], 200);
    }

    #[test]
    fn the_same_seed_draws_the_same_changes_and_the_next_batch_other_ones() {
        let x = batch();
        for augment in [Augment::Crop, Augment::Flip, Augment::Cutout, Augment::Rotate] {
            let mut rng = Seed(1).rng();
            let (first, second) = (augment.apply(&x, &mut rng), augment.apply(&x, &mut rng));
            assert_eq!(first, augment.apply(&x, &mut Seed(1).rng()), "{augment:?}");
            assert_ne!(first, second, "{augment:?}");
            assert_eq!((first.kind(), first.size()), (Kind::Uint8, x.size()), "{augment:?}");
        }
    }
}
