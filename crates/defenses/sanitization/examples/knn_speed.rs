//! Seconds that deep k-NN takes over 60,000 × 128 features on one thread.
//!
//! `cargo run --release -p aconite-sanitization --example knn_speed [rows [columns]]`; the last line is JSON.

use std::sync::Arc;
use std::time::Instant;

use aconite_core::{Dataset, Evidence, Filter, Images, Result, Seed, Shape, Told};
use aconite_sanitization::deep_knn::DeepKnn;
use rand::RngExt;
use tch::Tensor;

fn main() -> Result<()> {
    aconite_train::set_threads(1);
    let mut sizes = std::env::args().skip(1).map(|size| size.parse().ok());
    let rows = sizes.next().flatten().unwrap_or(60_000usize);
    let columns = sizes.next().flatten().unwrap_or(128usize);
    // Ten classes, each around a place of its own, cut off at 0 as a ReLU does.
    let mut draws = Seed(0).rng();
    let mut draw = |spread: f32| draws.random_range(-spread..spread) + draws.random_range(-spread..spread);
    let places: Vec<f32> = (0..10 * columns).map(|_| draw(1.0)).collect();
    let labels: Vec<usize> = (0..rows).map(|row| row % 10).collect();
    let features: Vec<f32> = (0..rows * columns)
        .map(|at| (places[labels[at / columns] * columns + at % columns] + draw(1.5)).max(0.0))
        .collect();
    let features = Tensor::f_from_slice(&features)?.f_view([rows as i64, columns as i64])?;
    let images = Images::new(Shape { channels: 1, height: 1, width: 1 }, vec![0; rows])?;
    let names = Arc::new((0..10).map(|class| class.to_string()).collect());
    let data = Dataset::new(images, labels, names)?;
    let evidence = Evidence { features: Some(features), ..Evidence::new(&data, Told::default(), Seed(0)) };
    let mut last = f64::NAN;
    for filter in [DeepKnn { k: Some(50), ..DeepKnn::default() }, DeepKnn::default()] {
        let start = Instant::now();
        let verdict = filter.judge(&evidence)?;
        let seconds = start.elapsed().as_secs_f64();
        last = seconds;
        let removed = verdict.removed.iter().filter(|&&gone| gone).count();
        let mean = verdict.scores.iter().sum::<f64>() / rows as f64;
        let k = filter.k.unwrap_or(rows.div_ceil(10));
        println!("{rows} x {columns}, k {k}: {seconds:.2} s, {removed} removed, mean score {mean:.9}");
    }
    println!("{{\"deep_knn\": {last}}}");
    Ok(())
}
