//! Whether training in bf16 costs accuracy.

use anyhow::{Result, bail};
use serde_json::Value;

use super::Bench;
use super::child::number;
use super::outcome::{Findings, Goal, Row};

const EXPERIMENT: &str = "experiments/bench/precision.toml";

pub(super) fn measure(bench: &Bench<'_>) -> Result<Findings> {
    let binary = bench.workspace.build_aconite()?;
    eprintln!("accuracy after training in f32 and in bf16");
    let (ended, cells) =
        bench.experiment(&binary, EXPERIMENT, &["--jobs".into(), bench.threads.to_string()])?;
    let (full, half) = (accuracies(&cells, "f32")?, accuracies(&cells, "bf16")?);
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let lost = mean(&full) - mean(&half);
    let mut found = Findings::default();
    found.others.extend(ended.others);
    found.rows = vec![
        Row::alone("clean accuracy, f32", "%", Goal::None, &full)?,
        Row::alone("clean accuracy, bf16", "%", Goal::None, &half)?,
        Row::alone("distance of the means", "points", Goal::Ours(0.3), &[lost.abs()])?,
    ];
    found.notes = vec![format!(
        "small_cnn on the whole of Fashion-MNIST, 3 epochs, {} seeds; bf16 is {:.2} points {} f32 in the mean.",
        full.len(),
        lost.abs(),
        if lost > 0.0 { "below" } else { "above" }
    )];
    Ok(found)
}

/// Clean accuracy in percent of the cells trained in `precision`.
fn accuracies(cells: &[Value], precision: &str) -> Result<Vec<f64>> {
    let of_precision = cells.iter().filter(|cell| cell["settings"]["train"]["precision"] == precision);
    let accuracies: Vec<f64> = of_precision
        .map(|cell| Ok(100.0 * number(&cell["metrics"], "clean_accuracy")?))
        .collect::<Result<_>>()?;
    if accuracies.is_empty() {
        bail!("the results have no cell trained in {precision}");
    }
    Ok(accuracies)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn accuracies_are_picked_by_precision() {
        let cell = |precision: &str, accuracy: f64| json!({ "settings": { "train": { "precision": precision } }, "metrics": { "clean_accuracy": accuracy } });
        let cells = [cell("f32", 0.5), cell("bf16", 0.25), cell("f32", 0.75)];
        assert_eq!(accuracies(&cells, "f32").unwrap(), [50.0, 75.0]);
        assert_eq!(accuracies(&cells, "bf16").unwrap(), [25.0]);
        assert!(accuracies(&cells[..1], "bf16").is_err());
    }
}
