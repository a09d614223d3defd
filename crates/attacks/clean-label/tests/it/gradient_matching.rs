use aconite_clean_label::gradient_matching::{Control, GradientMatching};
use aconite_core::{Attack, Goal, Learner, Poison, Poisoned, Rate, RateOf, Scene, Seed, Silent};
use aconite_nets::mlp::Mlp;
use aconite_train::Augment;
use aconite_train::optim::sgd::Sgd;
use proptest::prelude::*;

use crate::{changes, crafted, fashion, learner, refused, shaded, surrogate};

fn at_rate(rate: f64, trials: usize) -> GradientMatching {
    GradientMatching {
        rate: Rate::try_from(rate).unwrap(),
        trials,
        iterations: 8,
        restarts: 2,
        ..GradientMatching::default()
    }
}

#[test]
fn changes_stay_within_the_bound_and_noise_is_on_it() {
    let data = shaded(120);
    let model = surrogate(&data);
    let attack = at_rate(0.1, 3);
    let control = GradientMatching { control: Control::Noise, ..attack.clone() };
    let [poisons, noise] = [&attack, &control].map(|a| crafted(a, &data, model.as_ref(), Seed(0)).unwrap());
    assert_eq!(poisons.len(), 3);
    for (poison, noise) in poisons.iter().zip(&noise) {
        // The same rows for the same inputs.
        assert_eq!((&poison.rows, poison.target), (&noise.rows, noise.target));
        assert!(data.labels()[poison.target.unwrap().row] == 1);
        assert!(changes(&data, poison).iter().all(|&(largest, _)| (1.0..=16.0).contains(&largest)));
        // Class 0 has pixels from 10 to 59: those below 16 are cut at 0.
        assert!(
            changes(&data, noise)
                .iter()
                .all(|&(largest, length)| largest == 16.0 && length > 15.0 * 42f64.sqrt())
        );
        assert_ne!(poison.content, noise.content);
    }
}

#[test]
fn crops_and_flips_can_be_crafted_through() {
    let data = shaded(60);
    let model = surrogate(&data);
    let attack = GradientMatching { augment: vec![Augment::Crop, Augment::Flip], ..at_rate(0.1, 1) };
    let poison = crafted(&attack, &data, model.as_ref(), Seed(0)).unwrap();
    assert_eq!(poison, crafted(&attack, &data, model.as_ref(), Seed(0)).unwrap());
    assert_ne!(poison, crafted(&at_rate(0.1, 1), &data, model.as_ref(), Seed(0)).unwrap());
}

// 2000 rows of Fashion-MNIST, 160 of the 200 T-shirts (0) poisoned for each of 8 shirts (6).
#[test]
fn crafted_changes_teach_what_noise_does_not() {
    let split = fashion(None, 2000);
    let learner = learner(Mlp { hidden: vec![256] }, Sgd { lr: 0.05, ..Sgd::default() }, 20, 64);
    let model = learner.fit(&split.train, Seed(0), &mut Silent).unwrap();
    let attack = GradientMatching { source: 6, iterations: 100, restarts: 1, ..at_rate(0.08, 8) };
    let scene = Scene {
        surrogate: Some(model.as_ref()),
        test: Some(&split.test),
        ..Scene::new(&split.train, Seed(2))
    };
    // Per trial, how far the wanted class is above the true one.
    let leads = |attack: GradientMatching| -> Vec<f64> {
        let poisons = attack.craft(&scene, &mut Silent).unwrap();
        let lead = |poison: &Poison| {
            let poisoned = Poisoned::new(&split.train, poison).unwrap();
            let victim = learner.fit(poisoned.data(), Seed(1), &mut Silent).unwrap();
            let target = poison.target.unwrap();
            let scores = victim.scores(&split.test.rows().select(&[target.row])).unwrap();
            scores.double_value(&[0, 0]) - scores.double_value(&[0, 6])
        };
        poisons.iter().map(lead).collect()
    };
    let noise = leads(GradientMatching { control: Control::Noise, ..attack.clone() });
    let crafted = leads(attack);
    let hits = |leads: &[f64]| leads.iter().filter(|&&lead| lead > 0.0).count();
    assert!(hits(&crafted) >= hits(&noise) + 2, "{noise:.2?} {crafted:.2?}");
    let raised = noise.iter().zip(&crafted).filter(|(noise, crafted)| crafted > noise).count();
    assert!(raised >= 7, "{noise:.2?} {crafted:.2?}");
}

#[test]
fn what_does_not_fit_is_refused() {
    let data = shaded(120);
    let refused = |change: fn(&mut GradientMatching)| {
        let mut attack = at_rate(0.1, 1);
        change(&mut attack);
        refused(&attack, &data).0
    };
    assert_eq!(refused(|a| a.source = 3), "source");
    assert_eq!(refused(|a| a.target = 3), "target");
    assert_eq!(refused(|a| a.source = 0), "target");
    assert_eq!(refused(|a| a.trials = 0), "trials");
    assert_eq!(refused(|a| a.rate = Rate::literal(0.5)), "rate");
    assert_eq!(refused(|a| a.rate = Rate::literal(0.001)), "rate");
    assert_eq!(refused(|a| a.epsilon = 0.0), "epsilon");
    assert_eq!(refused(|a| a.epsilon = 256.0), "epsilon");
    assert_eq!(refused(|a| a.epsilon = f64::NAN), "epsilon");
    assert_eq!(refused(|a| a.lr = 0.0), "lr");
    assert_eq!(refused(|a| a.lr = f64::INFINITY), "lr");
    assert_eq!(refused(|a| a.iterations = 0), "iterations");
    assert_eq!(refused(|a| a.restarts = 0), "restarts");
    assert_eq!(refused(|a| a.augment = vec![Augment::Cutout]), "augment");
    assert_eq!(refused(|a| a.augment = vec![Augment::Flip; 2]), "augment");
    let error = at_rate(0.1, 1).craft(&Scene::new(&data, Seed(0)), &mut Silent).unwrap_err();
    assert!(error.message.contains("no surrogate"), "{error}");
    assert_eq!(at_rate(0.1, 1).goal(&data.info()), Goal::TargetedInputs { wanted: 0 });
    // 12 poisons, 3 trials, 2 restarts, 8 iterations.
    assert_eq!(at_rate(0.1, 3).passes(&data.info(), 1e9), 9.0 * 12.0 * 3.0 * 2.0 * 8.0);
    assert_eq!(
        GradientMatching { control: Control::Noise, ..at_rate(0.1, 3) }.passes(&data.info(), 1e9),
        0.0
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn chosen_rows_change_and_no_label_does(rate in 0.02..0.3, trials in 1usize..3, noise: bool, seed: u64) {
        let data = shaded(60);
        let model = surrogate(&data);
        let of = |rate| GradientMatching {
            control: if noise { Control::Noise } else { Control::None },
            rate_of: RateOf::TrainSet,
            ..at_rate(rate, trials)
        };
        let found = crafted(&of(rate), &data, model.as_ref(), Seed(seed)).unwrap();
        prop_assert_eq!(&found, &crafted(&of(rate), &data, model.as_ref(), Seed(seed)).unwrap());
        let lower = crafted(&of(0.017), &data, model.as_ref(), Seed(seed)).unwrap();
        for (poison, lower) in found.iter().zip(lower) {
            prop_assert_eq!(poison.rows.len(), Rate::try_from(rate).unwrap().count(60));
            prop_assert!(poison.rows.iter().all(|&row| data.labels()[row] == 0));
            let poisoned = Poisoned::new(&data, poison).unwrap();
            prop_assert_eq!(poisoned.data().labels(), data.labels());
            prop_assert!(changes(&data, poison).iter().all(|&(largest, _)| largest <= 16.0));
            prop_assert!(lower.rows.iter().all(|row| poison.rows.contains(row)));
            prop_assert_eq!(lower.target, poison.target);
        }
    }
}
