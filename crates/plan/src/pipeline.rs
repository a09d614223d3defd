//! The shape of the pipeline: which stages a cell needs, each unique stage once.
//!
//! ```text
//! surrogate ┐
//!           poison ── fit ─┬─ features ── filter ── refit ── evaluate      a filter: train again on what is left
//!                          ├─ repair ── evaluate                           a repair
//!                          ├─ detect, evaluate                             a detector
//!                          └─ evaluate                                     no defense
//!                     fit by the regime ── (certify) evaluate              a regime, a certificate
//! fit ── evaluate                                                          the clean twin of each seed
//! ```
//!
//! A chain goes through several of these in a row, and chains with the same beginning share it. A targeted attack
//! with several trials has one poison stage and a line of stages per trial. A federation and a stream are one fit
//! ([`course`]).

mod course;

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::cell::{CellFacts, CellStages, Control, Line, Step, StepRole};
use crate::{Key, Size, Stage, StageName};

/// What determines the last bits of a result beside the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// libtorch's version.
    pub libtorch: String,
    /// Vector instruction class.
    pub isa: String,
}

/// Unique stages, each after its inputs, and the stages of every cell.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Every stage once, inputs before the stages that read them.
    pub stages: Vec<Stage>,
    /// The stages of each cell, in the order in which the cells were added.
    pub cells: Vec<CellStages>,
    /// What the cost of each stage is estimated from, by its position.
    pub sizes: Vec<Size>,
    index: HashMap<Key, usize>,
}

/// The settings of a cell, by what each stage reads of them.
struct Parts<'a> {
    settings: &'a Value,
    facts: &'a CellFacts,
    seed: u64,
    environment: Value,
    data: Value,
    /// The model that the victim starts from.
    start: Option<usize>,
}

impl Parts<'_> {
    fn part(&self, section: &str) -> Value {
        let mut part = self.settings.get(section).cloned().unwrap_or(Value::Null);
        // Whether control arms are run beside a cell changes none of its numbers.
        if let ("evaluate", Some(table)) = (section, part.as_object_mut()) {
            table.shift_remove("controls");
        }
        // Nor how often a federation or a stream keeps its state.
        if let ("federation" | "stream", Some(table)) = (section, part.as_object_mut()) {
            table.shift_remove("checkpoint_every");
        }
        part
    }

    fn version(&self, section: &str) -> Value {
        self.facts.versions.get(section).cloned().unwrap_or_default()
    }

    /// The version of the attack's code and what is in its file, where a route is attacked: nothing else depends on them.
    fn attack_version(&self, route: Route<'_>) -> Option<Value> {
        route.attacked.then(|| self.version("attack"))
    }

    /// The settings of a stage that reads these sections.
    fn of(&self, sections: &[&str]) -> Value {
        let mut value = json!({ "data": self.data, "seed": self.seed, "environment": self.environment });
        let mut versions = json!({ "dataset": self.version("dataset") });
        for &section in sections {
            value[section] = self.part(section);
            versions[section] = self.version(section);
        }
        value["versions"] = versions;
        value
    }

    /// The settings of a stage that has a model: it must be rebuilt as it was trained.
    fn of_model(&self, sections: &[&str], regime: Option<&Step>) -> Value {
        let mut value = self.of(&[&["victim", "train"], sections].concat());
        if let Some(regime) = regime {
            value["regime"] = regime.settings.clone();
            value["versions"]["regime"] = regime.version.into();
        }
        value
    }
}

/// The settings of a cell without those that came later and are not set, so that what is kept of earlier runs, and what
/// is called by a hash of the settings, holds.
pub fn as_before(settings: &Value) -> Value {
    let mut settings = settings.clone();
    if let Some(sections) = settings.as_object_mut() {
        // What is no stream has no settings of one.
        if sections.get("stream").is_some_and(|stream| stream["kind"] == "none") {
            sections.shift_remove("stream");
        }
        for (section, key) in [("dataset", "folds"), ("evaluate", "groups")] {
            if let Some(section) = sections.get_mut(section).and_then(Value::as_object_mut)
                && section.get(key) == Some(&Value::Null)
            {
                section.shift_remove(key);
            }
        }
    }
    settings
}

/// What a line goes through.
#[derive(Clone, Copy)]
struct Route<'a> {
    poison: Option<usize>,
    /// Which of several trials it is.
    trial: Option<usize>,
    /// Whether the test inputs are attacked.
    attacked: bool,
    /// The poison that the defense believes to be there, where there is none.
    believed: Option<usize>,
    steps: &'a [Step],
    /// The filter whose number of removed rows a random filter takes over.
    size_of: Option<usize>,
    /// Whether it is the clean twin's: without attack, defense and operator.
    twin: bool,
}

impl Plan {
    /// An empty plan.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a cell: its settings (every section, defaults filled in), its seed, and what is known of its
    /// kinds.
    pub fn add(&mut self, settings: &Value, seed: u64, facts: &CellFacts, environment: &Environment) {
        let settings = &as_before(settings);
        let threads = settings.pointer("/train/threads").cloned().unwrap_or(json!(1));
        let mut parts = Parts {
            settings,
            facts,
            seed,
            environment: json!({ "libtorch": environment.libtorch, "isa": environment.isa, "threads": threads }),
            data: json!({
                "settings": settings["dataset"],
                "content": facts.fingerprint,
            }),
            start: None,
        };
        let attacked = settings.pointer("/attack/kind") != Some(&json!("none"));
        let transfers =
            !matches!(settings.pointer("/train/transfer").and_then(Value::as_str), None | Some("none"));
        let surrogate = (transfers || attacked && facts.attack.surrogate).then(|| self.surrogate(&parts));
        parts.start = surrogate.filter(|_| transfers);
        let poison =
            (attacked && !facts.federated && !facts.streamed).then(|| self.poison(&parts, surrogate));

        let clean = Route {
            poison: None,
            trial: None,
            attacked: false,
            believed: None,
            steps: &[],
            size_of: None,
            twin: true,
        };
        let twin = self.line(&parts, clean);
        let fit = twin.stages.iter().find(|(name, _)| *name == "fit").map(|(_, stage)| *stage);
        let (twin, twin_fit) = (twin.evaluate, fit);
        let route = Route { twin: false, ..clean };
        let trials = if attacked { facts.attack.trials.max(1) } else { 1 };
        let lines: Vec<Line> = (0..trials)
            .map(|trial| {
                let trial = (trials > 1).then_some(trial);
                self.line(&parts, Route { poison, trial, attacked, steps: &facts.steps, ..route })
            })
            .collect();
        let controls = match facts.controls && attacked && trials == 1 && !facts.steps.is_empty() {
            true => self.controls(&parts, poison, lines[0].filter),
            false => Vec::new(),
        };
        self.sizes.resize(self.stages.len(), facts.size);
        self.cells.push(CellStages { surrogate, poison, lines, twin, twin_fit, controls });
    }

    fn surrogate(&mut self, parts: &Parts<'_>) -> usize {
        let mut settings = parts.of(&["victim", "train"]);
        if let Some(train) = settings["train"].as_object_mut() {
            train.insert("transfer".into(), "none".into());
        }
        self.stage(StageName::Surrogate, settings, &[])
    }

    fn poison(&mut self, parts: &Parts<'_>, surrogate: Option<usize>) -> usize {
        let needs = parts.facts.attack;
        let settings = match needs.surrogate || needs.victim {
            true => parts.of(&["attack", "victim", "train"]),
            false => parts.of(&["attack"]),
        };
        self.stage(StageName::Poison, settings, &[("surrogate", surrogate.filter(|_| needs.surrogate))])
    }

    /// The control arms of a cell's defense.
    fn controls(
        &mut self,
        parts: &Parts<'_>,
        poison: Option<usize>,
        filter: Option<usize>,
    ) -> Vec<(Control, Line)> {
        let steps = &parts.facts.steps;
        let clean = Route {
            poison: None,
            trial: None,
            attacked: false,
            believed: poison,
            steps,
            size_of: None,
            twin: false,
        };
        let is_filter = |step: &Step| matches!(step.role, StepRole::Filter { .. });
        let is_control = |step: &Step| matches!(step.role, StepRole::Filter { control: true, .. });
        if steps.iter().any(is_control) {
            return Vec::new();
        }
        let mut controls = vec![(Control::Twin, self.line(parts, clean))];
        if let Some(filter) = filter {
            let rest = steps.iter().filter(|step| !is_filter(step) && step.role != StepRole::Detector);
            let rest: Vec<Step> = rest.cloned().collect();
            for (control, kind) in
                [(Control::RandomFilter, "random_filter"), (Control::PerfectFilter, "perfect_filter")]
            {
                let arm = Step {
                    settings: json!({ "kind": kind }),
                    version: 1,
                    role: StepRole::Filter { model: false, folds: None, victim: false, control: true },
                    told: false,
                };
                let steps: Vec<Step> = [arm].into_iter().chain(rest.iter().cloned()).collect();
                let size_of = (control == Control::RandomFilter).then_some(filter);
                let route = Route {
                    poison,
                    trial: None,
                    attacked: true,
                    believed: None,
                    steps: &steps,
                    size_of,
                    twin: false,
                };
                controls.push((control, self.line(parts, route)));
            }
        }
        controls
    }

    /// One way through the pipeline.
    fn line(&mut self, parts: &Parts<'_>, route: Route<'_>) -> Line {
        let mut line = Line::default();
        let regime = route.steps.iter().find(|s| matches!(s.role, StepRole::Regime | StepRole::Certificate));
        let mut model = None;
        for step in route.steps {
            match step.role {
                StepRole::Filter { .. } => {
                    line.filter = Some(self.filter(parts, route, step, &mut line));
                    model = None;
                }
                StepRole::Regime => model = Some(self.fit(parts, route, &mut line, regime, None)),
                StepRole::Certificate => {
                    let fitted = self.fit(parts, route, &mut line, regime, None);
                    let settings = parts.of_model(&[], regime);
                    let certify = self.stage(StageName::Certify, settings, &[("model", Some(fitted))]);
                    line.stages.push(("certify", certify));
                    model = Some(fitted);
                }
                StepRole::Repair => {
                    let damaged = match model {
                        Some(model) => model,
                        None => self.fit(parts, route, &mut line, regime, None),
                    };
                    let mut settings = parts.of_model(&[], regime);
                    let inputs = [("model", Some(damaged)), self.tell(parts, route, step, &mut settings)];
                    let mended = self.stage(StageName::Repair, settings, &inputs);
                    line.stages.push(("repair", mended));
                    model = Some(mended);
                }
                // All of them are part of the federation's one fit.
                StepRole::Rule => {}
                StepRole::Detector => {
                    let suspect = match model {
                        Some(model) => model,
                        None => self.fit(parts, route, &mut line, regime, None),
                    };
                    model = Some(suspect);
                    let mut settings = parts.of_model(&["evaluate"], regime);
                    settings["attack"] = attack(parts, route);
                    settings["versions"]["attack"] = parts.version("attack");
                    settings["defense"] = step.settings.clone();
                    settings["versions"]["defense"] = step.version.into();
                    let detect = self.stage(StageName::Detect, settings, &[("model", Some(suspect))]);
                    line.stages.push(("detect", detect));
                }
            }
        }
        let last = match model {
            Some(model) => model,
            None => self.fit(parts, route, &mut line, regime, None),
        };
        let mut settings = parts.of_model(&["evaluate"], regime);
        settings["attack"] = attack(parts, route);
        settings["versions"]["attack"] = parts.version("attack");
        let mut inputs = vec![("model", Some(last))];
        if parts.facts.attack.targets && route.attacked {
            inputs.push(("poison", route.poison));
            settings["trial"] = route.trial.unwrap_or(0).into();
        }
        line.evaluate = self.stage(StageName::Evaluate, settings, &inputs);
        line.stages.push(("evaluate", line.evaluate));
        line
    }

    /// Trains on what the last filter left: by the regime if there is one; without the rows of a fold if one is
    /// given, as `(number, of)`.
    fn fit(
        &mut self,
        parts: &Parts<'_>,
        route: Route<'_>,
        line: &mut Line,
        regime: Option<&Step>,
        fold: Option<(usize, usize)>,
    ) -> usize {
        let mut settings = parts.of_model(&[], regime);
        let mut inputs = vec![("poison", route.poison), ("filter", line.filter), ("start", parts.start)];
        if route.poison.is_some() {
            if parts.facts.attack.feeds {
                settings["attack"] = parts.part("attack");
                settings["versions"]["attack"] = parts.version("attack");
            }
            if let Some(trial) = route.trial {
                settings["trial"] = trial.into();
            }
        }
        course::add(&mut settings, parts, route);
        if let Some(regime) = regime.filter(|r| r.told) {
            let mut told = json!({});
            let believed = self.tell(parts, route, regime, &mut told);
            settings["attack"] = told["attack"].take();
            if believed.1 != route.poison {
                inputs.push(believed);
            }
        }
        if let Some((fold, of)) = fold {
            settings["fold"] = json!({ "leave": fold, "of": of });
        }
        let made = self.stage(StageName::Fit, settings, &inputs);
        let name = match (fold, line.filter) {
            (Some(_), _) => "folds",
            (None, Some(_)) => "refit",
            (None, None) => "fit",
        };
        line.stages.push((name, made));
        made
    }

    /// A filter over what the filters before it left.
    fn filter(&mut self, parts: &Parts<'_>, route: Route<'_>, step: &Step, line: &mut Line) -> usize {
        let (reads, folds, victim, control) = match step.role {
            StepRole::Filter { model, folds, victim, control } => (model, folds, victim, control),
            _ => (false, None, false, false),
        };
        let mut inputs = vec![("poison".to_owned(), route.poison), ("filter".to_owned(), line.filter)];
        if reads {
            let fit = self.fit(parts, route, line, None, None);
            let mut settings = parts.of_model(&[], None);
            set_trial(&mut settings, route);
            let read = [("model", Some(fit)), ("poison", route.poison)];
            let features = self.stage(StageName::Features, settings, &read);
            line.stages.push(("features", features));
            inputs.push(("features".to_owned(), Some(features)));
        }
        for fold in 0..folds.unwrap_or(0) {
            let of = folds.unwrap_or(0);
            let fit = self.fit(parts, route, line, None, Some((fold, of)));
            let mut settings = parts.of_model(&[], None);
            set_trial(&mut settings, route);
            settings["fold"] = json!({ "leave": fold, "of": of });
            let read = [("model", Some(fit)), ("poison", route.poison), ("filter", line.filter)];
            let features = self.stage(StageName::Features, settings, &read);
            line.stages.push(("folds", features));
            inputs.push((format!("fold{fold}"), Some(features)));
        }
        let mut settings = if victim { parts.of(&["victim", "train"]) } else { parts.of(&[]) };
        set_trial(&mut settings, route);
        let (part, believed) = self.tell(parts, route, step, &mut settings);
        if believed != route.poison {
            inputs.push((part.to_owned(), believed));
        }
        if control {
            inputs.push(("size".to_owned(), route.size_of));
        }
        let assumed = parts.part("assumed");
        // What an audit tells the filter in place of the truth, which nobody knows.
        if assumed != Value::Null {
            settings["assumed"] = assumed;
        }
        let inputs: Vec<(&str, Option<usize>)> =
            inputs.iter().map(|(part, stage)| (part.as_str(), *stage)).collect();
        let made = self.stage(StageName::Filter, settings, &inputs);
        line.stages.push(("filter", made));
        made
    }

    /// Adds a defense's settings, and what it is told: the attack, and the poison that its facts come from. Who is
    /// told nothing does not depend on the attack.
    fn tell(
        &self,
        parts: &Parts<'_>,
        route: Route<'_>,
        step: &Step,
        settings: &mut Value,
    ) -> (&'static str, Option<usize>) {
        settings["defense"] = step.settings.clone();
        settings["versions"]["defense"] = step.version.into();
        if !step.told {
            return ("believed", None);
        }
        settings["attack"] = parts.part("attack");
        settings["versions"]["attack"] = parts.version("attack");
        ("believed", route.poison.or(route.believed))
    }

    /// The position of a stage, made if it is not there yet.
    fn stage(&mut self, name: StageName, settings: Value, inputs: &[(&str, Option<usize>)]) -> usize {
        let inputs: Vec<(String, Key)> = inputs
            .iter()
            .filter_map(|(part, stage)| Some((part.to_string(), self.stages[(*stage)?].key.clone())))
            .collect();
        let key = Key::of(&json!({
            "stage": name, "version": name.version(), "settings": settings, "inputs": inputs,
        }));
        *self.index.entry(key.clone()).or_insert_with(|| {
            self.stages.push(Stage { key, name, settings, inputs });
            self.stages.len() - 1
        })
    }

    /// The position of the stage with this key.
    pub fn find(&self, key: &Key) -> Option<usize> {
        self.index.get(key).copied()
    }

    /// A plan of these stages alone, inputs before their readers, without cells and of unknown sizes: what they need
    /// of others is in the store.
    pub fn part(stages: Vec<Stage>) -> Self {
        let index = stages.iter().enumerate().map(|(at, stage)| (stage.key.clone(), at)).collect();
        Self { cells: Vec::new(), sizes: vec![Size::default(); stages.len()], index, stages }
    }

    /// A plan of some stages and what they need, without cells.
    pub fn upto(&self, stages: &[usize]) -> Self {
        let mut wanted = vec![false; self.stages.len()];
        for &stage in stages {
            wanted[stage] = true;
        }
        // Inputs stand before the stages that read them.
        for at in (0..self.stages.len()).rev() {
            if wanted[at] {
                for input in self.stages[at].inputs.iter().filter_map(|(_, key)| self.find(key)) {
                    wanted[input] = true;
                }
            }
        }
        let mut part = Self::new();
        for at in (0..self.stages.len()).filter(|&at| wanted[at]) {
            part.index.insert(self.stages[at].key.clone(), part.stages.len());
            part.stages.push(self.stages[at].clone());
            part.sizes.push(self.sizes[at]);
        }
        part
    }

    /// Number of stages there would be if no cell shared any.
    pub fn unshared(&self) -> usize {
        // The clean twin trains and is evaluated for each cell too.
        let controls = |c: &CellStages| c.controls.iter().map(|(_, line)| line.stages.len()).sum::<usize>();
        self.cells.iter().map(|c| c.own().len() + 2 + controls(c)).sum()
    }
}

fn set_trial(settings: &mut Value, route: Route<'_>) {
    if let (Some(trial), Some(_)) = (route.trial, route.poison) {
        settings["trial"] = trial.into();
    }
}

/// The attack that test inputs are evaluated under.
fn attack(parts: &Parts<'_>, route: Route<'_>) -> Value {
    if route.attacked { parts.part("attack") } else { json!({ "kind": "none" }) }
}

#[cfg(test)]
mod tests;
