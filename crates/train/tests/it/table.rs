//! A small table for goldens of the classical victims.

use std::sync::Arc;

use aconite_core::{Dataset, Table};

// rng = np.random.default_rng(5)
// for k in (2, 3):
//     y = np.repeat(np.arange(k), 8); X = np.round(np.eye(3)[y] * 1.5 + rng.normal(size=(8 * k, 3)), 2)
const TWO: [[f32; 3]; 16] = [
    [0.7, -1.32, -0.25],
    [1.92, 1.14, 0.11],
    [0.95, -0.78, 0.75],
    [3.13, 0.27, -1.23],
    [0.54, 1.6, 0.2],
    [-0.23, -0.08, -1.16],
    [0.87, -0.49, -0.71],
    [2.05, -0.06, -0.59],
    [0.41, 2.33, -1.64],
    [-0.26, 0.52, -0.17],
    [-1.29, 1.52, -0.04],
    [-0.3, 0.45, -0.4],
    [-1.09, 0.14, 0.22],
    [-1.11, 2.67, 0.72],
    [-2.0, 1.77, -1.1],
    [0.03, 1.54, -1.99],
];
const THREE: [[f32; 3]; 24] = [
    [1.27, -0.26, 0.96],
    [0.32, 0.74, -1.1],
    [1.17, -0.84, 1.45],
    [2.07, 2.43, 0.64],
    [2.34, 0.84, -0.61],
    [1.43, 1.35, -0.4],
    [1.69, -0.02, 0.61],
    [1.14, -0.15, 0.24],
    [0.1, 0.64, 0.9],
    [-1.3, 0.3, -1.28],
    [0.97, 1.14, -0.97],
    [-1.14, 1.92, -1.05],
    [-1.27, 2.11, -1.2],
    [-0.32, 1.49, -0.45],
    [-0.05, 2.84, -0.52],
    [-1.26, -0.34, -0.2],
    [-0.35, 0.27, 1.04],
    [-0.48, -0.72, 0.98],
    [0.16, -0.38, 1.6],
    [1.9, 0.48, -0.08],
    [1.73, 0.35, 0.56],
    [0.91, 0.02, 0.88],
    [-0.63, -0.99, 1.55],
    [1.07, -0.33, 1.92],
];

/// A table of these rows.
pub(crate) fn table(rows: &[[f32; 3]], labels: Vec<usize>, classes: usize) -> Dataset {
    let columns = ["a", "b", "c"].map(str::to_owned).to_vec();
    let table = Table::new(Arc::new(columns), rows.concat()).unwrap();
    let names = (0..classes).map(|class| format!("c{class}")).collect();
    Dataset::new(table, labels, Arc::new(names)).unwrap()
}

/// Eight rows of each of two or three classes.
pub(crate) fn eights(classes: usize) -> Dataset {
    let rows: &[[f32; 3]] = if classes == 2 { &TWO } else { &THREE };
    table(rows, (0..rows.len()).map(|row| row / 8).collect(), classes)
}
