//! What an attack does to a small network on a part of Fashion-MNIST.

use aconite_core::{AsrScope, Attack, Course, Dataset, Goal, Learner, Seed, Silent, metrics};
use aconite_data::{Common, Places, Source, cut, fashion_mnist_mini::FashionMnistMini};
use aconite_nets::small_cnn::SmallCnn;
use aconite_train::optim::sgd::Sgd;
use aconite_train::schedule::one_cycle::OneCycle;
use aconite_train::{SgdLearner, Train};

/// 2000 training rows and the test rows.
pub(crate) struct Fashion {
    pub(crate) train: Dataset,
    test: Dataset,
}

impl Fashion {
    pub(crate) fn new() -> Self {
        let whole = FashionMnistMini::default().load(&Places(vec![])).unwrap();
        let part = cut(&whole, &Common { train_size: Some(2000), ..Common::default() }, Seed(1)).unwrap();
        Self { train: part.train, test: part.test }
    }
}

/// How a victim does on the test rows, as they are and stamped.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) accuracy: f64,
    /// Share of the stamped rows of other classes that are read as wanted.
    pub(crate) success: f64,
}

/// Trains a small CNN for some epochs, with the attack's hand in the input pipeline if it has one.
pub(crate) fn outcome(
    fashion: &Fashion,
    attack: &dyn Attack,
    seed: Seed,
    data: &Dataset,
    epochs: u32,
) -> Outcome {
    fed(fashion, attack, seed, data, epochs, attack.feeds())
}

/// The same, but the attack's hand is there only if `fed` says so.
pub(crate) fn fed(
    fashion: &Fashion,
    attack: &dyn Attack,
    seed: Seed,
    data: &Dataset,
    epochs: u32,
    fed: bool,
) -> Outcome {
    aconite_train::set_threads(1);
    let learner = SgdLearner {
        net: Box::new(SmallCnn {}),
        train: Train {
            epochs: epochs.try_into().unwrap(),
            batch_size: 64.try_into().unwrap(),
            ..Train::default()
        },
        optimizer: Box::new(Sgd::default()),
        schedule: Box::new(OneCycle::default()),
    };
    let info = data.info();
    let feed = if fed { attack.feed(&info, seed).unwrap() } else { None };
    let course = Course { feed: feed.as_deref(), ..Course::default() };
    let model = learner.fit_with(data, Seed(2), course, &mut Silent).unwrap();
    let accuracy =
        metrics::accuracy(&model.predict(fashion.test.rows()).unwrap(), fashion.test.labels()).unwrap();
    let Goal::Backdoor(map) = attack.goal(&info) else { panic!("no backdoor") };
    let rows = fashion.test.rows_where(|label| map.counts(label, AsrScope::NonTarget));
    let trigger = attack.trigger(&info, seed).unwrap().unwrap();
    let read = model.predict(&trigger.stamped(fashion.test.rows(), &rows).unwrap()).unwrap();
    let hit = |(&row, &read): (&usize, &usize)| map.wanted(fashion.test.labels()[row]) == Some(read);
    let success = rows.iter().zip(&read).filter(|&pair| hit(pair)).count() as f64 / rows.len() as f64;
    Outcome { accuracy, success }
}
