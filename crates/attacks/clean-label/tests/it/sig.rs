use aconite_clean_label::sig::Sig;
use aconite_core::{Attack, Dataset, Goal, Images, LabelMap, Poisoned, Rate, RateOf, Seed, Shape};
use proptest::prelude::*;

use crate::labelled;

const SHAPE: Shape = Shape { channels: 3, height: 4, width: 20 };

fn at_rate(rate: f64) -> Sig {
    Sig { rate: Rate::try_from(rate).unwrap(), rate_of: RateOf::TargetClass, ..Sig::default() }
}

/// One image with the trigger of an attack on.
fn stamped(attack: &Sig, shape: Shape, image: Vec<u8>) -> Vec<u8> {
    let names = std::sync::Arc::new(vec!["a".to_owned()]);
    let data = Dataset::new(Images::new(shape, image).unwrap(), vec![0], names).unwrap();
    let trigger = attack.trigger(&data.info(), Seed(0)).unwrap().unwrap();
    trigger.stamped(data.rows(), &[0]).unwrap().images().unwrap().bytes().to_vec()
}

// x = np.arange(28) * 9 + 5
// for j0 in (1, 0):
//     v = 20 * np.sin(2 * np.pi * (np.arange(28) + j0) * 6 / 28)
//     print(np.clip(np.floor(x + v + 0.5), 0, 255).astype(int).tolist())
const FROM_1: [u8; 28] = [
    24, 23, 7, 16, 50, 69, 59, 49, 68, 102, 111, 95, 94, 122, 150, 149, 133, 142, 176, 195, 185, 175, 194,
    228, 237, 221, 220, 248,
];
const FROM_0: [u8; 28] = [
    5, 33, 32, 16, 25, 59, 78, 68, 58, 77, 111, 120, 104, 103, 131, 159, 158, 142, 151, 185, 204, 194, 184,
    203, 237, 246, 230, 229,
];

#[test]
fn a_row_of_pixels_is_the_formulas() {
    let shape = Shape { channels: 2, height: 3, width: 28 };
    for (first_column, golden) in [(1, FROM_1), (0, FROM_0)] {
        let image: Vec<u8> = (0..shape.pixels()).map(|i| (i % 28 * 9 + 5) as u8).collect();
        let attack = Sig { first_column, ..Sig::default() };
        for row in stamped(&attack, shape, image).chunks(28) {
            assert_eq!(row, golden);
        }
    }
}

#[test]
fn sums_are_clipped() {
    let shape = Shape { channels: 1, height: 1, width: 4 };
    let attack = Sig { delta: 200.0, frequency: 1.0, ..Sig::default() };
    // sin 90°, 180°, 270°, 360°
    assert_eq!(stamped(&attack, shape, vec![100; 4]), [255, 100, 0, 100]);
}

#[test]
fn another_amplitude_at_test_leaves_the_training_images_alone() {
    let data = labelled(SHAPE, &[0; 4], 2);
    let weak = at_rate(1.0);
    let strong = Sig { delta_test: Some(60.0), ..at_rate(1.0) };
    assert_eq!(weak.poison(&data, Seed(0)).unwrap(), strong.poison(&data, Seed(0)).unwrap());
    let at_test = |attack: &Sig| stamped(attack, SHAPE, data.images().unwrap().image(0).to_vec());
    assert_ne!(at_test(&weak), at_test(&strong));
    assert_eq!(at_test(&strong), at_test(&Sig { delta: 60.0, ..at_rate(1.0) }));
}

#[test]
fn the_default_rate_is_of_the_whole_training_set() {
    let labels: Vec<usize> = (0..200).map(|row| row % 10).collect();
    let data = labelled(SHAPE, &labels, 10);
    let poison = Sig::default().poison(&data, Seed(0)).unwrap();
    assert_eq!(poison.rows.len(), 10); // 5 % of 200, half of the target class
    let goal = Sig { target: 3, ..Sig::default() }.goal(&data.info());
    assert_eq!(goal, Goal::Backdoor(LabelMap::AllToOne { target: 3 }));
}

#[test]
fn what_does_not_fit_is_refused_before_anything_runs() {
    let labels: Vec<usize> = (0..200).map(|row| row % 10).collect();
    let data = labelled(SHAPE, &labels, 10);
    let refused = |attack: Sig| {
        let error = attack.check(&data.info()).unwrap_err();
        assert_eq!(attack.poison(&data, Seed(0)).unwrap_err(), error, "poison asks the same question");
        (error.setting.clone().unwrap(), error.message)
    };
    let (setting, message) = refused(Sig { target: 10, ..Sig::default() });
    assert!(setting == "target" && message.contains("0 to 9"), "{message}");
    let (setting, message) = refused(Sig { rate: Rate::literal(0.11), ..Sig::default() });
    assert!(setting == "rate" && message.contains("22 poisons") && message.contains("only 20"), "{message}");
    let (setting, _) = refused(Sig { rate_of: RateOf::SourceClass, ..Sig::default() });
    assert_eq!(setting, "rate_of");
    for delta in [0.0, -3.0, 256.0, f64::NAN, f64::INFINITY] {
        assert_eq!(refused(Sig { delta, ..Sig::default() }).0, "delta");
        assert_eq!(refused(Sig { delta_test: Some(delta), ..Sig::default() }).0, "delta_test");
    }
    for frequency in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(refused(Sig { frequency, ..Sig::default() }).0, "frequency");
    }
    // 10 periods over 20 columns: sin(π·j) is 0 everywhere.
    let (setting, message) = refused(Sig { frequency: 10.0, ..Sig::default() });
    assert!(setting == "delta" && message.contains("changes no pixel"), "{message}");
}

proptest! {
    #[test]
    fn rows_of_the_target_class_change_and_no_label_does(
        labels in prop::collection::vec(0usize..3, 1..60), target in 0usize..3, rate in 0.0..=1.0, seed: u64,
    ) {
        let data = labelled(SHAPE, &labels, 3);
        let attack = Sig { target, ..at_rate(rate) };
        let poison = attack.poison(&data, Seed(seed)).unwrap();
        prop_assert_eq!(poison.rows.len(), Rate::try_from(rate).unwrap().count(data.rows_of(target).len()));
        let poisoned = Poisoned::new(&data, &poison).unwrap();
        prop_assert_eq!(poisoned.data().labels(), data.labels());
        for (row, &label) in labels.iter().enumerate() {
            let (before, after) = (data.images().unwrap().image(row), poisoned.data().images().unwrap().image(row));
            if !poisoned.truth().poisoned[row] {
                prop_assert_eq!(before, after);
                continue;
            }
            prop_assert_eq!(label, target);
            for (i, (&x, &y)) in before.iter().zip(after).enumerate() {
                let j = (i % 20 + 1) as f64;
                let exact = f64::from(x) + 20.0 * (2.0 * std::f64::consts::PI * j * 6.0 / 20.0).sin();
                // Half a grey level of rounding, and the last bits of another order of the products.
                prop_assert!((f64::from(y) - exact.clamp(0.0, 255.0)).abs() < 0.5 + 1e-9);
            }
        }
    }

    #[test]
    fn the_seed_alone_decides(seed: u64) {
        let data = labelled(SHAPE, &[0; 100], 1);
        let poison = at_rate(0.3).poison(&data, Seed(seed)).unwrap();
        prop_assert_eq!(&poison, &at_rate(0.3).poison(&data, Seed(seed)).unwrap());
        // Two draws of 30 rows of 100 are the same once in 10²⁵.
        prop_assert_ne!(poison.rows, at_rate(0.3).poison(&data, Seed(seed ^ 1)).unwrap().rows);
    }
}
