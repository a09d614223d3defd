use aconite_core::{Defense, Knowledge, Rate, Role, Seed, Truth, Verdict, by_score};
use aconite_sanitization::perfect_filter::PerfectFilter;
use aconite_sanitization::random_filter::RandomFilter;
use proptest::prelude::*;

fn judge(defense: &dyn Defense, poisoned: &[bool], seed: u64) -> Verdict {
    let Role::Control(arm) = defense.role() else { panic!("not a control arm") };
    arm.judge(Truth { poisoned, true_labels: &vec![0; poisoned.len()] }, Seed(seed)).unwrap()
}

#[test]
fn what_they_are_told() {
    assert_eq!(PerfectFilter::default().knowledge(), [Knowledge::PoisonedRows]);
    assert_eq!(RandomFilter::default().knowledge(), [Knowledge::PoisonedRows]);
    assert_eq!(RandomFilter { remove: Some(Rate::literal(0.1)) }.knowledge(), []);
}

#[test]
fn chance_is_fair() {
    // 2000 seeds remove 3 of 10 rows: each row 600 times; 5 standard deviations are 5·√(2000·0.3·0.7) = 102.
    let mut hits = [0usize; 10];
    let filter = RandomFilter { remove: Some(Rate::literal(0.3)) };
    for seed in 0..2000 {
        let verdict = judge(&filter, &[false; 10], seed);
        (0..10).filter(|&row| verdict.removed[row]).for_each(|row| hits[row] += 1);
    }
    assert!(hits.iter().all(|&n| n.abs_diff(600) < 102), "{hits:?}");
}

proptest! {
    #[test]
    fn the_perfect_filter_is_the_mask(poisoned in prop::collection::vec(any::<bool>(), 1..200), seed: u64) {
        let verdict = judge(&PerfectFilter::default(), &poisoned, seed);
        let scores: Vec<f64> = poisoned.iter().map(|&p| if p { 1.0 } else { 0.0 }).collect();
        prop_assert_eq!(verdict, Verdict::new(scores, poisoned));
    }

    #[test]
    fn the_random_filter_removes_an_exact_number_of_the_highest_scores(
        poisoned in prop::collection::vec(any::<bool>(), 1..200), share in prop::option::of(0.0..=1.0), seed: u64,
    ) {
        let n = poisoned.len();
        let filter = RandomFilter { remove: share.map(|s| Rate::try_from(s).unwrap()) };
        let verdict = judge(&filter, &poisoned, seed);
        let expected = match filter.remove {
            Some(share) => share.count(n),
            None => poisoned.iter().filter(|p| **p).count(),
        };
        prop_assert_eq!(verdict.removed.iter().filter(|r| **r).count(), expected);
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&a, &b| by_score(&verdict.scores, a, b));
        prop_assert!(order.iter().enumerate().all(|(place, &row)| verdict.removed[row] == (place < expected)));
        prop_assert_eq!(&verdict, &judge(&filter, &poisoned, seed));
        // The scores do not look at the truth.
        let blind: Vec<bool> = vec![false; n];
        prop_assert_eq!(&verdict.scores, &judge(&filter, &blind, seed).scores);
    }
}
