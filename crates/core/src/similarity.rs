//! How far a poisoned image is from its original: what a person or a filter on pixels could see.
//!
//! All numbers are in grey levels, 0 black and 255 white, and each has its usual definition:
//! ℓ∞ = max |a − b|; ℓ2 = √Σ(a − b)² over all pixels and channels; PSNR = 10·log₁₀(255² / mean (a − b)²) in
//! decibels; SSIM of Wang, Bovik, Sheikh, Simoncelli 2004 with a Gaussian window of 11×11 pixels and σ 1.5,
//! K₁ 0.01, K₂ 0.03, over the places where the window lies inside the image, mean over places and channels.

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use crate::{Error, Images, Result, Shape};

/// White.
const PEAK: f64 = 255.0;
/// Side of SSIM's window in pixels.
const WINDOW: usize = 11;
/// SSIM's σ in pixels.
const SIGMA: f64 = 1.5;
/// SSIM's constants (K₁·255)² and (K₂·255)².
const C1: f64 = (0.01 * PEAK) * (0.01 * PEAK);
const C2: f64 = (0.03 * PEAK) * (0.03 * PEAK);
/// Numbers that are compared at once.
const CHUNK: usize = 1 << 21;

/// How much an attack changes the images that it poisons.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Strength {
    /// Largest change of any pixel of any image, in grey levels.
    pub linf: f64,
    /// Mean over the images of the Euclidean norm of the change, in grey levels.
    pub l2: f64,
    /// Mean peak signal-to-noise ratio in decibels, over the images that differ from their originals; `None`
    /// if none does.
    pub psnr: Option<f64>,
    /// Mean structural similarity, 1 for no change; `None` for images of fewer than 11 pixels a side.
    pub ssim: Option<f64>,
}

/// Compares poisoned images with their originals, the i-th with the i-th. All is 0 or `None` if there is none.
///
/// # Errors
/// They are of another number or shape.
pub fn strength(clean: &Images, poisoned: &Images) -> Result<Strength> {
    let shape = clean.shape();
    if (shape, clean.len()) != (poisoned.shape(), poisoned.len()) {
        return Err(Error::new(format!(
            "{} images of {} cannot be compared with {} of {shape}",
            poisoned.len(),
            poisoned.shape(),
            clean.len()
        )));
    }
    let n = clean.len();
    if n == 0 {
        return Ok(Strength::default());
    }
    let mut sums = Sums::default();
    let size = (CHUNK / shape.pixels()).max(1) * shape.pixels();
    for (a, b) in clean.bytes().chunks(size).zip(poisoned.bytes().chunks(size)) {
        sums.add(&tensor(a, shape), &tensor(b, shape))?;
    }
    Ok(Strength {
        linf: sums.linf,
        l2: sums.l2 / n as f64,
        psnr: (sums.changed > 0).then(|| sums.psnr / sums.changed as f64),
        ssim: sums.ssim.map(|sum| sum / n as f64),
    })
}

/// Largest difference of two images of values in 0–255, in grey levels.
///
/// # Errors
/// They are of another size.
pub fn linf<T: Copy + Into<f64>>(a: &[T], b: &[T]) -> Result<f64> {
    Ok(differences(a, b)?.map(f64::abs).fold(0.0, f64::max))
}

/// Euclidean norm of the difference of two images of values in 0–255, over all pixels and channels, in grey
/// levels.
///
/// # Errors
/// They are of another size.
pub fn l2<T: Copy + Into<f64>>(a: &[T], b: &[T]) -> Result<f64> {
    Ok(differences(a, b)?.map(|d| d * d).sum::<f64>().sqrt())
}

/// Peak signal-to-noise ratio of two images of values in 0–255, in decibels; `None` for equal images, whose
/// ratio is infinite.
///
/// # Errors
/// They are of another size.
pub fn psnr<T: Copy + Into<f64>>(a: &[T], b: &[T]) -> Result<Option<f64>> {
    let squares: f64 = differences(a, b)?.map(|d| d * d).sum();
    Ok((squares > 0.0).then(|| decibels(squares, a.len())))
}

/// Structural similarity of two images (C×H×W values in 0–255), in [−1, 1]; `None` if a side has fewer than 11
/// pixels.
///
/// # Errors
/// They are not of that shape.
pub fn ssim<T: Copy + Into<f64>>(a: &[T], b: &[T], shape: Shape) -> Result<Option<f64>> {
    let whole = |image: &[T]| {
        if image.len() != shape.pixels() {
            return Err(Error::new(format!("{} values are not an image of {shape}", image.len())));
        }
        let values: Vec<f64> = image.iter().map(|&v| v.into()).collect();
        Ok(tensor(&values, shape))
    };
    let (a, b) = (whole(a)?, whole(b)?);
    match ssims(&a, &b)? {
        Some(each) => Ok(Some(each.f_double_value(&[0])?)),
        None => Ok(None),
    }
}

fn differences<'a, T: Copy + Into<f64>>(a: &'a [T], b: &'a [T]) -> Result<impl Iterator<Item = f64> + 'a> {
    if a.len() != b.len() {
        return Err(Error::new(format!("images of {} and {} values cannot be compared", a.len(), b.len())));
    }
    Ok(a.iter().zip(b).map(|(&a, &b)| a.into() - b.into()))
}

/// PSNR of a sum of squared differences, above 0, over `n` values.
fn decibels(squares: f64, n: usize) -> f64 {
    10.0 * (PEAK * PEAK * n as f64 / squares).log10()
}

/// Whole images as doubles N×C×H×W.
fn tensor<T: tch::kind::Element>(values: &[T], shape: Shape) -> Tensor {
    let size = [-1, shape.channels as i64, shape.height as i64, shape.width as i64];
    Tensor::from_slice(values).view(size).to_kind(Kind::Double)
}

/// Sums over images.
#[derive(Default)]
struct Sums {
    linf: f64,
    l2: f64,
    psnr: f64,
    /// Images that differ at all.
    changed: usize,
    ssim: Option<f64>,
}

impl Sums {
    /// Adds some images, N×C×H×W each.
    fn add(&mut self, a: &Tensor, b: &Tensor) -> Result<()> {
        let difference = (a - b).flatten(1, -1);
        let values = difference.size()[1] as usize;
        self.linf = self.linf.max(difference.abs().max().f_double_value(&[])?);
        let squares = (&difference * &difference).sum_dim_intlist(1, false, Kind::Double);
        for squares in Vec::<f64>::try_from(squares)? {
            self.l2 += squares.sqrt();
            if squares > 0.0 {
                self.psnr += decibels(squares, values);
                self.changed += 1;
            }
        }
        if let Some(each) = ssims(a, b)? {
            self.ssim = Some(self.ssim.unwrap_or(0.0) + each.sum(Kind::Double).f_double_value(&[])?);
        }
        Ok(())
    }
}

/// Structural similarity of each pair of images, N×C×H×W doubles each.
fn ssims(a: &Tensor, b: &Tensor) -> Result<Option<Tensor>> {
    let (n, c, h, w) = a.size4()?;
    if h.min(w) < WINDOW as i64 {
        return Ok(None);
    }
    let weights: Vec<f64> =
        (0..WINDOW).map(|i| (-0.5 * ((i as f64 - (WINDOW / 2) as f64) / SIGMA).powi(2)).exp()).collect();
    let window = Tensor::from_slice(&weights).to_device(Device::Cpu);
    let window = &window / window.sum(Kind::Double);
    let (down, across) = (window.view([1, 1, -1, 1]), window.view([1, 1, 1, -1]));
    // The window is a product, so that two passes of 11 weights do the work of 121.
    let mean = |x: &Tensor| -> Result<Tensor> {
        let none = None::<&Tensor>;
        let planes = x.f_reshape([n * c, 1, h, w])?.f_conv2d(&down, none, 1, 0, 1, 1)?;
        Ok(planes.f_conv2d(&across, none, 1, 0, 1, 1)?)
    };
    let (mean_a, mean_b) = (mean(a)?, mean(b)?);
    let (square_a, square_b, product) = (&mean_a * &mean_a, &mean_b * &mean_b, &mean_a * &mean_b);
    let variances = mean(&(a * a))? - &square_a + mean(&(b * b))? - &square_b;
    let covariance = mean(&(a * b))? - &product;
    let similarity =
        (product * 2.0 + C1) * (covariance * 2.0 + C2) / ((square_a + square_b + C1) * (variances + C2));
    let each_image = similarity.f_view([n, -1])?;
    Ok(Some(each_image.mean_dim(1, false, Kind::Double)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const COLOUR: Shape = Shape { channels: 3, height: 13, width: 15 };

    /// x and y of the golden test.
    fn pair() -> (Vec<u8>, Vec<u8>) {
        let x: Vec<u8> = (0..COLOUR.pixels()).map(|i| (i * 37 % 251) as u8).collect();
        let change = |(i, &x): (usize, &u8)| (i32::from(x) + (i * 13 % 41) as i32 - 20).clamp(0, 255) as u8;
        let y = x.iter().enumerate().map(change).collect();
        (x, y)
    }

    fn close(ours: f64, theirs: f64) {
        assert!((ours - theirs).abs() < 1e-9, "{ours} is not {theirs}");
    }

    // i = np.arange(3 * 13 * 15).reshape(3, 13, 15); x = (i * 37 % 251).astype(np.uint8)
    // y = np.clip(x.astype(int) + i * 13 % 41 - 20, 0, 255).astype(np.uint8); d = x.astype(float) - y
    // abs(d).max(), np.sqrt((d ** 2).sum()), skimage.metrics.peak_signal_noise_ratio(x, y, data_range=255)
    // skimage.metrics.structural_similarity(x, y, channel_axis=0, gaussian_weights=True,
    //     use_sample_covariance=False, sigma=1.5, data_range=255)
    #[test]
    fn two_colour_images_compare_as_in_scikit_image() {
        let (x, y) = pair();
        close(linf(&x, &y).unwrap(), 20.0);
        close(l2(&x, &y).unwrap(), 281.087_175_089_864_3);
        close(psnr(&x, &y).unwrap().unwrap(), 26.825_541_651_536_71);
        close(ssim(&x, &y, COLOUR).unwrap().unwrap(), 0.987_491_674_577_078);
        // The same numbers as f32, and of the first channel alone.
        let float = |bytes: &[u8]| -> Vec<f32> { bytes.iter().map(|&b| f32::from(b)).collect() };
        let (x, y) = (float(&x[..195]), float(&y[..195]));
        let grey = Shape { channels: 1, ..COLOUR };
        close(l2(&x, &y).unwrap(), 161.493_033_905_490_8);
        close(psnr(&x, &y).unwrap().unwrap(), 26.868_073_851_705_457);
        close(ssim(&x, &y, grey).unwrap().unwrap(), 0.987_425_286_429_668_6);
    }

    #[test]
    fn means_are_over_the_images_and_the_largest_change_is_of_all() {
        let (x, y) = pair();
        let images = |parts: [&[u8]; 3]| Images::new(COLOUR, parts.concat()).unwrap();
        let halfway: Vec<u8> = x.iter().zip(&y).map(|(&x, &y)| x.midpoint(y)).collect();
        let all = strength(&images([&x, &x, &x]), &images([&y, &x, &halfway])).unwrap();
        let each = [&y, &x, &halfway].map(|b| (l2(&x, b).unwrap(), psnr(&x, b).unwrap()));
        close(all.linf, 20.0);
        close(all.l2, each.iter().map(|e| e.0).sum::<f64>() / 3.0);
        assert_eq!(each[1], (0.0, None), "an image that stays as it was has no finite ratio");
        close(all.psnr.unwrap(), (each[0].1.unwrap() + each[2].1.unwrap()) / 2.0);
        let similar = [&y, &x, &halfway].map(|b| ssim(&x, b, COLOUR).unwrap().unwrap());
        close(similar[1], 1.0);
        close(all.ssim.unwrap(), similar.iter().sum::<f64>() / 3.0);
    }

    #[test]
    fn what_cannot_be_compared_is_refused_and_small_images_have_no_ssim() {
        let (x, y) = pair();
        assert!(linf(&x, &y[1..]).is_err() && l2(&x, &y[1..]).is_err() && psnr(&x, &y[1..]).is_err());
        assert!(ssim(&x, &y[1..], COLOUR).is_err());
        let one = Images::new(COLOUR, x.clone()).unwrap();
        let turned = Images::new(Shape { channels: 3, height: 15, width: 13 }, x.clone()).unwrap();
        assert!(strength(&one, &turned).unwrap_err().message.contains("3×15×13"));
        assert!(strength(&one, &one.select(&[])).is_err());
        let none = strength(&one.select(&[]), &one.select(&[])).unwrap();
        assert_eq!(none, Strength { linf: 0.0, l2: 0.0, psnr: None, ssim: None });
        let low = Shape { channels: 1, height: 10, width: 20 };
        assert_eq!(ssim(&x[..200], &y[..200], low).unwrap(), None);
        let low = |bytes: &[u8]| Images::new(low, bytes[..200].to_vec()).unwrap();
        assert_eq!(strength(&low(&x), &low(&y)).unwrap().ssim, None);
        let exact = Shape { channels: 1, height: 11, width: 11 };
        assert!(ssim(&x[..121], &y[..121], exact).unwrap().is_some());
    }

    proptest! {
        #[test]
        fn similarity_is_symmetric_bounded_and_one_for_the_same(
            a in prop::collection::vec(any::<u8>(), 144), b in prop::collection::vec(any::<u8>(), 144),
        ) {
            let shape = Shape { channels: 1, height: 12, width: 12 };
            let ab = ssim(&a, &b, shape).unwrap().unwrap();
            prop_assert!((ab - ssim(&b, &a, shape).unwrap().unwrap()).abs() < 1e-12 && ab.abs() <= 1.0);
            prop_assert!((ssim(&a, &a, shape).unwrap().unwrap() - 1.0).abs() < 1e-12);
            prop_assert_eq!(linf(&a, &b).unwrap(), linf(&b, &a).unwrap());
            let (largest, norm) = (linf(&a, &b).unwrap(), l2(&a, &b).unwrap());
            prop_assert!(largest <= norm + 1e-9 && norm <= 12.0 * largest + 1e-9);
        }
    }
}
