//! Tests of the attacks that change labels only.
#![allow(clippy::unwrap_used)] // The helpers below stop at the first surprise, as the tests do.

mod breast_cancer;
mod edge_case;
mod farthest_flip;
mod greedy_flip;
mod random_flip;

use std::sync::Arc;

use aconite_core::{Dataset, Images, Shape, Table};

/// Images of one pixel with these labels, of `classes` classes.
fn labelled(labels: &[usize], classes: usize) -> Dataset {
    let shape = Shape { channels: 1, height: 1, width: 1 };
    let images = Images::new(shape, (0..labels.len()).map(|row| row as u8).collect()).unwrap();
    Dataset::new(images, labels.to_vec(), Arc::new((0..classes).map(|c| format!("c{c}")).collect())).unwrap()
}

/// A table of these rows.
fn table(rows: &[&[f32]], labels: &[usize], classes: usize) -> Dataset {
    let columns = (0..rows[0].len()).map(|column| format!("x{column}")).collect();
    let table = Table::new(Arc::new(columns), rows.concat()).unwrap();
    Dataset::new(table, labels.to_vec(), Arc::new((0..classes).map(|c| format!("c{c}")).collect())).unwrap()
}

#[test]
fn the_registry_holds() {
    aconite_grid::assert_invariants(aconite_label_flip::ATTACKS);
}
