//! `aconite poison`: the poisoned set of a cell as files that other programs read.

use std::path::Path;

use aconite_core::Goal;
use aconite_data::export::{Export, Format, Manifest, Triggered, write};
use aconite_grid::Error;
use aconite_plan::Stage;
use anyhow::Result;
use serde_json::json;

use super::{compute, run, say, select};
use crate::cli::{self, ExportFormat};
use crate::prepare::{Prepared, prepare};
use crate::stages::Workshop;
use crate::{Exit, families, stages};

/// Exports every poisoned set of the selection.
pub(crate) fn poison(args: &cli::Poison) -> Result<Exit> {
    let schema = super::registry();
    let (_, experiment) = select(&args.selection, &schema)?;
    let store = run::store()?;
    let prepared = prepare(&experiment, &schema, Some(&store))?;
    let found = poisons(&prepared);
    if found.is_empty() {
        let attacked = prepared.cells.iter().any(|cell| cell.settings["attack"]["kind"] != "none");
        let why = match attacked {
            // Federations and streams: their clients and windows are poisoned inside the fit.
            true => "nothing can be exported: the attacks of the selection act while the victim is trained",
            false => "nothing is poisoned: no cell of the selection has an attack",
        };
        return Err(Error::new(why).into());
    }
    let stages: Vec<usize> = found.iter().map(|(_, stage)| *stage).collect();
    compute::compute(&prepared.plan.upto(&stages), &store, run::jobs(None, &prepared))?;
    let mut shop = Workshop::new(store);
    for (name, stage) in &found {
        let dir = match found.len() {
            1 => args.out.clone(),
            _ => args.out.join(name),
        };
        let stage = &prepared.plan.stages[*stage];
        let manifest = export(stage, &mut shop, &dir, args.format).map_err(|e| Error::new(e.to_string()))?;
        let counts = manifest.counts;
        say(&dir.display().to_string())?;
        eprintln!(
            "{}: {} training rows, {} of them poisoned; {} test rows, {} with the trigger on",
            dir.display(),
            counts.train,
            counts.poisoned,
            counts.test,
            counts.triggered
        );
    }
    Ok(Exit::Done)
}

/// The unique poisons of the cells, each with the name of the first cell that has it.
fn poisons(prepared: &Prepared) -> Vec<(String, usize)> {
    let mut found: Vec<(String, usize)> = Vec::new();
    for (cell, stages) in prepared.cells.iter().zip(&prepared.plan.cells) {
        if let Some(poison) = stages.poison
            && !found.iter().any(|(_, stage)| *stage == poison)
        {
            found.push((cell.name.clone(), poison));
        }
    }
    found
}

fn export(
    stage: &Stage,
    shop: &mut Workshop,
    dir: &Path,
    format: ExportFormat,
) -> std::result::Result<Manifest, stages::Failure> {
    let split = shop.split(stage)?;
    let poisoned = shop.poisoned_by(stage)?;
    let settings = &stage.settings["attack"];
    let attack = families::attack(settings)?;
    let info = split.train.info();
    let goal = attack.goal(&info);
    let triggered = match goal {
        Goal::Backdoor(map) => {
            let trigger = attack
                .trigger(&split.test.info(), stages::seed(stage).derive("attack"))?
                .ok_or_else(|| stages::Failure::Failed("the attack has a backdoor but no trigger".into()))?;
            let index = split.test.rows_where(|label| map.counts(label, aconite_core::AsrScope::NonTarget));
            let wanted = index.iter().filter_map(|&row| map.wanted(split.test.labels()[row])).collect();
            Some(Triggered { rows: trigger.stamped(split.test.rows(), &index)?, index, wanted })
        }
        Goal::None | Goal::Availability | Goal::Targeted(_) | Goal::TargetedInputs { .. } => None,
    };
    let mut manifest = Manifest::new(&info.kind, &info.classes);
    manifest.seed = stages::seed(stage).0;
    manifest.goal = goal.name().to_owned();
    manifest.recipe = json!({"dataset": stage.settings["data"]["settings"], "attack": settings});
    manifest.made_by = format!("aconite {} ({})", env!("CARGO_PKG_VERSION"), env!("ACONITE_REVISION"));
    let export = Export { train: poisoned.data(), truth: poisoned.truth(), test: &split.test, triggered };
    let format = match format {
        ExportFormat::Safetensors => Format::Safetensors,
        ExportFormat::Npz => Format::Npz,
        ExportFormat::ImageFolder => Format::ImageFolder,
    };
    Ok(write(dir, &export, format, manifest)?)
}
