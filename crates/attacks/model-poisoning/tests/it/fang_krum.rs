use aconite_model_poisoning::Knowledge;
use aconite_model_poisoning::fang_krum::FangKrum;
use proptest::prelude::*;
use tch::{Kind, Tensor};

use crate::{Round, assert_rows, matrix, refused};

const S: [f64; 6] = [1.0, 1.0, 1.0, -1.0, -1.0, -1.0];

// def krum(w, f):
//     D = ((w[:, None] - w[None]) ** 2).sum(-1); n = len(w)
//     return min(range(n), key=lambda q: np.sort(np.delete(D[q], q))[: n - f - 2].sum())
// def fang(hon, m, s):
//     h, d = hon.shape; n = h + m; D = ((hon[:, None] - hon[None]) ** 2).sum(-1)
//     lam = np.sqrt(min(np.sort(np.delete(D[q], q))[: n - m - 2].sum() for q in range(h)) / (max(n - 2*m - 1, 1) * d))
//     lam += np.sqrt((hon ** 2).sum(1).max() / d)
//     while (out := krum(np.vstack([np.tile(-lam * s, (m, 1)), hon]), m) >= m) and lam >= 1e-5: lam /= 2
//     return lam, not out
// w = np.vstack([own, u]); s = np.where(w[krum(w, 3)] > 0, 1, -1); fang(u, 3, s)
const FULL: f64 = 0.219_980_372_746_966_75;
// s = np.where(u[:5].mean(0) > 0, 1, -1)
// [fang(u[:5], c, s) for c in (1, 2)] is [(5.54e-06, False), (0.4007760908360628, True)]
const PARTIAL: f64 = 0.400_776_090_836_062_8;

#[test]
fn lambda_is_the_first_that_krum_picks() {
    let round = Round::new();
    let exact = FangKrum { epsilon: 0.0, ..FangKrum::default() };
    assert_rows(&round.sent_by_all(&exact), 3, &S.map(|s| -FULL * s), 1e-6);
}

#[test]
fn with_partial_knowledge_copies_are_added_until_krum_picks() {
    let mut round = Round::new();
    round.honest = round.honest.narrow(0, 0, 5);
    let exact = FangKrum { epsilon: 0.0, knowledge: Knowledge::Partial, ..FangKrum::default() };
    assert_rows(&round.sent(&exact), 3, &S.map(|s| -PARTIAL * s), 1e-6);
}

#[test]
fn the_others_lie_in_a_ball_around_the_first() {
    let mut round = Round::new();
    let attack = FangKrum { epsilon: 0.3, ..FangKrum::default() };
    let sent = round.sent_by_all(&attack);
    assert_rows(&sent.narrow(0, 0, 1), 1, &S.map(|s| -FULL * s), 1e-6);
    // In three dimensions half of the points lie beyond the radius 0.3·(1/2)^(1/3).
    round =
        Round::of(matrix(4001, 3, |i, j| (i + j).sin()), matrix(12, 3, |i, j| (1.0 + 2.0 * i + i * j).sin()));
    let sent = round.sent(&FangKrum { knowledge: Knowledge::Partial, ..attack });
    let from_first = sent.narrow(0, 1, 4000) - sent.narrow(0, 0, 1);
    let radii = from_first.square().sum_dim_intlist([1i64].as_slice(), false, Kind::Float).sqrt();
    assert!(radii.max().double_value(&[]) <= 0.3 + 1e-6);
    let beyond = radii.gt(0.3 * 0.5f64.cbrt()).to_kind(Kind::Float).mean(Kind::Float).double_value(&[]);
    assert!((beyond - 0.5).abs() < 0.04, "{beyond}"); // 5 standard errors
    let centre = from_first.mean_dim([0i64].as_slice(), true, Kind::Float);
    assert_rows(&centre, 1, &[0.0; 3], 0.011); // 5 standard errors of 0.3·√(1/5)/√4000
}

/// The row that Krum picks, by its definition.
fn krum(rows: &Tensor, malicious: usize) -> usize {
    let rows = rows.to_kind(Kind::Double);
    let gaps = rows.unsqueeze(1) - rows.unsqueeze(0);
    let squares = gaps.square().sum_dim_intlist([2i64].as_slice(), false, Kind::Double);
    let nearest = squares.size()[0] - malicious as i64 - 2;
    // The smallest distance of a row is its own, 0.
    let scores = squares.sort(1, false).0.narrow(1, 0, nearest + 1);
    scores.sum_dim_intlist([1i64].as_slice(), false, Kind::Double).argmin(0, false).int64_value(&[]) as usize
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    // The search is promised to succeed only if −λ·s can be picked at all, so that a step of 0 must be: updates that
    // spread around a mean of a tenth of their spread.
    #[test]
    fn krum_picks_what_is_sent(
        values in prop::collection::vec(-1.0f64..1.0, 14 * 40), malicious in 2usize..6, drift in 0.0f64..0.1,
    ) {
        let all = matrix(14, 40, |i, j| values[(i * 40.0 + j) as usize] + drift);
        let m = malicious as i64;
        let round = Round::of(all.narrow(0, 0, m), all.narrow(0, m, 14 - m));
        let sent = round.sent_by_all(&FangKrum::default());
        let picked = krum(&Tensor::cat(&[&sent, &round.honest], 0), malicious);
        prop_assert!(picked < malicious, "{}", picked);
        // One sign pattern, one length.
        let step = sent.get(0).abs();
        prop_assert!(step.max().double_value(&[]) - step.min().double_value(&[]) < 1e-6);
        prop_assert!(step.max().double_value(&[]) > 1e-5);
    }
}

#[test]
fn krum_picks_it_also_when_honest_updates_point_one_way() {
    // A mean of 1 and a spread of 0.5 in each coordinate: 0 lies outside the honest ones, but 9 of 20 stand by it.
    let honest = matrix(11, 50, |i, j| 1.0 + 0.5 * (1.0 + 2.0 * i + 3.0 * j + i * j).sin());
    let round = Round::of(honest.narrow(0, 0, 9), honest);
    let sent = round.sent_by_all(&FangKrum::default());
    assert!(krum(&Tensor::cat(&[&round.honest, &sent], 0), 9) >= 11);
    assert!(sent.max().double_value(&[]) < 0.0, "against the honest direction");
}

#[test]
fn where_krum_picks_nothing_the_search_ends() {
    // One malicious client against 19 that agree on a far point.
    let honest = matrix(19, 10, |i, j| 5.0 + 0.001 * (i * 3.0 + j).sin());
    let round = Round::of(honest.narrow(0, 0, 1), honest);
    let sent = round.sent_by_all(&FangKrum::default());
    let step = sent.abs().max().double_value(&[]);
    assert!(step > 0.0 && step < 1e-5, "{step}");
}

#[test]
fn any_numbers_of_clients_and_diverged_updates_are_survived() {
    for (m, h) in [(1, 1), (5, 1), (9, 2), (3, 3), (1, 2)] {
        let round = Round::of(matrix(m, 4, |i, j| (i + j).sin()), matrix(h, 4, |i, j| (2.0 * i + j).cos()));
        for sent in [
            round.sent_by_all(&FangKrum::default()),
            round.sent(&FangKrum { knowledge: Knowledge::Partial, ..FangKrum::default() }),
        ] {
            assert_eq!(sent.size(), [m, 4]);
            assert!(sent.isfinite().all().int64_value(&[]) == 1, "{m}, {h}");
        }
    }
    let broken = Round::of(matrix(2, 4, |_, _| f64::NAN), matrix(5, 4, |i, _| 1.0 / i));
    assert_eq!(broken.sent_by_all(&FangKrum::default()).size(), [2, 4]);
}

#[test]
fn wrong_settings_are_refused() {
    for wrong in [-1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(refused(&FangKrum { threshold: wrong, ..FangKrum::default() }), "threshold");
        assert_eq!(refused(&FangKrum { epsilon: wrong, ..FangKrum::default() }), "epsilon");
    }
    assert_eq!(refused(&FangKrum { threshold: 0.0, ..FangKrum::default() }), "threshold");
}
