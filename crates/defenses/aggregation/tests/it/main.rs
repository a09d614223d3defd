//! Tests of a federation's rules and mixings.
#![allow(clippy::unwrap_used, clippy::panic)] // The helpers below stop at the first surprise, as the tests do.

mod blocks;
mod coordinates;
mod laws;
mod mixings;
mod refused;
mod selection;
mod weighing;

use aconite_core::{Aggregate, Aggregator, Defense, Mixing, NamedTensors, Result, Role, Seed, Updates};
use rand::RngExt;
use tch::Tensor;

#[test]
fn the_registry_keeps_its_promises() {
    aconite_grid::assert_invariants(aconite_aggregation::DEFENSES);
}

/// A round of updates.
struct Round {
    matrix: Tensor,
    clients: Vec<usize>,
    global: Tensor,
    root: Option<Tensor>,
    malicious: Option<usize>,
    seed: Seed,
}

impl Round {
    /// Of clients 0 to n − 1 on global weights of 0.
    fn of(matrix: Tensor) -> Self {
        let (n, d) = matrix.size2().unwrap();
        let global = Tensor::zeros([d], (tch::Kind::Float, tch::Device::Cpu));
        Self {
            matrix,
            clients: (0..n as usize).collect(),
            global,
            root: None,
            malicious: None,
            seed: Seed(4),
        }
    }

    fn updates(&self) -> Updates<'_> {
        Updates {
            matrix: &self.matrix,
            clients: &self.clients,
            malicious: self.malicious,
            global: &self.global,
            round: 0,
            seed: self.seed,
            root: self.root.as_ref(),
            reads: None,
        }
    }
}

fn aggregator(defense: &dyn Defense) -> &dyn Aggregator {
    let Role::Aggregator(rule) = defense.role() else { panic!("not a rule") };
    rule
}

fn mixing(defense: &dyn Defense) -> &dyn Mixing {
    let Role::Mixing(mixing) = defense.role() else { panic!("not a mixing") };
    mixing
}

/// The rule's aggregate of a first round.
fn first(defense: &dyn Defense, round: &Round) -> Result<Aggregate> {
    aggregator(defense).aggregate(&round.updates(), &mut NamedTensors::new())
}

fn tensor<const D: usize>(rows: &[[f32; D]]) -> Tensor {
    Tensor::from_slice(rows.as_flattened()).view([rows.len() as i64, D as i64])
}

fn numbers(tensor: &Tensor) -> Vec<f64> {
    Vec::try_from(tensor.to_kind(tch::Kind::Double).view([-1])).unwrap()
}

/// n × d standard normal numbers (the sum of twelve uniform ones less six).
fn normal(n: usize, d: usize, seed: Seed) -> Vec<f32> {
    let mut draws = seed.rng();
    (0..n * d).map(|_| (0..12).map(|_| draws.random::<f32>()).sum::<f32>() - 6.0).collect()
}

fn matrix(values: &[f32], n: usize) -> Tensor {
    Tensor::from_slice(values).view([n as i64, -1])
}

#[track_caller]
fn assert_near(ours: &[f64], wanted: &[f64], tolerance: f64) {
    assert_eq!(ours.len(), wanted.len());
    for (place, (a, b)) in ours.iter().zip(wanted).enumerate() {
        assert!((a - b).abs() <= tolerance, "place {place}: {a} is not {b}\n{ours:?}");
    }
}

// rng = np.random.default_rng(6); n, f = 11, 2
// X = np.round(rng.normal(size=(n, 6)) + [1, -1, .5, 0, 2, -.5], 2)
// X[:f] += [3, 3, -2, 3, -3, 3]; X = np.round(X, 2)
const X: [[f32; 6]; 11] = [
    [5.05, 3.78, -4.05, 2.86, 0.01, 3.85],
    [4.65, 3.5, -1.21, 3.55, -0.82, 1.43],
    [0.15, -0.62, -0.08, 1.27, 3.29, 1.3],
    [0.97, 0.38, -0.41, -0.82, 2.08, -0.22],
    [-0.6, -2.73, 0.86, -0.86, 3.21, -0.11],
    [1.31, -0.79, 1.4, -0.15, 3.09, -1.03],
    [0.78, -1.68, 1.1, 0.04, 1.14, 1.5],
    [0.64, -1.12, 0.89, 1.75, 1.85, 0.2],
    [1.1, -2.46, 1.29, 1.02, 1.76, -0.52],
    [-0.5, -2.52, 0.11, 0.63, 1.53, -0.21],
    [1.97, -0.9, 1.07, 1.45, 0.75, 0.24],
];
