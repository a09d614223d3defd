//! Times the detectors on a backdoored `small_cnn` and says what they find.
//!
//! ```text
//! cargo run --release -p aconite-detection --example detection_speed -- threads=1 rows=10000 blend=add batches=1
//! ```
//!
//! A 3×3 white patch on 5 % of the rows turns them into class 0. It prints a line per detector, the last line is JSON.

use std::error::Error;
use std::num::NonZeroU32;
use std::time::Instant;

use aconite_core::{
    Dataset, Defense, InputDetector, Learner, ModelDetector, Rows, Seed, Silent, Subject, metrics,
};
use aconite_data::fashion_mnist_mini::FashionMnistMini;
use aconite_data::{Places, Source, balanced};
use aconite_detection::neural_cleanse::NeuralCleanse;
use aconite_detection::strip::{Blend, Strip};
use aconite_nets::small_cnn::SmallCnn;
use aconite_train::optim::sgd::Sgd;
use aconite_train::schedule::one_cycle::OneCycle;
use aconite_train::{SgdLearner, Train, set_threads};

const TARGET: usize = 0;

fn main() -> Result<(), Box<dyn Error>> {
    let (mut threads, mut rows, mut seed) = (1, 10_000, 0);
    let (mut strip, mut cleanse) = (Strip::default(), NeuralCleanse::default());
    for word in std::env::args().skip(1) {
        let (name, value) = word.split_once('=').ok_or(format!("{word:?} is not name=value"))?;
        match name {
            "threads" => threads = value.parse()?,
            "rows" => rows = value.parse()?,
            "seed" => seed = value.parse()?,
            "blend" => {
                strip.blend = match value {
                    "unclipped" => Blend::Unclipped,
                    "mean" => Blend::Mean,
                    _ => Blend::Add,
                }
            }
            "steps" => cleanse.steps = value.parse()?,
            "batches" => cleanse.batches = value.parse()?,
            "patience" => cleanse.patience = value.parse()?,
            "multiplier" => cleanse.multiplier = value.parse()?,
            "early_stop" => cleanse.early_stop = value.parse()?,
            _ => return Err(format!("there is no setting {name:?}").into()),
        }
    }
    set_threads(threads);
    let split = FashionMnistMini {}.load(&Places(vec![]))?;
    let train = balanced(&split.train, rows, Seed(seed))?;
    let poisoned: Vec<usize> = (0..rows).step_by(20).collect();
    let mut data = train.clone();
    data.rows_mut().replace(&poisoned, &patched(&train.rows().select(&poisoned))?)?;
    poisoned.iter().for_each(|&row| data.labels_mut()[row] = TARGET);
    let learner = SgdLearner {
        net: Box::new(SmallCnn {}),
        train: Train { epochs: NonZeroU32::MIN.saturating_add(3), ..Train::default() },
        optimizer: Box::new(Sgd { lr: 0.05, ..Sgd::default() }),
        schedule: Box::new(OneCycle::default()),
    };
    let start = Instant::now();
    let model = learner.fit(&data, Seed(seed), &mut Silent)?;
    let others = split.test.select(&split.test.rows_where(|label| label != TARGET))?;
    let triggered = patched(others.rows())?;
    let hits = model.predict(&triggered)?.into_iter().filter(|&label| label == TARGET).count();
    println!(
        "victim: {:.1} s, clean accuracy {:?}, success {:.3}",
        start.elapsed().as_secs_f64(),
        metrics::accuracy(&model.predict(split.test.rows())?, split.test.labels()),
        hits as f64 / others.len() as f64
    );

    let info = train.info();
    let subject = |clean| Subject { learner: &learner, model: &*model, info: &info, clean, seed: Seed(seed) };
    let share = |n: usize| train.select(&Seed(seed).choose(&(0..rows).collect::<Vec<_>>(), n));

    let clean = share(strip.clean.count(rows))?;
    let start = Instant::now();
    let (inputs, positive) = pile(&split.test, &triggered, strip.inputs)?;
    let flags = strip.judge(&subject(&clean), &inputs, &mut Silent)?;
    let above = |sort: bool| {
        let of_sort = flags.scores.iter().zip(&positive).filter(|(_, p)| **p == sort);
        of_sort.filter(|(score, _)| **score > flags.threshold).count() as f64 / strip.inputs as f64
    };
    let strip_seconds = start.elapsed().as_secs_f64();
    println!(
        "strip: {:.1} s for {} inputs of {} blends, auroc {:.4}, tpr {:.3}, fpr {:.3}",
        strip_seconds,
        inputs.len() + clean.len() / 2,
        strip.n,
        metrics::auroc(&flags.scores, &positive).unwrap_or(f64::NAN),
        above(true),
        above(false)
    );

    cleanse.check(&info)?;
    let clean = share(ModelDetector::clean(&cleanse).count(rows))?;
    let start = Instant::now();
    let findings = cleanse.inspect(&subject(&clean), &mut Silent)?;
    let cleanse_seconds = start.elapsed().as_secs_f64();
    println!("neural_cleanse: {cleanse_seconds:.1} s");
    for (class, trigger) in findings.triggers.iter().enumerate() {
        println!(
            "  class {class}: size {:6.2}, index {:5.2}{}",
            trigger.mask.iter().sum::<f32>(),
            findings.index[class],
            if findings.flagged[class] { ", flagged" } else { "" }
        );
    }
    println!("{{\"strip\": {strip_seconds}, \"neural_cleanse\": {cleanse_seconds}}}");
    Ok(())
}

/// The rows with a white 3×3 patch, a pixel from the lower right corner.
fn patched(rows: &Rows) -> Result<Rows, Box<dyn Error>> {
    let mut images = rows.images()?.clone();
    let shape = images.shape();
    for row in 0..images.len() {
        let image = images.image_mut(row);
        for (y, x) in (2..5).flat_map(|y| (2..5).map(move |x| (y, x))) {
            image[shape.at(0, shape.height - y, shape.width - x)] = 255;
        }
    }
    Ok(images.into())
}

/// As many untouched as triggered inputs, in one pile.
fn pile(test: &Dataset, triggered: &Rows, each: usize) -> Result<(Rows, Vec<bool>), Box<dyn Error>> {
    let rows: Vec<usize> = (0..each).collect();
    let untouched = test.rows().select(&rows);
    let mut images = untouched.images()?.bytes().to_vec();
    images.extend_from_slice(triggered.select(&rows).images()?.bytes());
    let pile = aconite_core::Images::new(untouched.images()?.shape(), images)?;
    Ok((pile.into(), (0..2 * each).map(|row| row >= each).collect()))
}
