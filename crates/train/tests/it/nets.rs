//! Every net goes through the one loop.

use std::num::NonZeroU32;
use std::sync::Arc;

use aconite_core::{Dataset, Images, Learner, Observer, Seed, Shape, Silent, metrics};
use aconite_nets::{NETS, Net};
use aconite_train::optim::sgd::Sgd;
use aconite_train::schedule::one_cycle::OneCycle;
use aconite_train::{Precision, SgdLearner, Train};
use rand::RngExt;
use tch::Kind;

/// Two classes of colour images, red above or red below, with noise.
fn halves(n: usize, side: usize, seed: u64) -> Dataset {
    let shape = Shape { channels: 3, height: side, width: side };
    let mut rng = Seed(seed).rng();
    let labels: Vec<usize> = (0..n).map(|i| i % 2).collect();
    let mut bytes = Vec::new();
    for &label in &labels {
        for i in 0..shape.pixels() {
            let (channel, row) = (i / (side * side), i / side % side);
            let red = channel == 0 && (row < side / 2) == (label == 0);
            bytes.push(rng.random_range(0..150) + if red { 60 } else { 0 });
        }
    }
    let names = Arc::new(vec!["top".to_owned(), "bottom".to_owned()]);
    Dataset::new(Images::new(shape, bytes).unwrap(), labels, names).unwrap()
}

fn learner(kind: &str, epochs: u32, batch_size: u32, precision: Precision) -> SgdLearner {
    let entry = NETS.iter().find(|e| e.spec.kind == kind).unwrap();
    let net: Box<dyn Net> = (entry.build)(&entry.spec.defaults()).unwrap();
    let count = |n| NonZeroU32::new(n).unwrap();
    SgdLearner {
        net,
        train: Train { epochs: count(epochs), batch_size: count(batch_size), precision, ..Train::default() },
        optimizer: Box::new(Sgd { lr: 0.05, ..Sgd::default() }),
        schedule: Box::new(OneCycle::default()),
    }
}

#[derive(Default)]
struct Curve(Vec<f64>);

impl Observer for Curve {
    fn epoch(&mut self, _: usize, loss: f64) {
        self.0.push(loss);
    }
}

#[test]
fn every_net_takes_two_steps_in_bf16_with_f32_weights() {
    aconite_train::set_threads(1);
    // The second step has a single row.
    let data = halves(17, 32, 0);
    for entry in NETS.iter().filter(|e| e.spec.kind != "torchscript") {
        let kind = entry.spec.kind;
        let learner = learner(kind, 1, 16, Precision::Bf16);
        // Nets that read words have tests of their own.
        if learner.net.reads().is_some() {
            continue;
        }
        learner.check(&data.info()).unwrap();
        let mut curve = Curve::default();
        let model = learner.fit(&data, Seed(0), &mut curve).unwrap();
        assert!(curve.0.iter().all(|loss| loss.is_finite()), "{kind}: {:?}", curve.0);
        let tensors = model.tensors();
        assert!(tensors.values().all(|t| t.kind() == Kind::Float), "{kind}");
        assert!(tensors.values().all(|t| t.isfinite().all().int64_value(&[]) == 1), "{kind}");
        let restored = learner.restore(&data.info(), &tensors).unwrap();
        assert_eq!(restored.scores(data.rows()).unwrap(), model.scores(data.rows()).unwrap(), "{kind}");
        assert_eq!(model.scores(data.rows()).unwrap().kind(), Kind::Float, "{kind}");
    }
}

#[test]
fn a_residual_net_learns_in_both_precisions() {
    aconite_train::set_threads(1);
    let (data, test) = (halves(256, 16, 0), halves(200, 16, 9));
    for precision in [Precision::F32, Precision::Bf16] {
        let learner = learner("resnet9", 3, 32, precision);
        let mut curve = Curve::default();
        let model = learner.fit(&data, Seed(0), &mut curve).unwrap();
        assert!(curve.0[2] < curve.0[0], "{:?}", curve.0);
        let accuracy = metrics::accuracy(&model.predict(test.rows()).unwrap(), test.labels()).unwrap();
        assert!(accuracy > 0.95, "{precision:?}: {accuracy}");
    }
}

#[test]
fn running_statistics_are_part_of_the_model_and_of_its_reproduction() {
    aconite_train::set_threads(1);
    let data = halves(64, 16, 0);
    let learner = learner("resnet20", 1, 32, Precision::F32);
    let fit = |seed| learner.fit(&data, Seed(seed), &mut Silent).unwrap();
    let model = fit(1);
    assert_eq!(model.tensors(), fit(1).tensors());
    let moved = model.tensors()["stem.norm.running_mean"].abs().max().double_value(&[]);
    assert!(moved > 0.0);
}
