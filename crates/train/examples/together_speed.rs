//! Milliseconds of 100 trainings of `linear`, one step on 32 images of 28×28 each: together and one after another.
//!
//! `cargo run --release -p aconite-train --example together_speed [threads [trainings [rows]]]`; the last line is JSON.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Instant;

use aconite_core::{Dataset, Images, Learner, NamedTensors, Pace, Result, Seed, Shape, Silent, fit_each};
use aconite_nets::linear::Linear;
use aconite_train::optim::sgd::Sgd;
use aconite_train::schedule::constant::Constant;
use aconite_train::{SgdLearner, Train};
use rand::RngExt;

fn main() -> Result<()> {
    let mut sizes = std::env::args().skip(1).map(|size| size.parse().ok());
    aconite_train::set_threads(sizes.next().flatten().unwrap_or(1));
    let count = sizes.next().flatten().unwrap_or(100usize);
    let rows = sizes.next().flatten().unwrap_or(32usize);
    let learner = SgdLearner {
        net: Box::new(Linear {}),
        train: Train { batch_size: NonZeroU32::MIN.saturating_add(rows as u32 - 1), ..Train::default() },
        optimizer: Box::new(Sgd::default()),
        schedule: Box::new(Constant {}),
    };
    let shape = Shape { channels: 1, height: 28, width: 28 };
    let classes = Arc::new((0..10).map(|class| class.to_string()).collect::<Vec<_>>());
    let mut draws = Seed(0).rng();
    let mut fits = Vec::with_capacity(count);
    for number in 0..count {
        let bytes = (0..rows * shape.pixels()).map(|_| draws.random()).collect();
        let labels = (0..rows).map(|_| draws.random_range(0..10)).collect();
        let data = Dataset::new(Images::new(shape, bytes)?, labels, classes.clone())?;
        fits.push((data, Seed(number as u64)));
    }
    let Some((first, _)) = fits.first() else { return Ok(()) };
    let start = learner.fit(first, Seed(0), &mut Silent)?.tensors();
    let pace = Some(Pace { epochs: 1, batch_size: rows, lr: 0.01 });
    let together = median(|| learner.fit_together(&fits, Some(&start), pace, &mut Silent))?;
    let alone = median(|| fit_each(&learner, &fits, Some(&start), pace, &mut Silent))?;
    println!("{count} trainings of one step on {rows} rows, {} threads", tch::get_num_threads());
    println!("{{\"together\": {together}, \"alone\": {alone}}}");
    Ok(())
}

/// Milliseconds, the median of 25 after one that is not counted.
fn median(mut work: impl FnMut() -> Vec<Result<NamedTensors>>) -> Result<f64> {
    let mut seconds = Vec::new();
    for _ in 0..26 {
        let begun = Instant::now();
        work().into_iter().collect::<Result<Vec<_>>>()?;
        seconds.push(begun.elapsed().as_secs_f64());
    }
    let seconds = &mut seconds[1..];
    seconds.sort_unstable_by(f64::total_cmp);
    Ok(seconds[seconds.len() / 2] * 1e3)
}
