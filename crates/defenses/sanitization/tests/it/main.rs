//! Tests of the filters by neighbourhood, distance and loss, and of the two control arms.
#![allow(clippy::unwrap_used, clippy::panic)] // The helpers below stop at the first surprise, as the tests do.

mod confident_learning;
mod control;
mod deep_knn;
mod five;
mod knn_relabel;
mod outliers;

use std::num::NonZeroU32;
use std::sync::Arc;

use aconite_core::{
    Dataset, Defense, Documents, Evidence, Images, Result, Role, Rows, Seed, Shape, Table, Told, Verdict,
};
use aconite_train::optim::adam::Adam;
use aconite_train::schedule::constant::Constant;
use aconite_train::{SgdLearner, Train};
use rand::RngExt;
use tch::Tensor;

/// Class names for labels.
fn names(classes: usize) -> Arc<Vec<String>> {
    Arc::new((0..classes).map(|c| format!("c{c}")).collect())
}

/// A table of these rows.
fn table(rows: &[Vec<f32>], labels: &[usize]) -> Dataset {
    let columns = Arc::new((0..rows[0].len()).map(|c| format!("x{c}")).collect());
    let classes = labels.iter().max().unwrap() + 1;
    Dataset::new(Table::new(columns, rows.concat()).unwrap(), labels.to_vec(), names(classes)).unwrap()
}

/// Texts, two of each of two classes.
fn texts() -> Dataset {
    let rows: Rows = Documents::texts(["a", "b", "c", "d"].map(str::to_owned)).into();
    Dataset::new(rows, vec![0, 1, 0, 1], names(2)).unwrap()
}

/// Images of one row of pixels.
fn images(rows: &[Vec<u8>], labels: &[usize]) -> Dataset {
    let shape = Shape { channels: 1, height: 1, width: rows[0].len() };
    let classes = labels.iter().max().unwrap() + 1;
    Dataset::new(Images::new(shape, rows.concat()).unwrap(), labels.to_vec(), names(classes)).unwrap()
}

/// A tensor of these rows.
fn tensor(rows: &[Vec<f32>]) -> Tensor {
    Tensor::from_slice(&rows.concat()).view([rows.len() as i64, -1])
}

fn evidence(data: &Dataset) -> Evidence<'_> {
    Evidence::new(data, Told::default(), Seed(0))
}

fn judge(defense: &dyn Defense, evidence: &Evidence<'_>) -> Result<Verdict> {
    let Role::Filter(filter) = defense.role() else { panic!("not a filter") };
    filter.judge(evidence)
}

fn gone(verdict: &Verdict) -> Vec<usize> {
    (0..verdict.removed.len()).filter(|&row| verdict.removed[row]).collect()
}

/// Exactly `count` labels are changed to another class, uniformly; and the rows concerned.
fn flipped(data: &Dataset, count: usize, seed: Seed) -> (Dataset, Vec<bool>) {
    let mut poisoned = data.clone();
    let mut mask = vec![false; data.len()];
    let mut draws = seed.derive("labels").rng();
    for row in seed.choose(&(0..data.len()).collect::<Vec<_>>(), count) {
        let shift = draws.random_range(1..data.num_classes());
        poisoned.labels_mut()[row] = (data.labels()[row] + shift) % data.num_classes();
        mask[row] = true;
    }
    (poisoned, mask)
}

/// A net trained by Adam.
fn learner(net: Box<dyn aconite_nets::Net>, epochs: u32, lr: f64) -> SgdLearner {
    let count = |n| NonZeroU32::new(n).unwrap();
    SgdLearner {
        net,
        train: Train { epochs: count(epochs), batch_size: count(64), ..Train::default() },
        optimizer: Box::new(Adam { lr, ..Adam::default() }),
        schedule: Box::new(Constant {}),
    }
}

#[test]
fn the_registry_holds() {
    aconite_grid::assert_invariants(aconite_sanitization::DEFENSES);
}
