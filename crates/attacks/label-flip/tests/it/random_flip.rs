use aconite_core::{Attack, Goal, LabelMap, Poisoned, Rate, RateOf, Seed};
use aconite_label_flip::random_flip::RandomFlip;
use proptest::prelude::*;

use crate::labelled;

fn uniform(rate: f64) -> RandomFlip {
    RandomFlip { rate: Rate::try_from(rate).unwrap(), ..RandomFlip::default() }
}

fn pair(rate: f64, source: usize, target: usize) -> RandomFlip {
    RandomFlip { source: Some(source), target: Some(target), ..uniform(rate) }
}

#[test]
fn the_alias_is_the_contract_word() {
    assert!(aconite_label_flip::ATTACKS[0].spec.answers_to("label_flip"));
    assert!(aconite_label_flip::ATTACKS[0].spec.answers_to("random_flip"));
}

#[test]
fn the_goal_follows_from_the_form() {
    let info = labelled(&[0, 1, 2], 3).info();
    assert_eq!(uniform(0.1).goal(&info), Goal::Availability);
    let goal = pair(0.1, 1, 2).goal(&info);
    assert_eq!(goal, Goal::Targeted(LabelMap::SourceSpecific { source: 1, target: 2 }));
    assert!(uniform(0.1).trigger(&info, Seed(0)).unwrap().is_none());
}

#[test]
fn a_pair_takes_its_share_of_the_class_asked_for() {
    let labels: Vec<usize> = (0..100).map(|row| usize::from(row >= 30) + usize::from(row >= 80)).collect();
    let data = labelled(&labels, 3); // 30, 50 and 20 rows
    let count = |rate_of| {
        let attack = RandomFlip { rate_of, ..pair(0.2, 1, 2) };
        attack.poison(&data, Seed(0)).unwrap().rows.len()
    };
    assert_eq!(
        [RateOf::TrainSet, RateOf::SourceClass, RateOf::TargetClass].map(count),
        [20, 10, 4] // 20 % of 100, 50 and 20 rows
    );
}

#[test]
fn new_labels_are_uniform_over_the_other_classes() {
    // 3000 rows of class 2 flipped over 3 other classes: 1000 each; 5 standard deviations of the binomial
    // distribution are 5·√(3000·1/3·2/3) = 129.
    let poison = uniform(1.0).poison(&labelled(&[2; 3000], 4), Seed(0)).unwrap();
    for class in [0, 1, 3] {
        let hits = poison.labels.iter().filter(|l| **l == class).count();
        assert!(hits.abs_diff(1000) < 129, "class {class}: {hits}");
    }
}

#[test]
fn a_higher_rate_keeps_the_flips_of_a_lower_one() {
    let data = labelled(&(0..200).map(|row| row % 5).collect::<Vec<_>>(), 5);
    let few = Poisoned::new(&data, &uniform(0.1).poison(&data, Seed(4)).unwrap()).unwrap();
    let many = Poisoned::new(&data, &uniform(0.3).poison(&data, Seed(4)).unwrap()).unwrap();
    for row in (0..200).filter(|&row| few.truth().poisoned[row]) {
        assert!(many.truth().poisoned[row]);
        assert_eq!(few.data().labels()[row], many.data().labels()[row]);
    }
}

#[test]
fn what_does_not_fit_is_refused_before_anything_runs() {
    let data = labelled(&[0, 0, 0, 0, 0, 0, 1, 1, 1, 2], 3);
    let refused = |attack: RandomFlip| {
        let error = attack.check(&data.info()).unwrap_err();
        assert_eq!(attack.poison(&data, Seed(0)).unwrap_err(), error, "poison asks the same question");
        error
    };
    let error = refused(RandomFlip { source: Some(1), ..RandomFlip::default() });
    assert!(error.message.contains("target is missing"), "{error}");
    let error = refused(RandomFlip { target: Some(1), ..RandomFlip::default() });
    assert!(error.message.contains("source is missing"), "{error}");
    let error = refused(pair(0.1, 0, 3));
    assert_eq!(error.setting.as_deref(), Some("target"));
    assert!(error.message.contains("0 to 2"), "{error}");
    let error = refused(pair(0.1, 7, 1));
    assert_eq!(error.setting.as_deref(), Some("source"));
    let error = refused(pair(0.1, 1, 1));
    assert!(error.message.contains("both class 1"), "{error}");
    let error = refused(pair(0.5, 1, 0));
    assert_eq!(error.setting.as_deref(), Some("rate"));
    assert!(error.message.contains("5 poisons") && error.message.contains("only 3 rows"), "{error}");
    let error = refused(RandomFlip { rate_of: RateOf::SourceClass, ..RandomFlip::default() });
    assert_eq!(error.setting.as_deref(), Some("rate_of"));
    let single = labelled(&[0, 0], 1);
    assert!(uniform(0.5).check(&single.info()).unwrap_err().message.contains("single class"));
}

proptest! {
    #[test]
    fn exactly_the_asked_number_flips_always_to_another_class(
        labels in prop::collection::vec(0usize..4, 1..120), rate in 0.0..=1.0, seed: u64,
    ) {
        let data = labelled(&labels, 4);
        let poison = uniform(rate).poison(&data, Seed(seed)).unwrap();
        prop_assert_eq!(poison.rows.len(), Rate::try_from(rate).unwrap().count(labels.len()));
        prop_assert!(poison.content.is_none());
        let poisoned = Poisoned::new(&data, &poison).unwrap();
        prop_assert_eq!(poisoned.data().rows(), data.rows());
        for (row, &label) in labels.iter().enumerate() {
            prop_assert_eq!(poisoned.data().labels()[row] != label, poisoned.truth().poisoned[row]);
        }
    }

    #[test]
    fn a_pair_flips_rows_of_its_source_to_its_target(
        labels in prop::collection::vec(0usize..3, 1..120), rate in 0.0..=1.0, seed: u64,
    ) {
        let data = labelled(&labels, 3);
        let attack = RandomFlip { rate_of: RateOf::SourceClass, ..pair(rate, 2, 0) };
        let poison = attack.poison(&data, Seed(seed)).unwrap();
        prop_assert_eq!(poison.rows.len(), Rate::try_from(rate).unwrap().count(data.rows_of(2).len()));
        prop_assert!(poison.rows.iter().all(|&row| labels[row] == 2));
        prop_assert!(poison.labels.iter().all(|&label| label == 0));
    }

    #[test]
    fn the_seed_alone_decides(seed: u64) {
        let data = labelled(&(0..100).map(|row| row % 3).collect::<Vec<_>>(), 3);
        let poison = uniform(0.3).poison(&data, Seed(seed)).unwrap();
        prop_assert_eq!(&poison, &uniform(0.3).poison(&data, Seed(seed)).unwrap());
        // Two draws of 30 rows of 100 are the same once in 10²⁵.
        let other = uniform(0.3).poison(&data, Seed(seed ^ 1)).unwrap();
        prop_assert_ne!(poison.rows, other.rows);
    }
}
