use std::sync::Arc;

use aconite_core::{
    Attack, Dataset, Learner, Poison, Poisoned, Rate, Retraining, Seed, Silent, Table, metrics,
};
use aconite_data::{Places, Source, traffic::Traffic};
use aconite_log_poisoning::boiling_frog::BoilingFrog;
use aconite_log_poisoning::chaff::{Chaff, Form, Informed};
use aconite_train::victims::{pca_subspace::PcaSubspace, robust_pca::RobustPca};
use proptest::prelude::*;

/// Normal rows at these places of the second column, and an anomaly high above them all.
fn column(places: &[f32]) -> Dataset {
    let mut values: Vec<f32> = places.iter().flat_map(|&place| [7.0, place]).collect();
    values.extend([7.0, 1000.0]);
    let table = Table::new(Arc::new(vec!["still".into(), "flow".into()]), values).unwrap();
    let labels = (0..=places.len()).map(|row| usize::from(row == places.len())).collect();
    Dataset::new(table, labels, Arc::new(vec!["normal".into(), "attack".into()])).unwrap()
}

fn rate(share: f64) -> Rate {
    Rate::try_from(share).unwrap()
}

/// What each poisoned row got, by row.
fn lengths(clean: &Dataset, poison: &Poison) -> Vec<(usize, f64)> {
    let content = poison.content.as_ref().unwrap().table().unwrap();
    let before = clean.rows().table().unwrap();
    let got = |(i, &row): (usize, &usize)| {
        assert_eq!(content.row(i)[0], before.row(row)[0], "chaff goes along the flow alone");
        (row, f64::from(content.row(i)[1] - before.row(row)[1]))
    };
    poison.rows.iter().enumerate().map(got).collect()
}

#[test]
fn local_chaff_is_proportional_to_what_is_seen() {
    // Places 0, 2, 4, 6, 8, 10: deviation sqrt(35/3). Half of them are 6, 8 and 10, which lie 2, 4 and 6 above the next
    // one, 4; their mean of 0.5 deviations is shared 1 : 2 : 3.
    let clean = column(&[10.0, 0.0, 6.0, 2.0, 8.0, 4.0]);
    let chaff = Chaff { strength: 0.5, ..Chaff::default() };
    let poison = chaff.poison(&clean, Seed(0)).unwrap();
    let mean = 0.5 * (35.0f64 / 3.0).sqrt();
    let want = [(0, 1.5 * mean), (2, 0.5 * mean), (4, mean)];
    for (got, want) in lengths(&clean, &poison).iter().zip(want) {
        assert!(got.0 == want.0 && (got.1 - want.1).abs() < 1e-5, "{got:?} {want:?}");
    }
    assert_eq!(poison.labels, [0; 3]);
    // As rows of their own the same chaff leaves all others as they were.
    let added = Chaff { form: Form::Added, ..chaff }.poison(&clean, Seed(0)).unwrap();
    let poisoned = Poisoned::new(&clean, &added).unwrap();
    assert_eq!((poisoned.data().len(), added.count()), (10, 3));
    assert_eq!(poisoned.data().rows().select(&(0..7).collect::<Vec<_>>()), *clean.rows());
    assert_eq!(Some(added.added.unwrap().rows), poison.content);
}

#[test]
fn uninformed_chaff_is_the_same_on_drawn_rows() {
    let clean = column(&(0..100).map(|v| v as f32).collect::<Vec<_>>());
    let chaff = Chaff { rate: rate(0.2), strength: 2.0, informed: Informed::Uninformed, ..Chaff::default() };
    let got = lengths(&clean, &chaff.poison(&clean, Seed(0)).unwrap());
    // Deviation of 0 … 99: sqrt((100² − 1)/12).
    let want = 2.0 * (9999.0f64 / 12.0).sqrt();
    assert!(got.len() == 20 && got.iter().all(|(_, length)| (length - want).abs() < 1e-4), "{got:?}");
    let other = lengths(&clean, &chaff.poison(&clean, Seed(1)).unwrap());
    assert_ne!(got.iter().map(|g| g.0).collect::<Vec<_>>(), other.iter().map(|g| g.0).collect::<Vec<_>>());
}

#[test]
fn the_frog_is_boiled_in_the_last_weeks() {
    let clean = column(&(0..53).map(|v| ((v * 7) % 10) as f32).collect::<Vec<_>>());
    let frog = BoilingFrog {
        weeks: 3,
        period: 10,
        strength: 0.5,
        growth: 2.0,
        rate: rate(0.4),
        informed: Informed::Uninformed,
        normal: None,
    };
    let got = lengths(&clean, &frog.poison(&clean, Seed(0)).unwrap());
    assert_eq!(got.len(), 3 * 4);
    let first = got[0].1;
    for (row, length) in &got {
        // Five whole weeks, of which the last three hold chaff; the rows behind them are nobody's.
        assert!((20..50).contains(row));
        let week = (row - 20) / 10;
        assert!((length / first - 2f64.powi(week as i32)).abs() < 1e-4, "{row} {length}");
    }
    assert_eq!(BoilingFrog { weeks: 0, ..frog.clone() }.poison(&clean, Seed(0)).unwrap().count(), 0);
    let key = |frog: BoilingFrog| frog.check(&clean.info()).unwrap_err().setting.unwrap_or_default();
    assert_eq!(key(BoilingFrog { weeks: 5, ..frog.clone() }), "weeks");
    assert_eq!(key(BoilingFrog { period: 0, ..frog.clone() }), "period");
    assert_eq!(key(BoilingFrog { rate: rate(0.09), ..frog.clone() }), "rate");
    let of_no_row = |weeks, share| BoilingFrog { weeks, rate: rate(share), ..frog.clone() };
    assert!(
        of_no_row(3, 0.0).check(&clean.info()).is_ok() && of_no_row(0, 0.09).check(&clean.info()).is_ok()
    );
    assert_eq!(frog.timed_by(&clean.info()).unwrap(), Some(Retraining { period: 10, normal: 0 }));
    assert_eq!(of_no_row(0, 0.4).timed_by(&clean.info()).unwrap(), None);
    assert_eq!(key(BoilingFrog { growth: 0.5, ..frog.clone() }), "growth");
    assert_eq!(key(BoilingFrog { growth: 10.0, strength: 1e5, ..frog.clone() }), "growth");
    assert_eq!(key(BoilingFrog { strength: -1.0, ..frog }), "strength");
    let chaff = |chaff: Chaff| chaff.check(&clean.info()).unwrap_err().setting.unwrap_or_default();
    assert_eq!(chaff(Chaff { strength: f64::NAN, ..Chaff::default() }), "strength");
    assert_eq!(chaff(Chaff { rate: rate(0.001), ..Chaff::default() }), "rate");
}

/// Share of flooded bins that a victim takes for normal.
fn missed(victim: &dyn Learner, train: &Dataset, test: &Dataset) -> f64 {
    let model = victim.fit(train, Seed(0), &mut Silent).unwrap();
    let read = model.predict(test.rows()).unwrap();
    1.0 - metrics::class_accuracy(&read, test.labels(), 2)[1].unwrap()
}

#[test]
fn chaff_hides_a_flood_from_components_that_follow_variance() {
    let split = Traffic::default().load(&Places(vec![])).unwrap();
    let plain = PcaSubspace { components: Some(4), ..PcaSubspace::default() };
    // At these rates of false alarms both raise them in about 2 % of the bins.
    let robust = RobustPca { alpha: 0.05, ..RobustPca::default() };
    assert!(missed(&plain, &split.train, &split.test) < 0.05); // 0.000
    assert!(missed(&robust, &split.train, &split.test) < 0.05); // 0.000
    let laden = |share: f64| {
        let chaff = Chaff { rate: rate(share), strength: 2.0, ..Chaff::default() };
        Poisoned::new(&split.train, &chaff.poison(&split.train, Seed(0)).unwrap()).unwrap()
    };
    let (few, many) = (laden(0.2), laden(0.5));
    assert!(missed(&plain, few.data(), &split.test) > 0.8); // 0.971
    assert!(missed(&robust, few.data(), &split.test) < 0.2); // 0.008
    assert!(missed(&robust, many.data(), &split.test) > 0.8, "half of the rows move a median"); // 0.983
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn chaff_is_exact_and_has_its_mean(
        places in prop::collection::vec(-100f32..100.0, 5..50),
        share in 0.2f64..=1.0,
        strength in 0.1f64..3.0,
        local in any::<bool>(),
    ) {
        prop_assume!(places.iter().any(|p| (p - places[0]).abs() > 1.0));
        let clean = column(&places);
        let informed = if local { Informed::Locally } else { Informed::Uninformed };
        let chaff = Chaff { rate: rate(share), strength, informed, ..Chaff::default() };
        let got = lengths(&clean, &chaff.poison(&clean, Seed(0)).unwrap());
        prop_assert_eq!(got.len(), rate(share).count(places.len()));
        let n = places.len() as f64;
        let middle = places.iter().map(|p| f64::from(*p)).sum::<f64>() / n;
        let sd = (places.iter().map(|p| (f64::from(*p) - middle).powi(2)).sum::<f64>() / n).sqrt();
        let mean = got.iter().map(|(_, length)| length).sum::<f64>() / got.len() as f64;
        prop_assert!((mean / (strength * sd) - 1.0).abs() < 1e-3, "{} {}", mean, strength * sd);
        prop_assert!(got.iter().all(|(row, length)| *row < places.len() && *length > -1e-4));
    }
}
