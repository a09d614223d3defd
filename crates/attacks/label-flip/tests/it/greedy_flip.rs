use std::sync::atomic::{AtomicUsize, Ordering};

use aconite_core::{
    Attack, Dataset, Goal, Info, Learner, Model, NamedTensors, Needs, Observer, Poison, Rate, Result, Rows,
    Scene, Seed, Silent,
};
use aconite_label_flip::greedy_flip::{GreedyFlip, Loss};
use aconite_train::victims::{logistic::Logistic, svm::Svm};
use proptest::prelude::*;
use rand::RngExt;
use tch::{Kind, Tensor};

use crate::{labelled, table};

fn share(rate: f64) -> Rate {
    Rate::try_from(rate).unwrap()
}

fn craft(attack: &GreedyFlip, clean: &Dataset, victim: &dyn Learner, seed: Seed) -> Result<Poison> {
    let scene = Scene { victim: Some(victim), ..Scene::new(clean, seed) };
    attack.craft(&scene, &mut Silent).map(|mut poisons| poisons.remove(0))
}

/// `n` rows of two numbers, the classes in a circle around 0, with so much noise that they overlap.
fn circle(n: usize, classes: usize, seed: u64) -> Dataset {
    let mut rng = Seed(seed).rng();
    let labels: Vec<usize> = (0..n).map(|row| row % classes).collect();
    let mut noise = || rng.random_range(-1.3f32..1.3);
    let rows: Vec<[f32; 2]> = labels
        .iter()
        .map(|&label| {
            let angle = std::f32::consts::TAU * label as f32 / classes as f32;
            [angle.cos() + noise(), angle.sin() + noise()]
        })
        .collect();
    table(&rows.iter().map(<[f32; 2]>::as_slice).collect::<Vec<_>>(), &labels, classes)
}

/// Scores per class and row, of a model trained from scratch.
fn scores(victim: &dyn Learner, train: &Dataset, labels: &[usize], rows: &Rows) -> Vec<Vec<f64>> {
    let mut data = train.clone();
    data.labels_mut().copy_from_slice(labels);
    let scores = victim.fit(&data, Seed(9), &mut Silent).unwrap().scores(rows).unwrap();
    let classes = data.num_classes();
    let flat: Vec<f64> = Vec::try_from(scores.to_kind(Kind::Double).flatten(0, -1)).unwrap();
    flat.chunks(classes).map(<[f64]>::to_vec).collect()
}

/// Algorithm 1 as it is written: every row in every step, every victim from scratch.
fn by_hand(
    clean: &Dataset,
    held: &[usize],
    count: usize,
    victim: &dyn Learner,
    loss: fn(&[f64], usize) -> f64,
) -> Vec<(usize, usize)> {
    let rows: Vec<usize> = (0..clean.len()).filter(|row| !held.contains(row)).collect();
    let (train, own) = (clean.select(&rows).unwrap(), clean.select(held).unwrap());
    let mut labels = train.labels().to_vec();
    let mut flips: Vec<(usize, usize)> = Vec::new();
    for _ in 0..count {
        let now = scores(victim, &train, &labels, train.rows());
        let mut best = (f64::NEG_INFINITY, 0, 0);
        for place in (0..rows.len()).filter(|&place| flips.iter().all(|flip| flip.0 != rows[place])) {
            // Rows on the margins of two machines have the score −1 for both classes: the smaller is taken.
            let others = || (0..clean.num_classes()).filter(|&class| class != labels[place]);
            let best_other = others().map(|class| now[place][class]).fold(f64::NEG_INFINITY, f64::max);
            let label = others().find(|&class| now[place][class] > best_other - 1e-5).unwrap();
            let mut tried = labels.clone();
            tried[place] = label;
            let read = scores(victim, &train, &tried, own.rows());
            let sum: f64 = read.iter().zip(own.labels()).map(|(scores, &label)| loss(scores, label)).sum();
            if sum > best.0 {
                best = (sum, place, label);
            }
        }
        labels[best.1] = best.2;
        flips.push((rows[best.1], best.2));
    }
    flips.sort_unstable();
    flips
}

fn hinge(scores: &[f64], label: usize) -> f64 {
    // Binary: the scores are −f and f (svm), or −z/2 and z/2 (logistic).
    let y = if label == 1 { 1.0 } else { -1.0 };
    f64::max(0.0, 1.0 - y * (scores[1] - scores[0]) / 2.0)
}

fn cross_entropy(scores: &[f64], label: usize) -> f64 {
    scores.iter().map(|score| score.exp()).sum::<f64>().ln() - scores[label]
}

fn error(scores: &[f64], label: usize) -> f64 {
    let others = (0..scores.len()).filter(|&class| class != label).map(|class| scores[class]);
    f64::from(u8::from(others.fold(f64::NEG_INFINITY, f64::max) > scores[label]))
}

#[test]
fn every_step_takes_the_worst_of_all_flips() {
    aconite_train::set_threads(1);
    let (svm, logistic) = (Svm::default(), Logistic::default());
    #[allow(clippy::type_complexity)]
    let cases: [(&dyn Learner, usize, Loss, fn(&[f64], usize) -> f64); 5] = [
        (&svm, 2, Loss::Hinge, hinge),
        (&logistic, 2, Loss::Hinge, hinge),
        (&logistic, 3, Loss::CrossEntropy, cross_entropy),
        (&svm, 3, Loss::CrossEntropy, cross_entropy),
        (&svm, 2, Loss::Error, error),
    ];
    for (victim, classes, loss, naive) in cases {
        for seed in 0..3 {
            let data = circle(18, classes, seed);
            let attack =
                GreedyFlip { rate: share(0.17), validation: share(0.3), loss, ..GreedyFlip::default() };
            let ours = craft(&attack, &data, victim, Seed(seed)).unwrap();
            let ours: Vec<(usize, usize)> = ours.rows.into_iter().zip(ours.labels).collect();
            let held = Seed(seed).derive("validation").choose(&(0..18).collect::<Vec<_>>(), 5);
            assert_eq!(
                ours,
                by_hand(&data, &held, 3, victim, naive),
                "{loss:?}, {classes} classes, seed {seed}"
            );
        }
    }
}

#[test]
fn what_it_is_after_and_needs() {
    let info = labelled(&[0, 1, 0, 1, 0], 2).info();
    let attack = GreedyFlip::default();
    assert_eq!(attack.goal(&info), Goal::Availability);
    assert_eq!(attack.needs(), Needs { victim: true, ..Needs::default() });
    assert!(attack.trigger(&info, Seed(0)).unwrap().is_none());
}

#[test]
fn what_does_not_fit_is_refused() {
    let data = labelled(&[0, 1, 0, 1, 0, 1, 0, 1, 0, 1], 2);
    let refused = |attack: GreedyFlip| {
        let error = attack.check(&data.info()).unwrap_err();
        assert_eq!(
            craft(&attack, &data, &Svm::default(), Seed(0)).unwrap_err(),
            error,
            "crafting asks the same question"
        );
        assert_eq!(attack.passes(&data.info(), 1.0), 0.0);
        error
    };
    let default = GreedyFlip::default;
    for validation in [0.0, 0.05, 1.0].map(share) {
        let error = refused(GreedyFlip { validation, ..default() });
        assert_eq!(error.setting.as_deref(), Some("validation"));
        assert!(error.message.contains("of 10 rows"), "{error}");
    }
    assert_eq!(refused(GreedyFlip { step: 0, ..default() }).setting.as_deref(), Some("step"));
    let error = refused(GreedyFlip { step: 4, candidates: 3, ..default() });
    assert!(error.setting.as_deref() == Some("step") && error.hint.is_some(), "{error}");
    let error = refused(GreedyFlip { rate: share(0.9), ..default() });
    assert!(error.setting.as_deref() == Some("rate") && error.message.contains("only 8 rows"), "{error}");
    let single = labelled(&[0, 0], 1);
    assert!(default().check(&single.info()).unwrap_err().message.contains("single class"));
    let error = default().craft(&Scene::new(&data, Seed(0)), &mut Silent).unwrap_err();
    assert!(error.message.contains("no victim"), "{error}");
}

/// A victim that learns the mean of each class, and counts how often it is trained.
#[derive(Default)]
struct Means(AtomicUsize);

struct Centres(Tensor);

impl Learner for Means {
    fn check(&self, _: &Info) -> Result<()> {
        Ok(())
    }

    fn fit(&self, data: &Dataset, _: Seed, _: &mut dyn Observer) -> Result<Box<dyn Model>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        let values = data.rows().table()?.values();
        let mean = |class: usize| {
            let own: Vec<f32> = data.rows_of(class).into_iter().map(|row| values[row]).collect();
            own.iter().sum::<f32>() / own.len().max(1) as f32
        };
        Ok(Box::new(Centres(Tensor::from_slice(&(0..data.num_classes()).map(mean).collect::<Vec<_>>()))))
    }

    fn restore(&self, _: &Info, _: &NamedTensors) -> Result<Box<dyn Model>> {
        Err(aconite_core::Error::new("it is never stored"))
    }
}

impl Model for Centres {
    fn scores(&self, rows: &Rows) -> Result<Tensor> {
        let values = Tensor::from_slice(rows.table()?.values()).unsqueeze(1);
        Ok((values - &self.0).abs().neg())
    }

    fn features(&self, rows: &Rows) -> Result<Tensor> {
        self.scores(rows)
    }

    fn tensors(&self) -> NamedTensors {
        NamedTensors::new()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn flips_and_trainings_are_exact(
        values in prop::collection::vec(-5.0f32..5.0, 5..25), rate in 0.0..=0.6, validation in 0.2..=0.5,
        candidates in 0usize..6, step in 1usize..4, seed: u64,
    ) {
        let labels: Vec<usize> = (0..values.len()).map(|row| row % 3).collect();
        let data = table(&values.chunks(1).collect::<Vec<_>>(), &labels, 3);
        let candidates = if candidates < step { 0 } else { candidates };
        let attack = GreedyFlip {
            rate: share(rate), validation: share(validation), candidates, step, ..GreedyFlip::default()
        };
        aconite_train::set_threads(1);
        let victim = Means::default();
        let poison = match attack.check(&data.info()) {
            Ok(()) => craft(&attack, &data, &victim, Seed(seed)).unwrap(),
            Err(error) => {
                prop_assert_eq!(craft(&attack, &data, &victim, Seed(seed)).unwrap_err(), error);
                return Ok(());
            }
        };
        let n = values.len();
        prop_assert_eq!(poison.rows.len(), share(rate).count(n));
        prop_assert!(poison.content.is_none());
        let held = Seed(seed).derive("validation").choose(&(0..n).collect::<Vec<_>>(), share(validation).count(n));
        prop_assert!(poison.rows.iter().all(|row| !held.contains(row)));
        prop_assert!(poison.rows.windows(2).all(|two| two[0] < two[1]));
        prop_assert!(poison.rows.iter().zip(&poison.labels).all(|(&row, &label)| labels[row] != label));
        // A training and a reading of every row cost n passes here.
        prop_assert_eq!(attack.passes(&data.info(), n as f64), (victim.0.load(Ordering::Relaxed) * n) as f64);
        prop_assert_eq!(craft(&attack, &data, &victim, Seed(seed)).unwrap(), poison);
    }
}
