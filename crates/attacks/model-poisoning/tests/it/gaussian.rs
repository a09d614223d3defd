use aconite_core::Seed;
use aconite_model_poisoning::gaussian::{Around, Gaussian};
use tch::{Kind, Tensor};

use crate::{Round, assert_rows, gap, matrix, refused};

/// Mean and standard deviation of all numbers.
fn moments(values: &Tensor) -> (f64, f64) {
    let values = values.to_kind(Kind::Double);
    (values.mean(Kind::Double).double_value(&[]), values.std(false).double_value(&[]))
}

// 40 × 1000 draws: the standard error of the mean is σ/200, that of σ is σ/283. Bounds are at 5 of them.
#[test]
fn noise_has_the_standard_deviation_asked_for() {
    let zeros = matrix(40, 1000, |_, _| 0.0);
    let round = Round::of(matrix(40, 1000, |i, j| i - j), zeros);
    let (mean, sd) = moments(&round.sent(&Gaussian::default()));
    assert!(mean.abs() < 5.0 && (sd - 200.0).abs() < 3.6, "{mean}, {sd}");
    let near = Gaussian { around: Around::Own, sd: Some(0.5) };
    let (mean, sd) = moments(&(round.sent(&near) - &round.own));
    assert!(mean.abs() < 0.0125 && (sd - 0.5).abs() < 0.009, "{mean}, {sd}");
}

#[test]
fn what_is_fitted_is_the_honest_clients_distribution() {
    let mut round = Round::new();
    round.own = matrix(20_000, 6, |_, _| 9.0);
    let sent = round.sent(&Gaussian { around: Around::Fitted, sd: None });
    // mu, sd; the standard error is sd / 141.
    let mu = [0.728_512_624, 0.453_580_383, 0.188_617_895, -0.068_784_442, -0.489_598_143, 0.220_123_963];
    let sd = [0.718_880_29, 0.454_935_693, 0.701_374_065, 0.697_890_649, 0.444_247_999, 0.699_606_773];
    let mean = sent.mean_dim([0i64].as_slice(), true, Kind::Float);
    assert_rows(&mean, 1, &mu, 0.025);
    assert_rows(&sent.std_dim([0i64].as_slice(), false, true), 1, &sd, 0.018);
}

#[test]
fn clients_and_seeds_draw_differently() {
    let mut round = Round::new();
    let sent = round.sent(&Gaussian::default());
    assert!(gap(&sent.get(0), &sent.get(1)) > 1.0);
    round.seed = Seed(8);
    assert!(gap(&sent, &round.sent(&Gaussian::default())) > 1.0);
}

#[test]
fn wrong_settings_are_refused() {
    for sd in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(refused(&Gaussian { sd: Some(sd), ..Gaussian::default() }), "sd");
    }
    assert_eq!(refused(&Gaussian { around: Around::Fitted, sd: Some(1.0) }), "sd");
}
