//! Attacks on the updates of a federation.
#![allow(clippy::unwrap_used)] // The helpers below stop at the first surprise, as the tests do.

mod alie;
mod fang_krum;
mod fang_trim;
mod gaussian;
mod ipm;
mod laws;
mod mimic;
mod min_max;
mod sign_flip;

use std::sync::Arc;

use aconite_core::{All, Attack, FromAll, FromOwn, Info, Own, RowKind, Seed};
use tch::{Kind, Tensor};

#[test]
fn the_registry_keeps_its_promises() {
    aconite_grid::assert_invariants(aconite_model_poisoning::ATTACKS);
}

// Golden values are of these matrices, in NumPy 2.4:
// i, j = np.arange(12)[:, None], np.arange(6)[None]
// u = (np.sin(1 + 2*i + 3*j + i*j) + .4*np.cos(j) + .3).astype(np.float32).astype(float)
// own = (np.cos(2 + 3*i[:3] + j) + .4*np.cos(j) + .3).astype(np.float32).astype(float)
// mu, sd = u.mean(0), u.std(0)
// d2 = ((u[:, None] - u[None]) ** 2).sum(-1)

/// A round of 12 honest and 3 malicious clients.
struct Round {
    own: Tensor,
    honest: Tensor,
    global: Tensor,
    seed: Seed,
}

impl Round {
    fn new() -> Self {
        let drift = |j: f64| 0.4 * j.cos() + 0.3;
        let honest = matrix(12, 6, |i, j| (1.0 + 2.0 * i + 3.0 * j + i * j).sin() + drift(j));
        let own = matrix(3, 6, |i, j| (2.0 + 3.0 * i + j).cos() + drift(j));
        let global = matrix(1, 6, |_, j| 0.5 * (5.0 * j).sin()).squeeze();
        Self { own, honest, global, seed: Seed(7) }
    }

    /// The same with other updates, of global weights 0.
    fn of(own: Tensor, honest: Tensor) -> Self {
        let global = Tensor::zeros([honest.size()[1]], (Kind::Float, tch::Device::Cpu));
        Self { own, honest, global, seed: Seed(7) }
    }

    fn own(&self) -> Own<'_> {
        Own {
            own: &self.own,
            reference: &self.honest,
            clients: (self.own.size()[0] + self.honest.size()[0]) as usize,
            global: &self.global,
            last: None,
            server_lr: 1.0,
            seed: self.seed,
        }
    }

    /// What an attack that sees `reference` sends.
    fn sent(&self, attack: &dyn FromOwn) -> Tensor {
        attack.craft(&self.own()).unwrap()
    }

    /// What an attack that sees everything sends.
    fn sent_by_all(&self, attack: &dyn FromAll) -> Tensor {
        attack.craft(&All { own: self.own(), honest: &self.honest }).unwrap()
    }
}

/// A matrix of the numbers that `f` makes of rows and columns.
fn matrix(n: i64, d: i64, f: impl Fn(f64, f64) -> f64) -> Tensor {
    let values: Vec<f32> = (0..n * d).map(|k| f((k / d) as f64, (k % d) as f64) as f32).collect();
    Tensor::from_slice(&values).view([n, d])
}

/// All rows equal `expected` within `tolerance`.
#[track_caller]
fn assert_rows(rows: &Tensor, count: i64, expected: &[f64], tolerance: f64) {
    assert_eq!(rows.size(), [count, expected.len() as i64]);
    assert_eq!(rows.kind(), Kind::Float);
    for row in Vec::<Vec<f64>>::try_from(rows.to_kind(Kind::Double)).unwrap() {
        for (sent, wanted) in row.iter().zip(expected) {
            assert!((sent - wanted).abs() <= tolerance, "{row:?} is not {expected:?}");
        }
    }
}

/// Largest difference between two matrices.
fn gap(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.size(), b.size());
    if a.numel() == 0 { 0.0 } else { (a - b).abs().max().double_value(&[]) }
}

/// Some data: none of the attacks looks at it.
fn info() -> Info {
    Info { kind: RowKind::Text, classes: Arc::new(vec!["a".to_owned()]), rows: vec![1] }
}

/// The setting that a check refuses.
fn refused(attack: &dyn Attack) -> String {
    attack.check(&info()).unwrap_err().setting.unwrap()
}
