//! A backdoor of a white 2×2 patch, and what the regimes make of it.

use aconite_core::{Dataset, Learner, Model, Seed, Silent, Trigger};
use aconite_regimes::abl::{Abl, Ascent};
use aconite_regimes::mixup::Mixup;
use rand::RngExt;

use crate::fit;
use crate::support::{Patch, clothing, halved, judged, learner};

/// Two pixels a side.
const PATCH: Patch = Patch(2);

struct Scene {
    unstamped: Dataset,
    train: Dataset,
    poisons: Vec<usize>,
    test: Dataset,
}

/// 1500 images of 14×14 pixels, 150 of the other classes stamped and called class 0.
fn scene() -> Scene {
    aconite_train::set_threads(1);
    let (train, test) = clothing(1500);
    let unstamped = halved(&train);
    let mut train = unstamped.clone();
    let poisons = Seed(0).derive("poisons").choose(&train.rows_where(|label| label != 0), 150);
    let content = PATCH.stamped(train.rows(), &poisons).unwrap();
    train.rows_mut().replace(&poisons, &content).unwrap();
    poisons.iter().for_each(|&row| train.labels_mut()[row] = 0);
    Scene { unstamped, train, poisons, test: halved(&test) }
}

impl Scene {
    /// Accuracy on untouched images and success on stamped ones.
    fn judged(&self, model: &dyn Model) -> (f64, f64) {
        judged(model, &self.test, &PATCH)
    }
}

#[test]
fn what_is_learnt_too_easily_is_poison() {
    let (scene, victim) = (scene(), learner("small_cnn", 8, 0.05));
    for ascent in [Ascent::Lga, Ascent::BatchLga] {
        let abl = Abl {
            ascent,
            lr: 0.05,
            isolation_epochs: 4,
            finetune_epochs: 0,
            unlearn_epochs: 0,
            ..Abl::default()
        };
        let held = fit(&abl, &victim, &scene.train, &mut Silent).unwrap();
        let (isolated, rest) = abl.isolated(held.as_ref(), &scene.train).unwrap();
        assert_eq!((isolated.len(), rest.len()), (15, 1485));
        // Seen: 15 of 15 with either, where 1.5 would be poisons by chance. After 2 epochs it is 0 of 15, as the patch is
        // not learnt yet; after the 20 of the paper still 15 with `batch_lga`, but 0 with `lga`, which lifts poisons to γ
        // too and so forgets what it wanted to know.
        let hits = isolated.iter().filter(|row| scene.poisons.contains(row)).count();
        assert!(hits >= 10, "{ascent:?}: {hits}");
    }
}

#[test]
fn the_patch_is_unlearnt() {
    // The paper's nets have batch normalisation, and that matters: a batch of poisons alone has other statistics, so that
    // its loss is not flat where the unlearning starts. In `small_cnn`, which has none, 160 epochs at 1e-3 change nothing,
    // since the loss of the isolated rows is below 1e-3, and 160 at 5e-3 end with a net that says one class to all.
    let (scene, victim) = (scene(), learner("resnet20", 4, 0.05));
    let (accuracy, success) = scene.judged(victim.fit(&scene.train, Seed(0), &mut Silent).unwrap().as_ref());
    // Unlearning has the paper's epochs and the rate of the authors' code; the epochs before it are as many steps as make
    // sense for 1500 images.
    let abl = Abl { lr: 0.05, isolation_epochs: 5, finetune_epochs: 4, unlearn_lr: 5e-4, ..Abl::default() };
    let mended = fit(&abl, &victim, &scene.train, &mut Silent).unwrap();
    let (accuracy_after, success_after) = scene.judged(mended.as_ref());
    // Seen: accuracy 0.737 to 0.570, success 0.999 to 0.052. Without the last step 0.809 and 0.998, with 5 epochs of it 0.742
    // and 0.946: of 15 isolated rows, a batch, the patch is not unlearnt for nothing.
    assert!(success > 0.9 && success_after < 0.3, "{success} {success_after}");
    assert!(accuracy > 0.65 && accuracy_after > 0.4, "{accuracy} {accuracy_after}");
}

#[test]
fn blends_keep_wrong_labels_from_being_learnt_by_heart_but_not_a_patch() {
    let scene = scene();
    let both = |train: &Dataset, epochs: u32| {
        let victim = learner("small_cnn", epochs, 0.05);
        let plain = victim.fit(train, Seed(0), &mut Silent).unwrap();
        let mixed = fit(&Mixup::default(), &victim, train, &mut Silent).unwrap();
        (scene.judged(plain.as_ref()), scene.judged(mixed.as_ref()))
    };
    // Zhang et al., section 3.4: 40 % of the labels are wrong. Seen: accuracy 0.605 without and 0.774 with blends.
    let mut wrong = scene.unstamped.clone();
    let mut draws = Seed(1).rng();
    for row in Seed(0).derive("flips").choose(&(0..1500).collect::<Vec<_>>(), 600) {
        let label = &mut wrong.labels_mut()[row];
        *label = (*label + draws.random_range(1..10)) % 10;
    }
    let ((plain, _), (mixed, _)) = both(&wrong, 30);
    assert!(mixed > plain + 0.05, "{plain} {mixed}");
    // A patch on a tenth of the rows survives: success 0.979 without and 0.981 with blends, accuracy 0.764 and 0.748.
    let ((plain, stamped), (mixed, blended)) = both(&scene.train, 8);
    assert!(stamped > 0.9 && blended > 0.5 && mixed > plain - 0.08, "{plain} {mixed} {stamped} {blended}");
}
