//! What holds of every rule, and what of some.

use aconite_aggregation::bulyan::Bulyan;
use aconite_aggregation::centered_clipping::CenteredClipping;
use aconite_aggregation::dnc::Dnc;
use aconite_aggregation::fl_trust::FlTrust;
use aconite_aggregation::flame::{Compared, Flame};
use aconite_aggregation::fools_gold::FoolsGold;
use aconite_aggregation::geometric_median::GeometricMedian;
use aconite_aggregation::krum::Krum;
use aconite_aggregation::lfr::{Inner, Lfr};
use aconite_aggregation::mean::Mean;
use aconite_aggregation::median::Median;
use aconite_aggregation::multi_krum::MultiKrum;
use aconite_aggregation::norm_clipping::NormClipping;
use aconite_aggregation::sign_guard::SignGuard;
use aconite_aggregation::trimmed_mean::TrimmedMean;
use aconite_core::{Defense, NamedTensors, Reading, Seed, Updates};
use proptest::prelude::*;
use tch::{Kind, Tensor};

use crate::{Round, aggregator, matrix, normal, numbers};

const N: usize = 13;
const D: usize = 24;
const F: usize = 2;

/// What moves and grows with the updates.
fn equivariant() -> Vec<Box<dyn Defense>> {
    vec![
        Box::new(Mean {}),
        Box::new(Median {}),
        Box::new(TrimmedMean { f: Some(F), beta: None }),
        Box::new(Krum { f: Some(F) }),
        Box::new(MultiKrum { f: Some(F), m: None }),
        Box::new(Bulyan { f: Some(F) }),
        Box::new(GeometricMedian::default()),
        Box::new(Dnc { f: Some(F), coordinates: D / 2, ..Dnc::default() }),
    ]
}

/// What grows with the updates but looks at their direction from 0.
fn directed() -> Vec<Box<dyn Defense>> {
    vec![
        Box::new(FoolsGold::default()),
        Box::new(Flame { lambda: 0.0, compare: Compared::Updates }),
        Box::new(SignGuard { coordinates: 0.5, ..SignGuard::default() }),
    ]
}

/// What has a scale of its own.
fn scaled() -> Vec<Box<dyn Defense>> {
    vec![
        Box::new(CenteredClipping { tau: 2.0, iterations: 3 }),
        Box::new(NormClipping { threshold: 2.0, noise: 0.0 }),
        Box::new(FlTrust::default()),
        Box::new(Lfr { f: Some(F), ..Lfr::default() }),
        Box::new(Lfr { f: Some(F), rule: Inner::Mean, ..Lfr::default() }),
    ]
}

fn all() -> Vec<Box<dyn Defense>> {
    equivariant().into_iter().chain(directed()).chain(scaled()).collect()
}

/// Honest updates around (1, …, 1).
fn honest(n: usize, seed: Seed) -> Tensor {
    matrix(&normal(n, D, seed), n) + 1.0
}

fn read(weights: &Tensor) -> aconite_core::Result<Reading> {
    let loss = (weights - 1.0).square().mean(Kind::Double).double_value(&[]);
    Ok(Reading { loss, error: loss / (1.0 + loss) })
}

fn run(rule: &dyn Defense, updates: &Tensor) -> Tensor {
    let root = Tensor::ones([updates.size()[1]], (Kind::Float, tch::Device::Cpu));
    let round = Round { root: Some(root), ..Round::of(updates.shallow_clone()) };
    let updates = Updates { reads: Some(&read), ..round.updates() };
    aggregator(rule).aggregate(&updates, &mut NamedTensors::new()).unwrap().update
}

/// Largest difference, as a share of the largest value.
fn apart(a: &Tensor, b: &Tensor) -> f64 {
    let size = b.abs().max().double_value(&[]).max(1e-12);
    (a - b).abs().max().double_value(&[]) / size
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_order_of_clients_does_not_matter(seed: u64) {
        let updates = honest(N, Seed(seed));
        let order: Vec<i64> = Seed(seed).derive("order").shuffled(&(0..N).collect::<Vec<_>>())
            .into_iter().map(|row| row as i64).collect();
        let other = updates.index_select(0, &Tensor::from_slice(&order));
        for rule in all() {
            let (a, b) = (run(&*rule, &updates), run(&*rule, &other));
            prop_assert!(apart(&a, &b) < 1e-5, "{rule:?}: {}", apart(&a, &b));
        }
    }

    #[test]
    fn identical_updates_come_back_unchanged(seed: u64) {
        let one = honest(1, Seed(seed)) * (0.1 / (D as f64).sqrt());
        let updates = one.expand([N as i64, D as i64], false).contiguous();
        for rule in all() {
            // FLTrust gives every update the server's length: this one, then.
            let round = Round { root: Some(one.view([-1])), ..Round::of(updates.shallow_clone()) };
            let given = Updates { reads: Some(&read), ..round.updates() };
            let back = aggregator(&*rule).aggregate(&given, &mut NamedTensors::new()).unwrap().update;
            prop_assert!(apart(&back, &one.view([-1])) < 2e-7, "{rule:?}: {back:?}");
        }
    }

    #[test]
    fn scaling_scales_and_moving_moves(seed: u64, power in -9i32..9) {
        let updates = honest(N, Seed(seed));
        // A power of 2, so that nothing is rounded.
        let factor = 2f64.powi(power);
        for rule in equivariant().into_iter().chain(directed()) {
            let (a, b) = (run(&*rule, &(&updates * factor)), run(&*rule, &updates) * factor);
            prop_assert!(apart(&a, &b) < 1e-5, "{rule:?} by {factor}: {}", apart(&a, &b));
        }
        let shift = matrix(&normal(1, D, Seed(seed).derive("shift")), 1) * 10.0;
        for rule in equivariant() {
            let (a, b) = (run(&*rule, &(&updates + &shift)), run(&*rule, &updates) + shift.view([-1]));
            prop_assert!(apart(&a, &b) < 1e-5, "{rule:?}: {}", apart(&a, &b));
        }
    }

    /// Each outlier in a random direction of its own, or all in the same.
    #[test]
    fn far_outliers_leave_robust_rules_in_the_honest_box(seed: u64, together: bool) {
        let honest = honest(N - F, Seed(seed));
        let far = matrix(&normal(F, D, Seed(seed).derive("far")), F);
        let far = if together { far.narrow(0, 0, 1).expand([F as i64, D as i64], false) } else { far };
        let far = &far / far.norm_scalaropt_dim(2, [1i64], true) * 1e6;
        let updates = Tensor::cat(&[&far, &honest], 0);
        let (low, high) = (honest.amin([0i64], false), honest.amax([0i64], false));
        let inside = |update: &Tensor, low: &Tensor, high: &Tensor| {
            let outside = (low - update).maximum(&(update - high)).max().double_value(&[]);
            outside <= 1e-5
        };
        // Two outliers more than 120° apart shorten each other's sum, |a + b| < |b|: the model without one is worse than
        // that without an honest update, and leaving out one at a time rejects the honest. At 120° what the honest
        // updates add decides, a part in 10⁵ of an outlier.
        let cosine = far.get(0).dot(&far.get(1)).double_value(&[]) / 1e12;
        if (cosine + 0.5).abs() > 1e-3 {
            let update = run(&Lfr { f: Some(F), rule: Inner::Mean, ..Lfr::default() }, &updates);
            prop_assert_eq!(inside(&update, &low, &high), cosine > -0.5, "cosine {}", cosine);
        }
        for rule in equivariant().into_iter().skip(1) {
            let update = run(&*rule, &updates);
            prop_assert!(inside(&update, &low, &high), "{rule:?}");
        }
        // Those that shorten updates may move towards 0.
        let (low, high) = (low.clamp_max(0.0), high.clamp_min(0.0));
        for rule in directed().into_iter().skip(1) {
            let update = run(&*rule, &updates);
            prop_assert!(inside(&update, &low, &high), "{rule:?}");
        }
    }
}

/// A far point has a limited pull on the geometric median, but a pull: along one axis of many it may leave the box.
/// Its bound (Lopuhaä and Rousseeuw 1991; Pillutla 2022): 2(n − f)/(n − 2f) times the honest spread.
#[test]
fn the_geometric_median_is_bounded_by_the_honest_spread() {
    let honest = honest(N - 4, Seed(8));
    let mut far = vec![0.0f32; 4 * D];
    (0..4).for_each(|row| far[row * D] = 1e6);
    let center = run(&GeometricMedian::default(), &honest);
    let spread = (&honest - &center).norm_scalaropt_dim(2, [1i64], false).max().double_value(&[]);
    let update = run(&GeometricMedian::default(), &Tensor::cat(&[matrix(&far, 4), honest], 0));
    let moved = (update - center).norm().double_value(&[]);
    let bound = 2.0 * (N - 4) as f64 / (N - 8) as f64 * spread;
    assert!(moved > 0.1 && moved <= bound, "{moved} of {bound}");
}

/// Weights are the updates' factors in the aggregate, wherever it is a sum of updates.
#[test]
fn weights_say_what_the_aggregate_is() {
    let updates = honest(N, Seed(3));
    for rule in all() {
        let root = Tensor::ones([D as i64], (Kind::Float, tch::Device::Cpu));
        let round = Round { root: Some(root), ..Round::of(updates.shallow_clone()) };
        let given = Updates { reads: Some(&read), ..round.updates() };
        let result = aggregator(&*rule).aggregate(&given, &mut NamedTensors::new()).unwrap();
        let name = format!("{rule:?}");
        let by_coordinate =
            ["Median", "Trimmed", "Bulyan", "Lfr"].iter().any(|start| name.starts_with(start))
                && !name.contains("rule: Mean,");
        if let (Some(weights), false) = (&result.weights, by_coordinate) {
            let sum = Tensor::from_slice(weights).view([1, -1]).mm(&updates.to_kind(Kind::Double));
            assert!(apart(&result.update, &sum.view([-1])) < 1e-5, "{name}");
        }
    }
}

/// The same round, seed and memory give the same bits.
#[test]
fn results_repeat_bit_for_bit() {
    let updates = honest(N, Seed(3));
    for rule in all() {
        assert_eq!(numbers(&run(&*rule, &updates)), numbers(&run(&*rule, &updates)), "{rule:?}");
    }
}
