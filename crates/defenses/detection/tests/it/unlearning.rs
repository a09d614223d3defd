use aconite_core::{Damaged, Defense, Knowledge, Learner, Rate, Repair, Role, Seed, Silent, Told};
use aconite_detection::neural_cleanse::NeuralCleanse;
use aconite_detection::unlearning::Unlearning;

use crate::victim::{backdoored, linear, narrow};

#[test]
fn without_a_flag_the_model_stays_unless_it_must_not() {
    let clean = narrow(4, 3, 10);
    let learner = linear();
    let model = learner.fit(&clean, Seed(0), &mut Silent).unwrap();
    let damaged =
        Damaged { learner: &learner, model: &*model, clean: &clean, told: Told::default(), seed: Seed(1) };
    let detector = NeuralCleanse { steps: 5, threshold: 1e9, ..NeuralCleanse::default() };
    let never = Unlearning { detector, ..Unlearning::default() };
    let before = model.tensors();
    assert_eq!(never.mend(&damaged, &mut Silent).unwrap().tensors(), before);
    let always = Unlearning { always: true, ..never };
    let mended = always.mend(&damaged, &mut Silent).unwrap().tensors();
    assert_ne!(mended, before);
    assert_eq!(mended, always.mend(&damaged, &mut Silent).unwrap().tensors());
    assert_eq!(model.tensors(), before, "the given model is left alone");
}

#[test]
fn what_does_not_fit_is_refused() {
    let info = narrow(4, 3, 20).info();
    let default = Unlearning::default();
    assert!(default.check(&info).is_ok());
    let setting = |unlearning: Unlearning| unlearning.check(&info).unwrap_err().setting.unwrap();
    let detector = NeuralCleanse { steps: 0, ..NeuralCleanse::default() };
    assert_eq!(setting(Unlearning { detector, ..default.clone() }), "detector.steps");
    assert_eq!(setting(Unlearning { share: Rate::literal(0.1), ..default.clone() }), "share");
    assert_eq!(setting(Unlearning { epochs: 0, ..default.clone() }), "epochs");
    assert_eq!(setting(Unlearning { batch_size: 0, ..default.clone() }), "batch_size");
    for lr in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(setting(Unlearning { lr, ..default.clone() }), "lr");
    }
    assert_eq!(default.knowledge(), [Knowledge::CleanSamples]);
    assert!(matches!(default.role(), Role::Repair(repair) if repair.clean() == Rate::literal(0.1)));
}

#[test]
fn the_patch_is_forgotten() {
    let victim = backdoored();
    let (accuracy, success) = victim.judged(&*victim.model);
    let clean = victim.samples(200);
    let damaged = Damaged {
        learner: &victim.learner,
        model: &*victim.model,
        clean: &clean,
        told: Told::default(),
        seed: Seed(3),
    };
    // One epoch, as in the paper: 7 steps here.
    let mended = Unlearning::default().mend(&damaged, &mut Silent).unwrap();
    let (accuracy_after, success_after) = victim.judged(&*mended);
    // Seen: accuracy 0.826 to 0.737, success 0.988 to 0.013; after ten epochs 0.786 and 0.026.
    assert!(success > 0.9 && success_after < 0.25, "{success} {success_after}");
    assert!(accuracy > 0.75 && accuracy_after > accuracy - 0.18, "{accuracy} {accuracy_after}");
}
