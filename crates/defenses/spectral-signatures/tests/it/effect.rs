//! The filters against a backdoor in a trained network.

use std::num::NonZeroU32;

use aconite_core::metrics::{Filtering, filtering};
use aconite_core::{Defense, Evidence, Learner, Poison, Poisoned, Role, Seed, Silent, Told};
use aconite_data::fashion_mnist_mini::FashionMnistMini;
use aconite_data::{Common, Places, Source, cut};
use aconite_nets::small_cnn::SmallCnn;
use aconite_spectral_signatures::activation_clustering::{ActivationClustering, ClusterRule, Reduction};
use aconite_spectral_signatures::spectral_signatures::SpectralSignatures;
use aconite_spectral_signatures::spectre::Spectre;
use aconite_train::optim::sgd::Sgd;
use aconite_train::schedule::one_cycle::OneCycle;
use aconite_train::{SgdLearner, Train};
use tch::Tensor;

/// 2000 images, 100 of which (5 %) carry a 3×3 checkerboard in the corner and the label 0, and the features that a
/// network trained on them has of them.
fn victim() -> (Poisoned, Tensor) {
    aconite_train::set_threads(1);
    let whole = FashionMnistMini {}.load(&Places(vec![])).unwrap();
    let clean = cut(&whole, &Common { train_size: Some(2000), ..Common::default() }, Seed(0)).unwrap().train;
    let rows = Seed(1).choose(&clean.rows_where(|label| label != 0), 100);
    let mut content = clean.images().unwrap().select(&rows);
    let shape = content.shape();
    for row in 0..rows.len() {
        for (y, x) in (0..3).flat_map(|y| (0..3).map(move |x| (y, x))) {
            content.image_mut(row)[shape.at(0, 24 + y, 24 + x)] = if (y + x) % 2 == 0 { 255 } else { 0 };
        }
    }
    let poison =
        Poison { labels: vec![0; rows.len()], rows, content: Some(content.into()), ..Poison::default() };
    let poisoned = Poisoned::new(&clean, &poison).unwrap();
    let learner = SgdLearner {
        net: Box::new(SmallCnn {}),
        train: Train {
            epochs: NonZeroU32::new(8).unwrap(),
            batch_size: NonZeroU32::new(64).unwrap(),
            ..Train::default()
        },
        optimizer: Box::new(Sgd { lr: 0.05, ..Sgd::default() }),
        schedule: Box::new(OneCycle::default()),
    };
    let model = learner.fit(poisoned.data(), Seed(2), &mut Silent).unwrap();
    let features = model.features(poisoned.data().rows()).unwrap();
    (poisoned, features)
}

fn run(defense: &dyn Defense, poisoned: &Poisoned, features: &Tensor) -> Filtering {
    let told = Told { poison_rate: Some(poisoned.worst_class_rate()), target_class: Some(0) };
    let evidence = Evidence {
        features: Some(features.shallow_clone()),
        ..Evidence::new(poisoned.data(), told, Seed(3))
    };
    let Role::Filter(filter) = defense.role() else { unreachable!() };
    let verdict = filter.judge(&evidence).unwrap();
    filtering(&verdict.scores, &verdict.removed, poisoned.truth().poisoned)
}

#[test]
fn a_checkerboard_is_found() {
    let (poisoned, features) = victim();
    let of = |defense: &dyn Defense| run(defense, &poisoned, &features);
    of(&SpectralSignatures::default());
    of(&SpectralSignatures {
        scope: aconite_spectral_signatures::Scope::TargetClass,
        ..SpectralSignatures::default()
    });
    for reduction in [Reduction::Ica, Reduction::Pca] {
        for rule in [ClusterRule::Smaller, ClusterRule::Silhouette, ClusterRule::ExclusionaryReclassification]
        {
            of(&ActivationClustering { reduction, rule, ..ActivationClustering::default() });
        }
    }
    of(&ActivationClustering {
        reduction: Reduction::Pca,
        rule: ClusterRule::Silhouette,
        silhouette_threshold: 0.5,
        ..ActivationClustering::default()
    });
    of(&Spectre::default());
    of(&Spectre { scope: aconite_spectral_signatures::Scope::TargetClass, ..Spectre::default() });
}
