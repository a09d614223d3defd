//! Distances against NumPy and SciPy, and what monitors make of them.

use aconite_stream::monitors::measure::{ks, psi};
use aconite_stream::monitors::{holdout_accuracy::HoldoutAccuracy, label_rate::LabelRate, psi::Psi};
use aconite_stream::{Look, Monitor, Threshold};

// i = np.arange(40); a = np.sin(i * 1.7) * 2; b = np.cos(i[:25] * 0.9) * 1.5 + 0.4
fn samples() -> (Vec<f64>, Vec<f64>) {
    let i = |i: u32| f64::from(i);
    (
        (0..40).map(|n| (i(n) * 1.7).sin() * 2.0).collect(),
        (0..25).map(|n| (i(n) * 0.9).cos() * 1.5 + 0.4).collect(),
    )
}

const TIES: ([f64; 5], [f64; 6]) = ([1.0, 1.0, 2.0, 2.0, 3.0], [1.0, 2.0, 2.0, 2.0, 4.0, 4.0]);

// e = np.quantile(r, np.arange(1, B) / B)
// share = lambda v: (np.bincount(np.searchsorted(e, v, side="right"), minlength=B) + .5) / (len(v) + B / 2)
// np.sum((share(x) - share(r)) * np.log(share(x) / share(r)))
#[test]
fn psi_is_numpy_s() {
    let (a, b) = samples();
    assert!((psi(&a, &b, 10).unwrap() - 1.064_569_353_881_873_7).abs() < 1e-12);
    assert!((psi(&a, &b, 4).unwrap() - 0.791_363_013_634_066_8).abs() < 1e-12);
    assert!((psi(&TIES.0, &TIES.1, 4).unwrap() - 0.171_405_129_019_268_05).abs() < 1e-12);
    assert_eq!(psi(&a, &a, 10), Some(0.0));
    assert_eq!((psi(&[], &b, 10), psi(&a, &[], 10)), (None, None));
}

// scipy.stats.ks_2samp(a, b).statistic
#[test]
fn ks_is_scipy_s() {
    let (a, b) = samples();
    assert!((ks(&a, &b).unwrap() - 0.3).abs() < 1e-12);
    assert!((ks(&b, &a).unwrap() - 0.3).abs() < 1e-12);
    assert!((ks(&TIES.0, &TIES.1).unwrap() - 1.0 / 3.0).abs() < 1e-12);
    assert_eq!((ks(&a, &a), ks(&a, &[])), (Some(0.0), None));
}

#[test]
fn monitors_by_hand() {
    let reference = Look { labels: vec![5, 3, 2], holdout_accuracy: Some(0.9), ..Look::default() };
    let now = Look { labels: vec![4, 12, 4], holdout_accuracy: Some(0.7), ..Look::default() };
    // Shares 0.5 0.3 0.2 against 0.2 0.6 0.2.
    assert!((LabelRate {}.drift(&reference, &now).unwrap() - 0.3).abs() < 1e-12);
    assert!((HoldoutAccuracy {}.drift(&reference, &now).unwrap() - 0.2).abs() < 1e-12);
    assert_eq!(HoldoutAccuracy {}.drift(&reference, &Look::default()), None);
    // Of two features one has moved: the mean.
    let (a, b) = samples();
    let look = |second: &[f64]| Look { features: vec![a.clone(), second.to_vec()], ..Look::default() };
    let moved = Psi::default().drift(&look(&a), &look(&b)).unwrap();
    assert!((moved - 1.064_569_353_881_873_7 / 2.0).abs() < 1e-12);
    assert!(Psi { bins: 1, ..Psi::default() }.check().is_err());
}

#[test]
fn a_threshold_is_stated_or_calibrated() {
    let stated = Threshold { threshold: Some(0.2), ..Threshold::default() };
    assert_eq!(stated.of(&[9.0, 10.0]), Some(0.2));
    // numpy.mean([1, 2, 3]) + 4 * numpy.std([1, 2, 3], ddof=1)
    assert_eq!(Threshold::default().of(&[1.0, 2.0, 3.0]), Some(6.0));
    assert_eq!(Threshold::default().of(&[1.0]), None);
    assert!(Threshold { sigmas: 0.0, ..Threshold::default() }.check().is_err());
}
