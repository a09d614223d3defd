//! `aconite audit`: scores of a user's own rows by a filter, and what they can and cannot mean.

mod experiment;
mod from_features;
mod out;

use aconite_core::{Dataset, Defense, Info, Knowledge, Role, Verdict};
use aconite_grid::Error;
use anyhow::Result;

use super::{compute, run};
use crate::cli;
use crate::prepare::prepare;
use crate::stages::{Workshop, read_verdict};
use crate::{Exit, families};

/// What was scored, and how.
struct Audit {
    data: Dataset,
    /// Rows that are set aside for testing, and not scored.
    set_aside: usize,
    verdict: Verdict,
    /// The filter's kind.
    defense: String,
    /// What gave the features, if any were read.
    seen_by: Option<String>,
    /// What the filter was told, in words.
    told: Vec<String>,
    /// Whether it removes a share that it was told or given, whatever the data are.
    always_flags: bool,
}

/// Audits data or features.
pub(crate) fn audit(args: &cli::Audit) -> Result<Exit> {
    if !(args.poison_rate > 0.0 && args.poison_rate < 1.0) {
        return Err(Error::new(format!("a poison rate of {} is no share between 0 and 1", args.poison_rate))
            .hint("give --poison-rate as a share of all rows, e.g. 0.05")
            .into());
    }
    let audit = match &args.features {
        Some(file) => from_features::audit(file, args)?,
        None => train_and_filter(args)?,
    };
    out::write(&audit, &args.out)?;
    Ok(Exit::Done)
}

/// Trains a victim on the data as cached stages, and lets the filter look at what it makes of them.
fn train_and_filter(args: &cli::Audit) -> Result<Audit> {
    let schema = super::registry();
    let mut experiment = experiment::of(args, &schema)?;
    let store = run::store()?;
    let info = prepare(&experiment, &schema, Some(&store))?.info;
    let (Some(info), Some(point)) = (info, experiment.points.first_mut()) else {
        return Err(Error::new("there is nothing to audit").into());
    };
    point.settings["assumed"] = serde_json::json!({
        "poison_rate": class_rate(&info, args.poison_rate), "target_class": args.target_class,
    });
    let settings = point.settings.clone();
    let prepared = prepare(&experiment, &schema, Some(&store))?;
    let defense = families::defense(&settings["defense"]).map_err(|e| Error::new(e.message))?;
    let cell = prepared.plan.cells.first();
    let (Some(filter), Role::Filter(kind)) = (cell.and_then(|c| c.filter()), defense.role()) else {
        return Err(no_filter(&args.defense).into());
    };
    needs_no_clean(&settings["defense"], kind)?;
    let plan = prepared.plan.upto(&[filter]);
    compute::compute(&plan, &store, 1)?;
    let mut shop = Workshop::new(store);
    let stage = &prepared.plan.stages[filter];
    let read = |e: crate::stages::Failure| Error::new(e.to_string());
    let split = shop.split(stage).map_err(read)?;
    let (data, set_aside) = (split.train.clone(), split.test.len());
    let verdict = read_verdict(&shop.entry(&stage.key).map_err(read)?).map_err(read)?;
    let victim = settings["victim"]["kind"].as_str().unwrap_or_default().to_owned();
    Ok(Audit {
        told: told(defense.as_ref(), &data.info(), args),
        always_flags: always_flags(defense.as_ref()),
        seen_by: reads(kind).then(|| format!("a {victim} trained on these rows")),
        defense: args.defense.clone(),
        data,
        set_aside,
        verdict,
    })
}

/// Whether a filter looks at a model.
fn reads(filter: &dyn aconite_core::Filter) -> bool {
    filter.reads() != aconite_core::Reads::NOTHING
}

fn no_filter(kind: &str) -> Error {
    Error::new(format!("{kind} cannot audit data: it is no filter, or it needs to know the truth"))
        .hint("aconite list defenses; spectral_signatures and deep_knn are filters")
}

/// Refuses a filter that must be given clean rows: which of a user's rows are clean is what an audit is to find out.
/// `settings` are the filter's.
fn needs_no_clean(settings: &serde_json::Value, filter: &dyn aconite_core::Filter) -> Result<(), Error> {
    if filter.clean().get() <= 0.0 {
        return Ok(());
    }
    let kind = settings["kind"].as_str().unwrap_or_default();
    let error = Error::new(format!(
        "{kind} trusts a share of the rows to be clean, and nobody knows which of these are"
    ));
    Err(match settings.get("trusted") {
        Some(_) => error.hint("--set defense.trusted=0"),
        None => error.hint("choose a filter that needs no clean samples, like deep_knn"),
    })
}

/// The largest share of a class's rows that are poisoned if `rate` of all rows are, all of them in a class of
/// average size.
fn class_rate(info: &Info, rate: f64) -> f64 {
    let clean = (1.0 - rate) / info.classes.len() as f64;
    rate / (rate + clean)
}

fn told(defense: &dyn Defense, info: &Info, args: &cli::Audit) -> Vec<String> {
    defense
        .knowledge()
        .into_iter()
        .map(|knowledge| match knowledge {
            Knowledge::PoisonRate => format!(
                "your assumption that {:.1} % of all rows are poisoned, all in one class, which is up to {:.0} % of that class",
                100.0 * args.poison_rate,
                100.0 * class_rate(info, args.poison_rate)
            ),
            Knowledge::TargetClass => match args.target_class {
                Some(class) => format!("your suspicion of class {class}"),
                None => "no suspected class (--target-class names one)".to_owned(),
            },
            other => other.name().to_owned(),
        })
        .collect()
}

/// A filter that removes what it assumes to be there removes it from clean data too.
fn always_flags(defense: &dyn Defense) -> bool {
    matches!(defense.role(), Role::Filter(filter) if filter.removes_a_share())
}
