use aconite_core::FromOwn;
use aconite_model_poisoning::Deviation;
use aconite_model_poisoning::min_max::MinMax;
use aconite_model_poisoning::min_sum::MinSum;
use proptest::prelude::*;
use tch::{Kind, Tensor};

use crate::{Round, assert_rows, matrix, refused};

// The bounds hold with equality at roots of quadratics, which no search finds better:
// for dev in (mu / np.linalg.norm(mu), np.sign(mu), sd):
//     a, b, c = dev @ dev, (u - mu) @ dev, ((u - mu) ** 2).sum(1)
//     g_max = ((-b + np.sqrt(b * b - a * (c - d2.max()))) / a).min()
//     g_sum = (-b.sum() + np.sqrt(b.sum() ** 2 - 12 * a * (c.sum() - d2.sum(1).max()))) / (12 * a)
//     print(mu - g_max * dev, mu - g_sum * dev)
const GOLDEN: [(Deviation, [f64; 6], [f64; 6]); 3] = [
    (
        Deviation::Unit,
        [-0.737_510_119, -0.459_182_327, -0.190_947_42, 0.069_633_964, 0.495_644_925, -0.222_842_604],
        [-0.521_210_276, -0.324_511_544, -0.134_945_617, 0.049_211_444, 0.350_280_25, -0.157_486_457],
    ),
    (
        Deviation::Sign,
        [-0.092_783_683, -0.367_715_924, -0.632_678_411, 0.752_511_865, 0.331_698_163, -0.601_172_343],
        [0.005_805_203, -0.269_127_038, -0.534_089_525, 0.653_922_979, 0.233_109_277, -0.502_583_457],
    ),
    (
        Deviation::Std,
        [-0.223_140_13, -0.148_662_871, -0.739_860_142, -0.992_651_138, -1.077_693_043, -0.706_014_535],
        [-0.094_748_723, -0.067_411_744, -0.614_595_332, -0.868_008_463, -0.998_350_729, -0.581_065_362],
    ),
];

#[test]
fn the_mean_is_left_by_the_largest_gamma() {
    let round = Round::new();
    for (deviation, max, sum) in GOLDEN {
        // The last γ that held lies below the exact one by at most two tolerances.
        assert_rows(&round.sent(&MinMax { deviation, ..MinMax::default() }), 3, &max, 2.1e-5);
        assert_rows(&round.sent(&MinSum { deviation, ..MinSum::default() }), 3, &sum, 2.1e-5);
    }
}

/// Squared distances from each row of `a` to each of `b`, in f64.
fn squares(a: &Tensor, b: &Tensor) -> Tensor {
    let gaps = a.to_kind(Kind::Double).unsqueeze(1) - b.to_kind(Kind::Double).unsqueeze(0);
    gaps.square().sum_dim_intlist([2i64].as_slice(), false, Kind::Double)
}

fn largest(x: &Tensor) -> f64 {
    x.max().double_value(&[])
}

/// What is bounded, over the bound.
fn fullness(round: &Round, attack: &dyn FromOwn, sums: bool) -> f64 {
    let sent = round.sent(attack).narrow(0, 0, 1);
    let size = |x: Tensor| if sums { x.sum_dim_intlist([1i64].as_slice(), false, Kind::Double) } else { x };
    let bound = largest(&size(squares(&round.honest, &round.honest)));
    largest(&size(squares(&sent, &round.honest))) / bound
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn bounds_hold_with_equality(
        values in prop::collection::vec(-1.0f64..1.0, 8 * 30), drift in 0.2f64..2.0, deviation in 0usize..3,
    ) {
        let honest = matrix(8, 30, |i, j| values[(i * 30.0 + j) as usize] + drift * (j - 10.0).signum());
        let round = Round::of(matrix(2, 30, |_, _| 0.0), honest);
        let deviation = [Deviation::Unit, Deviation::Sign, Deviation::Std][deviation];
        let max = fullness(&round, &MinMax { deviation, ..MinMax::default() }, false);
        let sum = fullness(&round, &MinSum { deviation, ..MinSum::default() }, true);
        prop_assert!((max - 1.0).abs() < 1e-4 && (sum - 1.0).abs() < 1e-4, "{} {}", max, sum);
    }
}

#[test]
fn distances_are_exact_for_long_updates_that_lie_close() {
    let spread = |i: f64, j: f64| 1e-2 * (1.0 + 2.0 * i + 3.0 * j + i * j).sin();
    // More coordinates than one block of products, each 100 times as large as the spread.
    let honest = matrix(5, 40_000, |i, j| 1.0 + spread(i, j));
    let round = Round::of(matrix(1, 40_000, |_, _| 0.0), honest);
    let fullness = fullness(&round, &MinMax::default(), false);
    assert!((fullness - 1.0).abs() < 1e-4, "{fullness}");
}

#[test]
fn the_search_stays_below_twice_the_first_gamma() {
    let round = Round::of(matrix(1, 2, |_, _| 0.0), matrix(2, 2, |i, _| 1000.0 * i));
    let sent = |gamma| round.sent(&MinMax { gamma, ..MinMax::default() });
    let off = |gamma: f64| (sent(gamma) - matrix(1, 2, |_, _| 500.0)).norm().double_value(&[]);
    assert!((off(10.0) - 20.0).abs() < 1e-3 && (off(3.0) - 6.0).abs() < 1e-3);
    // The mean lies at 500·√2 from 0, in line with the update at 1000·√2: the bound is met at 0.
    assert!((off(600.0) - 500.0 * 2f64.sqrt()).abs() < 0.01);
}

#[test]
fn wrong_settings_are_refused() {
    for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(refused(&MinMax { gamma: wrong, ..MinMax::default() }), "gamma");
        assert_eq!(refused(&MinSum { gamma: wrong, ..MinSum::default() }), "gamma");
        assert_eq!(refused(&MinMax { tolerance: wrong, ..MinMax::default() }), "tolerance");
        assert_eq!(refused(&MinSum { tolerance: wrong, ..MinSum::default() }), "tolerance");
    }
    // A tolerance below the spacing of floats ends, too.
    let round = Round::new();
    let _ = round.sent(&MinMax { tolerance: 1e-300, ..MinMax::default() });
}
