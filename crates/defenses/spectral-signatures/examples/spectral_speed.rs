//! Seconds that the filters take over 60,000 × 128 features in ten classes, without the forward pass that makes them.
//!
//! `cargo run --release -p aconite-spectral-signatures --example spectral_speed [threads [rows [columns]]]`; the last line is JSON.

use std::sync::Arc;
use std::time::Instant;

use aconite_core::{Dataset, Defense, Evidence, Images, Result, Role, Seed, Shape, Told};
use aconite_spectral_signatures::activation_clustering::ActivationClustering;
use aconite_spectral_signatures::spectral_signatures::SpectralSignatures;
use rand::RngExt;
use tch::Tensor;

fn main() -> Result<()> {
    let mut sizes = std::env::args().skip(1).map(|size| size.parse().ok());
    aconite_train::set_threads(sizes.next().flatten().unwrap_or(1));
    let rows = sizes.next().flatten().unwrap_or(60_000usize);
    let columns = sizes.next().flatten().unwrap_or(128usize);
    // Ten classes, each around a place of its own, cut off at 0 as a ReLU does.
    let mut draws = Seed(0).rng();
    let places: Vec<f32> = (0..10 * columns).map(|_| draws.random_range(-1.0..1.0)).collect();
    let features: Vec<f32> = (0..rows * columns)
        .map(|at| {
            let place = places[at / columns % 10 * columns + at % columns];
            (place + draws.random_range(-1.5..1.5) + draws.random_range(-1.5..1.5)).max(0.0)
        })
        .collect();
    let features = Tensor::f_from_slice(&features)?.f_view([rows as i64, columns as i64])?;
    let images = Images::new(Shape { channels: 1, height: 1, width: 1 }, vec![0; rows])?;
    let names = Arc::new((0..10).map(|class| class.to_string()).collect());
    let data = Dataset::new(images, (0..rows).map(|row| row % 10).collect(), names)?;
    let told = Told { poison_rate: Some(0.05), ..Told::default() };
    let evidence = Evidence { features: Some(features), ..Evidence::new(&data, told, Seed(0)) };
    // Not `spectre`: its search over directions takes most of a minute here.
    let filters: [(&str, &dyn Defense); 2] = [
        ("spectral_signatures", &SpectralSignatures::default()),
        ("activation_clustering", &ActivationClustering::default()),
    ];
    let mut seconds = Vec::new();
    for (name, filter) in filters {
        let Role::Filter(filter) = filter.role() else { continue };
        // The first call wakes libtorch.
        let mut last = 0.0;
        for _ in 0..2 {
            let start = Instant::now();
            filter.judge(&evidence)?;
            last = start.elapsed().as_secs_f64();
        }
        println!("{name}: {last:.3} s");
        seconds.push(format!("\"{name}\": {last}"));
    }
    println!("{{{}}}", seconds.join(", "));
    Ok(())
}
