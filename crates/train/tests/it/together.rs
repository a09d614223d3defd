//! Trainings in stacks: each is what it is alone, and none knows of the others.

use std::num::NonZeroU32;
use std::sync::Arc;

use aconite_core::{
    Dataset, Images, Learner, NamedTensors, Observer, Pace, Seed, Shape, Silent, Table, fit_each,
};
use aconite_nets::linear::Linear;
use aconite_nets::mlp::Mlp;
use aconite_nets::small_cnn::SmallCnn;
use aconite_nets::{Net, Params};
use aconite_train::optim::Optimizer;
use aconite_train::optim::adam::Adam;
use aconite_train::optim::sgd::Sgd;
use aconite_train::schedule::one_cycle::OneCycle;
use aconite_train::{Augment, Precision, SgdLearner, Train};
use proptest::prelude::*;
use rand::RngExt;

/// A table of noise in [−1, 1] whose labels are as high as the first column.
fn table(rows: usize, columns: usize, classes: usize, seed: u64) -> Dataset {
    let mut draws = Seed(seed).rng();
    let values: Vec<f32> = (0..rows * columns).map(|_| draws.random::<f32>() * 2.0 - 1.0).collect();
    let height = |row: &[f32]| (((row[0] + 1.0) / 2.0 * classes as f32) as usize).min(classes - 1);
    let labels = values.chunks(columns).map(height).collect();
    let columns = Arc::new((0..columns).map(|column| column.to_string()).collect::<Vec<_>>());
    let classes = Arc::new((0..classes).map(|class| class.to_string()).collect::<Vec<_>>());
    Dataset::new(Table::new(columns, values).unwrap(), labels, classes).unwrap()
}

/// Images of two channels, of noise.
fn images(rows: usize, seed: u64) -> Dataset {
    let mut draws = Seed(seed).rng();
    let shape = Shape { channels: 2, height: 5, width: 4 };
    let bytes = (0..rows * shape.pixels()).map(|_| draws.random()).collect();
    let classes = Arc::new(["a", "b", "c"].map(str::to_owned).to_vec());
    let labels = (0..rows).map(|_| draws.random_range(0..3)).collect();
    Dataset::new(Images::new(shape, bytes).unwrap(), labels, classes).unwrap()
}

fn learner(net: impl Net + 'static, optimizer: impl Optimizer + 'static, batch_size: u32) -> SgdLearner {
    let count = |n| NonZeroU32::new(n).unwrap();
    SgdLearner {
        net: Box::new(net),
        train: Train { epochs: count(2), batch_size: count(batch_size), ..Train::default() },
        optimizer: Box::new(optimizer),
        schedule: Box::new(OneCycle::default()),
    }
}

fn sgd() -> Sgd {
    Sgd { nesterov: true, ..Sgd::default() }
}

fn together(learner: &SgdLearner, fits: &[(Dataset, Seed)]) -> Vec<NamedTensors> {
    learner.fit_together(fits, None, None, &mut Silent).into_iter().map(Result::unwrap).collect()
}

fn assert_close(ours: &[NamedTensors], theirs: &[NamedTensors]) {
    assert_eq!(ours.len(), theirs.len());
    for (number, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>());
        for (name, theirs) in theirs {
            let apart = (&ours[name] - theirs).abs().max().double_value(&[]);
            // Weights are of the order of 0.1, single precision keeps 6e-8 of a number, and there are a dozen steps.
            assert!(apart < 2e-6, "{name} of {number} is {apart} apart");
        }
    }
}

#[test]
fn each_is_what_it_is_alone_up_to_rounding() {
    // Rows that fill batches, that fall short of one, that fill none; columns that fill 64 bytes and that do not.
    let sizes = [40, 33, 12, 40, 1, 100, 39, 64];
    let fits = |data: &dyn Fn(usize, u64) -> Dataset| -> Vec<_> {
        let numbered = sizes.iter().zip(0u64..);
        numbered.map(|(&rows, number)| (data(rows, number), Seed(100 + number))).collect()
    };
    let mlp = || Mlp { hidden: vec![7, 5] };
    for threads in [1, 2] {
        aconite_train::set_threads(threads);
        for (learner, fits) in [
            (learner(Linear {}, sgd(), 20), fits(&|rows, seed| table(rows, 13, 7, seed))),
            (learner(Linear {}, sgd(), 16), fits(&|rows, seed| table(rows, 32, 2, seed))),
            (learner(Linear {}, Adam::default(), 32), fits(&images)),
            (learner(mlp(), sgd(), 20), fits(&|rows, seed| table(rows, 3, 2, seed))),
            (learner(mlp(), Adam { weight_decay: 0.01, ..Adam::default() }, 10), fits(&images)),
        ] {
            assert!(learner.fits_together(&fits[0].0.info()));
            let alone: Vec<_> =
                fit_each(&learner, &fits, None, None, &mut Silent).into_iter().map(Result::unwrap).collect();
            assert_close(&together(&learner, &fits), &alone);

            // From given weights, at a pace of its own.
            let start = Some(&alone[0]);
            let pace = Some(Pace { epochs: 3, batch_size: 9, lr: 0.02 });
            let ours = learner.fit_together(&fits, start, pace, &mut Silent);
            let theirs = fit_each(&learner, &fits, start, pace, &mut Silent);
            let all = |models: Vec<aconite_core::Result<NamedTensors>>| -> Vec<_> {
                models.into_iter().map(Result::unwrap).collect()
            };
            assert_close(&all(ours), &all(theirs));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn what_becomes_of_one_depends_on_no_other_to_the_last_bit(
        sizes in prop::collection::vec(1usize..150, 1..10),
        columns in 1usize..300,
        classes in 2usize..12,
        hidden in prop::option::of(1u32..50),
        batch_size in 1u32..130,
        threads in 1usize..3,
        seed: u64,
    ) {
        aconite_train::set_threads(threads);
        let learner = match hidden {
            Some(hidden) => learner(Mlp { hidden: vec![hidden] }, sgd(), batch_size),
            None => learner(Linear {}, sgd(), batch_size),
        };
        let numbered = sizes.iter().zip(0u64..);
        let fits: Vec<_> = numbered
            .map(|(&rows, number)| (table(rows, columns, classes, seed ^ number), Seed(seed).derive(&number.to_string())))
            .collect();
        let all = together(&learner, &fits);
        // In no company, and in other company in another order.
        let alone = together(&learner, &fits[..1]);
        prop_assert_eq!(&alone[0], &all[0]);
        let order = Seed(seed).shuffled(&(0..fits.len()).collect::<Vec<_>>());
        let others: Vec<_> =
            order.iter().take(fits.len().div_ceil(2)).map(|&at| (fits[at].0.clone(), fits[at].1)).collect();
        for (model, at) in together(&learner, &others).iter().zip(order) {
            prop_assert_eq!(model, &all[at]);
        }
    }
}

#[test]
fn one_that_diverges_gets_its_own_error_and_the_others_do_not_notice() {
    aconite_train::set_threads(1);
    let learner = learner(Linear {}, sgd(), 16);
    let mut fits: Vec<_> = (0..4).map(|number| (table(20, 4, 2, number), Seed(number))).collect();
    let well = together(&learner, &fits);
    let columns = Arc::new((0..4).map(|column| column.to_string()).collect::<Vec<_>>());
    let huge = Table::new(columns, vec![f32::MAX; 80]).unwrap();
    let classes = fits[2].0.classes().clone();
    fits[2].0 = Dataset::new(huge, (0..20).map(|row| row % 2).collect(), classes).unwrap();
    for (number, model) in learner.fit_together(&fits, None, None, &mut Silent).into_iter().enumerate() {
        match number {
            2 => assert!(model.unwrap_err().message.contains("diverged")),
            _ => assert_eq!(model.unwrap(), well[number]),
        }
    }
}

/// The fields of `Observer::step` as they come.
#[derive(Default)]
struct Steps(Vec<(usize, usize)>);

impl Observer for Steps {
    fn step(&mut self, done: usize, total: usize) {
        self.0.push((done, total));
    }
}

#[test]
fn what_does_not_gain_is_trained_one_after_another() {
    aconite_train::set_threads(1);
    let fits: Vec<_> = (0..3).map(|number| (images(20, number), Seed(number))).collect();
    let flips = {
        let mut flips = learner(Linear {}, sgd(), 16);
        flips.train.augment = vec![Augment::Flip];
        flips
    };
    let bf16 = {
        let mut bf16 = learner(Linear {}, sgd(), 16);
        bf16.train.precision = Precision::Bf16;
        bf16
    };
    let large = learner(Mlp { hidden: vec![3000] }, sgd(), 16);
    for learner in [flips, bf16, large, learner(SmallCnn {}, sgd(), 16)] {
        assert!(!learner.fits_together(&fits[0].0.info()));
        let mut steps = Steps::default();
        let models = learner.fit_together(&fits, None, None, &mut steps);
        assert_eq!(steps.0, [(1, 3), (2, 3), (3, 3)]);
        for (model, (data, seed)) in models.into_iter().zip(&fits) {
            assert_eq!(model.unwrap(), learner.fit(data, *seed, &mut Silent).unwrap().tensors());
        }
    }
}

#[test]
fn progress_is_told_stack_by_stack_and_nothing_is_made_of_nothing() {
    aconite_train::set_threads(1);
    let learner = learner(Linear {}, sgd(), 16);
    let fits: Vec<_> = [20, 40, 20].iter().map(|&rows| (table(rows, 4, 2, 0), Seed(0))).collect();
    let mut steps = Steps::default();
    let models = learner.fit_together(&fits, None, None, &mut steps);
    assert_eq!((models.len(), steps.0), (3, vec![(2, 3), (3, 3)]));
    assert!(learner.fit_together(&[], None, None, &mut Silent).is_empty());
}

#[test]
fn a_stack_starts_as_its_networks_do() {
    let of = |seed: u64| {
        let mut params = Params::fresh(Seed(seed));
        Mlp { hidden: vec![3] }.build(&mut params, Shape { channels: 1, height: 1, width: 4 }, 2).unwrap();
        params.tensors()
    };
    let mut stack = Params::stacked(vec![Params::fresh(Seed(1)), Params::fresh(Seed(2))]);
    Mlp { hidden: vec![3] }.build(&mut stack, Shape { channels: 1, height: 1, width: 4 }, 2).unwrap();
    assert_eq!(stack.unstacked(), [of(1), of(2)]);
    let mut short = Params::stacked(vec![Params::stored(of(1)), Params::stored(NamedTensors::new())]);
    let error = Linear {}.build(&mut short, Shape { channels: 1, height: 1, width: 3 }, 2).err().unwrap();
    assert!(error.message.contains("head.weight"), "{error}");
}
