use aconite_model_poisoning::alie::{Alie, Shift};

use crate::{Round, assert_rows, gap, refused};

#[test]
fn every_coordinate_is_z_deviations_off_the_mean() {
    let round = Round::new();
    // z = norm.ppf((15 - 3 - (15 // 2 + 1 - 3)) / (15 - 3)); mu - z * sd
    let golden = [0.577_239_799, 0.357_848_995, 0.041_028_877, -0.215_640_45, -0.583_080_536, 0.072_906_833];
    assert_rows(&round.sent(&Alie::default()), 3, &golden, 1e-6);
}

#[test]
fn z_and_the_side_can_be_chosen() {
    let round = Round::new();
    let at = |z, shift| round.sent(&Alie { z: Some(z), shift });
    let mean = at(0.0, Shift::Minus);
    assert_eq!(at(1.5, Shift::Plus), at(-1.5, Shift::Minus));
    let below = &mean - at(1.5, Shift::Minus);
    assert!(gap(&below, &(at(1.5, Shift::Plus) - &mean)) < 1e-6);
    assert!(below.min().double_value(&[]) > 0.0, "a standard deviation is positive");
}

#[test]
fn wrong_settings_are_refused() {
    for z in [f64::NAN, f64::INFINITY] {
        assert_eq!(refused(&Alie { z: Some(z), ..Alie::default() }), "z");
    }
}
