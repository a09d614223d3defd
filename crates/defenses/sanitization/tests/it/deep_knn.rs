use std::sync::Arc;

use aconite_core::{
    Dataset, Defense, Evidence, Filter, Images, Reads, Removal, Result, Role, Seed, Shape, Told, Verdict,
};
use aconite_sanitization::deep_knn::DeepKnn;
use proptest::prelude::*;
use tch::Tensor;

fn labelled(labels: &[usize]) -> Dataset {
    let shape = Shape { channels: 1, height: 1, width: 1 };
    let images = Images::new(shape, vec![0; labels.len()]).unwrap();
    let classes = labels.iter().max().unwrap() + 1;
    Dataset::new(images, labels.to_vec(), Arc::new((0..classes).map(|c| format!("c{c}")).collect())).unwrap()
}

fn try_judge(filter: &DeepKnn, labels: &[usize], features: &[Vec<f32>]) -> Result<Verdict> {
    let flat: Vec<f32> = features.concat();
    let features = Tensor::from_slice(&flat).reshape([labels.len() as i64, -1]);
    let data = labelled(labels);
    filter.judge(&Evidence { features: Some(features), ..Evidence::new(&data, Told::default(), Seed(0)) })
}

fn judge(filter: &DeepKnn, labels: &[usize], features: &[Vec<f32>]) -> Verdict {
    try_judge(filter, labels, features).unwrap()
}

fn of(k: usize) -> DeepKnn {
    DeepKnn { k: Some(k), ..DeepKnn::default() }
}

fn gone(verdict: &Verdict) -> Vec<usize> {
    (0..verdict.removed.len()).filter(|&row| verdict.removed[row]).collect()
}

// rng = np.random.default_rng(11)
// y = np.repeat([0, 1, 2], 8)
// F = np.round(np.eye(3)[y] * 2 + rng.normal(size=(24, 3)) * .7, 2)
// y[[2, 9]] = 2; y[17] = 0
const FEATURES: [[f32; 3]; 24] = [
    [2.02, 0.95, 0.86],
    [1.64, -0.21, -0.37],
    [2.4, -0.04, 0.52],
    [0.71, 1.1, -0.07],
    [2.48, -0.1, -0.27],
    [2.32, 0.58, -0.14],
    [1.89, 0.48, -0.61],
    [0.94, 0.28, -0.47],
    [-1.34, 1.43, -0.33],
    [-0.84, 0.96, 0.03],
    [0.63, 1.84, -0.52],
    [0.27, 2.5, -0.21],
    [0.38, 2.73, -0.14],
    [-0.57, 2.24, 0.17],
    [0.77, 1.1, -0.46],
    [-0.59, 0.79, 0.09],
    [0.37, -0.52, 2.97],
    [0.58, 0.44, 2.28],
    [0.67, -0.93, 2.43],
    [0.42, -1.24, 2.24],
    [-0.18, 0.55, 1.69],
    [-0.01, 0.24, 1.39],
    [0.42, -0.07, 2.34],
    [-0.37, 0.76, 2.42],
];
const LABELS: [usize; 24] = [0, 0, 2, 0, 0, 0, 0, 0, 1, 2, 1, 1, 1, 1, 1, 1, 2, 0, 2, 2, 2, 2, 2, 2];

// D = ((F[:, None] - F[None]) ** 2).sum(-1); np.fill_diagonal(D, np.inf)
// for i in range(24):
//     votes = np.bincount(y[np.argsort(D[i], kind="stable")[:k]], minlength=3)
//     score = 1 - votes[y[i]] / k; removed = votes.max() > votes[y[i]]
// With unit length: F / np.linalg.norm(F, axis=1, keepdims=True) before D.
#[test]
fn neighbours_vote_as_in_numpy() {
    let features = FEATURES.map(Vec::from);
    // Votes against the row's own label, of k.
    let cases = [
        (
            of(5),
            [1, 1, 5, 3, 1, 1, 1, 1, 1, 5, 1, 1, 1, 1, 3, 2, 1, 5, 1, 1, 2, 2, 1, 1],
            vec![2, 3, 9, 14, 17],
        ),
        (of(9), [2, 3, 9, 5, 3, 3, 3, 4, 3, 7, 4, 3, 3, 3, 6, 5, 2, 7, 2, 2, 2, 2, 3, 2], vec![2, 9, 14, 17]),
        (
            DeepKnn { normalize: true, ..of(5) },
            [1, 1, 5, 4, 1, 1, 1, 1, 1, 5, 1, 1, 1, 1, 2, 1, 1, 5, 1, 1, 1, 1, 1, 1],
            vec![2, 3, 9, 17],
        ),
    ];
    for (filter, against, removed) in cases {
        let verdict = judge(&filter, &LABELS, &features);
        let k = filter.k.unwrap() as f64;
        for (score, votes) in verdict.scores.iter().zip(against) {
            assert!((score - f64::from(votes) / k).abs() < 1e-12, "{filter:?}: {:?}", verdict.scores);
        }
        assert_eq!(gone(&verdict), removed);
    }
}

#[test]
fn k_follows_the_largest_class() {
    // Class 2 is the largest with 9 rows: a ratio of 1 asks for 9 neighbours, a huge one for all other rows.
    let features = FEATURES.map(Vec::from);
    assert_eq!(judge(&DeepKnn::default(), &LABELS, &features), judge(&of(9), &LABELS, &features));
    let all = DeepKnn { k_ratio: 1e6, ..DeepKnn::default() };
    assert_eq!(judge(&all, &LABELS, &features), judge(&of(23), &LABELS, &features));
    let one = DeepKnn { k_ratio: 1e-6, ..DeepKnn::default() };
    assert_eq!(judge(&one, &LABELS, &features), judge(&of(1), &LABELS, &features));
}

#[test]
fn equally_distant_rows_count_in_their_order() {
    // Four copies of one point; each row's two neighbours are the first two of the other three.
    let verdict = judge(&of(2), &[0, 0, 1, 1], &vec![vec![3.0f32, 4.0]; 4]);
    assert_eq!(verdict.scores, [0.5, 0.5, 1.0, 1.0]);
    // A tie for the plurality keeps the row.
    assert_eq!(gone(&verdict), [2, 3]);
}

#[test]
fn extreme_features_are_no_obstacle() {
    // Squares of 1e30 overflow f32; two groups at ±1e30, a mislabelled row in each.
    let features: Vec<Vec<f32>> =
        (0..10).map(|i| vec![if i < 5 { 1e30 } else { -1e30 } * (1.0 + i as f32 / 100.0)]).collect();
    let verdict = judge(&of(3), &[0, 0, 1, 0, 0, 1, 1, 1, 0, 1], &features);
    assert_eq!(gone(&verdict), [2, 8]);
    // A single row has no neighbour.
    assert_eq!(gone(&judge(&DeepKnn::default(), &[0], &[vec![1.0]])), [0usize; 0]);
}

#[test]
fn rows_of_several_blocks_find_each_other() {
    // 6000 rows in pairs on a grid of 15 × 20 × 10 places: the partner is 0.25 away, everyone else 0.75 or more.
    // More than 256 rows and 512 columns need more than one block of distances.
    let features: Vec<Vec<f32>> = (0..6000)
        .map(|row| {
            let (place, second) = (row / 2, row % 2);
            vec![(place / 200) as f32 + 0.25 * second as f32, (place / 10 % 20) as f32, (place % 10) as f32]
        })
        .collect();
    let parted = [0, 697, 1398, 2001, 2999];
    let labels: Vec<usize> =
        (0..6000).map(|row| usize::from(row % 2 == 1 && parted.contains(&(row / 2)))).collect();
    let expected: Vec<usize> = parted.iter().flat_map(|place| [2 * place, 2 * place + 1]).collect();
    assert_eq!(gone(&judge(&of(1), &labels, &features)), expected);
}

#[test]
fn scores_can_be_cut_instead() {
    let features = FEATURES.map(Vec::from);
    let cut = |removal| judge(&DeepKnn { removal: Some(removal), ..of(5) }, &LABELS, &features);
    let plurality = judge(&of(5), &LABELS, &features);
    let above = cut(Removal::Threshold(0.59));
    assert_eq!(above.scores, plurality.scores);
    assert_eq!(gone(&above), [2, 3, 9, 14, 17]);
    // The top one of each class; of 2 and 9, against which all neighbours vote, the earlier.
    assert_eq!(gone(&cut(Removal::Count(1))), [2, 14, 17]);
    let removes_a_share = |filter: DeepKnn| filter.removes_a_share();
    assert!(
        removes_a_share(DeepKnn { removal: Some(Removal::Count(1)), ..of(5) }) && !removes_a_share(of(5))
    );
    let wrong = DeepKnn { removal: Some(Removal::Mad(-1.0)), ..of(5) };
    assert_eq!(wrong.check(&labelled(&LABELS).info()).unwrap_err().setting.as_deref(), Some("removal"));
}

#[test]
fn what_does_not_fit_is_refused() {
    let info = labelled(&LABELS).info();
    for k in [0, 24, usize::MAX] {
        let error = of(k).check(&info).unwrap_err();
        assert!(error.setting.as_deref() == Some("k") && error.message.contains("1 to 23"), "{error}");
    }
    assert!(of(23).check(&info).is_ok());
    for k_ratio in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = DeepKnn { k_ratio, ..DeepKnn::default() }.check(&info).unwrap_err();
        assert_eq!(error.setting.as_deref(), Some("k_ratio"));
    }
    let error = try_judge(&of(1), &[0, 1], &[vec![0.0], vec![1.0]]).unwrap_err();
    assert!(error.message.contains("every row disagrees"), "{error}");
    assert_eq!(DeepKnn::default().knowledge(), []);
    assert!(matches!(DeepKnn::default().role(), Role::Filter(f) if f.reads() == Reads::MODEL));
}

/// The definition, one pair of rows at a time in double precision.
fn brute_force(k: usize, labels: &[usize], features: &[Vec<f32>]) -> Verdict {
    let distance = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(x, y)| (f64::from(*x) - f64::from(*y)).powi(2)).sum()
    };
    let mut verdict = Verdict::new(Vec::new(), Vec::new());
    for (row, here) in features.iter().enumerate() {
        let mut others: Vec<usize> = (0..labels.len()).filter(|&other| other != row).collect();
        others.sort_by(|&a, &b| distance(here, &features[a]).total_cmp(&distance(here, &features[b])));
        let votes = |label| others[..k].iter().filter(|&&other| labels[other] == label).count();
        let own = votes(labels[row]);
        verdict.scores.push(1.0 - own as f64 / k as f64);
        verdict.removed.push((0..3).any(|label| votes(label) > own));
    }
    verdict
}

/// Rows on a grid of eighths, distances of which are exact in f32, with labels that mostly follow the place.
/// Grid points differ in irregular digits of the first axis, so that no two distances are equal.
fn rows() -> impl Strategy<Value = (Vec<usize>, Vec<Vec<f32>>)> {
    let row = (0usize..3, prop::collection::vec(-10i32..10, 3));
    prop::collection::vec(row, 12..70).prop_map(|rows| {
        let place = |i: usize, label: usize, cells: &[i32]| {
            // √(i+2) is irrational for most i: it breaks ties by far more than f32 rounds.
            let x = 3.0 * label as f32 + cells[0] as f32 / 8.0 + ((i + 2) as f32).sqrt() / 11.0;
            vec![x, cells[1] as f32 / 8.0, cells[2] as f32 / 8.0]
        };
        let features = rows.iter().enumerate().map(|(i, (label, cells))| place(i, *label, cells)).collect();
        let labels = rows.iter().enumerate().map(|(i, (label, _))| if i % 7 == 3 { 0 } else { *label });
        (labels.collect(), features)
    })
}

/// The smallest gap between the k-th and the next distance of any row: below 1e-4 the order is f32's to choose.
fn gap(k: usize, features: &[Vec<f32>]) -> f64 {
    let distances = |row: &Vec<f32>| {
        let mut all: Vec<f64> = features
            .iter()
            .map(|o| row.iter().zip(o).map(|(x, y)| (f64::from(*x) - f64::from(*y)).powi(2)).sum())
            .collect();
        all.sort_by(f64::total_cmp);
        all[k + 1] - all[k] // The row itself comes first.
    };
    features.iter().map(distances).fold(f64::INFINITY, f64::min)
}

proptest! {
    #[test]
    fn blocks_agree_with_brute_force((labels, features) in rows(), k in 1usize..10) {
        prop_assume!(gap(k, &features) > 1e-4);
        let expected = brute_force(k, &labels, &features);
        prop_assume!(!expected.removed.iter().all(|&gone| gone));
        prop_assert_eq!(judge(&of(k), &labels, &features), expected);
    }

    #[test]
    fn the_order_of_rows_does_not_matter((labels, features) in rows(), k in 1usize..10, seed: u64) {
        prop_assume!(gap(k, &features) > 1e-4);
        let order = Seed(seed).shuffled(&(0..labels.len()).collect::<Vec<_>>());
        let labels_there: Vec<usize> = order.iter().map(|&row| labels[row]).collect();
        let features_there: Vec<Vec<f32>> = order.iter().map(|&row| features[row].clone()).collect();
        let Ok(here) = try_judge(&of(k), &labels, &features) else { return Ok(()) };
        let there = judge(&of(k), &labels_there, &features_there);
        for (place, &row) in order.iter().enumerate() {
            prop_assert_eq!(here.removed[row], there.removed[place]);
            prop_assert_eq!(here.scores[row], there.scores[place]);
        }
    }
}
