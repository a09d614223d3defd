//! Rules that choose among updates.

use aconite_aggregation::dnc::Dnc;
use aconite_aggregation::flame::{Compared, Flame};
use aconite_aggregation::krum::Krum;
use aconite_aggregation::lfr::{Impact, Inner, Lfr};
use aconite_aggregation::multi_krum::MultiKrum;
use aconite_aggregation::sign_guard::SignGuard;
use aconite_core::{Aggregator, NamedTensors, Reading, Result, Updates};
use tch::Tensor;

use crate::{Round, X, assert_near, first, matrix, numbers, tensor};

/// The rows that have any weight.
fn kept(weights: Option<Vec<f64>>) -> Vec<usize> {
    let weights = weights.unwrap();
    (0..weights.len()).filter(|&row| weights[row] != 0.0).collect()
}

// D = ((X[:, None] - X[None]) ** 2).sum(-1); score = np.sort(D, 1)[:, 1:n - f - 2 + 1].sum(1)
// score.argmin(), o = np.argsort(score); X[o[:9]].mean(0); X[o[:3]].mean(0)
#[test]
fn krum_and_multi_krum_choose_as_in_numpy() {
    let round = Round::of(tensor(&X));
    let one = first(&Krum { f: Some(2) }, &round).unwrap();
    assert_eq!(numbers(&one.update), numbers(&tensor(&X[7..8])));
    assert_eq!(kept(one.weights), [7]);
    let most = first(&MultiKrum { f: Some(2), m: None }, &round).unwrap();
    let wanted = [0.646666667, -1.382222222, 0.692222222, 0.481111111, 2.077777778, 0.127777778];
    assert_near(&numbers(&most.update), &wanted, 1e-6);
    assert_eq!(kept(most.weights), [2, 3, 4, 5, 6, 7, 8, 9, 10]);
    let three = first(&MultiKrum { f: Some(2), m: Some(3) }, &round).unwrap();
    let wanted = [0.413333333, -2.033333333, 0.763333333, 1.133333333, 1.713333333, -0.176666667];
    assert_near(&numbers(&three.update), &wanted, 1e-6);
    assert_eq!(kept(three.weights), [7, 8, 9]);
}

/// The trap: on a line, sums of distances and of their squares choose differently, and so does one neighbour more.
#[test]
fn krum_squares_distances_and_counts_n_less_f_less_2_neighbours() {
    // x = np.array([-3.3, 9.2, -1.5, 4.1, -9.8, -.1, -2.8]); A = np.sort(abs(x[:, None] - x), 1)
    // (A ** 2)[:, 1:5].sum(1) = [55.98, 370.99, 38.25, 122.62, 254.23, 37.13, 56.84]: row 5
    // A[:, 1:5].sum(1) is smallest for row 2, (A ** 2)[:, 1:6].sum(1) for row 6, (A ** 2)[:, 1:4].sum(1) for row 2
    let places = [-3.3f32, 9.2, -1.5, 4.1, -9.8, -0.1, -2.8];
    let round = Round::of(Tensor::from_slice(&places).view([-1, 1]));
    assert_eq!(kept(first(&Krum { f: Some(1) }, &round).unwrap().weights), [5]);
}

// mu = X - X.mean(0); v = np.linalg.svd(mu)[2][0]; sc = (mu @ v) ** 2
// X[np.argsort(sc)[:9]].mean(0); with c 2.5: X[np.argsort(sc)[:6]].mean(0)
#[test]
fn dnc_drops_what_lies_along_numpys_singular_vector() {
    let round = Round::of(tensor(&X));
    let result = first(&Dnc { f: Some(2), ..Dnc::default() }, &round).unwrap();
    let wanted = [0.646666667, -1.382222222, 0.692222222, 0.481111111, 2.077777778, 0.127777778];
    assert_near(&numbers(&result.update), &wanted, 1e-6);
    assert_eq!(kept(result.weights), [2, 3, 4, 5, 6, 7, 8, 9, 10]);
    let result = first(&Dnc { f: Some(2), c: 2.5, ..Dnc::default() }, &round).unwrap();
    assert_eq!(kept(result.weights), [2, 3, 5, 6, 7, 10]);
}

// P = X + G (models) or X (updates); N = P / np.linalg.norm(P, axis=1, keepdims=True)
// L = np.flatnonzero(sklearn.cluster.HDBSCAN(min_cluster_size=6, min_samples=1, metric="precomputed",
//     allow_single_cluster=True).fit(1 - N @ N.T).labels_ == 0)
// e = np.linalg.norm(X, axis=1); (X[L] * np.minimum(1, np.median(e) / e[L])[:, None]).mean(0)
#[test]
fn flame_admits_what_scikit_learns_hdbscan_clusters() {
    let mut round = Round::of(tensor(&X));
    round.global = Tensor::from_slice(&[2.0f32, 0.8, -1.2, 4.0, -4.0, 2.8]);
    let result = first(&Flame { lambda: 0.0, compare: Compared::Models }, &round).unwrap();
    assert_eq!(kept(result.weights), [5, 6, 7, 8, 9, 10]);
    let wanted = [0.871322823, -1.571090354, 0.963831007, 0.791375249, 1.658336532, 0.039443378];
    assert_near(&numbers(&result.update), &wanted, 1e-6);
    let result = first(&Flame { lambda: 0.0, compare: Compared::Updates }, &round).unwrap();
    assert_eq!(kept(result.weights), [2, 4, 7, 8, 9, 10]);
    let wanted = [0.476477086, -1.640830208, 0.665429391, 0.892832767, 1.947943852, 0.144033625];
    assert_near(&numbers(&result.update), &wanted, 1e-6);
}

/// Noise of FLAME has the stated deviation: λ times the median length.
#[test]
fn flames_noise_is_a_multiple_of_the_median_length() {
    let d = 20_000;
    let round = Round::of(matrix(&vec![0.5; 5 * d], 5));
    let noisy = first(&Flame { lambda: 0.01, compare: Compared::Updates }, &round).unwrap().update;
    let deviation = (noisy - 0.5).std(true).double_value(&[]);
    let wanted = 0.01 * 0.5 * (d as f64).sqrt();
    assert!((deviation / wanted - 1.0).abs() < 0.03, "{deviation} is not {wanted}");
}

// i = np.arange(11)[:, None]; j = np.arange(60)[None]
// Y = np.round(np.sin(1.3*i + .7*j*j + .1*i*j), 3) + .3*(1 + .05*i)
// Y[0] = -Y[0]; Y[1] *= 9; Y[2] *= .01; Y[3] -= 1.2; Y[abs(Y) < .05] = 0
// F = np.stack([(Y > 0).mean(1), (Y == 0).mean(1), (Y < 0).mean(1)], 1)
// bw = sklearn.cluster.estimate_bandwidth(F, quantile=.5); ms = sklearn.cluster.MeanShift(bandwidth=bw).fit(F)
// nr = np.linalg.norm(Y, axis=1); M = np.median(nr)
// k = (ms.labels_ == np.bincount(ms.labels_).argmax()) & (nr >= .1*M) & (nr <= 3*M)
// z = (Y[k] * np.minimum(1, M / nr[k])[:, None]).mean(0); z[:6], z.sum()
#[test]
fn sign_guard_keeps_what_scikit_learns_mean_shift_groups() {
    let mut rows = Vec::new();
    for i in 0..11 {
        for j in 0..60 {
            let (a, b) = (f64::from(i), f64::from(j));
            let wave = ((1.3 * a + 0.7 * b * b + 0.1 * a * b).sin() * 1e3).round() / 1e3;
            let value = wave + 0.3 * (1.0 + 0.05 * a);
            let value = match i {
                0 => -value,
                1 => 9.0 * value,
                2 => 0.01 * value,
                3 => value - 1.2,
                _ => value,
            };
            rows.push(if value.abs() < 0.05 { 0.0 } else { value as f32 });
        }
    }
    let rule = SignGuard { coordinates: 1.0, ..SignGuard::default() };
    let result = first(&rule, &Round::of(matrix(&rows, 11))).unwrap();
    assert_eq!(kept(result.weights), [4, 5, 6, 7, 8, 9, 10]);
    let update = numbers(&result.update);
    let wanted = [0.302930055, 0.580305908, 0.289811238, 0.520402582, 0.438431483, 0.391431209];
    assert_near(&update[..6], &wanted, 1e-6);
    assert_near(&[update.iter().sum()], &[24.720133436], 1e-4);
}

/// The server's samples of the tests below: how far weights are from some.
fn read(weights: &Tensor) -> Result<Reading> {
    let apart = weights - Tensor::from_slice(&[1.2f32, -0.8, 0.3, 0.2, 1.6, -0.4]);
    let error = apart.abs().max().double_value(&[]);
    Ok(Reading { loss: apart.square().mean(tch::Kind::Double).double_value(&[]), error })
}

fn lfr(rule: &Lfr, round: &Round) -> (Vec<f64>, Vec<usize>) {
    let updates = Updates { reads: Some(&read), ..round.updates() };
    let result = rule.aggregate(&updates, &mut NamedTensors::new()).unwrap();
    (numbers(&result.update), kept(result.weights))
}

// t = np.array([1.2, -.8, .3, .2, 1.6, -.4]); G0 = np.array([.1, -.2, .05, 0, .1, .2])
// for r in (mean, median, lambda Z: np.sort(Z, 0)[2:-2].mean(0)):
//     L = [((G0 + r(np.delete(X, i, 0)) - t) ** 2).mean() for i in range(n)]
//     E = [abs(G0 + r(np.delete(X, i, 0)) - t).max() for i in range(n)]
//     a = set(np.argsort(L)[:2]); b = set(np.argsort(E)[:2]); r(X[[i for i in range(n) if i not in a]]) …
#[test]
fn lfr_rejects_as_in_numpy() {
    let mut round = Round::of(tensor(&X));
    round.global = Tensor::from_slice(&[0.1f32, -0.2, 0.05, 0.0, 0.1, 0.2]);
    let cases = [
        (
            (Inner::Mean, Impact::Loss),
            vec![0, 1],
            [0.646666667, -1.382222222, 0.692222222, 0.481111111, 2.077777778, 0.127777778],
        ),
        (
            (Inner::Mean, Impact::Error),
            vec![0, 6],
            [1.076666667, -0.806666667, 0.435555556, 0.871111111, 1.86, 0.12],
        ),
        ((Inner::Mean, Impact::Union), vec![0, 1, 6], [0.63, -1.345, 0.64125, 0.53625, 2.195, -0.04375]),
        ((Inner::Median, Impact::Loss), vec![7, 10], [0.97, -0.79, 0.11, 0.63, 1.76, -0.11]),
        ((Inner::TrimmedMean, Impact::Loss), vec![2, 6], [1.198, -0.978, 0.504, 0.94, 1.594, -0.02]),
    ];
    for ((rule, by), rejected, wanted) in cases {
        let (update, rows) = lfr(&Lfr { f: Some(2), by, rule, samples: 10 }, &round);
        assert_near(&update, &wanted, 1e-6);
        assert!(
            rejected.iter().all(|row| !rows.contains(row)) && rows.len() + rejected.len() == 11,
            "{rows:?}"
        );
    }
}

// Updates at 0 to 10 on one axis. Without one of 5 to 10 Krum takes 3, the nearest to the samples' 1.2 that it takes of
// any ten, so that two of these six are drawn:
// v = np.arange(11.)
// def krum(rows, f=2):
//     return rows[np.argmin([np.sort((v[rows] - v[r])**2)[1:1 + len(rows) - f - 2].sum() for r in rows])]
// [krum([j for j in range(11) if j != i]) for i in range(11)]  # 4, 5, 6, 7, 7, 3, 3, 3, 3, 3, 3
// Counter(krum([j for j in range(11) if j not in p]) for p in combinations(range(5, 11), 2))  # 2: 10, 3: 5
#[test]
fn lfr_with_krum_chooses_one_row_by_the_seed() {
    let rows: Vec<[f32; 6]> = (0..11u8).map(|i| [f32::from(i), 0.0, 0.0, 0.0, 0.0, 0.0]).collect();
    let mut round = Round::of(tensor(&rows));
    let rule = Lfr { f: Some(2), rule: Inner::Krum, ..Lfr::default() };
    let all = |round: &mut Round| {
        (0..20)
            .map(|seed| {
                round.seed = aconite_core::Seed(seed);
                lfr(&rule, round)
            })
            .collect::<Vec<_>>()
    };
    let choices = all(&mut round);
    let chosen: std::collections::BTreeSet<&[usize]> = choices.iter().map(|(_, rows)| &rows[..]).collect();
    assert_eq!(chosen, [&[2usize][..], &[3]].into());
    assert_eq!(choices, all(&mut round));
}
