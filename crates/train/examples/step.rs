//! Times the steps of the real training loop, and the machine's own rate of convolution beside them.
//!
//! `cargo xtask bench steps` runs this in turn with the same work in PyTorch:
//!
//! ```text
//! cargo run --release -p aconite-train --example step -- net=small_cnn precision=bf16 threads=2
//! ```
//!
//! It prints one line of JSON.

use std::error::Error;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Instant;

use aconite_core::{Dataset, Images, Observer, Seed, Shape};
use aconite_nets::{NETS, Net, Params};
use aconite_train::optim::sgd::Sgd;
use aconite_train::schedule::constant::Constant;
use aconite_train::{Precision, SgdLearner, Train, set_threads};
use rand::RngExt;
use serde_json::json;
use tch::{Device, Kind, Tensor, no_grad};

const CLASSES: usize = 10;
const GREY: Shape = Shape { channels: 1, height: 28, width: 28 };
const COLOUR: Shape = Shape { channels: 3, height: 32, width: 32 };

/// What is timed; the defaults are those of the bench.
struct Settings {
    net: String,
    precision: Precision,
    threads: NonZeroU32,
    batch: NonZeroU32,
    warm_up: usize,
    steps: usize,
}

impl Settings {
    fn parse(words: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let (two, batch) = (NonZeroU32::MIN.saturating_add(1), NonZeroU32::MIN.saturating_add(127));
        let mut settings = Self {
            net: "small_cnn".into(),
            precision: Precision::F32,
            threads: two,
            batch,
            warm_up: 15,
            steps: 60,
        };
        for word in words {
            let (name, value) = word.split_once('=').ok_or(format!("{word:?} is not name=value"))?;
            match name {
                "net" => settings.net = value.into(),
                "precision" => settings.precision = serde_json::from_value(json!(value))?,
                "threads" => settings.threads = value.parse()?,
                "batch" => settings.batch = value.parse()?,
                "warm_up" => settings.warm_up = value.parse()?,
                "steps" => settings.steps = value.parse()?,
                _ => return Err(format!("there is no setting {name:?}").into()),
            }
        }
        Ok(settings)
    }

    /// `small_cnn` is for grey images, the residual nets for colour.
    fn shape(&self) -> Shape {
        if self.net == "small_cnn" { GREY } else { COLOUR }
    }

    /// One epoch is the whole run, so that every step that is timed is a full batch.
    fn rows(&self) -> usize {
        self.batch.get() as usize * (self.warm_up + self.steps)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let settings = Settings::parse(std::env::args().skip(1))?;
    set_threads(settings.threads.get() as usize);
    let macs = aconite_nets::macs(&*net(&settings.net)?, settings.shape(), CLASSES)?;
    let params = parameters(&*net(&settings.net)?, settings.shape())?;
    let step_ms = median(steps(&settings)?);
    // Forward, gradient of the weights, gradient of the input: each as many multiply-adds as the first.
    let flops = 3.0 * 2.0 * macs as f64 * f64::from(settings.batch.get());
    let line = json!({
        "net": settings.net,
        "precision": settings.precision,
        "threads": settings.threads,
        "batch": settings.batch,
        "parameters": params,
        "steps": settings.steps,
        "step_ms": step_ms,
        "step_gflops": flops / step_ms / 1e6,
        "conv_gflops": conv_gflops(settings.precision.kind()),
    });
    println!("{line}");
    Ok(())
}

fn net(kind: &str) -> Result<Box<dyn Net>, Box<dyn Error>> {
    let entry = NETS.iter().find(|entry| entry.spec.kind == kind);
    let entry = entry.ok_or(format!("there is no net {kind:?}"))?;
    (entry.build)(&entry.spec.defaults()).map_err(|error| format!("{error:?}").into())
}

fn parameters(net: &dyn Net, shape: Shape) -> Result<usize, Box<dyn Error>> {
    let mut params = Params::fresh(Seed(0));
    net.build(&mut params, shape, CLASSES)?;
    Ok(params.trainable().iter().map(Tensor::numel).sum())
}

/// Milliseconds of each step after the warm-up, of [`SgdLearner::run`] on random images.
fn steps(settings: &Settings) -> Result<Vec<f64>, Box<dyn Error>> {
    let learner = SgdLearner {
        net: net(&settings.net)?,
        train: Train {
            epochs: NonZeroU32::MIN,
            batch_size: settings.batch,
            precision: settings.precision,
            threads: settings.threads,
            ..Train::default()
        },
        optimizer: Box::new(Sgd { lr: 0.01, ..Sgd::default() }),
        schedule: Box::new(Constant {}),
    };
    let mut clock = Clock::default();
    aconite_core::Learner::fit(&learner, &noise(settings)?, Seed(0), &mut clock)?;
    let ends = &clock.0[settings.warm_up.max(1) - 1..];
    Ok(ends.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64() * 1e3).collect())
}

fn noise(settings: &Settings) -> Result<Dataset, Box<dyn Error>> {
    let mut rng = Seed(1).rng();
    let bytes = (0..settings.rows() * settings.shape().pixels()).map(|_| rng.random()).collect();
    let labels = (0..settings.rows()).map(|row| row % CLASSES).collect();
    let names = Arc::new((0..CLASSES).map(|class| class.to_string()).collect());
    Ok(Dataset::new(Images::new(settings.shape(), bytes)?, labels, names)?)
}

/// When each step ended.
#[derive(Default)]
struct Clock(Vec<Instant>);

impl Observer for Clock {
    fn step(&mut self, _: usize, _: usize) {
        self.0.push(Instant::now());
    }
}

/// GFLOP/s of a forward 3×3 convolution from 64 to 64 channels on 128 images of 32×32, channels-last: what
/// this machine's convolution reaches when nothing else is to be done.
fn conv_gflops(kind: Kind) -> f64 {
    let (batch, channels, side) = (128, 64, 32);
    let ones = |size: [i64; 4]| Tensor::ones(size, (kind, Device::Cpu)).permute([0, 3, 1, 2]);
    let (input, weight) = (ones([batch, side, side, channels]), ones([channels, 3, 3, channels]));
    let times = no_grad(|| {
        let once = || {
            let start = Instant::now();
            let _ = input.conv2d(&weight, None::<Tensor>, [1, 1], [1, 1], [1, 1], 1);
            start.elapsed().as_secs_f64()
        };
        for _ in 0..5 {
            once();
        }
        (0..25).map(|_| once()).collect()
    });
    2.0 * (batch * side * side * channels * channels * 9) as f64 / median(times) / 1e9
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[half],
        _ => (values[half - 1] + values[half]) / 2.0,
    }
}
