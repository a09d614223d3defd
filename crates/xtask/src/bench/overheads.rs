//! What Aconite itself costs a cell: grids whose victim trains nothing.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::Bench;
use super::outcome::{Findings, Goal, Row};

pub(super) fn measure(bench: &Bench<'_>) -> Result<Findings> {
    let binary = bench.workspace.build_aconite()?;
    let jobs = ["--jobs".to_owned(), bench.threads.to_string()];
    let mut found = Findings::default();
    let (mut cell_ms, mut again, mut plan, mut plan_mb) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let rounds = bench.repeats(3);
    for round in 1..=rounds {
        eprintln!("overheads, round {round} of {rounds}");
        let folder = bench.empty("overheads")?;
        let mut timed = |command: &str, cells: usize, args: &[String]| {
            let file = folder.join(format!("cells{cells}.toml"));
            write(&file, cells)?;
            let mut all = vec![command.to_owned(), file.display().to_string()];
            if command == "run" {
                all.extend([
                    "--out".to_owned(),
                    folder.join(format!("results{cells}")).display().to_string(),
                ]);
            }
            all.extend_from_slice(args);
            let ended = bench.aconite(&binary, &folder, &all)?;
            found.others.extend(ended.others);
            anyhow::Ok(ended)
        };
        cell_ms.push(timed("run", 1000, &jobs)?.seconds);
        timed("run", 100, &jobs)?;
        again.push(timed("run", 100, &jobs)?.seconds);
        let planned = timed("plan", 10_000, &[])?;
        plan.push(planned.seconds);
        plan_mb.push(planned.peak_rss_mb);
    }
    // Seconds for a thousand cells are milliseconds for one.
    found.rows = vec![
        Row::alone("a cell of a grid of 1,000", "ms", Goal::Ours(10.0), &cell_ms)?,
        Row::alone("`aconite plan` of 10,000 cells", "s", Goal::Ours(2.0), &plan)?,
        Row::alone("`aconite plan` of 10,000 cells, memory", "MB", Goal::Ours(500.0), &plan_mb)?,
        Row::alone("a finished grid of 100, run again", "s", Goal::Ours(1.0), &again)?,
    ];
    found.notes = vec![
        "The victim is `mock`. Each cell poisons 500 images, trains, evaluates and is written; half of them also \
         filter and train again. Wall time of the whole command, start and report included."
            .into(),
    ];
    Ok(found)
}

fn write(file: &Path, cells: usize) -> Result<()> {
    fs::write(file, experiment(cells)).with_context(|| format!("failed to write {}", file.display()))
}

/// An experiment of so many cells (a multiple of 20): 10 rates × 2 defenses × seeds.
fn experiment(cells: usize) -> String {
    let rates: Vec<String> = (1..=10).map(|percent| format!("{:.2}", f64::from(percent) / 100.0)).collect();
    format!(
        "about = \"{cells} cells that train nothing\"\nseeds = {}\n\n\
         [dataset]\nkind = \"fashion_mnist_mini\"\ntrain_size = 500\n\n\
         [victim]\nkind = \"mock\"\n\n\
         [attack]\nkind = \"badnets\"\n\n\
         [grid]\n\"attack.rate\" = [{}]\ndefense = [\"none\", \"random_filter\"]\n",
        cells / 20,
        rates.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_experiment_has_the_number_of_cells() {
        let text = experiment(1000);
        assert!(text.contains("seeds = 50\n"), "{text}");
        assert!(text.contains("[0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.09, 0.10]"), "{text}");
    }
}
