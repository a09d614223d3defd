use aconite_clean_label::label_consistent::{Corners, LabelConsistent, Norm};
use aconite_core::{Attack, Goal, LabelMap, Learner, Poisoned, Rate, RateOf, Scene, Seed, Silent};
use aconite_nets::small_cnn::SmallCnn;
use aconite_train::optim::sgd::Sgd;
use proptest::prelude::*;

use crate::{accuracy, changes, crafted, fashion, labelled, learner, refused, shaded, surrogate};

fn at_rate(rate: f64) -> LabelConsistent {
    LabelConsistent {
        target: 1,
        rate: Rate::try_from(rate).unwrap(),
        rate_of: RateOf::TargetClass,
        steps: 5,
        ..LabelConsistent::default()
    }
}

#[test]
fn images_become_harder_to_read_and_carry_the_pattern() {
    let data = shaded(120);
    let model = surrogate(&data);
    assert!(accuracy(model.as_ref(), &data) > 0.9);
    // The pattern is added after the ascent: without it, the ball is all that an image may move in.
    for (norm, epsilon) in [(Norm::L2, 200.0), (Norm::Linf, 30.0)] {
        let attack = LabelConsistent { norm, epsilon, amplitude: 0.25, ..at_rate(1.0) };
        let poison = &crafted(&attack, &data, model.as_ref(), Seed(0)).unwrap()[0];
        let rounding = 0.5 * (42f64).sqrt();
        for (largest, length) in changes(&data, poison) {
            match norm {
                Norm::L2 => assert!((1.0..=epsilon + rounding).contains(&length), "{length}"),
                Norm::Linf => assert!((1.0..=epsilon).contains(&largest), "{largest}"),
            }
        }
        let poisoned = Poisoned::new(&data, poison).unwrap();
        let hard = poisoned.data().select(&poison.rows).unwrap();
        assert!(accuracy(model.as_ref(), &hard) < 0.5, "{norm:?}");
    }
}

#[test]
fn the_pattern_is_fainter_in_training_than_at_test() {
    let data = shaded(120);
    let model = surrogate(&data);
    // A ball of a hundredth of a grey level rounds to no change.
    let attack = LabelConsistent { epsilon: 0.01, ..at_rate(0.5) };
    let poison = &crafted(&attack, &data, model.as_ref(), Seed(0)).unwrap()[0];
    assert!(changes(&data, poison).iter().all(|&(largest, length)| largest == 32.0 && length == 96.0)); // 9 · 32²
    let trigger = attack.trigger(&data.info(), Seed(0)).unwrap().unwrap();
    let stamped = trigger.stamped(data.rows(), &[1]).unwrap();
    // Rows −3, −2, −1 of 6, columns −3, −2, −1 of 7: to the ends of the scale.
    let image = stamped.images().unwrap().image(0).to_vec();
    let corner: Vec<&[u8]> = (3..6).map(|row| &image[row * 7 + 4..row * 7 + 7]).collect();
    assert_eq!(corner, [[0, 0, 255], [0, 255, 0], [255, 0, 255]]);
}

// 2000 rows of Fashion-MNIST, 100 of the 200 shirts (6) poisoned. Seen: 0.05 of the other classes' triggered
// images are read as shirts by a clean model, 0.41 by the victim; accuracy 0.844 and 0.831.
#[test]
fn half_of_a_class_opens_a_backdoor() {
    let split = fashion(None, 2000);
    let learner = learner(SmallCnn {}, Sgd { lr: 0.05, ..Sgd::default() }, 6, 64);
    let model = learner.fit(&split.train, Seed(0), &mut Silent).unwrap();
    let attack = LabelConsistent {
        target: 6,
        rate: Rate::literal(0.5),
        rate_of: RateOf::TargetClass,
        steps: 20,
        amplitude: 128.0,
        corners: Corners::All,
        ..LabelConsistent::default()
    };
    let scene = Scene { surrogate: Some(model.as_ref()), ..Scene::new(&split.train, Seed(2)) };
    let poison = attack.craft(&scene, &mut Silent).unwrap().remove(0);
    let poisoned = Poisoned::new(&split.train, &poison).unwrap();
    let others = split.test.rows_where(|label| label != 6);
    let trigger = attack.trigger(&split.train.info(), Seed(2)).unwrap().unwrap();
    let triggered = trigger.stamped(split.test.rows(), &others).unwrap();
    let tried = [&split.train, poisoned.data()].map(|data| {
        let victim = learner.fit(data, Seed(1), &mut Silent).unwrap();
        let read = victim.predict(&triggered).unwrap();
        let success = read.iter().filter(|&&label| label == 6).count() as f64 / read.len() as f64;
        (accuracy(victim.as_ref(), &split.test), success)
    });
    let [(accuracy, success), (accuracy_after, success_after)] = tried;
    assert!(success_after > success + 0.2, "{tried:?}");
    assert!(accuracy_after > accuracy - 0.05, "{tried:?}");
}

#[test]
fn what_does_not_fit_is_refused() {
    let data = shaded(120);
    let of = |change: fn(&mut LabelConsistent)| {
        let mut attack = at_rate(0.5);
        change(&mut attack);
        refused(&attack, &data).0
    };
    assert_eq!(of(|a| a.target = 3), "target");
    assert_eq!(of(|a| a.rate_of = RateOf::SourceClass), "rate_of");
    assert_eq!(of(|a| (a.rate, a.rate_of) = (Rate::literal(0.5), RateOf::TrainSet)), "rate");
    assert_eq!(of(|a| a.epsilon = 0.0), "epsilon");
    assert_eq!(of(|a| a.epsilon = f64::NAN), "epsilon");
    assert_eq!(of(|a| a.epsilon = f64::INFINITY), "epsilon");
    assert_eq!(of(|a| (a.norm, a.epsilon) = (Norm::Linf, 300.0)), "epsilon");
    assert_eq!(of(|a| a.steps = 0), "steps");
    assert_eq!(of(|a| a.step_size = Some(0.0)), "step_size");
    assert_eq!(of(|a| a.step_size = Some(f64::NAN)), "step_size");
    assert_eq!(of(|a| a.amplitude = 0.0), "amplitude");
    assert_eq!(of(|a| a.amplitude_test = 256.0), "amplitude_test");
    // Four corners of 3×3 overlap in 5 rows; three classes have 40 rows each.
    let narrow = labelled(aconite_core::Shape { channels: 1, height: 5, width: 9 }, &[0, 1, 1], 2);
    let all = LabelConsistent { corners: Corners::All, ..at_rate(0.5) };
    assert_eq!(refused(&all, &narrow).0, "corners");
    assert!(at_rate(0.5).check(&narrow.info()).is_ok());
    let error = at_rate(0.5).craft(&Scene::new(&data, Seed(0)), &mut Silent).unwrap_err();
    assert!(error.message.contains("no surrogate"), "{error}");
    assert_eq!(at_rate(0.5).goal(&data.info()), Goal::Backdoor(LabelMap::AllToOne { target: 1 }));
    // 20 images, 5 steps, forward and backward.
    assert_eq!(at_rate(0.5).passes(&data.info(), 1e9), 300.0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn rows_of_the_target_class_change_and_no_label_does(rows in 9usize..90, rate in 0.0..=1.0, seed: u64) {
        let data = shaded(rows);
        let model = surrogate(&shaded(30));
        let attack = at_rate(rate);
        let poison = crafted(&attack, &data, model.as_ref(), Seed(seed)).unwrap().remove(0);
        prop_assert_eq!(poison.rows.len(), Rate::try_from(rate).unwrap().count(data.rows_of(1).len()));
        prop_assert!(poison.rows.iter().all(|&row| data.labels()[row] == 1));
        let poisoned = Poisoned::new(&data, &poison).unwrap();
        prop_assert_eq!(poisoned.data().labels(), data.labels());
        // The seed decides, and the rows of a lower rate are among those of a higher one.
        prop_assert_eq!(&poison, &crafted(&attack, &data, model.as_ref(), Seed(seed)).unwrap()[0]);
        let lower = &crafted(&at_rate(rate / 2.0), &data, model.as_ref(), Seed(seed)).unwrap()[0];
        prop_assert!(lower.rows.iter().all(|row| poison.rows.contains(row)));
    }
}
