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

fn by_matrix(rate: f64, matrix: [[f64; 3]; 3]) -> RandomFlip {
    RandomFlip { transition: Some(matrix.map(Vec::from).into()), ..uniform(rate) }
}

/// How often class i is given the label j, for three classes of these sizes.
fn confusion(attack: &RandomFlip, sizes: [usize; 3], seed: u64) -> [[usize; 3]; 3] {
    let labels: Vec<usize> = (0..3).flat_map(|class| vec![class; sizes[class]]).collect();
    let data = labelled(&labels, 3);
    let poisoned = Poisoned::new(&data, &attack.poison(&data, Seed(seed)).unwrap()).unwrap();
    let mut counts = [[0; 3]; 3];
    for (&label, &given) in labels.iter().zip(poisoned.data().labels()) {
        counts[label][given] += 1;
    }
    counts
}

// y = np.repeat([0, 1, 2], [30, 50, 20]); T = np.array([[.9, .1, 0], [.02, .9, .08], [.25, .05, .7]])
// sklearn.metrics.confusion_matrix(y, cleanlab.benchmarking.noise_generation.generate_noisy_labels(y, T.T))
#[test]
fn a_matrix_at_its_word_is_cleanlabs() {
    let matrix = [[0.9, 0.1, 0.0], [0.02, 0.9, 0.08], [0.25, 0.05, 0.7]];
    let wanted = [[27, 3, 0], [1, 45, 4], [5, 1, 14]];
    for seed in 0..5 {
        assert_eq!(confusion(&by_matrix(0.14, matrix), [30, 50, 20], seed), wanted);
    }
}

// T = np.array([[.9, .07, .03], [.1, .8, .1], [.25, .05, .7]]); n = np.array([31, 48, 22])
// w = n[:, None] * T; np.fill_diagonal(w, 0); total = int(rate * n.sum()); w *= total / w.sum()
// c = np.floor(w).astype(int); c.ravel()[np.argsort(-(w - c).ravel(), kind="stable")[:total - c.sum()]] += 1
#[test]
fn another_rate_thins_or_thickens_the_noise() {
    let matrix = [[0.9, 0.07, 0.03], [0.1, 0.8, 0.1], [0.25, 0.05, 0.7]];
    for (rate, flips) in [
        (0.2, [[0, 2, 1], [5, 0, 5], [6, 1, 0]]),
        (0.07, [[0, 1, 0], [2, 0, 2], [2, 0, 0]]),
        (0.19, [[0, 2, 1], [5, 0, 5], [5, 1, 0]]),
    ] {
        let mut counts = confusion(&by_matrix(rate, matrix), [31, 48, 22], 0);
        for (class, row) in counts.iter_mut().enumerate() {
            row[class] = 0;
        }
        assert_eq!(counts, flips, "{rate}");
    }
}

#[test]
fn a_matrix_says_from_where_to_where_and_the_seed_which() {
    let data = labelled(&[0; 40], 2);
    let attack = RandomFlip { transition: Some(vec![vec![0.5, 0.5], vec![0.0, 1.0]]), ..uniform(0.5) };
    let rows = |seed| attack.poison(&data, Seed(seed)).unwrap().rows;
    assert_eq!(rows(3), rows(3));
    assert_ne!(rows(3), rows(4));
    assert_eq!(attack.goal(&data.info()), Goal::Availability);
}

#[test]
fn a_matrix_that_does_not_fit_is_refused() {
    let data = labelled(&[0, 0, 0, 0, 0, 0, 1, 1, 1, 2], 3);
    let refused = |attack: RandomFlip, setting: &str, part: &str| {
        let error = attack.check(&data.info()).unwrap_err();
        assert_eq!(error.setting.as_deref(), Some(setting), "{error}");
        assert!(error.message.contains(part), "{error}");
        assert_eq!(attack.poison(&data, Seed(0)).unwrap_err(), error);
    };
    let identity = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    let with = |row: [f64; 3]| by_matrix(0.1, [row, identity[1], identity[2]]);
    refused(with([1.1, -0.1, 0.0]), "transition", "row 0 holds 1.1");
    refused(with([f64::NAN, 0.5, 0.5]), "transition", "row 0 holds NaN");
    refused(with([0.5, 0.4, 0.0]), "transition", "row 0 sums to 0.9");
    refused(by_matrix(0.1, identity), "transition", "flips no label");
    let small = vec![vec![0.5, 0.5], vec![0.5, 0.5]];
    refused(RandomFlip { transition: Some(small), ..uniform(0.1) }, "transition", "3 rows of 3 shares");
    let ragged = vec![vec![1.0, 0.0, 0.0], vec![1.0, 0.0], vec![1.0, 0.0, 0.0]];
    refused(RandomFlip { transition: Some(ragged), ..uniform(0.1) }, "transition", "[3, 2, 3]");
    let half = [0.5, 0.5, 0.0];
    refused(RandomFlip { source: Some(0), ..with(half) }, "source", "transition");
    refused(RandomFlip { target: Some(0), ..with(half) }, "target", "transition");
    refused(RandomFlip { rate_of: RateOf::SourceClass, ..with(half) }, "rate_of", "no single source class");
    let only_last = by_matrix(0.5, [identity[0], identity[1], [0.5, 0.0, 0.5]]);
    refused(only_last, "rate", "5 of them from class 2, which has only 1 rows");
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
    fn a_matrix_flips_the_exact_number_each_within_one_of_its_share(
        sizes in prop::array::uniform3(20usize..60), parts in prop::array::uniform9(0u8..10), rate in 0.0..=0.3, seed: u64,
    ) {
        let row = |i: usize| {
            // At least half stays, so that no class runs out.
            let beside: Vec<f64> = (0..3).map(|j| if i == j { 0.0 } else { 0.1 + f64::from(parts[3 * i + j]) }).collect();
            let sum: f64 = beside.iter().sum();
            let mut row = [0, 1, 2].map(|j| 0.5 * beside[j] / sum);
            row[i] = 0.5;
            row
        };
        let matrix = [row(0), row(1), row(2)];
        let counts = confusion(&by_matrix(rate, matrix), sizes, seed);
        let n: usize = sizes.iter().sum();
        let total = Rate::try_from(rate).unwrap().count(n);
        let flips = |i: usize| (0..3).filter(move |&j| j != i).map(move |j| (i, j));
        prop_assert_eq!((0..3).flat_map(flips).map(|(i, j)| counts[i][j]).sum::<usize>(), total);
        for (i, j) in (0..3).flat_map(flips) {
            let wanted = sizes[i] as f64 * matrix[i][j] * total as f64 / (0.5 * n as f64);
            prop_assert!((counts[i][j] as f64 - wanted).abs() < 1.0 + 1e-6, "{} {}", counts[i][j], wanted);
        }
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
