//! Matrices of several blocks of columns, against the shortest computation that there is, on one thread and more.

use aconite_aggregation::bulyan::Bulyan;
use aconite_aggregation::geometric_median::GeometricMedian;
use aconite_aggregation::krum::Krum;
use aconite_aggregation::mean::Mean;
use aconite_aggregation::median::Median;
use aconite_aggregation::trimmed_mean::TrimmedMean;
use aconite_core::{Defense, Seed};

use crate::{Round, first, matrix, normal, numbers};

/// 15 × 100,003: several tiles, the last of them and its last lanes partly filled.
const N: usize = 15;
const D: usize = 100_003;

/// What a rule of one coordinate gives everywhere.
fn each(values: &[f32], rule: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    (0..D)
        .map(|column| {
            let mut sorted: Vec<f64> = (0..N).map(|row| f64::from(values[row * D + column])).collect();
            sorted.sort_by(f64::total_cmp);
            f64::from(rule(&sorted) as f32)
        })
        .collect()
}

#[test]
fn blocks_and_threads_do_not_show() {
    let values = normal(N, D, Seed(1));
    let round = Round::of(matrix(&values, N));
    let run = |rule: &dyn Defense| numbers(&first(rule, &round).unwrap().update);
    let three = TrimmedMean { f: Some(3), beta: None };
    let bulyan = Bulyan { f: Some(3) };
    let mut results = Vec::new();
    for threads in [1, 2, 5] {
        tch::set_num_threads(threads);
        results.push([run(&Mean {}), run(&Median {}), run(&three), run(&bulyan)]);
    }
    assert!(results[0] == results[1] && results[0] == results[2], "bits depend on the number of threads");
    let [mean, median, trimmed, middle] = &results[0];
    assert!(*median == each(&values, |sorted| sorted[7]));
    let near = |a: &[f64], b: Vec<f64>| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
    assert!(near(mean, each(&values, |sorted| sorted.iter().sum::<f64>() / 15.0)));
    assert!(near(trimmed, each(&values, |sorted| sorted[3..12].iter().sum::<f64>() / 9.0)));
    let weights = first(&bulyan, &round).unwrap().weights.unwrap();
    let chosen: Vec<usize> = (0..N).filter(|&row| weights[row] != 0.0).collect();
    assert_eq!(chosen.len(), 9);
    let wanted: Vec<f64> = (0..D)
        .map(|column| {
            let mut left: Vec<f64> = chosen.iter().map(|&row| f64::from(values[row * D + column])).collect();
            left.sort_by(f64::total_cmp);
            let median = left[4];
            left.sort_by(|a, b| (a - median).abs().total_cmp(&(b - median).abs()));
            left[..3].iter().sum::<f64>() / 3.0
        })
        .collect();
    assert!(near(middle, wanted));
}

/// The geometric median is a fixed point of Weiszfeld's step with distances measured in f64, to 10⁻⁶ of them: with
/// outliers, and with clients that nearly agree among others that do not.
#[test]
fn the_geometric_median_is_a_fixed_point() {
    let mut values = normal(N, D, Seed(1));
    let near = |row: usize| if row < 7 { 1e-3 } else { 1.0 };
    (0..N * D).for_each(|at| values[at] = 3.0 + near(at / D) * values[at]);
    (14 * D..15 * D).for_each(|at| values[at] *= 1e5);
    let z = numbers(&first(&GeometricMedian::default(), &Round::of(matrix(&values, N))).unwrap().update);
    let row = |row: usize| values[row * D..(row + 1) * D].iter().map(|&v| f64::from(v));
    let distance = |i: usize| row(i).zip(&z).map(|(x, z)| (x - z) * (x - z)).sum::<f64>().sqrt();
    let pull: Vec<f64> = (0..N).map(|i| 1.0 / distance(i)).collect();
    let sum: f64 = pull.iter().sum();
    let mut step: Vec<f64> = z.iter().map(|z| -z).collect();
    for (i, pull) in pull.iter().enumerate() {
        step.iter_mut().zip(row(i)).for_each(|(step, x)| *step += pull / sum * x);
    }
    let moved = step.iter().map(|v| v * v).sum::<f64>().sqrt();
    let mut lengths: Vec<f64> = pull.iter().map(|pull| 1.0 / pull).collect();
    lengths.sort_by(f64::total_cmp);
    assert!(moved <= 2e-6 * lengths[7], "{moved} of {lengths:?}");
}

/// A column of every width, for the last lanes.
#[test]
fn narrow_matrices_work() {
    for d in 1..70 {
        let values = normal(5, d, Seed(d as u64));
        let round = Round::of(matrix(&values, 5));
        let update = numbers(&first(&Median {}, &round).unwrap().update);
        for (column, value) in update.iter().enumerate() {
            let mut sorted: Vec<f32> = (0..5).map(|row| values[row * d + column]).collect();
            sorted.sort_by(f32::total_cmp);
            assert_eq!(*value, f64::from(sorted[2]));
        }
        let picked = numbers(&first(&Krum { f: Some(1) }, &round).unwrap().update);
        let rows = values.chunks_exact(d).map(|row| row.iter().map(|&v| f64::from(v)).collect::<Vec<_>>());
        assert!(rows.into_iter().any(|row| row == picked), "{d}");
    }
}
