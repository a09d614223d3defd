use aconite_core::{Defense, Evidence, Rate, Reads, Role, Seed, Verdict, metrics};
use aconite_data::breast_cancer::BreastCancer;
use aconite_data::fashion_mnist_mini::FashionMnistMini;
use aconite_data::{Places, Source, balanced};
use aconite_sanitization::Space;
use aconite_sanitization::knn_relabel::KnnRelabel;
use proptest::prelude::*;

use crate::{evidence, flipped, judge, table, tensor, texts};

fn of(k: usize, eta: f64) -> KnnRelabel {
    KnnRelabel { k, eta: Rate::try_from(eta).unwrap(), ..KnnRelabel::default() }
}

/// The rows whose label changed, and to what.
fn changes(verdict: &Verdict, given: &[usize]) -> Vec<(usize, usize)> {
    let labels = verdict.labels.as_ref().unwrap();
    assert!(verdict.removed.iter().all(|&gone| !gone));
    (0..given.len()).filter(|&row| labels[row] != given[row]).map(|row| (row, labels[row])).collect()
}

// N = 60; i = np.arange(N)[:, None]; y = np.arange(N) % 3
// X = (np.cos(.9 * i + 1.7 * np.arange(3)) + 1.2 * (y[:, None] == np.arange(3))).astype(np.float32).astype(float)
// g = np.where(np.arange(N) % 7 == 3, (y + 1) % 3, y)
fn points() -> (Vec<Vec<f32>>, Vec<usize>) {
    let entry = |i: usize, j: usize| {
        ((0.9 * i as f64 + 1.7 * j as f64).cos() + if i % 3 == j { 1.2 } else { 0.0 }) as f32
    };
    let rows = (0..60).map(|i| (0..3).map(|j| entry(i, j)).collect()).collect();
    (rows, (0..60).map(|i| if i % 7 == 3 { (i % 3 + 1) % 3 } else { i % 3 }).collect())
}

// ind = sklearn.neighbors.NearestNeighbors(n_neighbors=k + 1).fit(X).kneighbors(X)[1][:, 1:]
// for r in range(N):
//     v = np.bincount(g[ind[r]], minlength=3); against = k - v[g[r]]
//     new = g[r] if v[g[r]] == v.max() or v.max() < eta * k - 1e-9 else v.argmax()
// The k-th and the next distance differ by 4e-4 at least.
type Case = (usize, f64, &'static [(usize, usize)], [usize; 60]);

#[test]
fn neighbours_and_labels_are_sklearns() {
    let (rows, given) = points();
    let data = table(&rows, &given);
    let cases: [Case; 3] = [
        (
            10,
            0.5,
            &[
                (4, 2),
                (9, 2),
                (12, 1),
                (17, 2),
                (18, 2),
                (20, 0),
                (22, 2),
                (25, 2),
                (30, 2),
                (33, 1),
                (38, 2),
                (39, 2),
                (41, 0),
                (43, 2),
                (46, 2),
                (51, 2),
                (54, 1),
                (59, 2),
            ],
            [
                2, 6, 6, 6, 6, 5, 3, 5, 6, 7, 4, 3, 8, 3, 6, 3, 5, 8, 9, 3, 8, 2, 8, 6, 5, 6, 5, 3, 4, 6, 8,
                4, 3, 8, 3, 6, 3, 5, 8, 9, 3, 8, 2, 8, 6, 5, 6, 5, 3, 5, 6, 8, 3, 3, 8, 3, 5, 3, 6, 8,
            ],
        ),
        (
            10,
            0.7,
            &[(17, 2), (38, 2), (59, 2)],
            [
                2, 6, 6, 6, 6, 5, 3, 5, 6, 7, 4, 3, 8, 3, 6, 3, 5, 8, 9, 3, 8, 2, 8, 6, 5, 6, 5, 3, 4, 6, 8,
                4, 3, 8, 3, 6, 3, 5, 8, 9, 3, 8, 2, 8, 6, 5, 6, 5, 3, 5, 6, 8, 3, 3, 8, 3, 5, 3, 6, 8,
            ],
        ),
        (
            5,
            0.6,
            &[
                (3, 2),
                (4, 2),
                (8, 0),
                (9, 2),
                (11, 0),
                (14, 0),
                (17, 2),
                (18, 2),
                (20, 0),
                (24, 2),
                (25, 2),
                (29, 0),
                (30, 2),
                (32, 0),
                (35, 0),
                (38, 2),
                (39, 2),
                (41, 0),
                (43, 2),
                (44, 0),
                (45, 2),
                (46, 2),
                (49, 0),
                (50, 0),
                (51, 2),
                (56, 0),
                (59, 2),
            ],
            [
                0, 3, 2, 3, 3, 0, 2, 1, 3, 3, 0, 3, 3, 0, 3, 0, 2, 3, 4, 0, 4, 0, 3, 3, 3, 3, 2, 1, 2, 3, 3,
                0, 3, 3, 0, 3, 0, 2, 3, 4, 0, 4, 0, 3, 3, 3, 3, 2, 0, 3, 3, 3, 1, 1, 3, 0, 3, 0, 3, 3,
            ],
        ),
    ];
    for (k, eta, expected, against) in cases {
        let verdict = judge(&of(k, eta), &evidence(&data)).unwrap();
        assert_eq!(changes(&verdict, &given), expected, "k {k}, eta {eta}");
        for (score, votes) in verdict.scores.iter().zip(against) {
            assert!((score - votes as f64 / k as f64).abs() < 1e-12);
        }
        let blank = table(&vec![vec![0.0]; 60], &given);
        let seen = Evidence { features: Some(tensor(&rows)), ..evidence(&blank) };
        let in_features = KnnRelabel { space: Space::Features, ..of(k, eta) };
        assert_eq!(judge(&in_features, &seen).unwrap(), verdict);
    }
}

#[test]
fn ties_keep_the_given_label_and_then_take_the_smallest() {
    // A row in the middle, two neighbours of each of two labels at distance 1.
    let place = |x: f32, y: f32| vec![x, y];
    let rows = [place(0.0, 0.0), place(1.0, 0.0), place(-1.0, 0.0), place(0.0, 1.0), place(0.0, -1.0)];
    let new =
        |labels: &[usize]| judge(&of(4, 0.5), &evidence(&table(&rows, labels))).unwrap().labels.unwrap()[0];
    assert_eq!(new(&[2, 1, 1, 2, 2]), 2);
    assert_eq!(new(&[1, 1, 1, 2, 2]), 1);
    assert_eq!(new(&[0, 1, 1, 2, 2]), 1);
    assert_eq!(new(&[0, 1, 2, 2, 2]), 2);
    // 3 of 4 are not 0.8 of them.
    let strict = judge(&of(4, 0.8), &evidence(&table(&rows, &[0, 1, 2, 2, 2]))).unwrap();
    assert_eq!(strict.labels.unwrap()[0], 0);
}

#[test]
fn what_does_not_fit_is_refused() {
    let (rows, given) = points();
    let info = table(&rows, &given).info();
    for k in [0, 60, usize::MAX] {
        let error = of(k, 0.5).check(&info).unwrap_err();
        assert!(error.setting.as_deref() == Some("k") && error.message.contains("1 to 59"), "{error}");
    }
    assert!(of(59, 0.5).check(&info).is_ok());
    let error = of(2, 0.5).check(&texts().info()).unwrap_err();
    assert!(error.setting.as_deref() == Some("space") && error.hint.unwrap().contains("features"));
    assert!(matches!(of(1, 0.5).role(), Role::Filter(f) if f.reads() == Reads::NOTHING));
}

proptest! {
    #[test]
    fn a_label_changes_only_to_one_that_eta_of_the_neighbours_carry(eta in 0.0..=1.0, k in 1usize..20, seed: u64) {
        let (rows, given) = points();
        let given = Seed(seed).shuffled(&given);
        let verdict = judge(&of(k, eta), &evidence(&table(&rows, &given))).unwrap();
        for (row, _) in changes(&verdict, &given) {
            // Those who carry the new label do not carry the given one.
            prop_assert!(verdict.scores[row] + 1e-9 >= eta);
        }
        prop_assert_eq!(&verdict, &judge(&of(k, eta), &evidence(&table(&rows, &given))).unwrap());
    }
}

/// Flips mended, flips left wrong, and right labels spoilt; and the area under the ROC curve of the scores.
fn mended(train: &aconite_core::Dataset, count: usize) -> (usize, usize, f64) {
    aconite_train::set_threads(1);
    let (poisoned, mask) = flipped(train, count, Seed(1));
    let verdict = judge(&KnnRelabel::default(), &evidence(&poisoned)).unwrap();
    let labels = verdict.labels.unwrap();
    let right = |flipped: bool| {
        (0..mask.len()).filter(|&row| mask[row] == flipped && labels[row] == train.labels()[row]).count()
    };
    (right(true), mask.len() - count - right(false), metrics::auroc(&verdict.scores, &mask).unwrap())
}

#[test]
fn most_flips_are_mended() {
    // Seen: 42 of 45 flips mended, 12 of 411 other rows spoilt, AUROC 0.991.
    let cancer = BreastCancer::default().load(&Places(vec![])).unwrap().train;
    let seen = mended(&cancer, cancer.len() / 10);
    assert!(seen.0 >= cancer.len() / 10 * 4 / 5 && seen.1 <= cancer.len() / 20 && seen.2 > 0.93, "{seen:?}");
    let clothes = balanced(&FashionMnistMini {}.load(&Places(vec![])).unwrap().train, 2000, Seed(0)).unwrap();
    let seen = mended(&clothes, 200);
    // Seen: 145 of 200 mended, 292 of 1800 spoilt (neighbours in pixels are right for 4 of 5 rows), AUROC 0.962.
    assert!(seen.0 >= 125 && seen.1 <= 360 && seen.2 > 0.92, "{seen:?}");
}
