use aconite_core::{Defense, Knowledge, Rate, Reads, Removal, Role, Told};
use aconite_spectral_signatures::Scope;
use aconite_spectral_signatures::spectral_signatures::SpectralSignatures;
use proptest::prelude::*;

use crate::{gone, judge, labelled, told};

fn removing(share: f64) -> SpectralSignatures {
    SpectralSignatures { remove: Some(Rate::try_from(share).unwrap()), ..SpectralSignatures::default() }
}

// rng = np.random.default_rng(7)
// F = np.round(rng.normal(size=(12, 4)), 2) + np.array([2.0, 0, 1, 0])
// y = np.array([0, 1] * 6)
// F[[4, 10, 3]] += [0, 3, 0, 3]
// F = F.astype(np.float32).astype(float)
const FEATURES: [[f32; 4]; 12] = [
    [2.0, 0.3, 0.73, -0.89],
    [1.55, -0.99, 1.06, 1.34],
    [1.51, -0.62, 1.49, 0.36],
    [2.11, 2.07, 0.97, 3.7],
    [0.66, 2.54, -0.9, 1.71],
    [0.16, -0.24, -0.27, 0.27],
    [2.16, -0.19, -1.52, -0.54],
    [1.95, 0.11, -0.53, -0.48],
    [1.02, -0.81, 2.06, -0.81],
    [1.97, 0.88, 0.42, -0.11],
    [2.11, 3.06, -0.23, 3.08],
    [3.36, -1.55, 1.86, 0.12],
];
// for centered in (True, False):
//     s = np.zeros(12)
//     for c in (0, 1):
//         R = F[y == c]; C = R - R.mean(0)
//         v = np.linalg.svd(C, full_matrices=False)[2][0]
//         s[y == c] = ((C if centered else R) @ v) ** 2
const CENTERED: [f64; 12] = [
    1.725324181,
    0.015690626,
    2.074180589,
    12.582773895,
    5.986597927,
    0.428221022,
    0.362731744,
    1.212106817,
    6.342434301,
    0.075776651,
    11.748826842,
    1.935825745,
];
const UNCENTERED: [f64; 12] = [
    0.37153855,
    0.341601227,
    0.542027603,
    18.121618482,
    9.927092391,
    0.003062832,
    0.010343742,
    0.153059646,
    3.292202197,
    0.188749631,
    17.070387224,
    0.464593152,
];

#[test]
fn scores_are_numpys_centered_and_as_the_authors_code_projects() {
    let labels = [0, 1].repeat(6);
    let features = FEATURES.map(Vec::from);
    // A third of 6 rows is 2 rows of each class. Poisons are 4 and 10 of class 0 and 3 of class 1: without
    // centring the authors' projection finds row 4, with it the honest row 8 ranks higher.
    for (centered, golden, rows) in [(true, CENTERED, [3, 8, 10, 11]), (false, UNCENTERED, [3, 4, 10, 11])] {
        let filter = SpectralSignatures { centered, ..removing(0.34) };
        let verdict = judge(&filter, &labels, &features, Told::default()).unwrap();
        for (score, expected) in verdict.scores.iter().zip(golden) {
            // Nine printed digits; all arithmetic is double.
            assert!((score - expected).abs() < 2e-9, "{score} {expected}");
        }
        assert_eq!(gone(&verdict), rows);
    }
}

#[test]
fn it_is_told_no_more_than_it_declares() {
    let told_rate = SpectralSignatures::default();
    assert_eq!(told_rate.knowledge(), [Knowledge::PoisonRate]);
    let assumed = SpectralSignatures { epsilon: Some(Rate::literal(0.1)), ..SpectralSignatures::default() };
    assert_eq!(assumed.knowledge(), []);
    assert_eq!(removing(0.15).knowledge(), []);
    let scoped = SpectralSignatures { scope: Scope::TargetClass, ..SpectralSignatures::default() };
    assert_eq!(scoped.knowledge(), [Knowledge::PoisonRate, Knowledge::TargetClass]);
    assert!(matches!(told_rate.role(), Role::Filter(f) if f.reads() == Reads::MODEL));
}

#[test]
fn the_share_is_told_assumed_or_fixed() {
    let labels = [0; 20];
    let features: Vec<Vec<f32>> = (0..20).map(|i| vec![i as f32, 1.0]).collect();
    let removed =
        |filter: &SpectralSignatures, told| gone(&judge(filter, &labels, &features, told).unwrap()).len();
    let default = SpectralSignatures::default();
    assert_eq!(removed(&default, told(0.1)), 3); // 1.5 · 0.1 · 20
    assert_eq!(removed(&default, told(0.0)), 0);
    let assumed = SpectralSignatures { epsilon: Some(Rate::literal(0.2)), ..default.clone() };
    assert_eq!(removed(&assumed, told(0.1)), 6);
    assert_eq!(removed(&SpectralSignatures { multiplier: 2.0, ..assumed.clone() }, told(0.1)), 8);
    assert_eq!(removed(&removing(0.15), Told::default()), 3);
    let error = judge(&default, &labels, &features, Told::default()).unwrap_err();
    assert!(error.hint.unwrap().contains("epsilon"));
}

#[test]
fn one_class_or_all() {
    let labels = [0, 1].repeat(6);
    let features = FEATURES.map(Vec::from);
    let filter = SpectralSignatures { scope: Scope::TargetClass, ..removing(0.34) };
    let one = Told { target_class: Some(1), ..Told::default() };
    let verdict = judge(&filter, &labels, &features, one).unwrap();
    assert_eq!(gone(&verdict), [3, 11]);
    assert!((0..12).all(|row| (verdict.scores[row] == 0.0) == (row % 2 == 0)));
    // An attack without a single target leaves nothing to aim at.
    let verdict = judge(&filter, &labels, &features, Told::default()).unwrap();
    assert_eq!(gone(&verdict), [3, 8, 10, 11]);
}

#[test]
fn another_removal_cuts_the_scores_of_a_class() {
    let labels = [0, 1].repeat(6);
    let features = FEATURES.map(Vec::from);
    let filter = |removal| SpectralSignatures { removal: Some(removal), ..SpectralSignatures::default() };
    // It needs to be told nothing.
    let removed = |removal| gone(&judge(&filter(removal), &labels, &features, Told::default()).unwrap());
    assert_eq!(filter(Removal::Count(1)).knowledge(), []);
    assert_eq!(removed(Removal::Count(1)), [3, 10]);
    assert_eq!(removed(Removal::Fraction(Rate::literal(0.34))), [3, 8, 10, 11]);
    assert_eq!(removed(Removal::Threshold(6.0)), [3, 8, 10]);
    // Class 0: median 4.03, median of the deviations 2.14; class 1: 0.82 and 0.76.
    assert_eq!(removed(Removal::Mad(2.0)), [3, 10]);
    let removes =
        |filter: &SpectralSignatures| matches!(filter.role(), Role::Filter(f) if f.removes_a_share());
    assert!(removes(&SpectralSignatures::default()) && removes(&filter(Removal::Count(1))));
    assert!(!removes(&filter(Removal::Mad(2.0))));
}

#[test]
fn small_and_degenerate_classes() {
    // Class 0 has one row, class 1 three equal ones, class 2 two.
    let labels = [0, 1, 1, 1, 2, 2];
    let mut features = vec![vec![0.1f32, 7.3]; 4];
    features.extend([vec![1.0, 2.0], vec![3.0, 2.0]]);
    for centered in [true, false] {
        let filter = SpectralSignatures { centered, ..removing(0.5) };
        let verdict = judge(&filter, &labels, &features, Told::default()).unwrap();
        assert_eq!(verdict.scores[..4], [0.0; 4]);
        assert_eq!(gone(&verdict)[..], if centered { [1, 4] } else { [1, 5] });
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let info = labelled(&[0, 1], 2).info();
    for multiplier in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let filter = SpectralSignatures { multiplier, ..SpectralSignatures::default() };
        assert_eq!(filter.check(&info).unwrap_err().setting.as_deref(), Some("multiplier"));
    }
    let both = SpectralSignatures { epsilon: Some(Rate::literal(0.1)), ..removing(0.2) };
    assert!(both.check(&info).unwrap_err().message.contains("remove = 0.2"));
    assert!(SpectralSignatures::default().check(&info).is_ok());
    let removal = Some(Removal::Mad(3.0));
    let epsilon = Some(Rate::literal(0.1));
    for (filter, setting) in [
        (SpectralSignatures { removal, ..removing(0.2) }, "remove"),
        (SpectralSignatures { removal, epsilon, ..SpectralSignatures::default() }, "epsilon"),
        (SpectralSignatures { removal: Some(Removal::Mad(0.0)), ..SpectralSignatures::default() }, "removal"),
    ] {
        assert_eq!(filter.check(&info).unwrap_err().setting.as_deref(), Some(setting));
    }
    assert!(SpectralSignatures { removal, ..SpectralSignatures::default() }.check(&info).is_ok());

    let filter = SpectralSignatures::default();
    let rows = [vec![1.0f32], vec![2.0], vec![5.0]];
    let error = judge(&filter, &[0, 0, 0], &rows, told(0.7)).unwrap_err();
    assert!(error.message.contains("every training row"), "{error}");
    let error = judge(&filter, &[0, 0], &[vec![1.0], vec![f32::NAN]], told(0.1)).unwrap_err();
    assert!(error.message.contains("not finite"), "{error}");
}

/// Rows of two classes whose spread along the first axis is far larger than along the others, so that the top
/// singular direction is well defined.
fn rows() -> impl Strategy<Value = Vec<Vec<f32>>> {
    let row =
        (-8f32..8.0, prop::collection::vec(-1f32..1.0, 3)).prop_map(|(x, rest)| [vec![x], rest].concat());
    prop::collection::vec(row, 12..60)
}

/// The rotation in the plane of axes 0 and 1, and after it in that of axes 2 and 3.
fn turned(row: &[f32], a: f64, b: f64) -> Vec<f32> {
    let turn = |x: f32, y: f32, t: f64| {
        let (x, y) = (f64::from(x), f64::from(y));
        [(x * t.cos() - y * t.sin()) as f32, (x * t.sin() + y * t.cos()) as f32]
    };
    let [x, y] = turn(row[0], row[1], a);
    let [y, z] = turn(y, row[2], b);
    vec![x, y, z, row[3]]
}

fn alternating(n: usize) -> Vec<usize> {
    (0..n).map(|row| row % 2).collect()
}

proptest! {
    #[test]
    fn turning_and_moving_all_features_changes_no_score(
        rows in rows(), a in 0.0..6.3, b in 0.0..6.3, shift in prop::collection::vec(-20f32..20.0, 4),
    ) {
        let labels = alternating(rows.len());
        let moved: Vec<Vec<f32>> = rows
            .iter()
            .map(|row| turned(row, a, b).iter().zip(&shift).map(|(x, s)| x + s).collect())
            .collect();
        let before = judge(&removing(0.2), &labels, &rows, Told::default()).unwrap();
        let after = judge(&removing(0.2), &labels, &moved, Told::default()).unwrap();
        let largest = before.scores.iter().copied().fold(0.0, f64::max);
        for (x, y) in before.scores.iter().zip(&after.scores) {
            // The moved features are rounded to f32 at a magnitude of 28: 2e-6 of error against a spread of 16.
            prop_assert!((x - y).abs() <= 1e-4 * largest, "{} {}", x, y);
        }
    }

    #[test]
    fn the_order_of_rows_does_not_matter(rows in rows(), turn in 1usize..12, centered: bool) {
        // Moving by a multiple of 2 keeps the labels alternating.
        let n = rows.len() / 2 * 2;
        let filter = SpectralSignatures { centered, ..removing(0.2) };
        let mut other = rows[..n].to_vec();
        other.rotate_left(2 * turn % n);
        let labels = alternating(n);
        let before = judge(&filter, &labels, &rows[..n], Told::default()).unwrap();
        let after = judge(&filter, &labels, &other, Told::default()).unwrap();
        let largest = before.scores.iter().copied().fold(0.0, f64::max);
        for row in 0..n {
            let (x, y) = (before.scores[(row + 2 * turn) % n], after.scores[row]);
            prop_assert!((x - y).abs() <= 1e-9 * largest, "{} {}", x, y);
        }
    }

    #[test]
    fn exactly_the_asked_number_goes_and_the_highest_scores_go(rows in rows(), share in 0.0..0.9) {
        let labels = alternating(rows.len());
        let verdict = judge(&removing(share), &labels, &rows, Told::default()).unwrap();
        for class in 0..2 {
            let of_class: Vec<usize> = (class..rows.len()).step_by(2).collect();
            let (gone, kept): (Vec<usize>, Vec<usize>) =
                of_class.iter().partition(|&&row| verdict.removed[row]);
            prop_assert_eq!(gone.len(), Rate::try_from(share).unwrap().count(of_class.len()));
            for &row in &gone {
                prop_assert!(kept.iter().all(|&other| verdict.scores[other] <= verdict.scores[row]));
            }
        }
    }
}
