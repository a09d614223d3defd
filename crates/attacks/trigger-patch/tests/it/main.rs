//! Tests of the attacks that stamp a trigger and change the label.
#![allow(clippy::unwrap_used, clippy::panic)] // The helpers below stop at the first surprise, as the tests do.

mod badnets;
mod blended;
mod corner;
mod dba;
mod effect;
mod feature_value;
mod sticker;
mod wanet;

use std::sync::Arc;

use aconite_core::{Dataset, Images, Shape};

/// Images of this shape whose bytes run through 1 to 254: neither black nor white, so that a stamp shows.
fn labelled(shape: Shape, labels: &[usize], classes: usize) -> Dataset {
    let bytes = (0..labels.len() * shape.pixels()).map(|i| 1 + (i * 7 % 254) as u8).collect();
    let images = Images::new(shape, bytes).unwrap();
    Dataset::new(images, labels.to_vec(), Arc::new((0..classes).map(|c| format!("c{c}")).collect())).unwrap()
}

/// Writes a PNG and gives its path. `pixels` are grey, red-green-blue or with alpha, by their number.
fn png(folder: &tempfile::TempDir, name: &str, width: u32, height: u32, pixels: &[u8]) -> String {
    let colour = match pixels.len() / (width * height) as usize {
        1 => image::ColorType::L8,
        3 => image::ColorType::Rgb8,
        4 => image::ColorType::Rgba8,
        other => panic!("{other} channels"),
    };
    let path = folder.path().join(name);
    image::save_buffer(&path, pixels, width, height, colour).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn the_registry_holds() {
    aconite_grid::assert_invariants(aconite_trigger_patch::ATTACKS);
}
