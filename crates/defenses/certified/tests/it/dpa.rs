use std::num::NonZeroU32;
use std::sync::Arc;

use aconite_certified::dpa::Dpa;
use aconite_core::{
    Certificate, Certified, Dataset, Defense, Images, Learner, Model, Regime, Role, Seed, Shape, Silent,
    Table, Told, Training,
};
use aconite_data::fashion_mnist_mini::FashionMnistMini;
use aconite_data::{Places, Source, balanced};
use aconite_nets::linear::Linear;
use aconite_train::optim::sgd::Sgd;
use aconite_train::schedule::constant::Constant;
use aconite_train::{SgdLearner, Train};
use proptest::prelude::*;
use rand::RngExt;

use crate::nearest::Nearest;

/// Rows of two pixels.
fn pairs(rows: &[([u8; 2], usize)]) -> Dataset {
    let shape = Shape { channels: 1, height: 1, width: 2 };
    let images = Images::new(shape, rows.iter().flat_map(|row| row.0).collect()).unwrap();
    let names = Arc::new(["a", "b", "c"].map(str::to_owned).to_vec());
    Dataset::new(images, rows.iter().map(|row| row.1).collect(), names).unwrap()
}

fn fit(dpa: &Dpa, learner: &dyn Learner, data: &Dataset) -> Box<dyn Model> {
    dpa.check(&data.info()).unwrap();
    let (seed, own) = (Seed(3), Seed(4));
    let training = Training { learner, data, feed: None, told: Told::default(), seed, own };
    dpa.fit(&training, &mut Silent).unwrap()
}

/// All rows of two pixels 0 to 2, all of them with each label.
fn universe() -> Vec<([u8; 2], usize)> {
    let pixels = (0..3).flat_map(|a| (0..3).map(move |b| [a, b]));
    pixels.flat_map(|pixels| (0..3).map(move |label| (pixels, label))).collect()
}

/// All training sets that are one insertion or one removal away. Equal rows are removed once.
fn neighbours(rows: &[([u8; 2], usize)]) -> Vec<Vec<([u8; 2], usize)>> {
    let added = universe().into_iter().map(|row| [rows, &[row]].concat());
    let removed = (0..rows.len()).filter(|&i| rows.len() > 1 && !rows[..i].contains(&rows[i]));
    added.chain(removed.map(|i| [&rows[..i], &rows[i + 1..]].concat())).collect()
}

#[test]
fn no_insertion_or_removal_within_the_radius_changes_a_prediction() {
    let dpa = Dpa { k: 5 };
    let test = pairs(&universe().into_iter().step_by(3).collect::<Vec<_>>());
    let certify = |rows: &[([u8; 2], usize)]| {
        let data = pairs(rows);
        dpa.certify(&*fit(&dpa, &Nearest::default(), &data), test.rows()).unwrap()
    };
    let (mut seen, mut broken) = ([0; 3], [0; 3]);
    // All pairs of pixels once, so that no part is empty; labels for votes that are close, clear and unanimous.
    for (seed, labels) in [(0, [0, 1, 1, 2]), (1, [0, 1, 2, 2]), (2, [0, 0, 0, 1]), (3, [0; 4])] {
        let mut draws = Seed(seed).rng();
        let pairs = universe().into_iter().step_by(3);
        let rows: Vec<([u8; 2], usize)> =
            pairs.map(|(pixels, _)| (pixels, labels[draws.random_range(0..4)])).collect();
        let before = certify(&rows);
        before.iter().for_each(|row| seen[row.radius] += 1);
        let mut changed = [false; 9];
        for once in neighbours(&rows) {
            for (at, after) in certify(&once).iter().enumerate() {
                assert!(before[at].radius < 1 || after.label == before[at].label, "{rows:?} {once:?}");
                changed[at] |= after.label != before[at].label;
            }
            if before.iter().any(|row| row.radius == 2) {
                for twice in neighbours(&once) {
                    for (at, after) in certify(&twice).iter().enumerate() {
                        assert!(
                            before[at].radius < 2 || after.label == before[at].label,
                            "{rows:?} {twice:?}"
                        );
                    }
                }
            }
        }
        (0..9).for_each(|at| broken[before[at].radius] += usize::from(changed[at]));
    }
    // All radii occur, and one row does change predictions of radius 0: the attack is a real one.
    assert!(seen.iter().all(|&rows| rows > 0) && broken[0] > 0, "{seen:?} {broken:?}");
}

#[test]
fn parts_are_sums_modulo_k_and_small_parts_have_their_say() {
    // Sums 0 | 1 and 4 | 5 | none, modulo 3 and 4.
    let data = pairs(&[([0, 0], 2), ([0, 1], 0), ([2, 2], 1), ([2, 3], 1)]);
    let voters = |k: usize, learner: &Nearest| {
        let model = fit(&Dpa { k }, learner, &data);
        let tensors = model.tensors();
        let names: Vec<String> = tensors.keys().cloned().collect();
        (Vec::<i64>::try_from(&tensors["voters"]).unwrap(), names)
    };
    // A class, or −1 for a trained model, or −2 for none.
    let nearest = Nearest::default();
    assert_eq!(voters(3, &nearest).0, [2, -1, 1]);
    assert_eq!(voters(4, &nearest).0, [-1, -1, -2, -2]);
    assert_eq!(voters(3, &nearest).1, ["base1.labels", "base1.rows", "voters"]);
    // Where training fails there is no vote, unless it fails everywhere.
    let fails = Nearest { fails_on: Some(2) };
    assert_eq!(voters(4, &fails).0, [-2, -1, -2, -2]);
    let training = |learner| Training {
        learner,
        data: &data,
        feed: None,
        told: Told::default(),
        seed: Seed(0),
        own: Seed(0),
    };
    let fails = Nearest { fails_on: Some(1) };
    let error = Dpa { k: 1 }.fit(&training(&fails), &mut Silent).err().unwrap();
    assert_eq!(error.message, "told to fail");
}

#[test]
fn what_does_not_fit_is_refused() {
    let info = pairs(&[([0, 0], 2), ([0, 1], 0)]).info();
    for k in [0, 3] {
        let error = Dpa { k }.check(&info).unwrap_err();
        assert!(error.setting.as_deref() == Some("k") && error.message.contains("1 to 2"), "{error}");
    }
    assert!(Dpa { k: 2 }.check(&info).is_ok());
    let dpa = Dpa::default();
    assert!(matches!(dpa.role(), Role::Certificate(_)) && dpa.knowledge().is_empty() && !dpa.needs_steps());
}

fn linear(epochs: u32) -> SgdLearner {
    let count = |n| NonZeroU32::new(n).unwrap();
    SgdLearner {
        net: Box::new(Linear {}),
        train: Train { epochs: count(epochs), batch_size: count(32), ..Train::default() },
        optimizer: Box::new(Sgd { lr: 0.01, ..Sgd::default() }),
        schedule: Box::new(Constant {}),
    }
}

/// Rows of small numbers.
fn table(rows: &[(Vec<i8>, usize)]) -> Dataset {
    let columns = Arc::new(["x", "y", "z"].map(str::to_owned).to_vec());
    let values = rows.iter().flat_map(|row| &row.0).map(|&v| f32::from(v) / 64.0).collect();
    let names = Arc::new(["a", "b"].map(str::to_owned).to_vec());
    let labels = rows.iter().map(|row| row.1).collect();
    Dataset::new(Table::new(columns, values).unwrap(), labels, names).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn one_row_reaches_one_model_and_the_order_none(
        rows in prop::collection::vec((prop::collection::vec(any::<i8>(), 3), 0usize..2), 8..40),
        threads in 1usize..3,
        seed: u64,
    ) {
        aconite_train::set_threads(threads);
        let dpa = Dpa { k: 4 };
        let tensors = |rows: &[(Vec<i8>, usize)]| fit(&dpa, &linear(2), &table(rows)).tensors();
        let all = tensors(&rows);
        let order = Seed(seed).shuffled(&(0..rows.len()).collect::<Vec<_>>());
        let other: Vec<_> = order.iter().map(|&row| rows[row].clone()).collect();
        prop_assert_eq!(&all, &tensors(&other));
        let fewer = tensors(&other[1..]);
        let voters = |t: &aconite_core::NamedTensors| Vec::<i64>::try_from(&t["voters"]).unwrap();
        let differs = |base: &usize| {
            let part = |t: &aconite_core::NamedTensors| {
                let prefix = format!("base{base}.");
                let own = t.iter().filter(|(name, _)| name.starts_with(&prefix));
                own.map(|(name, t)| (name.clone(), t.shallow_clone())).collect::<Vec<_>>()
            };
            voters(&all)[*base] != voters(&fewer)[*base] || part(&all) != part(&fewer)
        };
        prop_assert!((0..4).filter(differs).count() <= 1);
    }
}

#[test]
fn images_of_clothing_are_certified() {
    aconite_train::set_threads(1);
    let split = FashionMnistMini {}.load(&Places(vec![])).unwrap();
    let train = balanced(&split.train, 2000, Seed(0)).unwrap();
    let (dpa, learner) = (Dpa { k: 25 }, linear(10));
    let model = fit(&dpa, &learner, &train);
    let certified = dpa.certify(&*model, split.test.rows()).unwrap();
    let labels: Vec<usize> = certified.iter().map(|row| row.label).collect();
    assert_eq!(labels, model.predict(split.test.rows()).unwrap());
    let accuracy = aconite_core::metrics::accuracy(&labels, split.test.labels()).unwrap();
    // The radius of the median test row, of wrong ones below 0: the paper's median certificate.
    let radius =
        |(row, label): (&Certified, &usize)| if row.label == *label { row.radius as i64 } else { -1 };
    let mut radii: Vec<i64> = certified.iter().zip(split.test.labels()).map(radius).collect();
    radii.sort_unstable();
    let median = radii[radii.len() / 2];
    assert!(accuracy > 0.5 && median >= 1, "{accuracy} {median}");

    let restored = dpa.restore(&learner, &train.info(), &model.tensors()).unwrap();
    assert_eq!(restored.scores(split.test.rows()).unwrap(), model.scores(split.test.rows()).unwrap());
    assert!(Dpa { k: 24 }.restore(&learner, &train.info(), &model.tensors()).is_err());
}
