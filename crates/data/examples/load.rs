//! Loads a data set several times and prints the median time and the growth of the peak memory.
//!
//! ```text
//! cargo run --release -p aconite-data --example load -- mnist 9
//! ```

use std::process::ExitCode;
use std::time::Instant;

use aconite_data::{DATASETS, Places};

/// Peak memory of this process in MB, where Linux tells it.
fn peak_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kb = line.and_then(|l| l.trim().split(' ').next()?.parse::<f64>().ok());
    kb.unwrap_or(f64::NAN) / 1024.0
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let kind = arguments.next().unwrap_or_else(|| "mnist".into());
    let times: usize = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(5);
    let Some(entry) = DATASETS.iter().find(|entry| entry.spec.kind == kind) else {
        eprintln!("no data set {kind:?}");
        return ExitCode::from(2);
    };
    let places = Places::from_env();
    let source = match (entry.build)(&entry.spec.defaults()) {
        Ok(source) => source,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let before = peak_mb();
    let mut seconds = Vec::new();
    let mut rows = 0;
    let mut first_peak = 0.0;
    for time in 0..times {
        let start = Instant::now();
        match source.load(&places) {
            Ok(split) => rows = split.train.len() + split.test.len(),
            Err(error) => {
                eprintln!("{error}");
                return ExitCode::from(2);
            }
        }
        seconds.push(start.elapsed().as_secs_f64());
        if time == 0 {
            first_peak = peak_mb() - before;
        }
    }
    seconds.sort_by(f64::total_cmp);
    let median = seconds.get(seconds.len() / 2).copied().unwrap_or(f64::NAN);
    println!(
        "{kind}: {rows} rows, median {median:.3} s of {times}, {:.0} rows/s, peak memory grew by {first_peak:.0} MB",
        rows as f64 / median
    );
    ExitCode::SUCCESS
}
