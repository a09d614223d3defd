//! The search for the nearest rows: exact, in blocks of distances.

use std::ops::Range;

use aconite_core::Result;
use tch::{Kind, Tensor};

/// Rows of a block of distances, at most.
const HEIGHT: usize = 256;

/// Columns of a block of distances, at most. 256 × 512 distances and what they are made of stay in a core's
/// second-level cache: products run three times as fast as whole rows of 60,000 do.
const WIDTH: usize = 512;

/// Every how many rows one is looked at to guess how far the k-th neighbour is.
const STRIDE: i64 = 61;

/// Points ready for distances: scaled so that their largest entry is 1, rows scaled to unit length if asked
/// for, and moved so that their mean is 0. The first and the last change no neighbour and save digits of f32.
pub(crate) fn prepared(points: &Tensor, normalize: bool) -> Result<Tensor> {
    let largest = f64::try_from(points.f_max()?)?.max(-f64::try_from(points.f_min()?)?);
    let scale = if largest > 0.0 { largest } else { 1.0 };
    let mut all = points.f_div_scalar(scale)?;
    if normalize {
        let norms = all.f_square()?.f_sum_dim_intlist([1i64].as_slice(), true, Kind::Float)?.f_sqrt()?;
        all = all.f_div_(&norms.f_clamp_min(f64::from(f32::MIN_POSITIVE))?)?;
    }
    let mean = all.f_mean_dim([0i64].as_slice(), true, Kind::Float)?;
    Ok(all.f_sub_(&mean)?.f_contiguous()?)
}

/// Calls `visit` with every row, in their order, and the `k` rows nearest to it, itself excluded, in no particular order; of
/// equally distant rows the earlier ones. `k` is at most the number of other rows.
pub(crate) fn nearest(
    points: &Tensor,
    k: usize,
    mut visit: impl FnMut(usize, &[u32]) -> Result<()>,
) -> Result<()> {
    let n = points.size()[0] as usize;
    let k = k.min(n.saturating_sub(1));
    let mut search = Search::new(points)?;
    let mut keys: Vec<Vec<u64>> = vec![Vec::new(); HEIGHT.min(n)];
    let mut neighbours = Vec::with_capacity(k);
    for rows in parts(n, HEIGHT) {
        let block = points.f_narrow(0, rows.start as i64, rows.len() as i64)?;
        let mut bounds = search.probable_bounds(&block, k)?;
        keys.iter_mut().for_each(Vec::clear);
        search.gather(&block, rows.start, &bounds, &mut keys)?;
        let short: Vec<usize> = (0..rows.len()).filter(|&row| keys[row].len() < k).collect();
        if !short.is_empty() {
            // The guess was too low: all rows are candidates. What was found for the others stays.
            bounds.fill(f32::NEG_INFINITY);
            for row in short {
                bounds[row] = f32::INFINITY;
                keys[row].clear();
            }
            search.gather(&block, rows.start, &bounds, &mut keys)?;
        }
        for (row, keys) in rows.zip(&mut keys) {
            neighbours.clear();
            if k > 0 {
                keys.select_nth_unstable(k - 1);
                neighbours.extend(keys[..k].iter().map(|&key| key as u32));
            }
            visit(row, &neighbours)?;
        }
    }
    Ok(())
}

/// `0..n` in parts of nearly the same length, at most `most`. A last part of few rows would be multiplied by
/// other instructions, whose last bits differ.
fn parts(n: usize, most: usize) -> impl Iterator<Item = Range<usize>> {
    let count = n.div_ceil(most);
    (0..count).map(move |part| part * n / count..(part + 1) * n / count)
}

/// Points laid out for distances: ‖a − b‖² = ‖a‖² + (‖b‖² − 2a·b), and ‖a‖² is the same for all b. What is
/// called a distance here is the part in brackets.
struct Search {
    /// −2b, a column each.
    doubled: Tensor,
    /// ‖b‖².
    norms: Vec<f32>,
    /// The same of every 61st point.
    sampled: (Tensor, Tensor),
    /// A block of products.
    products: Vec<f32>,
    /// Places of near columns in a part of a row.
    near: Vec<u32>,
}

impl Search {
    fn new(points: &Tensor) -> Result<Self> {
        let n = points.size()[0] as usize;
        let norms = points.f_square()?.f_sum_dim_intlist([1i64].as_slice(), false, Kind::Float)?;
        let sample = points.f_slice(0, 0, n as i64, STRIDE)?.f_contiguous()?;
        let sampled = (sample.f_tr()?.f_mul_scalar(-2.0)?, norms.f_slice(0, 0, n as i64, STRIDE)?);
        Ok(Self {
            doubled: points.f_tr()?.f_mul_scalar(-2.0)?,
            norms: Vec::try_from(&norms)?,
            sampled,
            products: vec![0.0; HEIGHT.min(n) * WIDTH.min(n)],
            near: vec![0; WIDTH.min(n)],
        })
    }

    /// Per row of the block, a distance that is probably just above the k-th smallest.
    fn probable_bounds(&self, block: &Tensor, k: usize) -> Result<Vec<f32>> {
        let (doubled, norms) = &self.sampled;
        let size = norms.size()[0] as usize;
        let expected = k as f64 * size as f64 / self.norms.len() as f64;
        let rank = (expected + 4.0 * expected.sqrt() + 4.0) as usize;
        let rows = block.size()[0] as usize;
        if rank >= size {
            return Ok(vec![f32::INFINITY; rows]);
        }
        let mut distances = Vec::<f32>::try_from(block.f_matmul(doubled)?.f_add_(norms)?.f_flatten(0, -1)?)?;
        let bounds = distances.chunks_exact_mut(size);
        Ok(bounds.map(|row| *row.select_nth_unstable_by(rank, f32::total_cmp).1).collect())
    }

    /// Adds to each row's keys those of the other rows whose distance is at most the row's bound. The block
    /// begins at row `first`.
    fn gather(&mut self, block: &Tensor, first: usize, bounds: &[f32], keys: &mut [Vec<u64>]) -> Result<()> {
        let Self { doubled, norms, products, near, .. } = self;
        for columns in parts(norms.len(), WIDTH) {
            let width = columns.len();
            let tile = block.f_matmul(&doubled.f_narrow(1, columns.start as i64, width as i64)?)?;
            tile.f_copy_data(products, bounds.len() * width)?;
            let norms = &norms[columns.clone()];
            for (row, (&bound, products)) in bounds.iter().zip(products.chunks_exact(width)).enumerate() {
                let own = first + row;
                let key = |&place: &u32| {
                    let place = place as usize;
                    (columns.start + place != own)
                        .then(|| key(products[place] + norms[place], columns.start + place))
                };
                keys[row].extend(within(products, norms, bound, near).iter().filter_map(key));
            }
        }
        Ok(())
    }
}

/// The places whose distance is at most `bound`, found without a branch a processor could guess wrong.
fn within<'a>(products: &[f32], norms: &[f32], bound: f32, near: &'a mut [u32]) -> &'a [u32] {
    let mut count = 0;
    for (place, (product, norm)) in products.iter().zip(norms).enumerate() {
        near[count] = place as u32;
        count += usize::from(product + norm <= bound);
    }
    &near[..count]
}

/// A whole number that sorts as the distance does, then as the row, which is its lower half.
fn key(distance: f32, row: usize) -> u64 {
    // Adding 0 turns −0 into 0. Negative numbers sort by falling magnitude, below the positive ones.
    let bits = (distance + 0.0).to_bits();
    let ordered = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
    u64::from(ordered) << 32 | row as u64
}
