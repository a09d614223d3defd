//! `aconite check`.

use std::path::PathBuf;

use aconite_grid::Experiment;
use anyhow::Result;

use super::say;
use crate::{Exit, prepare};

/// Parses each experiment and builds every cell. All wrong ones are told, not only the first.
pub(crate) fn check(experiments: &[PathBuf]) -> Result<Exit> {
    let schema = super::registry();
    let mut exit = Exit::Done;
    for path in experiments {
        let prepared =
            Experiment::read(path, &schema, &[]).and_then(|e| Ok((prepare::prepare(&e, &schema, None)?, e)));
        match prepared {
            Ok((prepared, experiment)) => say(&format!(
                "{}: {} cells ({} points, {} seeds), {} claims",
                path.display(),
                prepared.cells.len(),
                experiment.points.len(),
                experiment.seeds.len(),
                experiment.expects.len()
            ))?,
            Err(error) => {
                eprintln!("error: {error}");
                exit = Exit::Usage;
            }
        }
    }
    Ok(exit)
}
