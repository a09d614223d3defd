use aconite_model_poisoning::ipm::Ipm;

use crate::{Round, assert_rows, refused};

// -.5 * mu
const HALF: [f64; 6] =
    [-0.364_256_312, -0.226_790_191, -0.094_308_948, 0.034_392_221, 0.244_799_072, -0.110_061_982];

#[test]
fn the_mean_is_turned_round() {
    let round = Round::new();
    assert_rows(&round.sent(&Ipm::default()), 3, &HALF, 1e-6);
    assert_rows(&round.sent(&Ipm { epsilon: 100.0 }), 3, &HALF.map(|v| v * 200.0), 2e-4);
}

#[test]
fn wrong_settings_are_refused() {
    for epsilon in [0.0, -0.5, f64::NAN, f64::INFINITY] {
        assert_eq!(refused(&Ipm { epsilon }), "epsilon");
    }
}
