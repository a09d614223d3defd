use aconite_model_poisoning::sign_flip::SignFlip;

use crate::{Round, gap, refused};

#[test]
fn every_client_turns_its_own_round() {
    let round = Round::new();
    assert_eq!(round.sent(&SignFlip::default()), -&round.own);
    assert!(gap(&round.sent(&SignFlip { scale: 4.0 }), &(&round.own * -4.0)) == 0.0);
}

#[test]
fn wrong_settings_are_refused() {
    for scale in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(refused(&SignFlip { scale }), "scale");
    }
}
