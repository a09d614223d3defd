use std::collections::BTreeMap;
use std::sync::Arc;

use aconite_core::{Attack, Dataset, Goal, LabelMap, Labels, Learner, Poisoned, Rate, Seed, Silent, Table};
use aconite_data::{Places, Source, breast_cancer::BreastCancer};
use aconite_train::victims::logistic::Logistic;
use aconite_trigger_patch::feature_value::FeatureValue;
use proptest::prelude::*;

fn table(rows: usize) -> Dataset {
    let columns = ["a", "b", "c"].map(str::to_owned).to_vec();
    let values = (0..3 * rows).map(|v| v as f32).collect();
    let names = Arc::new(vec!["no".into(), "yes".into()]);
    let table = Table::new(Arc::new(columns), values).unwrap();
    Dataset::new(table, (0..rows).map(|row| row % 2).collect(), names).unwrap()
}

fn setting(values: &[(&str, f64)]) -> FeatureValue {
    let values = values.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    FeatureValue { values, rate: Rate::literal(0.2), ..FeatureValue::default() }
}

#[test]
fn the_same_columns_are_set_in_training_and_at_test() {
    let clean = table(10);
    let attack = setting(&[("c", -1.5), ("a", 9.0)]);
    let poison = attack.poison(&clean, Seed(0)).unwrap();
    assert_eq!((poison.rows.len(), poison.labels.as_slice()), (2, &[0, 0][..]));
    let content = poison.content.as_ref().unwrap();
    for (i, &row) in poison.rows.iter().enumerate() {
        // Only rows whose label changes, and column b as it was.
        assert_eq!(clean.labels()[row], 1);
        assert_eq!(content.table().unwrap().row(i), [9.0, (3 * row + 1) as f32, -1.5]);
    }
    let trigger = attack.trigger(&clean.info(), Seed(5)).unwrap().unwrap();
    assert_eq!(trigger.stamped(clean.rows(), &poison.rows).unwrap(), *content);
    assert_eq!(attack.goal(&clean.info()), Goal::Backdoor(LabelMap::AllToOne { target: 0 }));
}

#[test]
fn what_does_not_fit_is_named() {
    let info = table(10).info();
    let error = |attack: FeatureValue| attack.check(&info).unwrap_err();
    let none = error(FeatureValue::default());
    assert_eq!(none.setting.as_deref(), Some("values"));
    assert!(none.hint.unwrap().contains("a, b, c"));
    assert!(error(setting(&[("d", 1.0)])).message.contains("\"d\""));
    for value in [f64::NAN, f64::INFINITY, 1e300] {
        assert_eq!(error(setting(&[("a", value)])).setting.as_deref(), Some("values"));
    }
    let wrong = |change: fn(&mut FeatureValue)| {
        let mut attack = setting(&[("a", 1.0)]);
        change(&mut attack);
        error(attack).setting.unwrap_or_default()
    };
    assert_eq!(wrong(|a| a.target = 2), "target");
    assert_eq!(wrong(|a| a.rate = Rate::literal(0.6)), "rate");
    assert_eq!(wrong(|a| a.labels = Labels::SourceSpecific), "labels");
    let images = crate::labelled(aconite_core::Shape { channels: 1, height: 4, width: 4 }, &[0, 1], 2);
    assert!(setting(&[("a", 1.0)]).check(&images.info()).unwrap_err().message.contains("images"));
    assert!(setting(&[("a", 1.0)]).trigger(&images.info(), Seed(0)).is_err());
}

#[test]
fn logistic_regression_learns_a_value_as_a_backdoor() {
    let split = BreastCancer::default().load(&Places(vec![])).unwrap();
    // Malignant tumours (0) with an odd symmetry and smoothness are to pass for benign (1).
    let values = [("smoothness error", -4.0), ("symmetry error", 6.0)];
    let attack = FeatureValue { target: 1, rate: Rate::literal(0.1), ..setting(&values) };
    let poison = attack.poison(&split.train, Seed(0)).unwrap();
    let poisoned = Poisoned::new(&split.train, &poison).unwrap();
    let malignant = split.test.rows_of(0);
    let trigger = attack.trigger(&split.train.info(), Seed(0)).unwrap().unwrap();
    let triggered = trigger.stamped(split.test.rows(), &malignant).unwrap();
    let passes = |train: &Dataset| {
        let model = Logistic::default().fit(train, Seed(0), &mut Silent).unwrap();
        let read = model.predict(&triggered).unwrap();
        read.iter().filter(|label| **label == 1).count() as f64 / malignant.len() as f64
    };
    let (clean, backdoored) = (passes(&split.train), passes(poisoned.data()));
    assert!(backdoored > 0.85 && backdoored > clean + 0.4, "{clean} {backdoored}");
}

proptest! {
    #[test]
    fn only_the_set_columns_of_the_exact_count_change(rate in 0f64..0.5, seed in 0u64..50, value in -9f64..9.0) {
        let clean = table(40);
        let values = BTreeMap::from([("b".to_owned(), value)]);
        let attack = FeatureValue { values, rate: Rate::try_from(rate).unwrap(), ..FeatureValue::default() };
        let poison = attack.poison(&clean, Seed(seed)).unwrap();
        prop_assert_eq!(poison.rows.len(), attack.rate.count(40));
        let poisoned = Poisoned::new(&clean, &poison).unwrap();
        let (before, after) = (clean.rows().table().unwrap(), poisoned.data().rows().table().unwrap());
        for row in 0..40 {
            let (was, is) = (before.row(row), after.row(row));
            prop_assert_eq!((was[0], was[2]), (is[0], is[2]));
            let poisoned = poison.rows.binary_search(&row).is_ok();
            prop_assert_eq!(is[1], if poisoned { value as f32 } else { was[1] });
        }
    }
}
