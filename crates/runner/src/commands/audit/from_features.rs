//! An audit of features that the user's own model gave.

use std::path::Path;
use std::sync::Arc;

use aconite_core::{Dataset, Evidence, Knowledge, Role, Seed, Table, Told};
use aconite_grid::Error;
use tch::Kind;

use super::{Audit, always_flags, class_rate, needs_no_clean, no_filter, told};
use crate::cli;
use crate::{families, tensors};

/// Scores the rows of a safetensors file with `features` (f32 N×D) and `labels` (i64 N).
pub(super) fn audit(file: &Path, args: &cli::Audit) -> Result<Audit, Error> {
    let wrong = |what: String| {
        Error::new(format!("{}: {what}", file.display()))
            .hint("a safetensors file with `features` (f32 N×D) and `labels` (i64 N) is expected")
    };
    let bytes = std::fs::read(file).map_err(|e| wrong(e.to_string()))?;
    let mut named = tensors::decode(&bytes).map_err(|e| wrong(e.message))?;
    let mut take = |name: &str| tensors::take(&mut named, name).map_err(|e| wrong(e.message));
    let (features, labels) = (take("features")?, take("labels")?);
    if features.dim() != 2
        || labels.dim() != 1
        || features.size()[0] != labels.size()[0]
        || labels.numel() == 0
    {
        return Err(wrong(format!("features are {:?} and labels {:?}", features.size(), labels.size())));
    }
    let features = features.to_kind(Kind::Float);
    let labels = Vec::<i64>::try_from(labels.to_kind(Kind::Int64)).map_err(|e| wrong(e.to_string()))?;
    let labels = labels
        .iter()
        .enumerate()
        .map(|(row, &label)| match usize::try_from(label) {
            Ok(label) if label < 1_000_000 => Ok(label),
            _ => Err(wrong(format!("row {row} has the label {label}"))),
        })
        .collect::<Result<Vec<usize>, Error>>()?;
    let classes = labels.iter().max().map_or(0, |&most| most + 1);
    let names = (0..classes).map(|class| class.to_string()).collect();
    let columns = (0..features.size()[1]).map(|d| format!("feature {d}")).collect();
    let values = Vec::<f32>::try_from(features.flatten(0, -1)).map_err(|e| wrong(e.to_string()))?;
    let data = Table::new(Arc::new(columns), values)
        .and_then(|table| Dataset::new(table, labels, Arc::new(names)))
        .map_err(|e| wrong(e.message))?;

    let schema = super::super::registry();
    let text = format!(
        "[dataset]\nkind = \"mock\"\n[defense]\nkind = {}\n",
        serde_json::to_string(&args.defense).unwrap_or_default()
    );
    let experiment =
        aconite_grid::Experiment::parse("audit", "the audit's options", text, &schema, &args.set, |_| {
            Err(Error::new("an audit has no base file"))
        })?;
    let settings = experiment.points.first().map(|p| p.settings["defense"].clone()).unwrap_or_default();
    let defense = families::defense(&settings).map_err(|e| Error::new(e.message))?;
    let said = |e: aconite_core::Error| Error {
        message: format!("{}: {}", args.defense, e.message),
        place: None,
        hint: e.hint,
    };
    defense.check(&data.info()).map_err(said)?;
    let Role::Filter(filter) = defense.role() else { return Err(no_filter(&args.defense)) };
    needs_no_clean(&settings, filter)?;
    let declared = defense.knowledge();
    let rate = class_rate(&data.info(), args.poison_rate);
    let facts = Told {
        poison_rate: declared.contains(&Knowledge::PoisonRate).then_some(rate),
        target_class: args
            .target_class
            .map(|class| class as usize)
            .filter(|_| declared.contains(&Knowledge::TargetClass)),
    };
    aconite_train::set_threads(1);
    let seed = Seed(0).derive("defense");
    let evidence = Evidence { features: Some(features), ..Evidence::new(&data, facts, seed) };
    let verdict = filter.judge(&evidence).map_err(said)?;
    Ok(Audit {
        verdict,
        defense: args.defense.clone(),
        seen_by: Some("a model of yours".into()),
        told: told(defense.as_ref(), &data.info(), args),
        always_flags: always_flags(defense.as_ref()),
        data,
        set_aside: 0,
    })
}
