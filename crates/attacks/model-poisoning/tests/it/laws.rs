//! What holds for several attacks.

use aconite_core::{Attack, Goal, Seed, UpdateAttack};
use aconite_model_poisoning::alie::Alie;
use aconite_model_poisoning::fang_krum::FangKrum;
use aconite_model_poisoning::fang_trim::FangTrim;
use aconite_model_poisoning::gaussian::{Around, Gaussian};
use aconite_model_poisoning::ipm::Ipm;
use aconite_model_poisoning::mimic::Mimic;
use aconite_model_poisoning::min_max::MinMax;
use aconite_model_poisoning::min_sum::MinSum;
use aconite_model_poisoning::sign_flip::SignFlip;
use aconite_model_poisoning::{Deviation, Knowledge};
use proptest::prelude::*;
use tch::Tensor;

use crate::{Round, gap, info, matrix};

fn everything() -> Vec<Box<dyn Attack>> {
    vec![
        Box::new(Alie::default()),
        Box::new(FangKrum::default()),
        Box::new(FangKrum { knowledge: Knowledge::Partial, ..FangKrum::default() }),
        Box::new(FangTrim::default()),
        Box::new(FangTrim { knowledge: Knowledge::Partial, ..FangTrim::default() }),
        Box::new(Gaussian::default()),
        Box::new(Gaussian { around: Around::Own, sd: Some(1.0) }),
        Box::new(Gaussian { around: Around::Fitted, sd: None }),
        Box::new(Ipm::default()),
        Box::new(Mimic::default()),
        Box::new(MinMax::default()),
        Box::new(MinMax { deviation: Deviation::Std, ..MinMax::default() }),
        Box::new(MinSum::default()),
        Box::new(SignFlip::default()),
    ]
}

fn sent(round: &Round, attack: &dyn Attack) -> Tensor {
    match attack.updates().unwrap() {
        UpdateAttack::Own(attack) => round.sent(attack),
        UpdateAttack::All(attack) => round.sent_by_all(attack),
    }
}

#[test]
fn every_kind_is_an_attack_on_updates() {
    let info = info();
    for attack in everything() {
        assert_eq!(attack.goal(&info), Goal::Availability);
        attack.check(&info).unwrap();
        assert!(attack.trigger(&info, Seed(0)).unwrap().is_none());
    }
    for entry in aconite_model_poisoning::ATTACKS {
        let attack = (entry.build)(&entry.spec.defaults()).unwrap();
        assert!(attack.updates().is_some(), "{}", entry.spec.kind);
    }
}

#[test]
fn rounds_of_few_clients_are_survived() {
    let (honest, own) = (matrix(6, 5, |i, j| (i + j * j).sin()), matrix(6, 5, |i, j| (i * j).cos()));
    for (m, h) in [(0, 6), (1, 1), (3, 1), (6, 1), (1, 6), (0, 1)] {
        let round = Round::of(own.narrow(0, 0, m), honest.narrow(0, 0, h));
        for attack in everything() {
            let sent = sent(&round, &*attack);
            assert_eq!(sent.size(), [m, 5], "{attack:?}");
            assert!(m == 0 || sent.isfinite().all().int64_value(&[]) == 1, "{attack:?}, {m}, {h}");
        }
    }
}

#[test]
fn a_round_without_honest_clients_is_survived() {
    let reference = matrix(2, 5, |i, j| (i + j * j).sin());
    let round = Round::of(matrix(2, 5, |i, j| (i * j).cos()), reference);
    let none = round.honest.narrow(0, 0, 0);
    for attack in everything() {
        if let Some(UpdateAttack::All(attack)) = attack.updates() {
            let all = aconite_core::All { own: round.own(), honest: &none };
            assert_eq!(attack.craft(&all).unwrap().size(), [2, 5], "{attack:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn the_same_seed_gives_the_same_bits(seed: u64) {
        for attack in everything() {
            let mut round = Round::new();
            round.seed = Seed(seed);
            prop_assert_eq!(sent(&round, &*attack), sent(&round, &*attack), "{:?}", attack);
        }
    }

    #[test]
    fn the_order_of_honest_clients_does_not_matter(seed: u64) {
        let rows: Vec<usize> = (0..12).collect();
        let order: Vec<i64> = Seed(seed).shuffled(&rows).iter().map(|&row| row as i64).collect();
        let round = Round::new();
        let mut shuffled = Round::new();
        shuffled.honest = round.honest.index_select(0, &Tensor::from_slice(&order));
        for attack in everything() {
            // Sums in another order: γ can then stop one step of the search aside.
            let apart = gap(&sent(&round, &*attack), &sent(&shuffled, &*attack));
            prop_assert!(apart < 2e-5, "{:?}: {}", attack, apart);
        }
    }

    // Those that go by spread alone move along when every update moves.
    #[test]
    fn a_translation_of_all_updates_translates_what_is_sent(by in prop::collection::vec(-3.0f32..3.0, 6)) {
        let by = Tensor::from_slice(&by);
        let round = Round::new();
        let mut moved = Round::new();
        (moved.own, moved.honest) = (&moved.own + &by, &moved.honest + &by);
        let attacks: [Box<dyn Attack>; 6] = [
            Box::new(Alie::default()),
            Box::new(Mimic::default()),
            Box::new(MinMax { deviation: Deviation::Std, ..MinMax::default() }),
            Box::new(MinSum { deviation: Deviation::Std, ..MinSum::default() }),
            Box::new(Gaussian { around: Around::Own, sd: Some(1.0) }),
            Box::new(Gaussian { around: Around::Fitted, sd: None }),
        ];
        for attack in attacks {
            let apart = gap(&(sent(&round, &*attack) + &by), &sent(&moved, &*attack));
            prop_assert!(apart < 2e-5, "{:?}: {}", attack, apart);
        }
    }

    // Those without a length of their own grow with the updates.
    #[test]
    fn a_scale_of_all_updates_scales_what_is_sent(scale in 0.1f64..10.0) {
        let round = Round::new();
        let mut scaled = Round::new();
        (scaled.own, scaled.honest) = (&scaled.own * scale, &scaled.honest * scale);
        scaled.global = &scaled.global * scale;
        let attacks: [Box<dyn Attack>; 6] = [
            Box::new(Alie::default()),
            Box::new(Ipm::default()),
            Box::new(SignFlip::default()),
            Box::new(Mimic::default()),
            Box::new(FangTrim::default()),
            Box::new(MinMax { deviation: Deviation::Std, ..MinMax::default() }),
        ];
        for attack in attacks {
            let apart = gap(&(sent(&round, &*attack) * scale), &sent(&scaled, &*attack)) / scale;
            prop_assert!(apart < 2e-5, "{:?}: {}", attack, apart);
        }
    }
}
