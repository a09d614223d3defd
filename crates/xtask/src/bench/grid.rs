//! A grid of twelve cells against twelve of ART's, which shares nothing between them; and the quickstart.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use serde_json::Value;

use super::outcome::{Findings, Goal, Row};
use super::stats::Spread;
use super::{Bench, pipeline, set};

const EXPERIMENT: &str = "experiments/bench/grid.toml";
const CELLS: usize = 12;

pub(super) fn measure(bench: &Bench<'_>) -> Result<Findings> {
    let binary = bench.workspace.build_aconite()?;
    let jobs = ["--jobs".to_owned(), bench.threads.to_string()];
    let mut found = Findings::default();
    let (mut full, mut half, mut art, mut quickstart) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let rounds = bench.repeats(3);
    for round in 1..=rounds {
        eprintln!("grid, round {round} of {rounds}");
        for (precision, seconds) in [("f32", &mut full), ("bf16", &mut half)] {
            let mut args = jobs.to_vec();
            // One worker a thread: cells are independent, and two of one thread beat one of two.
            args.extend(set("train.threads", 1));
            args.extend(set("train.precision", precision));
            let (ended, cells) = bench.experiment(&binary, EXPERIMENT, &args)?;
            if cells.len() != CELLS {
                bail!("the grid has {} cells, not {CELLS}", cells.len());
            }
            seconds.push(ended.seconds);
            found.others.extend(ended.others);
            if round == 1 {
                found
                    .notes
                    .push(format!("Aconite in {precision}, a stage in a worker: {}.", stages(&cells)?));
            }
            if precision == "f32" {
                let cell = pipeline::peer(bench)?;
                art.push(CELLS as f64 * cell.seconds);
                found.others.extend(cell.others);
            }
        }
        let (ended, _) = bench.experiment(&binary, "experiments/quickstart.toml", &jobs)?;
        quickstart.push(ended.seconds);
        found.others.extend(ended.others);
    }
    found.rows = vec![
        Row::pair("twelve cells, f32", "s", Goal::Ratio(1.0 / 4.0), &full, &art)?,
        Row::pair("twelve cells, bf16", "s", Goal::Ratio(1.0 / 6.0), &half, &art)?,
        Row::alone("quickstart.toml", "s", Goal::Ours(90.0), &quickstart)?,
    ];
    found.notes.push(format!(
        "Aconite: {} workers of one thread, from an empty store, two clean twins included. The peer is twelve times \
         one cell of ART (the pipeline above) on {} threads, measured in turn.",
        bench.threads, bench.threads
    ));
    Ok(found)
}

/// How long each type of stage takes, the median over the cells that have one; filters by kind.
fn stages(cells: &[Value]) -> Result<String> {
    let mut all: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for cell in cells {
        for (name, seconds) in cell["seconds"].as_object().into_iter().flatten() {
            let kind = cell["settings"]["defense"]["kind"].as_str().unwrap_or_default();
            let name = if name == "filter" { format!("filter {kind}") } else { name.clone() };
            all.entry(name).or_default().extend(seconds.as_f64());
        }
    }
    let medians: Result<Vec<f64>> = all.values().map(|seconds| Ok(Spread::of(seconds)?.median)).collect();
    Ok(pipeline::in_seconds(all.keys().zip(medians?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn stages_are_told_by_type_and_filters_by_kind() {
        let cell = |kind: &str, fit: f64| {
            let seconds = json!({ "fit": fit, "filter": 2.0 * fit });
            json!({ "settings": { "defense": { "kind": kind } }, "seconds": seconds })
        };
        let words = stages(&[cell("deep_knn", 1.0), cell("deep_knn", 3.0), cell("spectre", 2.0)]).unwrap();
        assert_eq!(words, "filter deep_knn 4.0 s, filter spectre 4.0 s, fit 2.0 s");
    }
}
