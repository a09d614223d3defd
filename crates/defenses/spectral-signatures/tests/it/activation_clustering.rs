use aconite_core::{Dataset, Defense, Documents, Rate, Reads, Removal, Role, Seed, Told};
use aconite_spectral_signatures::activation_clustering::{ActivationClustering, ClusterRule, Reduction};
use proptest::prelude::*;
use std::sync::Arc;

use crate::{gone, judge, judge_with, labelled};

/// Two classes of 40 rows in turns: class 0 has 8 rows (those with i % 5 == 1) far from the others, class 1 is two
/// halves that are near each other.
fn features() -> (Vec<usize>, Vec<Vec<f32>>) {
    let labels = (0..80).map(|row| row % 2).collect();
    let row = |row: usize| {
        let i = row / 2;
        let noise = |by: usize| (i * by % 41) as f32 / 41.0 - 0.5;
        let shift = match (row % 2, i % 5, i % 2) {
            (0, 1, _) => 6.0,
            (1, _, 1) => 0.8,
            _ => 0.0,
        };
        vec![noise(7) + shift, noise(11) - shift, noise(17), 2.0]
    };
    (labels, (0..80).map(row).collect())
}

fn far() -> Vec<usize> {
    (0..80).filter(|row| row % 2 == 0 && row / 2 % 5 == 1).collect()
}

fn pca(rule: ClusterRule) -> ActivationClustering {
    ActivationClustering { reduction: Reduction::Pca, rule, ..ActivationClustering::default() }
}

#[test]
fn small_clusters_go_by_size() {
    let (labels, features) = features();
    for reduction in [Reduction::Pca, Reduction::Ica] {
        let filter = ActivationClustering { reduction, ..ActivationClustering::default() };
        let verdict = judge(&filter, &labels, &features, Told::default()).unwrap();
        assert_eq!(gone(&verdict), far(), "{reduction:?}");
        // 1 − 8/40 + m/80 for the far rows, 1 − 32/40 + m/80 for the others, m of the nearer side.
        for row in (0..80).step_by(2) {
            let range = if far().contains(&row) { 0.8..=0.8125 } else { 0.1875..=0.2 };
            assert!(range.contains(&verdict.scores[row]), "{row}: {}", verdict.scores[row]);
        }
    }
    // A fifth is not below a fifth.
    let strict = ActivationClustering { size_threshold: Rate::literal(0.2), ..pca(ClusterRule::Smaller) };
    assert_eq!(gone(&judge(&strict, &labels, &features, Told::default()).unwrap()), [0usize; 0]);
}

// X is features() as an 80 × 4 array of float32. P = PCA(3).fit_transform(X[c::2]);
// silhouette_score(P, KMeans(2, n_init=10, random_state=0).fit(P).labels_) of scikit-learn 1.9 is SILHOUETTES[c].
const SILHOUETTES: [f64; 2] = [0.920360622948533, 0.48247753549380673];

#[test]
fn clusters_that_are_apart_go_by_silhouette() {
    let (labels, features) = features();
    let removed = |threshold: f64, sample: usize| {
        let filter = ActivationClustering {
            silhouette_threshold: threshold,
            silhouette_sample: sample,
            ..pca(ClusterRule::Silhouette)
        };
        gone(&judge(&filter, &labels, &features, Told::default()).unwrap())
    };
    for (class, silhouette) in SILHOUETTES.into_iter().enumerate() {
        let of_class = |rows: Vec<usize>| rows.iter().filter(|row| *row % 2 == class).count();
        assert!(of_class(removed(silhouette - 1e-5, 0)) > 0, "class {class}");
        assert_eq!(of_class(removed(silhouette + 1e-5, 0)), 0, "class {class}");
    }
    // The far cluster alone is well apart, whether all rows are asked or a few.
    assert_eq!(removed(0.7, 0), far());
    assert_eq!(removed(0.7, 10), far());
}

#[test]
fn clusters_go_that_others_would_label_otherwise() {
    let (labels, features) = features();
    // One pixel: class 0 is dark, class 1 bright, and the far rows of class 0 look like class 1.
    let bytes = (0..80).map(|row| if row % 2 == 1 || far().contains(&row) { 200 } else { 20 }).collect();
    let data = crate::pixels(bytes, &labels, 2);
    let filter = pca(ClusterRule::ExclusionaryReclassification);
    assert_eq!(gone(&judge_with(&filter, &data, &features, Told::default(), Seed(0)).unwrap()), far());
    // Where they look like their own class, nothing goes.
    let data = crate::pixels((0..80).map(|row| (row % 2 * 200) as u8).collect(), &labels, 2);
    assert_eq!(gone(&judge_with(&filter, &data, &features, Told::default(), Seed(0)).unwrap()), [0usize; 0]);
}

#[test]
fn another_removal_cuts_the_scores_of_a_class() {
    let (labels, features) = features();
    let filter = |removal| ActivationClustering { removal: Some(removal), ..pca(ClusterRule::Smaller) };
    let removed = |removal| gone(&judge(&filter(removal), &labels, &features, Told::default()).unwrap());
    let counted = removed(Removal::Count(3));
    assert_eq!(counted.len(), 6);
    assert!(counted.iter().filter(|row| *row % 2 == 0).all(|row| far().contains(row)));
    assert_eq!(removed(Removal::Threshold(0.75)), far());
    assert!(!pca(ClusterRule::Smaller).removes(), "the paper's rule may remove nothing");
    assert!(filter(Removal::Count(3)).removes() && !filter(Removal::Threshold(0.5)).removes());
}

trait Removes {
    fn removes(&self) -> bool;
}

impl Removes for ActivationClustering {
    fn removes(&self) -> bool {
        matches!(self.role(), Role::Filter(filter) if filter.removes_a_share())
    }
}

#[test]
fn small_and_degenerate_classes() {
    // Class 0 has one row, class 1 three equal ones, class 2 two, class 3 three in two places.
    let labels = [0, 1, 1, 1, 2, 2, 3, 3, 3];
    let mut features = vec![vec![0.1f32, 7.3]; 4];
    features.extend([[1.0, 2.0], [3.0, 2.0], [5.0, 0.0], [5.0, 1.0], [5.0, 0.0]].map(Vec::from));
    for reduction in [Reduction::Pca, Reduction::Ica] {
        for rule in [ClusterRule::Smaller, ClusterRule::Silhouette] {
            let filter = ActivationClustering { reduction, ..pca(rule) };
            let verdict = judge(&filter, &labels, &features, Told::default()).unwrap();
            assert_eq!(verdict.scores[..4], [0.0; 4]);
            // Of two single rows the second counts as the smaller cluster, half of its class.
            assert_eq!(verdict.scores[4..6], [0.25, 0.75]);
            assert_eq!(gone(&verdict), [7], "{reduction:?} {rule:?}");
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let info = labelled(&[0, 1], 2).info();
    let plain = ActivationClustering::default();
    let refused = |filter: ActivationClustering| filter.check(&info).unwrap_err().setting.unwrap();
    assert_eq!(refused(ActivationClustering { components: 0, ..plain.clone() }), "components");
    assert_eq!(refused(ActivationClustering { n_init: 0, ..plain.clone() }), "n_init");
    for silhouette_threshold in [-1.5, 1.5, f64::NAN] {
        assert_eq!(
            refused(ActivationClustering { silhouette_threshold, ..plain.clone() }),
            "silhouette_threshold"
        );
    }
    for reclassification_threshold in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let filter = ActivationClustering { reclassification_threshold, ..plain.clone() };
        assert_eq!(refused(filter), "reclassification_threshold");
    }
    let removal = Some(Removal::Mad(-1.0));
    assert_eq!(refused(ActivationClustering { removal, ..plain.clone() }), "removal");
    let texts = Documents::texts(["a".to_owned(), "b".to_owned()]);
    let names = Arc::new(vec!["ham".to_owned(), "spam".to_owned()]);
    let texts = Dataset::new(texts, vec![0, 1], names).unwrap().info();
    assert_eq!(
        pca(ClusterRule::ExclusionaryReclassification).check(&texts).unwrap_err().setting.as_deref(),
        Some("rule")
    );
    assert!(plain.check(&texts).is_ok() && plain.check(&info).is_ok());
    assert_eq!(plain.knowledge(), []);
    assert!(matches!(plain.role(), Role::Filter(f) if f.reads() == Reads::MODEL));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_seed_alone_decides_and_the_well_parted_are_found_by_any(seed: u64) {
        let (labels, features) = features();
        let data = labelled(&labels, 2);
        let by = |filter: &ActivationClustering| {
            judge_with(filter, &data, &features, Told::default(), Seed(seed)).unwrap()
        };
        // Independent components of so few rows depend on where their search starts; principal ones do not.
        let filter = ActivationClustering::default();
        prop_assert_eq!(by(&filter), by(&filter));
        prop_assert_eq!(gone(&by(&pca(ClusterRule::Smaller))), far());
    }

    #[test]
    fn the_order_of_rows_does_not_matter(by in 1usize..40) {
        let (labels, mut features) = features();
        let before = judge(&pca(ClusterRule::Smaller), &labels, &features, Told::default()).unwrap();
        features.rotate_left(2 * by);
        let after = judge(&pca(ClusterRule::Smaller), &labels, &features, Told::default()).unwrap();
        for row in (0..80).step_by(2) {
            let there = (row + 2 * by) % 80;
            prop_assert_eq!(before.removed[there], after.removed[row]);
            prop_assert!((before.scores[there] - after.scores[row]).abs() < 1e-9);
        }
    }
}
