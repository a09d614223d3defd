use aconite_core::{All, FromAll};
use aconite_model_poisoning::mimic::Mimic;
use tch::Tensor;

use crate::{Round, gap};

// v = np.linalg.svd(u - mu, full_matrices=False)[2][0]; np.abs((u - mu) @ v).argmax() is 2 (1.470; the next is 1.379).
#[test]
fn the_client_that_stands_out_most_is_copied() {
    let round = Round::new();
    let copies = |row: i64| round.honest.get(row).unsqueeze(0).repeat([3, 1]);
    assert_eq!(round.sent_by_all(&Mimic::default()), copies(2));
    assert_eq!(round.sent_by_all(&Mimic { client: Some(11) }), copies(11));
}

#[test]
fn a_client_that_is_not_there_is_named() {
    let round = Round::new();
    let all = All { own: round.own(), honest: &round.honest };
    let error = Mimic { client: Some(12) }.craft(&all).unwrap_err();
    assert_eq!(error.setting.as_deref(), Some("client"));
    assert!(error.message.contains("12") && error.hint.unwrap().contains("0 to 11"));
}

#[test]
fn updates_that_have_diverged_are_copied_all_the_same() {
    let mut round = Round::new();
    round.honest = &round.honest + Tensor::from_slice(&[f32::NAN]);
    assert_eq!(round.sent_by_all(&Mimic::default()).size(), [3, 6]);
    round.honest = round.honest.zeros_like();
    assert!(gap(&round.sent_by_all(&Mimic::default()), &round.own.zeros_like()) == 0.0);
}
