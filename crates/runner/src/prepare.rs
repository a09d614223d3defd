//! Before the first epoch: every cell's kinds are built and checked against the data, and the plan is made.

use std::collections::HashMap;
use std::rc::Rc;

use aconite_core::{Info, Role, Seed};
use aconite_data::Places;
use aconite_grid::{Error, Experiment, Point, Schema};
use aconite_plan::{CellFacts, DefenseRole, Plan};
use serde_json::{Value, json};

use crate::{families, stages, system};

/// One cell, ready to run.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    pub(crate) name: String,
    pub(crate) point: usize,
    pub(crate) seed: u64,
    pub(crate) settings: Value,
    pub(crate) goal: String,
    pub(crate) knowledge: Vec<String>,
}

/// An experiment whose every cell can be built.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) cells: Vec<Cell>,
    pub(crate) plan: Plan,
    pub(crate) threads: usize,
}

/// What is known of a data set without drawing a subset of it.
#[derive(Debug)]
struct Known {
    info: Info,
    fingerprint: String,
}

/// Builds and checks every cell.
///
/// # Errors
/// The first setting that does not fit, with its place in the user's file.
pub(crate) fn prepare(experiment: &Experiment, schema: &Schema) -> Result<Prepared, Error> {
    let places = Places::from_env();
    let environment = system::environment();
    let mut known: HashMap<String, Rc<Known>> = HashMap::new();
    let mut plan = Plan::new();
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
                let split = stages::load_split(dataset, Seed(0), &places).map_err(at("dataset"))?;
                let fingerprint =
                    families::source(dataset).and_then(|s| s.fingerprint(&places)).map_err(at("dataset"))?;
                let data = Rc::new(Known { info: split.train.info(), fingerprint });
                known.insert(dataset.to_string(), data.clone());
                data
            }
        };
        families::learner(&settings["victim"], &settings["train"])
            .and_then(|l| l.check(&data.info))
            .map_err(|e| located(experiment, point, victim_section(&e), e))?;
        let attack = families::attack(&settings["attack"]).map_err(at("attack"))?;
        attack.check(&data.info).map_err(at("attack"))?;
        let defense = families::defense(&settings["defense"]).map_err(at("defense"))?;
        defense.check(&data.info).map_err(at("defense"))?;
        let role = match defense.role() {
            Role::None => DefenseRole::None,
            Role::Filter(filter) => DefenseRole::Filter { features: filter.needs_features() },
            Role::Control(_) => DefenseRole::Filter { features: false },
        };
        let net = families::net(&settings["victim"]).map_err(at("victim"))?;
        if role == (DefenseRole::Filter { features: true }) && !net.has_features() {
            return Err(located(experiment, point, "victim", no_features(&settings["defense"])));
        }
        let mut versions: Value = schema
            .sections
            .iter()
            .map(|s| {
                let settings = aconite_record::dotted(settings, s.path).unwrap_or(&Value::Null);
                (s.path.to_owned(), Value::from(families::version(schema, s.path, settings)))
            })
            .collect();
        if let Some(content) = net.content().map_err(at("victim"))? {
            versions["victim"] = json!({ "code": versions["victim"], "content": content });
        }
        let facts = CellFacts { fingerprint: data.fingerprint.clone(), versions, role };
        threads = threads.max(stages::number(settings, "/train/threads").unwrap_or(1));
        let goal = attack.goal(&data.info).name().to_owned();
        let knowledge: Vec<String> = defense.knowledge().iter().map(|k| k.name().to_owned()).collect();
        for &seed in &experiment.seeds {
            plan.add(settings, seed, &facts, &environment);
            cells.push(Cell {
                name: name(settings, seed),
                point: point.index,
                seed,
                settings: settings.clone(),
                goal: goal.clone(),
                knowledge: knowledge.clone(),
            });
        }
    }
    Ok(Prepared { cells, plan, threads })
}

/// The learner checks `[victim]` and `[train]`; its errors name keys of either.
fn victim_section(error: &aconite_core::Error) -> &'static str {
    match error.setting.as_deref() {
        Some("augment" | "precision") => "train",
        Some("milestones") => "train.schedule",
        _ => "victim",
    }
}

fn no_features(defense: &Value) -> aconite_core::Error {
    let kind = defense["kind"].as_str().unwrap_or("defense");
    aconite_core::Error::at("features", format!("{kind} reads penultimate features, and this net shows none"))
        .hint("name the method of the module that gives them: features = \"features\"")
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
    let key = aconite_plan::Key::of(settings);
    format!("{}-{}-s{seed}-{}", kind("attack"), kind("defense"), key.short())
}
