//! Many image files read, decoded and resized on all cores.

use std::sync::Mutex;

use aconite_core::{Error, Images, Result, Shape};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Colours of the images that a learner sees.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Colour {
    /// Red, green and blue; grey files are repeated.
    #[default]
    Rgb,
    /// One channel; colour files are weighed by ITU-R 601.
    Grey,
}

impl Colour {
    /// Channels of an image.
    pub(crate) fn channels(self) -> usize {
        match self {
            Self::Rgb => 3,
            Self::Grey => 1,
        }
    }
}

/// Longest side that files are resized to.
pub(crate) const SIDE: u32 = 1024;
/// Bytes of all images together.
const MOST: u64 = 16 << 30;
/// Images that a thread takes at a time.
const BATCH: usize = 32;

/// Makes `n` square images; `paint` writes one, and any thread may call it.
///
/// # Errors
/// The first row's that could not be painted.
pub(crate) fn paint_all(
    n: usize,
    size: u32,
    channels: usize,
    paint: impl Fn(usize, &mut [u8]) -> Result<()> + Sync,
) -> Result<Images> {
    if !(1..=SIDE).contains(&size) {
        return Err(Error::at("size", format!("{size} is out of range, expected 1 to {SIDE} pixels a side")));
    }
    let size = size as usize;
    let shape = Shape { channels, height: size, width: size };
    let all = (n as u64).saturating_mul(shape.pixels() as u64);
    if all > MOST {
        return Err(Error::at("size", format!("{n} images of {shape} are {all} bytes, more than {MOST}")));
    }
    let mut bytes = vec![0; all as usize];
    let batches = Mutex::new(bytes.chunks_mut(shape.pixels() * BATCH).enumerate());
    // A batch is taken after all before it, and is gone through in order: so the least row that fails in any
    // thread is the first that fails at all, whatever the number of threads.
    let work = || -> std::result::Result<(), (usize, Error)> {
        loop {
            let next = batches.lock().map_or(None, |mut batches| batches.next());
            let Some((batch, images)) = next else { return Ok(()) };
            for (i, image) in images.chunks_mut(shape.pixels()).enumerate() {
                let row = batch * BATCH + i;
                paint(row, image).map_err(|e| (row, e))?;
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(n.div_ceil(BATCH)).max(1);
    let failed = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut failed: Vec<(usize, Error)> = work().err().into_iter().collect();
        for other in others {
            match other.join() {
                Ok(result) => failed.extend(result.err()),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        failed.into_iter().min_by_key(|(row, _)| *row)
    });
    match failed {
        Some((_, error)) => Err(error),
        None => Images::new(shape, bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_keep_their_order_and_the_first_error_counts() {
        let images = paint_all(1000, 2, 1, |row, image| {
            image.fill((row % 251) as u8);
            Ok(())
        })
        .unwrap();
        assert!((0..1000).all(|row| images.image(row) == [(row % 251) as u8; 4]));
        for _ in 0..20 {
            let error = paint_all(1000, 2, 1, |row, _| match row >= 333 {
                true => Err(Error::new(format!("row {row}"))),
                false => Ok(()),
            });
            assert_eq!(error.unwrap_err().message, "row 333");
        }
        assert_eq!(paint_all(9, 0, 1, |_, _| Ok(())).unwrap_err().setting.as_deref(), Some("size"));
        assert!(paint_all(usize::MAX / 4, 1024, 3, |_, _| Ok(())).is_err());
    }
}
