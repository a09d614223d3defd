use std::sync::Arc;

use aconite_core::{Dataset, Learner, Model, Seed, Silent, Table};
use aconite_train::victims::{pca_subspace::PcaSubspace, robust_pca::RobustPca};
use proptest::prelude::*;
use tch::Tensor;

/// Rows of D numbers, normal where the label is 0.
fn rows<const D: usize>(rows: &[[f32; D]], labels: Vec<usize>) -> Dataset {
    let columns = (0..D).map(|j| format!("c{j}")).collect();
    let table = Table::new(Arc::new(columns), rows.concat()).unwrap();
    Dataset::new(table, labels, Arc::new(vec!["normal".into(), "attack".into()])).unwrap()
}

fn number(model: &dyn Model, name: &str) -> f64 {
    f64::try_from(&model.tensors()[name]).unwrap()
}

/// The first direction of a model.
fn first(model: &dyn Model) -> Vec<f64> {
    Vec::<f64>::try_from(model.tensors()["basis"].select(1, 0).contiguous()).unwrap()
}

// i, j = np.arange(12)[:, None], np.arange(4)[None, :]
// X = np.round(np.sin(1.3*i + j*j)*(4 - j) + np.cos(2.1*i*(j + 1)), 2)
const X: [[f32; 4]; 12] = [
    [1.0, 3.52, -0.51, 1.41],
    [3.35, 1.75, -0.66, -1.29],
    [1.57, -1.85, 1.62, -1.28],
    [-1.75, -1.95, 3.0, 1.33],
    [-4.05, -0.71, 1.44, 0.42],
    [0.38, 2.27, -0.76, -0.19],
    [4.99, 2.75, -0.39, 0.1],
    [0.74, -2.31, 2.01, -1.31],
    [-3.77, -3.33, 2.92, 0.19],
    [-2.05, 1.39, 1.0, 1.94],
    [1.13, 2.57, -0.94, -0.69],
    [3.5, 0.59, -0.06, -1.24],
];

// c = X.mean(0); w, V = np.linalg.eigh(np.cov(X.T)); w, V = w[::-1], V[:, ::-1]   (X as float32, widened)
// R = X - c; R = R - R @ V[:, :k] @ V[:, :k].T; Q = (R**2).sum(1)
// threshold: as in the unit test of pca_subspace.rs, with w[k:] and alpha = 0.01
#[test]
fn q_statistics_with_numbers() {
    let data = rows(&X, vec![0; 12]);
    // Two components hold 95.7 % of the variance, one 72.2 %.
    for (components, variance, threshold, q) in [
        (
            Some(1),
            0.5,
            28.457_557_789_559_93,
            [7.900_727_787_400_203, 1.126_684_024_929_080_4, 8.354_517_895_498_436],
        ),
        (
            None,
            0.7,
            28.457_557_789_559_93,
            [7.900_727_787_400_203, 1.126_684_024_929_080_4, 8.354_517_895_498_436],
        ),
        (
            None,
            0.95,
            4.796_785_715_645_464_5,
            [0.470_465_743_691_152_9, 0.344_118_060_303_632_6, 0.001_664_190_574_659_696],
        ),
    ] {
        let victim = PcaSubspace { components, variance, alpha: 0.01, ..PcaSubspace::default() };
        let model = victim.fit(&data, Seed(0), &mut Silent).unwrap();
        assert!((number(model.as_ref(), "threshold") / threshold - 1.0).abs() < 1e-10);
        let scores = model.scores(data.rows()).unwrap();
        for (row, want) in q.iter().enumerate() {
            // Scores are f32.
            let far = scores.double_value(&[row as i64, 1]) + threshold;
            assert!((far - want).abs() < 1e-5, "{far} {want}");
        }
        let again = victim.restore(&data.info(), &model.tensors()).unwrap();
        assert_eq!(again.scores(data.rows()).unwrap(), scores);
    }
}

// rng = np.random.default_rng(7)
// Y = np.round(rng.normal(size=(30, 3)) * [3, 2, 1] @ np.linalg.qr(rng.normal(size=(3, 3)))[0], 2)
#[rustfmt::skip]
const Y: [[f32; 3]; 30] = [
    [0.59, -0.1, 0.27], [0.23, 2.95, -0.45], [2.07, -0.74, 1.62], [0.37, 1.46, 1.51], [-1.16, 0.16, -1.48],
    [-1.37, -1.24, -2.89], [-0.12, 6.4, -1.25], [-1.8, 1.25, -1.48], [1.71, 0.11, -1.94], [-0.13, 1.54, 0.49],
    [0.22, 4.78, 0.12], [2.0, 1.93, 1.82], [1.57, -0.24, 0.98], [0.09, 0.25, 0.3], [-0.9, 3.21, 2.06],
    [1.06, 3.97, 2.76], [1.96, 0.7, 3.99], [-0.3, 3.28, 1.57], [0.92, 0.21, 1.14], [2.31, -2.49, 1.09],
    [-0.69, -0.37, -0.79], [-0.53, 3.71, 0.13], [2.43, -2.89, 0.05], [2.4, 2.31, 0.48], [-1.08, 1.14, 1.04],
    [-0.16, -1.74, -1.34], [2.27, 0.04, 2.21], [0.55, 0.71, 0.73], [-1.39, 1.12, -1.46], [0.99, 0.57, 2.52],
];

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    0.5 * (values[(n - 1) / 2] + values[n / 2])
}

fn deviation(values: &[f64]) -> f64 {
    let middle = median(values.to_vec());
    median(values.iter().map(|v| (v - middle).abs()).collect())
}

#[test]
fn grid_search_finds_what_all_directions_tried_do() {
    let data = rows(&Y, vec![0; 30]);
    let victim = RobustPca { components: 1, alpha: 0.05, ..RobustPca::default() };
    let model = victim.fit(&data, Seed(0), &mut Silent).unwrap();
    let v = first(model.as_ref());
    let along: Vec<f64> = Y.iter().map(|y| y.iter().zip(&v).map(|(y, v)| f64::from(*y) * v).sum()).collect();
    // max over 721 × 721 directions of the half sphere of np.median(abs(p - np.median(p))), p = Y @ direction
    let brute = 1.736_196_654_056_260_3;
    assert!(deviation(&along) > 0.99 * brute, "{} {brute}", deviation(&along));
    assert!(deviation(&along) < 1.01 * brute, "no direction has more");
    // m = Y.mean(0); 3000 times: d = norm(Y - m, axis=1); m = (Y / d[:, None]).sum(0) / (1 / d).sum()
    let centre = Vec::<f64>::try_from(&model.tensors()["centre"]).unwrap();
    for (ours, want) in centre.iter().zip([0.480_175_611, 0.849_375_784, 0.633_120_915]) {
        assert!((ours - want).abs() < 1e-6, "{centre:?}");
    }
    // The threshold by its formula, from the residuals about that direction.
    let residual = |y: &[f32; 3]| {
        let moved: Vec<f64> = y.iter().zip(&centre).map(|(y, c)| f64::from(*y) - c).collect();
        let part: f64 = moved.iter().zip(&v).map(|(m, v)| m * v).sum();
        moved.iter().zip(&v).map(|(m, v)| (m - part * v).powi(2)).sum::<f64>().sqrt()
    };
    let residuals: Vec<f64> = Y.iter().map(residual).collect();
    let want = median(residuals.clone()) + deviation(&residuals) / 2f64.ln() * 10f64.ln();
    assert!((number(model.as_ref(), "threshold") / want - 1.0).abs() < 1e-9);
    let again = victim.restore(&data.info(), &model.tensors()).unwrap();
    assert_eq!(again.predict(data.rows()).unwrap(), model.predict(data.rows()).unwrap());
}

#[test]
fn outliers_turn_the_plain_components_and_not_the_robust_ones() {
    // A long first axis; then a fifth of the rows far out on the third.
    let point =
        |i: usize| [(i as f32 * 0.7).sin() * 5.0, (i as f32 * 1.9).cos() * 2.0, (i as f32 * 3.1).sin() * 0.5];
    let mut all: Vec<[f32; 3]> = (0..100).map(point).collect();
    (0..20).for_each(|i| all[5 * i][2] = 40.0);
    let data = rows(&all, vec![0; 100]);
    let plain = PcaSubspace { components: Some(1), ..PcaSubspace::default() };
    let robust = RobustPca { components: 1, ..RobustPca::default() };
    assert!(first(plain.fit(&data, Seed(0), &mut Silent).unwrap().as_ref())[2].abs() > 0.95);
    let model = robust.fit(&data, Seed(0), &mut Silent).unwrap();
    assert!(first(model.as_ref())[0].abs() > 0.95, "{:?}", first(model.as_ref()));
    // And it tells them from the others.
    let read = model.predict(data.rows()).unwrap();
    assert!((0..100).all(|row| row % 5 != 0 || read[row] == 1), "all outliers are anomalies");
    // More components are orthonormal.
    let three = RobustPca { components: 2, ..robust }.fit(&data, Seed(0), &mut Silent).unwrap();
    let basis = three.tensors()["basis"].shallow_clone();
    let off = (basis.tr().matmul(&basis) - Tensor::eye(2, (tch::Kind::Double, tch::Device::Cpu))).abs().max();
    assert!(off.double_value(&[]) < 1e-9);
}

#[test]
fn a_period_is_learnt_without_what_the_last_detector_rejects() {
    let mut all: Vec<[f32; 4]> = (0..4).flat_map(|_| X).collect();
    // The second half holds rows that the detector of the first rejects.
    all[30] = [0.0, 0.0, 0.0, 300.0];
    all[41] = [0.0, 0.0, 0.0, -200.0];
    let data = rows(&all, vec![0; 48]);
    let victim = PcaSubspace { components: Some(1), period: Some(24), ..PcaSubspace::default() };
    let model = victim.fit(&data, Seed(0), &mut Silent).unwrap();
    let kept: Vec<usize> = (24..48).filter(|row| ![30, 41].contains(row)).collect();
    let once = PcaSubspace { period: None, ..victim.clone() };
    let alone = once.fit(&data.select(&kept).unwrap(), Seed(0), &mut Silent).unwrap();
    assert_eq!(model.tensors(), alone.tensors());
    assert_ne!(model.tensors(), once.fit(&data, Seed(0), &mut Silent).unwrap().tensors());
    // Who rejects nearly everything stays as it was: here the second period is another world.
    let mut all: Vec<[f32; 4]> = X.repeat(2);
    all[12..].iter_mut().for_each(|row| row[3] += 100.0);
    let half = PcaSubspace { period: Some(12), ..victim };
    let data = rows(&all, vec![0; 24]);
    let first_half: Vec<usize> = (0..12).collect();
    let want = once.fit(&data.select(&first_half).unwrap(), Seed(0), &mut Silent).unwrap().tensors();
    assert_eq!(half.fit(&data, Seed(0), &mut Silent).unwrap().tensors(), want);
}

#[test]
fn what_does_not_fit_is_named() {
    let data = rows(&X, (0..12).map(|row| usize::from(row > 7)).collect());
    let plain = |change: fn(&mut PcaSubspace)| {
        let mut victim = PcaSubspace::default();
        change(&mut victim);
        victim.check(&data.info()).unwrap_err().setting.unwrap_or_default()
    };
    assert_eq!(plain(|v| v.components = Some(4)), "components");
    assert_eq!(plain(|v| v.components = Some(0)), "components");
    assert_eq!(plain(|v| v.variance = 1.0), "variance");
    assert_eq!(plain(|v| v.alpha = 0.5), "alpha");
    assert_eq!(plain(|v| v.period = Some(9)), "period");
    assert_eq!(plain(|v| v.period = Some(2)), "period");
    let robust = |change: fn(&mut RobustPca)| {
        let mut victim = RobustPca { components: 2, ..RobustPca::default() };
        change(&mut victim);
        victim.check(&data.info()).unwrap_err().setting.unwrap_or_default()
    };
    assert_eq!(robust(|v| v.components = 4), "components");
    assert_eq!(robust(|v| v.angles = 1), "angles");
    assert_eq!(robust(|v| v.angles = 10_001), "angles");
    assert_eq!(robust(|v| v.cycles = 51), "cycles");
    // Rows that are all alike leave nothing to measure by.
    let alike = rows(&[[1.0, 2.0]; 8], vec![0; 8]);
    let fit = |victim: &dyn Learner| victim.fit(&alike, Seed(0), &mut Silent).err().unwrap().message;
    assert!(fit(&PcaSubspace::default()).contains("threshold"));
    assert!(fit(&RobustPca { components: 1, ..RobustPca::default() }).contains("alike"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]
    // Neither cares about the order of the rows, or about where the origin is.
    #[test]
    fn order_and_origin_do_not_matter(seed in 0u64..1000, shift in -5f32..5.0) {
        let order = Seed(seed).shuffled(&(0..30).collect::<Vec<_>>());
        let moved: Vec<[f32; 3]> = order.iter().map(|&row| Y[row].map(|v| v + shift)).collect();
        let (data, other) = (rows(&Y, vec![0; 30]), rows(&moved, vec![0; 30]));
        let plain = PcaSubspace { components: Some(1), ..PcaSubspace::default() };
        let robust = RobustPca { components: 1, ..RobustPca::default() };
        for (victim, tolerance) in [(&plain as &dyn Learner, 1e-5), (&robust, 1e-2)] {
            let threshold = |data| number(victim.fit(data, Seed(0), &mut Silent).unwrap().as_ref(), "threshold");
            let (ours, theirs) = (threshold(&data), threshold(&other));
            prop_assert!((ours / theirs - 1.0).abs() < tolerance, "{} {}", ours, theirs);
        }
    }
}
