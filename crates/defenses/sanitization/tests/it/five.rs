//! The five sanitizers of Koh, Steinhardt, Liang 2018.

use aconite_core::{Defense, Evidence, Rate, Reads, Removal, Role, Seed};
use aconite_sanitization::Space;
use aconite_sanitization::knn_distance::KnnDistance;
use aconite_sanitization::l2::L2;
use aconite_sanitization::loss::{Form, Loss};
use aconite_sanitization::slab::Slab;
use aconite_sanitization::svd::Svd;
use proptest::prelude::*;

use crate::{evidence, gone, images, judge, table, tensor, texts};

// n, D = 20, 4
// i, j = np.arange(n)[:, None], np.arange(D)
// y = np.array([0, 1, 2, 0, 1])[np.arange(n) % 5]
// X = (np.cos(.9 * i + 1.7 * j) + 1.5 * (y[:, None] == j) + (j == 0)).astype(np.float32).astype(float)
fn points() -> (Vec<Vec<f32>>, Vec<usize>) {
    let labels: Vec<usize> = (0..20).map(|i| [0, 1, 2, 0, 1][i % 5]).collect();
    let entry = |i: usize, j: usize| {
        let mean = if labels[i] == j { 1.5 } else { 0.0 } + if j == 0 { 1.0 } else { 0.0 };
        ((0.9 * i as f64 + 1.7 * j as f64).cos() + mean) as f32
    };
    ((0..20).map(|i| (0..4).map(|j| entry(i, j)).collect()).collect(), labels)
}
// mu = np.array([X[y == c].mean(0) for c in range(3)])
// rest = np.array([X[y != c].mean(0) for c in range(3)])
// l2 = np.linalg.norm(X - mu[y], axis=1)
const L2_SCORES: [f64; 20] = [
    1.45337324,
    1.498012441,
    1.197949465,
    1.350410347,
    1.470510967,
    1.452203091,
    1.359985338,
    1.56060367,
    1.45855527,
    1.323501684,
    1.353703518,
    1.471654966,
    1.520923637,
    1.359657387,
    1.488293404,
    1.456339389,
    1.320929921,
    1.227113576,
    1.510034564,
    1.417120301,
];
// slab = np.abs(((X - mu[y]) * (mu - rest)[y]).sum(1))
const SLAB_SCORES: [f64; 20] = [
    2.182099954,
    1.761757271,
    1.421926282,
    1.626793533,
    1.38261498,
    1.297777005,
    0.860772506,
    2.523712274,
    1.996230298,
    1.466955684,
    1.655176143,
    1.402671696,
    1.127640008,
    0.764991582,
    0.760349904,
    1.975377212,
    1.448318167,
    2.229426,
    2.338952366,
    1.791321844,
];
// U, S, Vt = np.linalg.svd(X, full_matrices=False)
// k = np.searchsorted(np.cumsum(S**2) / np.sum(S**2), .95) + 1   # 3: .565, .808, .963, 1
// svd = np.linalg.norm(X - X @ Vt[:k].T @ Vt[:k], axis=1)
const SVD_SCORES: [f64; 20] = [
    0.222007251,
    0.902395885,
    0.390249015,
    0.198276021,
    0.263333108,
    0.73161645,
    0.249915536,
    0.088681646,
    0.079289804,
    0.909975809,
    0.205263126,
    0.257645734,
    0.428061329,
    0.570865579,
    0.618432701,
    0.082439968,
    0.906867149,
    0.091360551,
    0.574331322,
    0.094702133,
];
// knn = sklearn.neighbors.NearestNeighbors(n_neighbors=6).fit(X).kneighbors(X)[0][:, 1:].sum(1)
const KNN_SCORES: [f64; 20] = [
    7.811765968,
    6.943871638,
    8.794250154,
    5.001612252,
    7.014645356,
    7.705573064,
    8.453364236,
    5.762952145,
    7.166847149,
    5.789304615,
    4.982573355,
    6.996952918,
    7.877080701,
    8.386531387,
    7.806515876,
    7.183408495,
    5.831057243,
    10.066581334,
    6.194412817,
    7.876379761,
];
// f = (np.sin(.7 * i + 1.1 * np.arange(3)) * 2 + 1.5 * (y[:, None] == np.arange(3))).astype(np.float32).astype(float)
// own = f[np.arange(n), y]; other = np.where(y[:, None] == np.arange(3), -np.inf, f).max(1)
// hinge = np.maximum(0, 1 - (own - other))
const HINGE_LOSSES: [f64; 20] = [
    1.282414675,
    0.0,
    2.355940342,
    0.0,
    1.545508616,
    0.0,
    1.397633284,
    0.0,
    2.759619921,
    0.0,
    0.125806451,
    0.306502104,
    3.054748595,
    0.0,
    0.757914245,
    1.525855601,
    1.507215321,
    0.0,
    1.244663358,
    0.0,
];
// cross_entropy = np.log(np.exp(f).sum(1)) - own
const CROSS_ENTROPIES: [f64; 20] = [
    1.238501751,
    0.154226432,
    1.8976192,
    0.040833257,
    1.049146673,
    0.191674855,
    0.991234323,
    0.036306496,
    2.149719284,
    0.199544099,
    0.412671148,
    0.423674273,
    2.304631855,
    0.045509616,
    0.851694958,
    1.07906005,
    0.998407518,
    0.075897224,
    1.189820827,
    0.158966421,
];

/// The scores f of the lines above.
fn logits(labels: &[usize]) -> Vec<Vec<f32>> {
    let score = |i: usize, j: usize| {
        ((0.7 * i as f64 + 1.1 * j as f64).sin() * 2.0 + if labels[i] == j { 1.5 } else { 0.0 }) as f32
    };
    (0..labels.len()).map(|i| (0..3).map(|j| score(i, j)).collect()).collect()
}

/// Sines and cosines may differ in their last bit and round to another f32.
fn assert_near(scores: &[f64], golden: &[f64], what: &str) {
    assert_eq!(scores.len(), golden.len());
    for (row, (score, expected)) in scores.iter().zip(golden).enumerate() {
        assert!((score - expected).abs() < 1e-6, "{what}, row {row}: {score} {expected}");
    }
}

fn by_distance(space: Space, removal: Removal) -> Vec<(Box<dyn Defense>, [f64; 20])> {
    vec![
        (Box::new(L2 { space, removal }), L2_SCORES),
        (Box::new(Slab { space, removal }), SLAB_SCORES),
        (Box::new(Svd { space, removal, ..Svd::default() }), SVD_SCORES),
        (Box::new(KnnDistance { space, removal, ..KnnDistance::default() }), KNN_SCORES),
    ]
}

#[test]
fn scores_are_numpys_in_either_space() {
    let (rows, labels) = points();
    let data = table(&rows, &labels);
    let blank = table(&vec![vec![0.0]; 20], &labels);
    for (in_input, in_features) in by_distance(Space::Input, Removal::Count(1))
        .into_iter()
        .zip(by_distance(Space::Features, Removal::Count(1)))
    {
        let ((input, golden), (features, _)) = (in_input, in_features);
        let verdict = judge(input.as_ref(), &evidence(&data)).unwrap();
        assert_near(&verdict.scores, &golden, &format!("{input:?}"));
        // The highest score of each class goes.
        let top = |class: usize| {
            let of_class = (0..20).filter(|&row| labels[row] == class);
            of_class.max_by(|&a, &b| golden[a].total_cmp(&golden[b])).unwrap()
        };
        let mut expected: Vec<usize> = (0..3).map(top).collect();
        expected.sort_unstable();
        assert_eq!(gone(&verdict), expected, "{input:?}");
        let seen = Evidence { features: Some(tensor(&rows)), ..evidence(&blank) };
        assert_eq!(judge(features.as_ref(), &seen).unwrap(), verdict, "{features:?}");
        assert!(matches!(input.role(), Role::Filter(f) if f.reads() == Reads::NOTHING));
        assert!(
            matches!(features.role(), Role::Filter(f) if f.reads() == Reads::MODEL && f.removes_a_share())
        );
    }
}

#[test]
fn losses_are_numpys() {
    let (rows, labels) = points();
    let data = table(&rows, &labels);
    let seen = Evidence { scores: Some(tensor(&logits(&labels))), ..evidence(&data) };
    let of = |loss| judge(&Loss { loss, ..Loss::default() }, &seen).unwrap();
    assert_near(&of(Form::Hinge).scores, &HINGE_LOSSES, "hinge");
    assert_near(&of(Form::CrossEntropy).scores, &CROSS_ENTROPIES, "cross-entropy");
    for (margin, hinge) in of(Form::Margin).scores.iter().zip(HINGE_LOSSES) {
        assert!((margin.max(0.0) - hinge).abs() < 1e-6);
    }
    assert!(matches!(Loss::default().role(), Role::Filter(f) if f.reads() == Reads::MODEL));
    let error = judge(&Loss::default(), &evidence(&data)).unwrap_err();
    assert!(error.message.contains("no scores"), "{error}");
    assert!(Loss::default().check(&table(&rows[..1], &[0]).info()).is_err());
}

// i = np.arange(6)[:, None]
// X = np.cos(.9 * i + 1.7 * np.arange(9) * (i + 1)).astype(np.float32).astype(float)
// U, S, Vt = np.linalg.svd(X, full_matrices=False)
// k = np.searchsorted(np.cumsum(S**2) / np.sum(S**2), .7) + 1   # 4: .268, .483, .695, .858 …
// np.linalg.norm(X - X @ Vt[:k].T @ Vt[:k], axis=1)
const WIDE: [f64; 6] = [0.858236835, 0.815501309, 1.219088747, 0.182904021, 0.613862762, 0.70009098];

#[test]
fn the_subspace_of_few_wide_rows_is_the_same() {
    let entry = |i: usize, j: usize| (0.9 * i as f64 + 1.7 * (j * (i + 1)) as f64).cos() as f32;
    let rows: Vec<Vec<f32>> = (0..6).map(|i| (0..9).map(|j| entry(i, j)).collect()).collect();
    let filter = Svd { energy: 0.7, ..Svd::default() };
    let few = judge(&filter, &evidence(&table(&rows, &[0; 6]))).unwrap();
    assert_near(&few.scores, &WIDE, "wide");
    // Twice every row spans the same subspace, and is tall.
    let twice = judge(&filter, &evidence(&table(&[rows.clone(), rows].concat(), &[0; 12]))).unwrap();
    assert_near(&twice.scores[..6], &WIDE, "tall");
    // Nothing is in no subspace.
    let nothing = judge(&filter, &evidence(&table(&vec![vec![0.0; 3]; 5], &[0; 5]))).unwrap();
    assert_eq!(nothing.scores, [0.0; 5]);
}

#[test]
fn pixels_are_shares_of_255() {
    let pixels: Vec<Vec<u8>> = (0..20u8).map(|i| vec![i * 7, 255 - i * 11, (i * 12) ^ 85]).collect();
    let labels: Vec<usize> = (0..20).map(|i| i % 2).collect();
    let shares: Vec<Vec<f32>> =
        pixels.iter().map(|row| row.iter().map(|&p| f32::from(p) / 255.0).collect()).collect();
    for (filter, _) in by_distance(Space::Input, Removal::Count(2)) {
        let there = judge(filter.as_ref(), &evidence(&table(&shares, &labels))).unwrap();
        assert_eq!(judge(filter.as_ref(), &evidence(&images(&pixels, &labels))).unwrap(), there);
    }
}

#[test]
fn five_per_cent_of_each_class_go() {
    // 60 rows of class 0 and 25 of class 1: 3 and 1.
    let labels: Vec<usize> = (0..85).map(|i| usize::from(i >= 60)).collect();
    let rows: Vec<Vec<f32>> = (0..85).map(|i| vec![(i as f32 * 0.7).sin(), (i * i % 31) as f32]).collect();
    let data = table(&rows, &labels);
    let all: [Box<dyn Defense>; 4] = [
        Box::new(L2::default()),
        Box::new(Slab::default()),
        Box::new(Svd::default()),
        Box::new(KnnDistance::default()),
    ];
    for filter in all {
        let gone = gone(&judge(filter.as_ref(), &evidence(&data)).unwrap());
        assert_eq!((gone.len(), gone.iter().filter(|&&row| row < 60).count()), (4, 3), "{filter:?}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let (rows, labels) = points();
    let data = table(&rows, &labels);
    let info = data.info();
    let setting = |filter: &dyn Defense| filter.check(&info).unwrap_err().setting.unwrap();
    for (filter, _) in by_distance(Space::Input, Removal::Mad(0.0)) {
        assert_eq!(setting(filter.as_ref()), "removal");
    }
    assert_eq!(setting(&Loss { removal: Removal::Threshold(f64::NAN), ..Loss::default() }), "removal");
    for energy in [0.0, 1.0, -1.0, f64::NAN] {
        assert_eq!(setting(&Svd { energy, ..Svd::default() }), "energy");
    }
    for k in [0, 20, usize::MAX] {
        let error = KnnDistance { k, ..KnnDistance::default() }.check(&info).unwrap_err();
        assert!(error.setting.as_deref() == Some("k") && error.message.contains("1 to 19"), "{error}");
    }
    let texts = texts();
    for (filter, _) in by_distance(Space::Input, Removal::Count(1)) {
        assert!(filter.check(&info).is_ok());
        let small = KnnDistance { k: 2, ..KnnDistance::default() };
        let filter: &dyn Defense =
            if format!("{filter:?}").starts_with("Knn") { &small } else { filter.as_ref() };
        for error in [filter.check(&texts.info()).unwrap_err(), judge(filter, &evidence(&texts)).unwrap_err()]
        {
            assert!(error.setting.as_deref() == Some("space") && error.message.contains("texts"), "{error}");
        }
    }
    assert!(L2 { space: Space::Features, ..L2::default() }.check(&texts.info()).is_ok());
    let alone = table(&rows, &[0; 20]);
    assert!(Slab::default().check(&alone.info()).unwrap_err().message.contains("one label"));
    assert!(judge(&Slab::default(), &evidence(&alone)).is_err());
    let everything = Removal::Fraction(Rate::literal(1.0));
    for (filter, _) in by_distance(Space::Input, everything) {
        let error = judge(filter.as_ref(), &evidence(&data)).unwrap_err();
        assert!(error.message.contains("every training row"), "{error}");
    }
}

/// Rows on a grid with irregular steps, so that no two distances are equal.
fn rows() -> impl Strategy<Value = (Vec<Vec<f32>>, Vec<usize>)> {
    prop::collection::vec((0usize..3, prop::collection::vec(-10i32..10, 3)), 12..60).prop_map(|rows| {
        let place = |i: usize, cells: &[i32]| {
            let step = ((i + 2) as f32).sqrt() / 11.0;
            vec![cells[0] as f32 / 4.0 + step, cells[1] as f32 / 4.0 - step * step, cells[2] as f32 / 4.0]
        };
        let points = rows.iter().enumerate().map(|(i, (_, cells))| place(i, cells)).collect();
        // Two classes at least.
        (points, rows.iter().enumerate().map(|(i, (label, _))| if i < 3 { i } else { *label }).collect())
    })
}

proptest! {
    #[test]
    fn the_order_of_rows_does_not_matter((rows, labels) in rows(), seed: u64) {
        let order = Seed(seed).shuffled(&(0..labels.len()).collect::<Vec<_>>());
        let labels_there: Vec<usize> = order.iter().map(|&row| labels[row]).collect();
        let rows_there: Vec<Vec<f32>> = order.iter().map(|&row| rows[row].clone()).collect();
        for (filter, _) in by_distance(Space::Input, Removal::Count(2)) {
            let here = judge(filter.as_ref(), &evidence(&table(&rows, &labels))).unwrap();
            let there = judge(filter.as_ref(), &evidence(&table(&rows_there, &labels_there))).unwrap();
            for (place, &row) in order.iter().enumerate() {
                let (a, b) = (here.scores[row], there.scores[place]);
                prop_assert!((a - b).abs() < 1e-5 * (1.0 + a), "{:?}: {} {}", filter, a, b);
            }
        }
    }

    #[test]
    fn exactly_the_highest_scores_of_each_class_go((rows, labels) in rows(), share in 0.0..0.9) {
        let share = Rate::try_from(share).unwrap();
        for (filter, _) in by_distance(Space::Input, Removal::Fraction(share)) {
            let data = table(&rows, &labels);
            let verdict = judge(filter.as_ref(), &evidence(&data)).unwrap();
            for class in 0..3 {
                let of_class = data.rows_of(class);
                let (gone, kept): (Vec<usize>, Vec<usize>) = of_class.iter().partition(|&&row| verdict.removed[row]);
                prop_assert_eq!(gone.len(), share.count(of_class.len()));
                for &row in &gone {
                    prop_assert!(kept.iter().all(|&other| verdict.scores[other] <= verdict.scores[row]));
                }
            }
        }
    }
}
