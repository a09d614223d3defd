//! Tests of the filters that look for a second population in the features of a class.
#![allow(clippy::unwrap_used)] // The helpers below stop at the first surprise, as the tests do.

mod activation_clustering;
mod effect;
mod spectral_signatures;
mod spectre;

use std::sync::Arc;

use aconite_core::{Dataset, Evidence, Filter, Images, Result, Seed, Shape, Told, Verdict};
use tch::Tensor;

/// Images of one pixel with these bytes and labels.
fn pixels(bytes: Vec<u8>, labels: &[usize], classes: usize) -> Dataset {
    let images = Images::new(Shape { channels: 1, height: 1, width: 1 }, bytes).unwrap();
    Dataset::new(images, labels.to_vec(), Arc::new((0..classes).map(|c| format!("c{c}")).collect())).unwrap()
}

/// Images of one dark pixel with these labels.
fn labelled(labels: &[usize], classes: usize) -> Dataset {
    pixels(vec![0; labels.len()], labels, classes)
}

/// What the filter says about rows with these labels and features.
fn judge(filter: &dyn Filter, labels: &[usize], features: &[Vec<f32>], told: Told) -> Result<Verdict> {
    judge_with(filter, &labelled(labels, labels.iter().max().unwrap() + 1), features, told, Seed(0))
}

/// What the filter says about data with these features.
fn judge_with(
    filter: &dyn Filter,
    data: &Dataset,
    features: &[Vec<f32>],
    told: Told,
    seed: Seed,
) -> Result<Verdict> {
    // Threads only get in each other's way on so few numbers.
    aconite_train::set_threads(1);
    let flat: Vec<f32> = features.concat();
    let features = Tensor::from_slice(&flat).reshape([data.len() as i64, -1]);
    filter.judge(&Evidence { features: Some(features), ..Evidence::new(data, told, seed) })
}

fn told(rate: f64) -> Told {
    Told { poison_rate: Some(rate), ..Told::default() }
}

fn gone(verdict: &Verdict) -> Vec<usize> {
    (0..verdict.removed.len()).filter(|&row| verdict.removed[row]).collect()
}

#[test]
fn the_registry_holds() {
    aconite_grid::assert_invariants(aconite_spectral_signatures::DEFENSES);
}
