use aconite_core::{Defense, Knowledge, Rate, Reads, Removal, Role, Told, Verdict};
use aconite_spectral_signatures::Scope;
use aconite_spectral_signatures::spectre::Spectre;
use proptest::prelude::*;

use crate::{gone, judge, labelled, told};

// n = 60; i = np.arange(n)[:, None]; j = np.arange(5)[None]
// F = ((i * 5 + j + 1) * 7919 % 1009 / 1009 - .5) * np.array([3, 2, 1, .5, .3])
// F[i.ravel() % 10 == 7] += [0, 0, .2, .6, .4]
// F = F.astype(np.float32).astype(float)
fn features() -> Vec<Vec<f32>> {
    let (scale, shift) = ([3.0, 2.0, 1.0, 0.5, 0.3], [0.0, 0.0, 0.2, 0.6, 0.4]);
    let number = |i: usize, j: usize| {
        let draw = ((i * 5 + j + 1) * 7919 % 1009) as f64 / 1009.0 - 0.5;
        (draw * scale[j] + if i % 10 == 7 { shift[j] } else { 0.0 }) as f32
    };
    (0..60).map(|i| (0..5).map(|j| number(i, j)).collect()).collect()
}

// def white(X, S, mu):
//     l, U = np.linalg.eigh(S)
//     return (X - mu) @ (U / np.sqrt(l)) @ U.T
// def cov(X): return np.cov(X.T, bias=True).reshape(X.shape[1], -1)
// def robust(Z, m):
//     k = Z.shape[1]; left = np.arange(len(Z))
//     for r in range(4):
//         c = m * (r + 1) // 4 - m * r // 4
//         y = white(Z[left], cov(Z[left]), Z[left].mean(0))
//         q = np.einsum("ni,nj->nij", y, y).reshape(len(left), -1)
//         p = q @ np.linalg.eigh(cov(q))[1][:, -1]
//         d = abs(p - np.median(p))
//         left = np.sort(left[np.argsort(-d, kind="stable")[c:]])
//     return Z[left].mean(0), cov(Z[left])
// def que(X, mu, S, a=4):
//     w = white(X, S, mu); C = cov(w); l, U = np.linalg.eigh(C)
//     Q = U @ np.diag(np.exp(a * (l - 1) / (l[-1] - 1))) @ U.T
//     return np.einsum("ni,ij,nj->n", w, Q, w) / np.trace(Q), np.trace(C @ Q) / np.trace(Q)
// R = F - F.mean(0); H = R @ np.linalg.svd(R, full_matrices=False)[2].T
// t = que(H[:, :k], *robust(H[:, :k], 12))[0]; gone = np.argsort(-t, kind="stable")[:9]   # ε = 0.1
// norm = que(H, H[stay].mean(0), cov(H[stay]))[1] is 1.873 for k = 1 and 8.057 for k = 4.
const ROWS: [usize; 6] = [0, 7, 17, 27, 30, 57];
const ONE: [f64; 6] = [4.12286634, 0.26088869, 5.91024364, 0.080057, 0.96789671, 0.88755666];
const FOUR: [f64; 6] =
    [3.44781440e-02, 1.13852114e+02, 1.29705551e+02, 2.59036501e+02, 7.18848150e-02, 7.87016605e+01];

#[test]
fn scores_are_those_of_the_formula_in_numpy() {
    let assumed = Spectre { epsilon: Some(Rate::literal(0.1)), ..Spectre::default() };
    let cases = [
        (Some(1), ONE, [13, 17, 21, 25, 29, 46, 50, 54, 58]),
        (Some(4), FOUR, [7, 17, 19, 23, 27, 37, 47, 52, 57]),
        (None, FOUR, [7, 17, 19, 23, 27, 37, 47, 52, 57]),
    ];
    for (k, golden, rows) in cases {
        let verdict =
            judge(&Spectre { k, ..assumed.clone() }, &[0; 60], &features(), Told::default()).unwrap();
        for (row, expected) in ROWS.into_iter().zip(golden) {
            let score = verdict.scores[row];
            // The power iteration stops at a step of 1e-7; nine printed digits.
            assert!(
                (score - expected).abs() < 1e-5 * (1.0 + expected),
                "{k:?} row {row}: {score} {expected}"
            );
        }
        assert_eq!(gone(&verdict), rows);
    }
}

#[test]
fn it_is_told_no_more_than_it_declares() {
    let plain = Spectre::default();
    assert_eq!(plain.knowledge(), [Knowledge::PoisonRate]);
    let assumed = Spectre { epsilon: Some(Rate::literal(0.1)), ..Spectre::default() };
    assert_eq!(assumed.knowledge(), []);
    let scoped = Spectre { scope: Scope::TargetClass, ..assumed };
    assert_eq!(scoped.knowledge(), [Knowledge::TargetClass]);
    assert!(matches!(plain.role(), Role::Filter(f) if f.reads() == Reads::MODEL && f.removes_a_share()));
    let error = judge(&plain, &[0; 60], &features(), Told::default()).unwrap_err();
    assert!(error.hint.unwrap().contains("epsilon"));
}

#[test]
fn the_scope_and_another_removal() {
    let labels: Vec<usize> = (0..60).map(|row| row / 30).collect();
    let target = Told { target_class: Some(1), ..told(0.1) };
    let scoped = Spectre { scope: Scope::TargetClass, ..Spectre::default() };
    let verdict = judge(&scoped, &labels, &features(), target).unwrap();
    assert_eq!(gone(&verdict).len(), 4); // 1.5 · 0.1 · 30
    assert!(verdict.scores[..30].iter().all(|score| *score == 0.0));
    let counted = Spectre { removal: Some(Removal::Count(2)), ..Spectre::default() };
    assert_eq!(gone(&judge(&counted, &labels, &features(), target).unwrap()).len(), 4); // 2 of each class
    let cut = Spectre { removal: Some(Removal::Threshold(1e9)), ..Spectre::default() };
    assert!(matches!(cut.role(), Role::Filter(f) if !f.removes_a_share()));
    assert_eq!(gone(&judge(&cut, &labels, &features(), target).unwrap()), [0usize; 0]);
}

#[test]
fn small_and_degenerate_classes() {
    // Class 0 has one row, class 1 three equal ones, class 2 two; nothing is poisoned.
    let labels = [0, 1, 1, 1, 2, 2];
    let mut features = vec![vec![0.1f32, 7.3]; 4];
    features.extend([vec![1.0, 2.0], vec![3.0, 2.0]]);
    for rate in [0.0, 0.5] {
        let verdict = judge(&Spectre::default(), &labels, &features, told(rate)).unwrap();
        assert_eq!(verdict.scores[..4], [0.0; 4]);
        assert!(verdict.scores.iter().all(|score| score.is_finite()));
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let info = labelled(&[0, 1], 2).info();
    let refused = |filter: Spectre| filter.check(&info).unwrap_err().setting.unwrap();
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(refused(Spectre { multiplier: bad, ..Spectre::default() }), "multiplier");
        assert_eq!(refused(Spectre { trim: bad, ..Spectre::default() }), "trim");
        assert_eq!(refused(Spectre { alpha: bad, ..Spectre::default() }), "alpha");
    }
    assert_eq!(refused(Spectre { k: Some(0), ..Spectre::default() }), "k");
    assert_eq!(refused(Spectre { removal: Some(Removal::Mad(0.0)), ..Spectre::default() }), "removal");
    assert!(Spectre::default().check(&info).is_ok());
    let error = judge(&Spectre::default(), &[0; 60], &features(), told(0.7)).unwrap_err();
    assert!(error.message.contains("every training row"), "{error}");
}

fn turned(features: &[Vec<f32>], by: usize) -> Verdict {
    let mut rows = features.to_vec();
    rows.rotate_left(by);
    let filter = Spectre { k: Some(4), ..Spectre::default() };
    judge(&filter, &[0; 60], &rows, told(0.1)).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_rows_does_not_matter(by in 1usize..60) {
        let features = features();
        let (before, after) = (turned(&features, 0), turned(&features, by));
        for row in 0..60 {
            let (x, y) = (before.scores[(row + by) % 60], after.scores[row]);
            prop_assert!((x - y).abs() <= 1e-4 * (1.0 + x), "{} {}", x, y);
        }
    }
}
