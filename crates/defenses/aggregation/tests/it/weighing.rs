//! Rules that weigh updates.

use aconite_aggregation::centered_clipping::CenteredClipping;
use aconite_aggregation::fl_trust::FlTrust;
use aconite_aggregation::fools_gold::FoolsGold;
use aconite_aggregation::geometric_median::GeometricMedian;
use aconite_aggregation::norm_clipping::NormClipping;
use aconite_core::{Aggregator, NamedTensors, Seed};
use tch::Tensor;

use crate::{Round, X, assert_near, first, matrix, numbers, tensor};

// z = X.mean(0)
// for _ in range(100000): w = 1 / np.linalg.norm(X - z, axis=1); z = (w[:, None] * X).sum(0) / w.sum()
// With three steps: the same, range(3).
#[test]
fn the_geometric_median_is_where_weiszfelds_steps_end_in_numpy() {
    let round = Round::of(tensor(&X));
    let result = first(&GeometricMedian::default(), &round).unwrap();
    let wanted = [0.921976952, -1.116140808, 0.594314268, 0.834368676, 1.836635883, 0.282651959];
    assert_near(&numbers(&result.update), &wanted, 1e-6);
    let weights = [
        0.021783237,
        0.026912682,
        0.092051527,
        0.078957433,
        0.062968607,
        0.087156069,
        0.110908619,
        0.196941402,
        0.114285713,
        0.092330356,
        0.115704354,
    ];
    assert_near(&result.weights.unwrap(), &weights, 1e-6);
    let three = GeometricMedian { iterations: 3, ..GeometricMedian::default() };
    let wanted = [0.930190447, -1.102621332, 0.589024972, 0.831985077, 1.834059066, 0.287693908];
    assert_near(&numbers(&first(&three, &round).unwrap().update), &wanted, 1e-6);
}

/// Where the median is an update itself, distances vanish.
#[test]
fn the_geometric_median_may_be_an_update() {
    let at = [0.3f32, -1.2, 7.0];
    let rows = [at, at, at, [5.0, 5.0, 5.0], [1e6, 0.0, -1e6]];
    let update = numbers(&first(&GeometricMedian::default(), &Round::of(tensor(&rows))).unwrap().update);
    assert_near(&update, &at.map(f64::from), 1e-5);
    // An update is the median while the sum of the unit vectors from it to the others is at most 1 long; from the
    // first, it is about (0.005, 0.1).
    let rows = [[0.0f32, 0.0], [1.0, 0.0], [-1.0, 0.1], [0.0, 1e6], [0.01, -1e6]];
    let update = numbers(&first(&GeometricMedian::default(), &Round::of(tensor(&rows))).unwrap().update);
    assert_near(&update, &[0.0, 0.0], 1e-5);
}

// v = np.zeros(6)
// for r in range(2):
//     for _ in range(2):
//         D = X - v; v = v + (D * np.minimum(1, 1.5 / np.linalg.norm(D, axis=1))[:, None]).mean(0)
//     print(v)
#[test]
fn centered_clipping_goes_on_from_the_last_round() {
    let round = Round::of(tensor(&X));
    let rule = CenteredClipping { tau: 1.5, iterations: 2 };
    let mut memory = NamedTensors::new();
    let one = rule.aggregate(&round.updates(), &mut memory).unwrap();
    let wanted = [0.720546521, -0.671495146, 0.313129902, 0.511462008, 1.275903323, 0.237791991];
    assert_near(&numbers(&one.update), &wanted, 1e-6);
    // From 0, the aggregate is what its weights say.
    let weights: Vec<f32> = one.weights.unwrap().iter().map(|&weight| weight as f32).collect();
    let sum = Tensor::from_slice(&weights).view([1, -1]).mm(&round.matrix);
    assert_near(&numbers(&sum), &wanted, 1e-5);
    let two = rule.aggregate(&round.updates(), &mut memory).unwrap();
    let wanted = [0.921714284, -0.9986744, 0.505862762, 0.719499963, 1.73676114, 0.296623961];
    assert_near(&numbers(&two.update), &wanted, 1e-6);
}

/// Nothing that malicious clients send moves it by more than the radius.
#[test]
fn centered_clipping_moves_by_at_most_the_radius() {
    let mut rows = X;
    rows[0] = [1e30, -1e30, 1e30, 0.0, 0.0, 1e25];
    let rule = CenteredClipping { tau: 1.5, iterations: 1 };
    let update = numbers(&first(&rule, &Round::of(tensor(&rows))).unwrap().update);
    assert!(update.iter().map(|v| v * v).sum::<f64>().sqrt() <= 1.5 + 1e-6, "{update:?}");
}

// (X / np.maximum(1, np.linalg.norm(X, axis=1) / 2.5)[:, None]).mean(0)
#[test]
fn norm_clipping_is_numpys() {
    let round = Round::of(tensor(&X));
    let result = first(&NormClipping { threshold: 2.5, noise: 0.0 }, &round).unwrap();
    let wanted = [0.715380838, -0.609054843, 0.268933481, 0.49362445, 1.21706284, 0.240309073];
    assert_near(&numbers(&result.update), &wanted, 1e-6);
}

#[test]
fn weak_privacys_noise_has_its_deviation_and_its_seed() {
    let d = 20_000;
    let mut round = Round::of(matrix(&vec![0.25; 4 * d], 4));
    let rule = NormClipping { threshold: 1e3, noise: 0.02 };
    let noise = |round: &Round| first(&rule, round).unwrap().update - 0.25;
    let one = noise(&round);
    // Of 20,000 draws, standard errors are 0.7 % of the mean's scale and 0.5 % of the deviation.
    assert!(one.mean(tch::Kind::Float).double_value(&[]).abs() < 0.02 * 0.03);
    assert!((one.std(true).double_value(&[]) / 0.02 - 1.0).abs() < 0.03);
    assert_eq!(numbers(&one), numbers(&noise(&round)));
    round.seed = Seed(5);
    assert_ne!(numbers(&one), numbers(&noise(&round)));
}

// def fg(H, X):
//     N = H / np.linalg.norm(H, axis=1, keepdims=True); cs = N @ N.T; np.fill_diagonal(cs, -np.inf); v = cs.max(1)
//     for i in range(n):
//         for j in range(n):
//             if i != j and v[i] < v[j] and v[j] > 0: cs[i, j] *= max(v[i] / v[j], 0)
//     a = np.clip(1 - cs.max(1), 0, 1); a /= a.max(); a = np.clip(np.log(a / (1 - a)) + .5, 0, 1)
//     return a / a.sum(), (a[:, None] * X).sum(0) / a.sum()
// X2 = X[::-1].copy(); X2[:2] = X[:2]; fg(X, X); fg(X + X2, X2)
#[test]
fn fools_gold_remembers_and_weighs_as_in_numpy() {
    let mut round = Round::of(tensor(&X));
    let rule = FoolsGold::default();
    let mut memory = NamedTensors::new();
    let one = rule.aggregate(&round.updates(), &mut memory).unwrap();
    let a = 0.204240437;
    assert_near(&one.weights.unwrap(), &[0.0, 0.0, a, a, 0.0, a, a, 0.0, 0.0, 0.0, 0.183038251], 1e-5);
    let wanted = [1.016197158, -0.718226011, 0.606374208, 0.334847213, 2.097986886, 0.360501858];
    assert_near(&numbers(&one.update), &wanted, 1e-5);
    let mut rows = X;
    rows.reverse();
    (rows[0], rows[1]) = (X[0], X[1]);
    round.matrix = tensor(&rows);
    let two = rule.aggregate(&round.updates(), &mut memory).unwrap();
    let wanted = [3.017340945, 1.402961872, 0.0658204, 1.741365717, 1.091286499, 0.227502612];
    assert_near(&numbers(&two.update), &wanted, 1e-5);
}

/// In rounds of other clients, each sum gets its own client's updates.
#[test]
fn fools_golds_history_is_by_client() {
    let rule = FoolsGold::default();
    let mut memory = NamedTensors::new();
    for clients in [vec![1, 4, 7], vec![0, 4, 9], vec![0, 1, 4]] {
        let rows: Vec<[f32; 2]> = clients.iter().map(|&client| [client as f32 + 1.0, 1.0]).collect();
        let round = Round { clients, ..Round::of(tensor(&rows)) };
        rule.aggregate(&round.updates(), &mut memory).unwrap();
    }
    assert_eq!(Vec::<i64>::try_from(&memory["clients"]).unwrap(), [0, 1, 4, 7, 9]);
    let wanted = [2.0, 2.0, 4.0, 2.0, 15.0, 3.0, 8.0, 1.0, 10.0, 1.0];
    assert_eq!(numbers(&memory["history"]), wanted);
}

/// Two sybils that send the same are worth nothing beside clients that differ.
#[test]
fn fools_gold_gives_sybils_nothing() {
    let rows = [[1.0f32, 1.0, 0.0], [1.0, 1.0, 0.0], [-1.0, 0.3, 1.0], [0.2, -1.0, -1.0]];
    let weights = first(&FoolsGold::default(), &Round::of(tensor(&rows))).unwrap().weights.unwrap();
    assert_eq!(weights[..2], [0.0, 0.0]);
    assert!(weights[2] > 0.0 && weights[3] > 0.0, "{weights:?}");
}

// g = np.array([1, -1.2, .4, .1, 1.8, -.3]); l = np.linalg.norm(X, axis=1)
// t = np.maximum(0, X @ g / l / np.linalg.norm(g)); c = t * np.linalg.norm(g) / l / t.sum(); c, c @ X
#[test]
fn fl_trust_is_numpys() {
    let mut round = Round::of(tensor(&X));
    round.root = Some(Tensor::from_slice(&[1.0f32, -1.2, 0.4, 0.1, 1.8, -0.3]));
    let result = first(&FlTrust::default(), &round).unwrap();
    let weights = [
        0.0,
        0.0,
        0.064990442,
        0.093793765,
        0.064629163,
        0.084181919,
        0.085653182,
        0.093343158,
        0.086877856,
        0.084038194,
        0.082985226,
    ];
    assert_near(&result.weights.unwrap(), &weights, 1e-6);
    let wanted = [0.515805877, -0.996217932, 0.517185824, 0.366083312, 1.490543178, 0.074276715];
    assert_near(&numbers(&result.update), &wanted, 1e-6);
    // Lengths of updates do not matter.
    round.matrix = &round.matrix * 37.0;
    assert_near(&numbers(&first(&FlTrust::default(), &round).unwrap().update), &wanted, 1e-6);
    // Nobody goes its way: nothing is added.
    round.matrix = -tensor(&X[2..]);
    round.clients.truncate(9);
    assert_eq!(numbers(&first(&FlTrust::default(), &round).unwrap().update), [0.0; 6]);
}
