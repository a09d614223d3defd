//! Seconds of the rules on 100 × 1,200,000 updates, the second call of each, and the peak of memory.
//!
//! `cargo run --release -p aconite-aggregation --example rules_speed [threads [clients [parameters]]]`; the last
//! line is JSON.

use std::time::Instant;

use aconite_aggregation::bulyan::Bulyan;
use aconite_aggregation::geometric_median::GeometricMedian;
use aconite_aggregation::krum::Krum;
use aconite_aggregation::mean::Mean;
use aconite_aggregation::median::Median;
use aconite_aggregation::mix;
use aconite_aggregation::nnm::Nnm;
use aconite_aggregation::trimmed_mean::TrimmedMean;
use aconite_core::{Aggregator, Mixing, NamedTensors, Result, Seed, Updates};
use rand::RngExt;
use tch::{Device, Kind, Tensor};

/// Malicious clients: the first fifth, alike but for a thousandth, as colluders are.
const F: usize = 20;

fn main() -> Result<()> {
    let mut sizes = std::env::args().skip(1).map(|size| size.parse().ok());
    tch::set_num_threads(sizes.next().flatten().unwrap_or(2) as i32);
    let n = sizes.next().flatten().unwrap_or(100usize);
    let d = sizes.next().flatten().unwrap_or(1_200_000usize);
    let f = F * n / 100;
    let matrix = Tensor::f_zeros([n as i64, d as i64], (Kind::Float, Device::Cpu))?;
    let mut draws = Seed(0).rng();
    for row in 0..n {
        let (center, spread) = if row < f { (-0.5f32, 1e-3f32) } else { (1.0, 1.0) };
        let values: Vec<f32> =
            (0..d).map(|_| center + spread * (draws.random::<f32>() + draws.random::<f32>() - 1.0)).collect();
        matrix.f_get(row as i64)?.f_copy_(&Tensor::f_from_slice(&values)?)?;
    }
    let clients: Vec<usize> = (0..n).collect();
    let global = Tensor::f_zeros([d as i64], (Kind::Float, Device::Cpu))?;
    let updates = Updates {
        matrix: &matrix,
        clients: &clients,
        malicious: Some(f),
        global: &global,
        round: 0,
        seed: Seed(0),
        root: None,
        reads: None,
    };
    let before = peak();
    println!("{n} × {d} on {} threads, f = {f}", tch::get_num_threads());
    let rules: [(&str, &dyn Aggregator); 6] = [
        ("mean", &Mean {}),
        ("krum", &Krum { f: None }),
        ("median", &Median {}),
        ("trimmed mean", &TrimmedMean { f: None, beta: None }),
        ("geometric median", &GeometricMedian::default()),
        ("bulyan", &Bulyan { f: None }),
    ];
    let mut json = Vec::new();
    for (name, rule) in rules {
        let mut seconds = 0.0;
        for _ in 0..2 {
            let start = Instant::now();
            rule.aggregate(&updates, &mut NamedTensors::new())?;
            seconds = start.elapsed().as_secs_f64();
        }
        println!("{name:>18} {seconds:.3} s");
        json.push(format!("\"{name}\": {seconds}"));
    }
    // The first mixing changes nothing, so that the second has the same updates.
    let _ = (
        Nnm { f: None }.weights(&updates)?,
        mix(&matrix, &Tensor::f_eye(n as i64, (Kind::Float, Device::Cpu))?)?,
    );
    let start = Instant::now();
    let _ = mix(&matrix, &Nnm { f: None }.weights(&updates)?)?;
    let seconds = start.elapsed().as_secs_f64();
    println!("{:>18} {seconds:.3} s", "nnm");
    json.push(format!("\"nnm\": {seconds}"));
    if let (Some(before), Some(after)) = (before, peak()) {
        let own = (n * d * 4) as f64 / 1e6;
        println!("peak {after:.0} MB, {before:.0} MB before the first rule; the matrix has {own:.0} MB");
        // What was needed beyond the matrix, over the matrix.
        json.push(format!("\"memory\": {}", (after - before + own) / own));
    }
    println!("{{{}}}", json.join(", "));
    Ok(())
}

/// The process's largest memory so far in MB, where the system tells.
fn peak() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    line.split_whitespace().nth(1)?.parse::<f64>().ok().map(|kb| kb / 1e3)
}
