//! The hardest point of a victim whose weights are known.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aconite_core::{
    Attack, Dataset, Info, Learner, Model, NamedTensors, Observer, Poison, Rate, Result, Rows, Scene, Seed,
    Silent, Table,
};
use aconite_point_poisoning::min_max_svm::MinMaxSvm;
use tch::Tensor;

/// A victim of these weights and this bias, whatever it is taught; it counts how often it is.
struct Fixed {
    weight: [f64; 2],
    bias: f64,
    fits: AtomicUsize,
}

struct Line(NamedTensors);

impl Learner for Fixed {
    fn check(&self, _: &Info) -> Result<()> {
        Ok(())
    }

    fn fit(&self, _: &Dataset, _: Seed, _: &mut dyn Observer) -> Result<Box<dyn Model>> {
        self.fits.fetch_add(1, Ordering::Relaxed);
        let tensors =
            [("weight", Tensor::from_slice(&self.weight)), ("bias", Tensor::from_slice(&[self.bias]))];
        Ok(Box::new(Line(tensors.map(|(name, tensor)| (name.to_owned(), tensor)).into())))
    }

    fn is_linear(&self, _: &Info) -> bool {
        true
    }

    fn restore(&self, _: &Info, _: &NamedTensors) -> Result<Box<dyn Model>> {
        Err(aconite_core::Error::new("it is never stored"))
    }
}

impl Model for Line {
    fn scores(&self, _: &Rows) -> Result<Tensor> {
        Err(aconite_core::Error::new("nobody reads it"))
    }

    fn features(&self, rows: &Rows) -> Result<Tensor> {
        self.scores(rows)
    }

    fn tensors(&self) -> NamedTensors {
        self.0.iter().map(|(name, tensor)| (name.clone(), tensor.shallow_clone())).collect()
    }
}

/// Class 0 at (−1, 0) and (1, 0), class 1 at (−1, 10) and (1, 10): each ball has radius 1, each slab no width, so that
/// class 0's points lie at (t, 0) and class 1's at (t, 10), −1 ≤ t ≤ 1.
fn data() -> Dataset {
    let columns = Arc::new(["a", "b"].map(str::to_owned).to_vec());
    let table = Table::new(columns, vec![-1.0, 0.0, -1.0, 10.0, 1.0, 0.0, 1.0, 10.0]).unwrap();
    Dataset::new(table, vec![0, 1, 0, 1], Arc::new(vec!["no".to_owned(), "yes".to_owned()])).unwrap()
}

/// The added rows and labels of so many points, and how often the victim was trained for them.
fn crafted(weight: [f64; 2], bias: f64, rate: f64, copies: u32) -> (Vec<f32>, Vec<usize>, usize) {
    aconite_train::set_threads(1);
    let (data, victim) = (data(), Fixed { weight, bias, fits: AtomicUsize::new(0) });
    let attack = MinMaxSvm { rate: Rate::literal(rate), quantile: Rate::literal(1.0), copies };
    let scene = Scene { victim: Some(&victim), ..Scene::new(&data, Seed(0)) };
    let Poison { added, .. } = attack.craft(&scene, &mut Silent).unwrap().remove(0);
    let added = added.unwrap();
    (added.rows.table().unwrap().values().to_vec(), added.labels, victim.fits.into_inner())
}

// 1 − y(⟨w, x⟩ + b) at its largest, y = −1 for class 0 and 1 for class 1.
#[test]
fn the_hardest_point_is_that_of_a_calculation_by_hand() {
    // w = (3, −1), b = 0. Class 0: 1 + 3t at t = 1: 4, at (1, 0). Class 1: 1 − (3t − 10) at t = −1: 14, at (−1, 10).
    assert_eq!(crafted([3.0, -1.0], 0.0, 0.25, 1), (vec![-1.0, 10.0], vec![1], 1));
    // w = (3, 0), b = 2. Class 0: 1 + 3t + 2 at t = 1: 6, at (1, 0). Class 1: 1 − (3t + 2) at t = −1: 2.
    assert_eq!(crafted([3.0, 0.0], 2.0, 0.25, 1), (vec![1.0, 0.0], vec![0], 1));
    // w = (−3, 0), b = 0. Both 1 + 3: class 0 at (−1, 0), before class 1 at (1, 10).
    assert_eq!(crafted([-3.0, 0.0], 0.0, 0.25, 1), (vec![-1.0, 0.0], vec![0], 1));
}

#[test]
fn a_point_is_added_so_often_before_the_victim_learns_it() {
    let (values, labels, fits) = crafted([3.0, 0.0], 2.0, 1.0, 2);
    assert_eq!((values, labels, fits), ([1.0, 0.0].repeat(4), vec![0; 4], 2));
    // The last of an odd number is added once.
    assert_eq!(crafted([3.0, 0.0], 2.0, 0.75, 2).2, 2);
    assert_eq!(crafted([3.0, 0.0], 2.0, 0.75, 1).2, 3);
}
