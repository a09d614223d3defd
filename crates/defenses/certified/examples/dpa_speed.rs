//! Seconds that deep partition aggregation takes to train 200 linear models on MNIST's 60,000 rows, and to certify
//! its 10,000 test rows, on one thread.
//!
//! `ACONITE_DATA=… cargo run --release -p aconite-certified --example dpa_speed [k [epochs]]`; the last line is JSON.

use std::error::Error;
use std::num::NonZeroU32;
use std::time::Instant;

use aconite_certified::dpa::Dpa;
use aconite_core::{Certificate, Defense, Learner, Regime, Seed, Silent, Told, Training, metrics};
use aconite_data::mnist::Mnist;
use aconite_data::{Places, Source};
use aconite_nets::linear::Linear;
use aconite_train::optim::sgd::Sgd;
use aconite_train::schedule::constant::Constant;
use aconite_train::{SgdLearner, Train};

fn main() -> Result<(), Box<dyn Error>> {
    aconite_train::set_threads(1);
    let mut sizes = std::env::args().skip(1).map(|size| size.parse().ok());
    let dpa = Dpa { k: sizes.next().flatten().unwrap_or(200) };
    let epochs = sizes.next().flatten().and_then(|epochs| NonZeroU32::new(epochs as u32));
    let learner = SgdLearner {
        net: Box::new(Linear {}),
        train: Train {
            epochs: epochs.unwrap_or(NonZeroU32::MIN.saturating_add(9)),
            batch_size: NonZeroU32::MIN.saturating_add(31),
            ..Train::default()
        },
        optimizer: Box::new(Sgd { lr: 0.01, ..Sgd::default() }),
        schedule: Box::new(Constant {}),
    };
    let split = Mnist {}.load(&Places::from_env())?;
    dpa.check(&split.train.info())?;
    learner.check(&split.train.info())?;

    let start = Instant::now();
    let training = Training {
        learner: &learner,
        data: &split.train,
        feed: None,
        told: Told::default(),
        seed: Seed(0),
        own: Seed(0),
    };
    let model = dpa.fit(&training, &mut Silent)?;
    let trained = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let certified = dpa.certify(model.as_ref(), split.test.rows())?;
    let voted = start.elapsed().as_secs_f64();

    let labels: Vec<usize> = certified.iter().map(|row| row.label).collect();
    let accuracy = metrics::accuracy(&labels, split.test.labels()).unwrap_or(f64::NAN);
    // A wrong prediction has no radius that would be worth having.
    let right = certified
        .iter()
        .zip(split.test.labels())
        .map(|(row, label)| (row.label == *label).then_some(row.radius));
    let mut radii: Vec<Option<usize>> = right.collect();
    radii.sort_unstable();
    println!("{} linear models of {} rows: {trained:.1} s to train", dpa.k, split.train.len());
    println!(
        "{} rows: {voted:.1} s to certify, accuracy {accuracy:.4}, median radius {:?}",
        labels.len(),
        radii[radii.len() / 2]
    );
    println!("{{\"dpa\": {}}}", trained + voted);
    Ok(())
}
