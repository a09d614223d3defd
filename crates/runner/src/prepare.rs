//! Before the first epoch: every cell's kinds are built and checked against the data, and the plan is made.

use std::collections::HashMap;
use std::rc::Rc;

use aconite_core::{Info, Role, RowKind, Seed, Work};
use aconite_data::Places;
use aconite_grid::{Error, Experiment, Point, Schema};
use aconite_plan::{CellFacts, DefenseRole, Plan, Size, Store};
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
}

impl Known {
    /// Sizes from which stages on this data set are estimated.
    fn size(&self, work: Work, train: &Value) -> Size {
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
        }
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
    let places = Places::from_env();
    let environment = system::environment();
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
                let data =
                    Rc::new(Known { info: split.train.info(), fingerprint, test_rows: split.test.len() });
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
        let defense = families::defense(&settings["defense"]).map_err(at("defense"))?;
        defense.check(&data.info).map_err(at("defense"))?;
        let role = match defense.role() {
            Role::None => DefenseRole::None,
            Role::Filter(filter) => DefenseRole::Filter { features: filter.needs_features() },
            Role::Control(_) => DefenseRole::Filter { features: false },
        };
        let mut versions: Value = schema
            .sections
            .iter()
            .map(|s| {
                let settings = aconite_record::dotted(settings, s.path).unwrap_or(&Value::Null);
                (s.path.to_owned(), Value::from(families::version(schema, s.path, settings)))
            })
            .collect();
        if role == (DefenseRole::Filter { features: true }) && !learner.has_features() {
            return Err(located(experiment, point, "victim", no_features(&settings["defense"])));
        }
        if let Some(content) = learner.content().map_err(at("victim"))? {
            versions["victim"] = json!({ "code": versions["victim"], "content": content });
        }
        let size = data.size(work, &settings["train"]);
        let facts = CellFacts { fingerprint: data.fingerprint.clone(), versions, role, size };
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
    Ok(Prepared { cells, plan, info, threads })
}

/// The error of a filter that reads features of a victim that shows none.
fn no_features(defense: &Value) -> aconite_core::Error {
    let kind = defense["kind"].as_str().unwrap_or_default();
    aconite_core::Error::at("features", format!("{kind} reads features, and this victim shows none"))
        .hint("name the method that gives them: features = \"features\"")
}

/// The learner checks `[victim]` and `[train]`; its errors name keys of either.
fn victim_section(error: &aconite_core::Error) -> &'static str {
    match error.setting.as_deref() {
        Some("augment") => "train",
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
    let key = aconite_plan::Key::of(settings);
    format!("{}-{}-s{seed}-{}", kind("attack"), kind("defense"), key.short())
}
