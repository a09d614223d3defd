//! Rules that go by coordinate.

use aconite_aggregation::bulyan::Bulyan;
use aconite_aggregation::mean::Mean;
use aconite_aggregation::median::Median;
use aconite_aggregation::trimmed_mean::TrimmedMean;

use crate::{Round, X, assert_near, first, numbers, tensor};

// X.mean(0)
#[test]
fn the_mean_is_numpys() {
    let all = first(&Mean {}, &Round::of(tensor(&X))).unwrap();
    let wanted = [1.410909091, -0.469090909, 0.088181818, 0.976363636, 1.626363636, 0.584545455];
    assert_near(&numbers(&all.update), &wanted, 1e-6);
    assert_near(&all.weights.unwrap(), &[1.0 / 11.0; 11], 1e-15);
}

// np.median(X, 0); np.median(X[:10], 0)
#[test]
fn the_median_is_numpys_for_odd_and_even_numbers() {
    let odd = first(&Median {}, &Round::of(tensor(&X))).unwrap();
    assert_near(&numbers(&odd.update), &[0.97, -0.9, 0.86, 1.02, 1.76, 0.2], 1e-6);
    assert!(odd.weights.is_none());
    let even = first(&Median {}, &Round::of(tensor(&X[..10]))).unwrap();
    assert_near(&numbers(&even.update), &[0.875, -0.955, 0.485, 0.825, 1.805, 0.045], 1e-6);
}

// S = np.sort(X, 0); S[2:-2].mean(0); S[3:-3].mean(0)
#[test]
fn the_trimmed_mean_is_numpys_by_count_and_by_share() {
    let two = [0.988571429, -1.027142857, 0.505714286, 0.858571429, 1.742857143, 0.375714286];
    let three = [0.96, -1.022, 0.57, 0.882, 1.672, 0.284];
    let mut round = Round::of(tensor(&X));
    let by = |f, beta| TrimmedMean { f, beta };
    // 0.27 · 11 = 2.97 and 0.273 · 11 = 3.003, rounded down.
    for (rule, wanted) in
        [(by(Some(2), None), two), (by(None, Some(0.27)), two), (by(None, Some(0.273)), three)]
    {
        assert_near(&numbers(&first(&rule, &round).unwrap().update), &wanted, 1e-6);
    }
    round.malicious = Some(3);
    assert_near(&numbers(&first(&by(None, None), &round).unwrap().update), &three, 1e-6);
    assert_near(&numbers(&first(&by(Some(2), None), &round).unwrap().update), &two, 1e-6);
}

// D = ((X[:, None] - X[None]) ** 2).sum(-1); R = list(range(n)); sel = []
// while len(sel) < n - 2 * f:
//     k = max(len(R) - f - 2, 1)
//     sc = [(np.sort(D[i, R])[1:k + 1].sum(), D[i, R].sum()) for i in R]
//     sel.append(R.pop(sc.index(min(sc))))
// Z = X[sorted(sel)]; med = np.median(Z, 0); by = np.argsort(abs(Z - med), 0)[:len(sel) - 2 * f]
// np.take_along_axis(Z, by, 0).mean(0)
#[test]
fn bulyan_is_a_direct_computation_in_numpy() {
    let result = first(&Bulyan { f: Some(2) }, &Round::of(tensor(&X))).unwrap();
    let wanted = [0.95, -0.936666667, 1.02, 0.563333333, 1.713333333, -0.316666667];
    assert_near(&numbers(&result.update), &wanted, 1e-6);
    let selected = [3, 5, 6, 7, 8, 9, 10];
    let weights: Vec<f64> =
        (0..11).map(|row| if selected.contains(&row) { 1.0 / 7.0 } else { 0.0 }).collect();
    assert_near(&result.weights.unwrap(), &weights, 1e-15);
}
