//! Before the first epoch: every cell's kinds are built and checked against the data, and the plan is made.

use std::collections::HashMap;
use std::rc::Rc;

use aconite_core::{Attack, Groups, Info, Learner, Reads, Retraining, Role, RowKind, Seed, Work};
use aconite_data::Places;
use aconite_grid::{Error, Experiment, Point, Schema};
use aconite_plan::{AttackFacts, CellFacts, Environment, Passes, Plan, Size, Step, StepRole, Store};
use serde_json::{Value, json};

use crate::defenses::chain::check_order;
use crate::{families, federated, stages, streams, system};

/// One cell, ready to run.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    pub(crate) name: String,
    pub(crate) point: usize,
    pub(crate) seed: u64,
    pub(crate) settings: Value,
    pub(crate) goal: String,
    pub(crate) knowledge: Vec<String>,
    pub(crate) needs: Vec<String>,
}

/// An experiment whose every cell can be built.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) cells: Vec<Cell>,
    pub(crate) plan: Plan,
    /// What is known of the first cell's data.
    pub(crate) info: Option<Info>,
    pub(crate) threads: usize,
}

/// What is known of a data set without drawing a subset of it.
#[derive(Debug)]
struct Known {
    info: Info,
    fingerprint: String,
    test_rows: usize,
    /// Labels of the training rows, in their order.
    labels: Vec<usize>,
}

impl Known {
    /// Sizes from which stages on this data set are estimated.
    fn size(&self, work: Work, train: &Value, passes: Passes) -> Size {
        let number = |key: &str| train.get(key).and_then(Value::as_f64).unwrap_or(1.0);
        Size {
            train_rows: self.info.total() as f64,
            test_rows: self.test_rows as f64,
            row_bytes: row_bytes(&self.info.kind),
            epochs: number("epochs"),
            batch: number("batch_size"),
            macs: work.macs,
            weights: work.weights,
            features: work.features,
            passes,
        }
    }

    /// Forward passes of single rows in a training of the victim, a backward pass counting as two.
    fn training(&self, train: &Value) -> (f64, f64) {
        let epochs = train.get("epochs").and_then(Value::as_f64).unwrap_or(1.0);
        (3.0 * epochs * self.info.total() as f64, epochs)
    }
}

/// About what a row holds.
fn row_bytes(kind: &RowKind) -> f64 {
    match kind {
        RowKind::Image(shape) => shape.pixels() as f64,
        RowKind::Table(columns) => 4.0 * columns.len() as f64,
        RowKind::Text => 100.0,
        RowKind::Mail => 4000.0,
    }
}

/// Builds and checks every cell. What was decoded of the data is kept in `store`, if one is given.
///
/// # Errors
/// The first setting that does not fit, with its place in the user's file.
pub(crate) fn prepare(
    experiment: &Experiment,
    schema: &Schema,
    store: Option<&Store>,
) -> Result<Prepared, Error> {
    prepare_for(experiment, schema, store, &system::environment())
}

/// The same for machines that are not this one.
///
/// # Errors
/// As of [`prepare`].
pub(crate) fn prepare_for(
    experiment: &Experiment,
    schema: &Schema,
    store: Option<&Store>,
    environment: &Environment,
) -> Result<Prepared, Error> {
    let places = Places::from_env();
    let mut known: HashMap<String, Rc<Known>> = HashMap::new();
    let mut works: HashMap<String, Work> = HashMap::new();
    let (mut plan, mut info) = (Plan::new(), None);
    let mut cells = Vec::new();
    let mut threads = 1;
    for point in &experiment.points {
        let settings = &point.settings;
        let at = |section: &str| {
            let section = section.to_owned();
            move |e: aconite_core::Error| located(experiment, point, &section, e)
        };
        let dataset = &settings["dataset"];
        let data = match known.get(&dataset.to_string()) {
            Some(data) => data.clone(),
            None => {
                // Which subset a seed draws is exact in its counts, so any seed stands for all.
                let split = stages::load_split(dataset, Seed(0), &places, store).map_err(at("dataset"))?;
                let fingerprint =
                    families::source(dataset).and_then(|s| s.fingerprint(&places)).map_err(at("dataset"))?;
                let data = Rc::new(Known {
                    info: split.train.info(),
                    fingerprint,
                    test_rows: split.test.len(),
                    labels: split.train.labels().to_vec(),
                });
                known.insert(dataset.to_string(), data.clone());
                data
            }
        };
        info.get_or_insert_with(|| data.info.clone());
        let learner = families::learner(&settings["victim"], &settings["train"])
            .and_then(|l| l.check(&data.info).map(|()| l))
            .map_err(|e| located(experiment, point, victim_section(&e), e))?;
        let work = *works
            .entry(format!("{dataset} {}", settings["victim"]))
            .or_insert_with(|| learner.work(&data.info));
        let attack = families::attack(&settings["attack"]).map_err(at("attack"))?;
        attack.check(&data.info).map_err(at("attack"))?;
        check_attack(attack.as_ref(), learner.as_ref(), &data.info, settings)
            .map_err(|(section, e)| located(experiment, point, section, e))?;
        let federation = families::federation(&settings["federation"]).map_err(at("federation"))?;
        let (training, epochs) = data.training(&settings["train"]);
        let mut passes = Passes { poison: attack.passes(&data.info, training), ..Passes::default() };
        let defended = defend(settings, &data.info, learner.as_ref(), schema)
            .map_err(|(section, e)| located(experiment, point, section, e))?;
        for defense in &defended.built {
            if attack.feeds() && matches!(defense.role(), Role::Regime(regime) if !regime.takes_feed()) {
                let attacks = settings["attack"]["kind"].as_str().unwrap_or_default();
                let message =
                    format!("the defense trains on parts of the rows, and {attacks} feeds every batch anew");
                let error = aconite_core::Error::new(message)
                    .hint("choose an attack on fixed rows, or another defense");
                return Err(located(experiment, point, "defense", error));
            }
        }
        federated::check(
            federation.as_ref(),
            attack.as_ref(),
            &defended.built,
            &data.info,
            learner.as_ref(),
            settings,
        )
        .map_err(|(section, e)| located(experiment, point, section, e))?;
        if let Some(federation) = &federation {
            passes.federated = federated::passes(federation, &data.info, data.test_rows, &settings["train"]);
        }
        let stream = families::stream(&settings["stream"]).map_err(at("stream"))?;
        if let Some(stream) = &stream {
            let rows = (&data.info, &data.labels[..]);
            let cell = (settings, &experiment.seeds[..]);
            streams::check(stream, attack.as_ref(), &defended.built, rows, learner.as_ref(), cell)
                .map_err(|(section, e)| located(experiment, point, section, e))?;
            passes.streamed = streams::passes(stream, data.labels.len(), data.test_rows, &settings["train"]);
        }
        for (step, defense) in defended.steps.iter().zip(&defended.built) {
            let own = defense.passes(&data.info, training, epochs);
            match step.role {
                StepRole::Filter { .. } => {}
                StepRole::Regime | StepRole::Certificate => passes.regime += own,
                StepRole::Repair => passes.repair += own,
                StepRole::Detector => passes.detect += own,
                StepRole::Rule => {}
            }
        }
        let mut versions: Value = schema
            .sections
            .iter()
            .map(|s| {
                let settings = aconite_record::dotted(settings, s.path).unwrap_or(&Value::Null);
                (s.path.to_owned(), Value::from(families::version(schema, s.path, settings)))
            })
            .collect();
        if let Some(several) = settings["stream"]["monitor"]["monitors"].as_array() {
            let each = several.iter().map(|monitor| families::version(schema, "stream.monitor", monitor));
            versions["stream.monitor"] = each.collect::<Vec<u32>>().into();
        }
        let files = [
            ("victim", learner.content().map_err(at("victim"))?),
            ("attack", attack.content().map_err(at("attack"))?),
        ];
        for (section, content) in files {
            if let Some(content) = content {
                versions[section] = json!({ "code": versions[section], "content": content });
            }
        }
        let needs = attack.needs();
        let evaluate = families::evaluate(&settings["evaluate"]).map_err(at("evaluate"))?;
        if let Some(column) = &evaluate.groups {
            Groups::check(column, &data.info).map_err(at("evaluate"))?;
        }
        let facts = CellFacts {
            fingerprint: data.fingerprint.clone(),
            versions,
            attack: AttackFacts {
                surrogate: needs.surrogate,
                victim: needs.victim,
                targets: needs.targets,
                feeds: attack.feeds(),
                trials: attack.trials(),
            },
            steps: defended.steps,
            federated: federation.is_some(),
            streamed: stream.is_some(),
            controls: evaluate.controls,
            size: data.size(work, &settings["train"], passes),
        };
        threads = threads.max(stages::number(settings, "/train/threads").unwrap_or(1));
        let goal = attack.goal(&data.info).name().to_owned();
        let mut knowledge = defended.knowledge;
        for word in stream.iter().flat_map(streams::knowledge).map(str::to_owned) {
            if !knowledge.contains(&word) {
                knowledge.push(word);
            }
        }
        let wanted = attack_needs(attack.as_ref());
        for &seed in &experiment.seeds {
            plan.add(settings, seed, &facts, environment);
            cells.push(Cell {
                name: name(settings, seed),
                point: point.index,
                seed,
                settings: settings.clone(),
                goal: goal.clone(),
                knowledge: knowledge.clone(),
                needs: wanted.clone(),
            });
        }
    }
    Ok(Prepared { cells, plan, info, threads })
}

/// What an attack needs beside the training set, in the words of the results.
fn attack_needs(attack: &dyn Attack) -> Vec<String> {
    let needs = attack.needs();
    let words = [
        (needs.surrogate, "surrogate"),
        (needs.victim, "victim"),
        (needs.online, "the victim's draws"),
        (needs.targets, "test inputs"),
        (attack.feeds(), "control of training"),
    ];
    words.into_iter().filter(|(needed, _)| *needed).map(|(_, word)| word.to_owned()).collect()
}

/// An error of a kind, with the section that it concerns.
pub(crate) type Refusal = (&'static str, aconite_core::Error);

/// Checks that an attack and a victim fit together.
fn check_attack(
    attack: &dyn Attack,
    learner: &dyn Learner,
    info: &Info,
    settings: &Value,
) -> Result<(), Refusal> {
    let kind = |section: &str| settings[section]["kind"].as_str().unwrap_or_default().to_owned();
    let transfers = !matches!(settings["train"]["transfer"].as_str(), None | Some("none"));
    let steps = learner.takes_steps();
    if transfers && !steps {
        let message =
            format!("{} is not trained in gradient steps: nothing can be transferred to it", kind("victim"));
        return Err(("train", aconite_core::Error::at("transfer", message).hint("leave transfer out")));
    }
    if attack.needs().surrogate && !steps {
        let message =
            format!("{} needs the gradients of a net, and {} is none", kind("attack"), kind("victim"));
        return Err(("attack", aconite_core::Error::new(message).hint("choose a net as victim")));
    }
    if attack.needs().online && !learner.is_online() {
        let message = format!(
            "{} follows a victim that learns row by row, and {} does not",
            kind("attack"),
            kind("victim")
        );
        let error = aconite_core::Error::new(message).hint("set victim.kind = \"centroid\"");
        return Err(("attack", error));
    }
    if attack.needs().linear && !learner.is_linear(info) {
        let message = format!(
            "{} reads the weights of a linear victim, and this {} is none",
            kind("attack"),
            kind("victim")
        );
        let error = aconite_core::Error::new(message);
        return Err(("attack", error.hint("take svm with the linear kernel, or logistic")));
    }
    if attack.needs().machine && learner.machine(info).is_none() {
        let message = format!(
            "{} needs a support vector machine of two classes, and this {} is none",
            kind("attack"),
            kind("victim")
        );
        return Err(("attack", aconite_core::Error::new(message).hint("set victim.kind = \"svm\"")));
    }
    if let Some(timed) = attack.timed_by(info).map_err(|e| ("attack", e))? {
        let retraining = learner.retraining(info).map_err(|e| ("victim", e))?;
        check_retraining(timed, retraining, &kind("attack"), &kind("victim"))?;
    }
    if attack.feeds() && (!steps || settings["train"]["transfer"] == "head") {
        let message =
            format!("{} changes the batches of training, and this victim has none to change", kind("attack"));
        return Err((
            "attack",
            aconite_core::Error::new(message).hint("choose a net as victim, trained whole"),
        ));
    }
    Ok(())
}

/// Checks that a victim is retrained as an attack expects.
fn check_retraining(
    timed: Retraining,
    victim: Option<Retraining>,
    attack: &str,
    kind: &str,
) -> Result<(), Refusal> {
    let Retraining { period, normal } = timed;
    let Some(victim) = victim else {
        let message =
            format!("{attack} grows from one retraining to the next, and this {kind} is trained once");
        let hint = format!("take pca_subspace or robust_pca with victim.period = {period}");
        return Err(("attack", aconite_core::Error::new(message).hint(hint)));
    };
    let (key, ours, theirs) = match victim.period == period {
        true if victim.normal == normal => return Ok(()),
        true => ("normal", format!("class {normal}"), format!("class {}", victim.normal)),
        false => ("period", format!("{period} rows"), victim.period.to_string()),
    };
    let message = format!("{ours} here, but {theirs} in the victim");
    let hint = format!("give attack.{key} and victim.{key} the same value");
    Err(("attack", aconite_core::Error::at(key, message).hint(hint)))
}

/// A cell's defense, taken apart.
struct Defended {
    steps: Vec<Step>,
    built: Vec<Box<dyn aconite_core::Defense>>,
    knowledge: Vec<String>,
}

/// Builds and checks the steps of a cell's defense.
fn defend(
    settings: &Value,
    info: &Info,
    learner: &dyn Learner,
    schema: &Schema,
) -> Result<Defended, Refusal> {
    let defense = &settings["defense"];
    let chained = defense["kind"] == "chain";
    let at = |n: usize| {
        move |mut e: aconite_core::Error| {
            if chained {
                e.setting = Some(match e.setting {
                    Some(key) => format!("steps.{n}.{key}"),
                    None => format!("steps.{n}"),
                });
            }
            ("defense", e)
        }
    };
    let given = families::steps(defense);
    let built = given.iter().enumerate().map(|(n, s)| families::defense(s).map_err(at(n)));
    let built: Vec<Box<dyn aconite_core::Defense>> = built.collect::<Result<_, _>>()?;
    let kind = |n: usize| given[n]["kind"].as_str().unwrap_or_default();
    if chained {
        let order: Vec<(&str, Role<'_>)> =
            built.iter().enumerate().map(|(n, d)| (kind(n), d.role())).collect();
        check_order(&order).map_err(|e| ("defense", e))?;
    }
    let mut defended = Defended { steps: Vec::new(), built: Vec::new(), knowledge: Vec::new() };
    for (n, defense) in built.into_iter().enumerate() {
        defense.check(info).map_err(at(n))?;
        let role = role(defense.as_ref());
        check_victim(kind(n), defense.as_ref(), learner, info, settings).map_err(
            |(section, e)| match section {
                "defense" => at(n)(e),
                other => (other, e),
            },
        )?;
        let Some(role) = role else { continue };
        let knowledge = defense.knowledge();
        for word in knowledge.iter().map(|k| k.name().to_owned()) {
            if !defended.knowledge.contains(&word) {
                defended.knowledge.push(word);
            }
        }
        let told = |k: &aconite_core::Knowledge| {
            matches!(k, aconite_core::Knowledge::PoisonRate | aconite_core::Knowledge::TargetClass)
        };
        defended.steps.push(Step {
            settings: given[n].clone(),
            version: families::version(schema, "defense", given[n]),
            role,
            told: knowledge.iter().any(told),
        });
        defended.built.push(defense);
    }
    Ok(defended)
}

/// The part a defense plays in the plan; `None` for no defense.
fn role(defense: &dyn aconite_core::Defense) -> Option<StepRole> {
    Some(match defense.role() {
        Role::None | Role::Chain => return None,
        Role::Aggregator(_) | Role::Mixing(_) => StepRole::Rule,
        Role::Filter(filter) => {
            let Reads { model, folds, victim } = filter.reads();
            StepRole::Filter { model, folds, victim, control: false }
        }
        Role::Control(_) => StepRole::Filter { model: false, folds: None, victim: false, control: true },
        Role::Regime(_) => StepRole::Regime,
        Role::Certificate(_) => StepRole::Certificate,
        Role::Repair(_) => StepRole::Repair,
        Role::InputDetector(_) | Role::ModelDetector(_) => StepRole::Detector,
    })
}

/// Checks that a defense and a victim fit together.
fn check_victim(
    kind: &str,
    defense: &dyn aconite_core::Defense,
    learner: &dyn Learner,
    info: &Info,
    settings: &Value,
) -> Result<(), Refusal> {
    let victim = settings["victim"]["kind"].as_str().unwrap_or_default();
    let net = |what: &str| {
        let message = format!("{kind} {what}, and {victim} is no net");
        Err(("defense", aconite_core::Error::new(message).hint("choose a net as victim")))
    };
    if matches!(defense.role(), Role::Repair(repair) if repair.reads_maps() && !learner.has_maps(info)) {
        let message = format!("{kind} works on the maps of a convolutional net, and {victim} has none");
        let error = aconite_core::Error::new(message);
        return Err((
            "defense",
            error.hint("choose a convolutional net as victim, or fine_tune, which mends any net"),
        ));
    }
    let regime = match defense.role() {
        Role::Filter(filter) if filter.reads().model && !learner.has_features() => {
            let message = format!("{kind} reads features, and this victim shows none");
            return Err((
                "victim",
                aconite_core::Error::at("features", message)
                    .hint("name the method that gives them: features = \"features\""),
            ));
        }
        Role::InputDetector(detector) if !detector.needs_net() => return Ok(()),
        Role::Repair(_) | Role::InputDetector(_) | Role::ModelDetector(_) if !learner.takes_steps() => {
            return net("looks into the model");
        }
        Role::Regime(regime) => {
            let has_cutoffs = || learner.cutoffs(info).map(|cutoffs| cutoffs.is_some());
            if regime.needs_cutoffs() && !has_cutoffs().map_err(|e| ("victim", e))? {
                let message = format!("{kind} sets the cutoffs of a filter of spam, and {victim} has none");
                return Err((
                    "defense",
                    aconite_core::Error::new(message).hint("choose spambayes as victim"),
                ));
            }
            regime.needs_steps()
        }
        Role::Certificate(certificate) => certificate.needs_steps(),
        _ => return Ok(()),
    };
    if regime && !learner.takes_steps() {
        return net("trains in steps of its own");
    }
    match settings["train"]["transfer"].as_str() {
        None | Some("none") => Ok(()),
        Some(_) => Err((
            "train",
            aconite_core::Error::at(
                "transfer",
                format!("{kind} trains in its own way, from fresh weights: nothing can be transferred"),
            )
            .hint("leave transfer out, or the defense"),
        )),
    }
}

/// The learner checks `[victim]` and `[train]`; its errors name keys of either.
pub(crate) fn victim_section(error: &aconite_core::Error) -> &'static str {
    match error.setting.as_deref() {
        Some("augment" | "transfer") => "train",
        Some("milestones") => "train.schedule",
        _ => "victim",
    }
}

/// An error of a kind, with the place of its setting in the user's file.
fn located(experiment: &Experiment, point: &Point, section: &str, error: aconite_core::Error) -> Error {
    let path = match &error.setting {
        Some(key) => format!("{section}.{key}"),
        None => section.to_owned(),
    };
    Error {
        message: format!("{path}: {}", error.message),
        place: experiment.place(point, &path),
        hint: error.hint,
    }
}

/// `badnets-spectral_signatures-s0-1f2e3d4c`: readable, and unique by the hash of all settings.
fn name(settings: &Value, seed: u64) -> String {
    let kind = |section: &str| settings[section]["kind"].as_str().unwrap_or("none").to_owned();
    let key = aconite_plan::Key::of(&aconite_plan::as_before(settings));
    format!("{}-{}-s{seed}-{}", kind("attack"), kind("defense"), key.short())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_called_as_in_the_committed_results() {
        let results = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../results");
        let files: Vec<_> = std::fs::read_dir(results).unwrap().map(|e| e.unwrap().path()).collect();
        let mut compared = 0;
        for file in files.iter().map(|dir| dir.join("cells.jsonl")).filter(|file| file.exists()) {
            for row in aconite_record::read_cells(&file).unwrap() {
                // Some were called while folds counted although they were not set.
                if row.settings["dataset"].get("folds") == Some(&Value::Null) {
                    continue;
                }
                assert_eq!(name(&row.settings, row.seed), row.cell, "{}", file.display());
                let mut now = row.settings.clone();
                if row.settings["dataset"].get("folds").is_none() {
                    now["dataset"]["folds"] = Value::Null;
                }
                if row.settings["evaluate"].get("groups").is_none() {
                    now["evaluate"]["groups"] = Value::Null;
                }
                if row.settings.get("stream").is_none() {
                    now["stream"] = json!({ "kind": "none" });
                }
                assert_eq!(name(&now, row.seed), row.cell, "{}", file.display());
                compared += 1;
            }
        }
        assert!(compared > 1000, "{compared}");
    }
}
