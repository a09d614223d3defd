//! The training loop, and the learner that runs it.

use std::fmt::Debug;

use aconite_core::{
    Batch, Course, Dataset, Error, Feed, Info, Learner, Mode, Model, NamedTensors, Network, Observer, Pace,
    Part, Plain, Result, RowKind, Seed, Shape, Steps, Work, fit_each, shared,
};
use aconite_nets::{Net, Params};
use tch::{Device, Kind, Tensor, no_grad};

use crate::optim::Optimizer;
use crate::order::Order;
use crate::resident::{input, numbers, shape};
use crate::schedule::Schedule;
use crate::vocabulary::Vocabulary;
use crate::{Augment, NetModel, Resident, Train, together};

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

/// What the loop goes by: `[train]`, with a course's changes.
pub(crate) struct Settings<'a> {
    epochs: usize,
    pub batch_size: usize,
    /// A constant learning rate, or the optimiser's under the schedule.
    lr: Option<f64>,
    augment: &'a [Augment],
}

impl SgdLearner {
    pub(crate) fn settings(&self, pace: Option<Pace>) -> Settings<'_> {
        let Train { epochs, batch_size, augment, .. } = &self.train;
        match pace {
            Some(pace) => Settings {
                epochs: pace.epochs,
                batch_size: pace.batch_size.max(1),
                lr: Some(pace.lr),
                augment,
            },
            None => {
                let (epochs, batch_size) = (epochs.get() as usize, batch_size.get() as usize);
                Settings { epochs, batch_size, lr: None, augment }
            }
        }
    }

    /// Trains on `data` by a course. Fresh weights come from the stream `init`, the order of rows from
    /// `batches`, the augmentation from `augment`, all below `seed`.
    ///
    /// # Errors
    /// The loss stopped being finite, or the course does not fit the settings.
    pub fn run(
        &self,
        data: &Dataset,
        seed: Seed,
        course: Course<'_>,
        watch: &mut dyn Observer,
    ) -> Result<NetModel> {
        let settings = self.settings(course.pace);
        let mut plain = Plain;
        let (feed, seams) = (course.feed, course.steps.unwrap_or(&mut plain));
        let vocabulary = self.vocabulary(data, course.start)?;
        if course.part == Part::Head {
            if feed.is_some() || !settings.augment.is_empty() {
                return Err(Error::at(
                    "augment",
                    "a frozen extractor sees each row once: it cannot be augmented",
                )
                .hint("leave augment out, or train all weights: transfer = \"full\""));
            }
            let start = course.start.ok_or_else(|| Error::new("a head is trained on a given extractor"))?;
            let (params, network, head) = self.with_fresh_head(data, seed, start)?;
            let model = NetModel::new(network, params, self.train.precision).reading(vocabulary);
            let features = Resident::of(model.features(data.rows())?, data.labels());
            let network = model.net()?;
            let pass = |_: &mut dyn Steps, features: &Tensor, mode: Mode| {
                network.head(&features.to_kind(mode.kind), mode)
            };
            let weights = model.weights().into_iter().filter(|(name, _)| head.contains(name)).collect();
            let order = Order::of(features.len(), settings.batch_size, seed);
            self.descend(
                Descent { settings, rows: &features, order, weights, feed, seams, pass: &pass },
                watch,
            )?;
            return Ok(model);
        }
        let mut params = match course.start {
            Some(start) => Params::going_on(shared(start), seed.derive("init")),
            None => Params::fresh(seed.derive("init")),
        };
        let network = self.net.build(&mut params, self.shape(&data.info())?, data.num_classes())?;
        let rows = Resident::of(numbers(data.rows(), vocabulary.as_ref())?, data.labels());
        let pass = |seams: &mut dyn Steps, batch: &Tensor, mode: Mode| {
            seams.logits(network.as_ref(), &input(batch, mode.kind), mode)
        };
        let weights = params.named_trainable();
        let order = Order::of(rows.len(), settings.batch_size, seed);
        self.descend(Descent { settings, rows: &rows, order, weights, feed, seams, pass: &pass }, watch)?;
        Ok(NetModel::new(network, params, self.train.precision).reading(vocabulary))
    }

    /// The shape that the network is built for: that of the rows, or 1×1×L for one that reads L words of a text.
    pub(crate) fn shape(&self, info: &Info) -> Result<Shape> {
        match (&info.kind, self.net.reads()) {
            (_, None) => shape(info),
            (RowKind::Text | RowKind::Mail, Some(reading)) => {
                Ok(Shape { channels: 1, height: 1, width: reading.length })
            }
            (kind, Some(_)) => {
                Err(Error::new(format!("this net reads words, but the data set holds {kind}"))
                    .hint("mlp and linear read numbers, small_cnn reads images"))
            }
        }
    }

    /// The words of a network that reads them: those that it starts from, or those of the training rows.
    fn vocabulary(&self, data: &Dataset, start: Option<&NamedTensors>) -> Result<Option<Vocabulary>> {
        let Some(reading) = self.net.reads() else { return Ok(None) };
        match start {
            Some(start) => Vocabulary::restore(start, reading).map(Some),
            None => Vocabulary::learn(data.rows().documents()?, reading).map(Some),
        }
    }

    /// The weights `start` with a head drawn anew, the network on them, and the names of the head's weights.
    fn with_fresh_head(
        &self,
        data: &Dataset,
        seed: Seed,
        start: &NamedTensors,
    ) -> Result<(Params, Box<dyn Network>, Vec<String>)> {
        let (shape, classes) = (self.shape(&data.info())?, data.num_classes());
        let mut fresh = Params::fresh(seed.derive("init"));
        let network = self.net.build(&mut fresh, shape, classes)?;
        // The head's weights are those that the logits depend on when the features are given.
        let features = network.features(&probe(shape), Mode { train: false, kind: Kind::Float }).detach();
        let ones = features.ones_like().to_kind(self.mode().kind);
        network.head(&ones, self.mode()).to_kind(Kind::Float).sum(Kind::Float).backward();
        let of_head = |(name, weight): (String, Tensor)| weight.grad().defined().then_some(name);
        let head: Vec<String> = fresh.named_trainable().into_iter().filter_map(of_head).collect();
        if head.is_empty() {
            return Err(Error::new("this net has no head of its own that could be trained alone"));
        }
        let mut tensors = shared(start);
        let drawn = fresh.tensors();
        for name in &head {
            tensors.extend(drawn.get(name).map(|weight| (name.clone(), weight.shallow_clone())));
        }
        let mut params = Params::stored(tensors);
        let network = self.net.build(&mut params, shape, classes)?;
        Ok((params, network, head))
    }

    /// How a training step is computed.
    fn mode(&self) -> Mode {
        Mode { train: true, kind: self.train.precision.kind() }
    }

    /// The loop.
    pub(crate) fn descend(&self, descent: Descent<'_>, watch: &mut dyn Observer) -> Result<()> {
        let Descent { settings, rows: resident, order, weights, feed, seams, pass } = descent;
        let mut stepper =
            self.optimizer.start(weights.iter().map(|(_, weight)| weight.shallow_clone()).collect());
        let mode = self.mode();
        let per_epoch = order.per_epoch();
        let total = settings.epochs * per_epoch;
        // Those of one training: a stack of several does not augment.
        let mut draws = order.seed().derive("augment").rng();
        let mut step = 0;
        for epoch in 0..settings.epochs {
            seams.epoch(epoch);
            let (mut sum, mut n) = (Tensor::zeros([], (Kind::Double, Device::Cpu)), 0);
            for rows in order.epoch(epoch) {
                let mut batch = resident.batch(&rows);
                if let Some(feed) = feed {
                    batch = feed.feed(batch, step)?;
                }
                for augment in settings.augment {
                    batch.inputs = augment.apply(&batch.inputs, &mut draws);
                }
                let Batch { inputs, labels, .. } = seams.batch(batch)?;
                let logits = pass(seams, &inputs, mode).to_kind(Kind::Float);
                let loss = seams.loss(&logits, &labels);
                loss.backward();
                stepper.step(match settings.lr {
                    Some(lr) => lr,
                    None => self.optimizer.lr() * self.schedule.factor(step, total, per_epoch),
                });
                seams.stepped(&weights);
                sum += loss.detach() * labels.size()[0];
                n += labels.size()[0];
                step += 1;
                watch.step(step, total);
            }
            let mean = sum.double_value(&[]) / n as f64;
            if !mean.is_finite() {
                return Err(Error::new(format!(
                    "training diverged: the loss of epoch {} is {mean}",
                    epoch + 1
                ))
                .hint("lower train.optimizer.lr"));
            }
            watch.epoch(epoch + 1, mean);
        }
        Ok(())
    }
}

/// A training that is set up: what the loop goes over, what it changes, and who has a say.
pub(crate) struct Descent<'a> {
    pub settings: Settings<'a>,
    pub rows: &'a Resident,
    pub order: Order,
    pub weights: Vec<(String, Tensor)>,
    pub feed: Option<&'a dyn Feed>,
    pub seams: &'a mut dyn Steps,
    /// From a batch to its logits.
    pub pass: &'a dyn Fn(&mut dyn Steps, &Tensor, Mode) -> Tensor,
}

/// One image of zeros.
fn probe(shape: Shape) -> Tensor {
    let size = [1, shape.channels, shape.height, shape.width].map(|n| n as i64);
    Tensor::zeros(size, (Kind::Float, tch::Device::Cpu))
}

impl Learner for SgdLearner {
    fn check(&self, info: &Info) -> Result<()> {
        self.train.check()?;
        self.schedule.check(self.train.epochs.get() as usize)?;
        let shape = self.shape(info)?;
        if matches!(info.kind, RowKind::Table(_)) && !self.net.takes_tables() {
            let message = format!("this net reads images, but the data set holds {}", info.kind);
            return Err(Error::new(message).hint("mlp and linear read tables"));
        }
        if let (Some(augment), false) = (self.train.augment.first(), matches!(info.kind, RowKind::Image(_))) {
            let what = if self.net.reads().is_some() { "words" } else { "numbers" };
            let message = format!("{augment:?} changes images, not {what}").to_lowercase();
            return Err(Error::at("augment", message));
        }
        self.net.check(shape, info.classes.len(), self.train.precision.kind())
    }

    fn content(&self) -> Result<Option<String>> {
        self.net.content()
    }

    fn has_features(&self) -> bool {
        self.net.has_features()
    }

    fn has_maps(&self, info: &Info) -> bool {
        let mut params = Params::fresh(Seed(0));
        // What cannot be built fails in `check`, not here.
        let Ok(shape) = self.shape(info) else { return false };
        let Ok(network) = self.net.build(&mut params, shape, info.classes.len()) else { return false };
        let mut found = false;
        let _ = no_grad(|| {
            network.features_with(&probe(shape), Mode { train: false, kind: Kind::Float }, &mut |_, out| {
                found |= out.dim() == 4;
                out
            })
        });
        found
    }

    fn work(&self, info: &Info) -> Work {
        let classes = info.classes.len();
        let mut params = Params::fresh(Seed(0));
        // An estimate: what cannot be built fails in `check`, not here.
        let Ok(shape) = self.shape(info) else { return Work::default() };
        let Ok(network) = self.net.build(&mut params, shape, classes) else { return Work::default() };
        let mode = Mode { train: false, kind: Kind::Float };
        let features = no_grad(|| network.features(&probe(shape), mode).size()[1]);
        Work {
            macs: aconite_nets::macs(self.net.as_ref(), shape, classes).unwrap_or(0) as f64,
            weights: params.trainable().iter().map(|w| w.numel() as f64).sum(),
            features: features as f64,
        }
    }

    fn fit(&self, data: &Dataset, seed: Seed, watch: &mut dyn Observer) -> Result<Box<dyn Model>> {
        Ok(Box::new(self.run(data, seed, Course::default(), watch)?))
    }

    fn fit_with(
        &self,
        data: &Dataset,
        seed: Seed,
        course: Course<'_>,
        watch: &mut dyn Observer,
    ) -> Result<Box<dyn Model>> {
        Ok(Box::new(self.run(data, seed, course, watch)?))
    }

    fn takes_steps(&self) -> bool {
        true
    }

    fn fits_together(&self, info: &Info) -> bool {
        together::is_faster(self, info)
    }

    fn fit_together(
        &self,
        fits: &[(Dataset, Seed)],
        start: Option<&NamedTensors>,
        pace: Option<Pace>,
        watch: &mut dyn Observer,
    ) -> Vec<Result<NamedTensors>> {
        match fits.first() {
            Some((data, _)) if self.fits_together(&data.info()) => {
                together::fit(self, fits, start, pace, watch)
            }
            _ => fit_each(self, fits, start, pace, watch),
        }
    }

    fn restore(&self, info: &Info, tensors: &NamedTensors) -> Result<Box<dyn Model>> {
        let mut params = Params::stored(shared(tensors));
        let network = self.net.build(&mut params, self.shape(info)?, info.classes.len())?;
        let vocabulary = self.net.reads().map(|reading| Vocabulary::restore(tensors, reading)).transpose()?;
        Ok(Box::new(NetModel::new(network, params, self.train.precision).reading(vocabulary)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optim::sgd::Sgd;
    use crate::schedule::constant::Constant;
    use aconite_core::{Images, Silent, metrics};
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
        let (scores, features) = a.scores_and_features(data.rows()).unwrap();
        assert!(scores == a.scores(data.rows()).unwrap() && features == a.features(data.rows()).unwrap());
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
