//! The training loop, and the learner that runs it.

use std::fmt::Debug;

use aconite_core::{
    Dataset, Error, Info, Learner, Model, NamedTensors, Observer, Result, RowKind, Seed, Work,
};
use aconite_nets::{Mode, Net, Params};
use tch::{Kind, Tensor, no_grad};

use crate::optim::Optimizer;
use crate::resident::{index, input, shape};
use crate::schedule::Schedule;
use crate::{NetModel, Resident, Train};

/// A network trained by gradient steps as `[train]` says.
#[derive(Debug)]
pub struct SgdLearner {
    /// The architecture.
    pub net: Box<dyn Net>,
    /// Epochs, batches, precision, augmentation.
    pub train: Train,
    /// The update rule.
    pub optimizer: Box<dyn Optimizer>,
    /// The learning rate's course.
    pub schedule: Box<dyn Schedule>,
}

/// The loop's seam: what may differ from plain training in a step. The default is plain training.
pub trait Steps {
    /// The loss of a batch: mean cross-entropy of `logits` (f32, B×K) and `labels` (i64, B).
    fn loss(&mut self, logits: &Tensor, labels: &Tensor) -> Tensor {
        logits.cross_entropy_for_logits(labels)
    }
}

struct Plain;

impl Steps for Plain {}

impl SgdLearner {
    /// Trains on `data`. The weights come from the stream `init`, the order of rows from `batches`, the
    /// augmentation from `augment`, all below `seed`.
    ///
    /// # Errors
    /// The loss stopped being finite.
    pub fn run(
        &self,
        data: &Dataset,
        seed: Seed,
        steps: &mut dyn Steps,
        watch: &mut dyn Observer,
    ) -> Result<NetModel> {
        let mut params = Params::fresh(seed.derive("init"));
        let network = self.net.build(&mut params, shape(&data.info())?, data.num_classes())?;
        let mut stepper = self.optimizer.start(params.trainable());
        let resident = Resident::new(data)?;
        let mode = Mode { train: true, kind: self.train.precision.kind() };
        let batch_size = self.train.batch_size.get() as usize;
        let epochs = self.train.epochs.get() as usize;
        let per_epoch = self.train.steps_per_epoch(data.len());
        let total = epochs * per_epoch;
        let rows: Vec<usize> = (0..data.len()).collect();
        let mut draws = seed.derive("augment").rng();
        let mut step = 0;
        for epoch in 0..epochs {
            let order = index(&seed.derive("batches").derive(&epoch.to_string()).shuffled(&rows));
            let mut sum = Tensor::zeros([], (Kind::Double, order.device()));
            for batch in order.split(batch_size as i64, 0) {
                let (mut images, labels) = resident.batch(&batch);
                for augment in &self.train.augment {
                    images = augment.apply(&images, &mut draws);
                }
                let logits = network.logits(&input(&images, mode.kind), mode).to_kind(Kind::Float);
                let loss = steps.loss(&logits, &labels);
                loss.backward();
                stepper.step(self.optimizer.lr() * self.schedule.factor(step, total, per_epoch));
                sum += loss.detach() * labels.size()[0];
                step += 1;
                watch.step(step, total);
            }
            let mean = sum.double_value(&[]) / data.len() as f64;
            if !mean.is_finite() {
                return Err(Error::new(format!(
                    "training diverged: the loss of epoch {} is {mean}",
                    epoch + 1
                ))
                .hint("lower train.optimizer.lr"));
            }
            watch.epoch(epoch + 1, mean);
        }
        Ok(NetModel::new(network, params, self.train.precision))
    }
}

impl Learner for SgdLearner {
    fn check(&self, info: &Info) -> Result<()> {
        self.train.check()?;
        self.schedule.check(self.train.epochs.get() as usize)?;
        let shape = shape(info)?;
        if matches!(info.kind, RowKind::Table(_)) {
            if !self.net.takes_tables() {
                return Err(Error::at(
                    "kind",
                    format!("this net reads images, but the data set holds {}", info.kind),
                )
                .hint("mlp and linear read tables"));
            }
            if let Some(augment) = self.train.augment.first() {
                return Err(Error::at(
                    "augment",
                    format!("{augment:?} changes images, not numbers").to_lowercase(),
                ));
            }
        }
        self.net.check(shape, info.classes.len(), self.train.precision.kind())
    }

    fn content(&self) -> Result<Option<String>> {
        self.net.content()
    }

    fn has_features(&self) -> bool {
        self.net.has_features()
    }

    fn work(&self, info: &Info) -> Work {
        let classes = info.classes.len();
        let mut params = Params::fresh(Seed(0));
        // An estimate: what cannot be built fails in `check`, not here.
        let Ok(shape) = shape(info) else { return Work::default() };
        let Ok(network) = self.net.build(&mut params, shape, classes) else { return Work::default() };
        let size = [1, shape.channels, shape.height, shape.width].map(|n| n as i64);
        let mode = Mode { train: false, kind: Kind::Float };
        let features = no_grad(|| {
            network.features(&Tensor::zeros(size, (Kind::Float, tch::Device::Cpu)), mode).size()[1]
        });
        Work {
            macs: aconite_nets::macs(self.net.as_ref(), shape, classes).unwrap_or(0) as f64,
            weights: params.trainable().iter().map(|w| w.numel() as f64).sum(),
            features: features as f64,
        }
    }

    fn fit(&self, data: &Dataset, seed: Seed, watch: &mut dyn Observer) -> Result<Box<dyn Model>> {
        Ok(Box::new(self.run(data, seed, &mut Plain, watch)?))
    }

    fn restore(&self, info: &Info, tensors: &NamedTensors) -> Result<Box<dyn Model>> {
        let copies = tensors.iter().map(|(name, t)| (name.clone(), t.shallow_clone())).collect();
        let mut params = Params::stored(copies);
        let network = self.net.build(&mut params, shape(info)?, info.classes.len())?;
        Ok(Box::new(NetModel::new(network, params, self.train.precision)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optim::sgd::Sgd;
    use crate::schedule::constant::Constant;
    use aconite_core::{Images, Shape, Silent, metrics};
    use aconite_nets::{mlp::Mlp, small_cnn::SmallCnn};
    use std::num::NonZeroU32;
    use std::sync::Arc;

    /// Two classes: bright above or bright below, with noise.
    fn halves(n: usize, seed: u64) -> Dataset {
        use rand::RngExt;
        let shape = Shape { channels: 1, height: 8, width: 8 };
        let mut rng = Seed(seed).rng();
        let labels: Vec<usize> = (0..n).map(|i| i % 2).collect();
        let mut bytes = Vec::new();
        for &label in &labels {
            for row in 0..8 {
                for _ in 0..8 {
                    let bright = (row < 4) == (label == 0);
                    bytes.push(rng.random_range(0..120) + if bright { 100 } else { 0 });
                }
            }
        }
        let names = Arc::new(vec!["top".to_owned(), "bottom".to_owned()]);
        Dataset::new(Images::new(shape, bytes).unwrap(), labels, names).unwrap()
    }

    fn learner(lr: f64) -> SgdLearner {
        SgdLearner {
            net: Box::new(SmallCnn {}),
            train: Train {
                epochs: NonZeroU32::new(3).unwrap(),
                batch_size: NonZeroU32::new(32).unwrap(),
                ..Train::default()
            },
            optimizer: Box::new(Sgd { lr, ..Sgd::default() }),
            schedule: Box::new(Constant {}),
        }
    }

    #[derive(Default)]
    struct Curve(Vec<f64>, usize);

    impl Observer for Curve {
        fn step(&mut self, done: usize, total: usize) {
            assert!(done <= total);
            self.1 = total;
        }
        fn epoch(&mut self, _: usize, loss: f64) {
            self.0.push(loss);
        }
    }

    #[test]
    fn it_learns_and_the_last_short_batch_counts() {
        crate::set_threads(1);
        let data = halves(200, 0);
        let mut curve = Curve::default();
        let model = learner(0.05).fit(&data, Seed(0), &mut curve).unwrap();
        assert_eq!(curve.1, 3 * 7, "200 rows in batches of 32 are 7 steps an epoch");
        assert!(curve.0.len() == 3 && curve.0[2] < curve.0[0], "{:?}", curve.0);
        let test = halves(100, 9);
        assert!(metrics::accuracy(&model.predict(test.rows()).unwrap(), test.labels()).unwrap() > 0.95);
    }

    #[test]
    fn the_same_seed_gives_the_same_model_to_the_bit_and_it_can_be_restored() {
        crate::set_threads(1);
        let data = halves(100, 0);
        let a = learner(0.05).fit(&data, Seed(4), &mut Silent).unwrap();
        let b = learner(0.05).fit(&data, Seed(4), &mut Silent).unwrap();
        assert_eq!(a.tensors(), b.tensors());
        let c = learner(0.05).fit(&data, Seed(5), &mut Silent).unwrap();
        assert_ne!(a.tensors(), c.tensors());
        let restored = learner(0.05).restore(&data.info(), &a.tensors()).unwrap();
        assert_eq!(restored.scores(data.rows()).unwrap(), a.scores(data.rows()).unwrap());
        assert_eq!(restored.features(data.rows()).unwrap(), a.features(data.rows()).unwrap());
    }

    #[test]
    fn a_diverging_run_says_so() {
        crate::set_threads(1);
        let error = learner(1e6).fit(&halves(64, 0), Seed(0), &mut Silent).err().unwrap();
        assert!(error.message.contains("diverged"), "{error}");
    }

    #[test]
    fn pooling_before_relu_is_the_same_function() {
        let x = Tensor::arange(2 * 3 * 8 * 8, (Kind::Float, tch::Device::Cpu)).sin().view([2, 3, 8, 8]);
        assert_eq!(x.max_pool2d_default(2).relu(), x.relu().max_pool2d_default(2));
    }

    // W1 = arange(12)/12 - .5 as 4×3, b1 = 0, W2 = (arange(8)/8 - .5) as 2×4; x = 1×1×1×3 bytes [0, 128, 255], y = 1
    // In PyTorch: x/127.5 - 1, Linear, ReLU, Linear, cross_entropy, SGD(lr .1, momentum .9, weight_decay 5e-4), 2 steps.
    #[test]
    fn two_steps_of_an_mlp_with_numbers() {
        let tensors: NamedTensors = [
            ("hidden1.weight", Tensor::arange(12, (Kind::Float, tch::Device::Cpu)).view([4, 3]) / 12 - 0.5),
            ("hidden1.bias", Tensor::zeros([4], (Kind::Float, tch::Device::Cpu))),
            ("head.weight", Tensor::arange(8, (Kind::Float, tch::Device::Cpu)).view([2, 4]) / 8 - 0.5),
            ("head.bias", Tensor::zeros([2], (Kind::Float, tch::Device::Cpu))),
        ]
        .into_iter()
        .map(|(name, t)| (name.to_owned(), t))
        .collect();
        let mut params = Params::stored(tensors);
        let shape = Shape { channels: 1, height: 1, width: 3 };
        let network = Mlp { hidden: vec![4] }.build(&mut params, shape, 2).unwrap();
        let mut stepper = Sgd { lr: 0.1, ..Sgd::default() }.start(params.trainable());
        let mode = Mode { train: true, kind: Kind::Float };
        let batch = Tensor::from_slice(&[0u8, 128, 255]).view([1, 1, 3, 1]);
        for _ in 0..2 {
            let logits = network.logits(&input(&batch, Kind::Float), mode);
            Plain.loss(&logits, &Tensor::from_slice(&[1i64])).backward();
            stepper.step(0.1);
        }
        let head = Vec::<f32>::try_from(params.tensors()["head.weight"].flatten(0, -1)).unwrap();
        for (ours, theirs) in head.iter().zip(GOLDEN) {
            assert!((ours - theirs).abs() < 1e-6, "{head:?}");
        }
    }
    const GOLDEN: [f32; 8] = [
        -0.521_324,
        -0.396_455_7,
        -0.271_587_37,
        -0.146_719_02,
        0.021_396_542,
        0.146_491_95,
        0.271_587_37,
        0.396_682_77,
    ];
}
