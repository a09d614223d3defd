//! The shape of the pipeline: which stages a cell needs, each unique stage once.
//!
//! ```text
//! poison ── fit ─┬─ features ── filter ── refit ── evaluate      a filter: train again on what is left
//!                └─ evaluate                                     no defense
//! fit ── evaluate                                                the clean twin of each seed
//! ```

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{Key, Size};

/// What a stage does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageName {
    /// Decodes a data set whose files take long to read; no stage of the plan, only kept with them.
    Data,
    /// Makes the poison.
    Poison,
    /// Trains a victim.
    Fit,
    /// Penultimate activations of a model on its training set.
    Features,
    /// Scores training rows and says which to remove.
    Filter,
    /// Predictions and metrics on the test set.
    Evaluate,
}

impl StageName {
    /// The word used in results.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Poison => "poison",
            Self::Fit => "fit",
            Self::Features => "features",
            Self::Filter => "filter",
            Self::Evaluate => "evaluate",
        }
    }

    /// Raise it when the stage's own code gives another result than before.
    fn version(self) -> u32 {
        1
    }
}

/// A stage: everything that determines its output, and the stages whose outputs it reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// Its identity.
    pub key: Key,
    /// What it does.
    pub name: StageName,
    /// All settings that it reads, with defaults.
    pub settings: Value,
    /// Keys of its inputs, by the part they play: `poison`, `model`, `features`, `filter`.
    pub inputs: Vec<(String, Key)>,
}

impl Stage {
    /// The key of the input that plays a part.
    pub fn input(&self, part: &str) -> Option<&Key> {
        self.inputs.iter().find(|(p, _)| p == part).map(|(_, key)| key)
    }
}

/// The part a defense plays in the pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefenseRole {
    /// Nothing.
    None,
    /// A filter, with or without the features of the attacked model.
    Filter {
        /// Whether it reads them.
        features: bool,
    },
}

/// What the planner must know about a cell's kinds.
#[derive(Debug, Clone)]
pub struct CellFacts {
    /// What identifies the data set's content.
    pub fingerprint: String,
    /// Versions of the code of the kinds, by section.
    pub versions: Value,
    /// The part the defense plays.
    pub role: DefenseRole,
    /// What its stages' costs are estimated from.
    pub size: Size,
}

/// What determines the last bits of a result beside the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// libtorch's version.
    pub libtorch: String,
    /// Vector instruction class.
    pub isa: String,
}

/// The stages of one cell, as positions in [`Plan::stages`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellStages {
    /// Makes the poison; none without an attack.
    pub poison: Option<usize>,
    /// Trains the victim on the (poisoned) data.
    pub fit: usize,
    /// Features of that victim, where the filter reads them.
    pub features: Option<usize>,
    /// The filter.
    pub filter: Option<usize>,
    /// Trains the victim again on what the filter left.
    pub refit: Option<usize>,
    /// Evaluates the last model.
    pub evaluate: usize,
    /// Evaluates the clean twin.
    pub twin: usize,
}

impl CellStages {
    /// The cell's own stages by the name they have in its `seconds`, in order of the pipeline.
    pub fn own(&self) -> Vec<(&'static str, usize)> {
        [
            ("poison", self.poison),
            ("fit", Some(self.fit)),
            ("features", self.features),
            ("filter", self.filter),
            ("refit", self.refit),
            ("evaluate", Some(self.evaluate)),
        ]
        .into_iter()
        .filter_map(|(name, stage)| Some((name, stage?)))
        .collect()
    }

    /// All stages, the twin's evaluation too.
    pub fn all(&self) -> Vec<usize> {
        let mut all: Vec<usize> = self.own().into_iter().map(|(_, s)| s).collect();
        if !all.contains(&self.twin) {
            all.push(self.twin);
        }
        all
    }
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

impl Plan {
    /// An empty plan.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a cell: its settings (every section, defaults filled in), its seed, and what is known of its
    /// kinds.
    pub fn add(&mut self, settings: &Value, seed: u64, facts: &CellFacts, environment: &Environment) {
        let part = |section: &str| settings.get(section).cloned().unwrap_or(Value::Null);
        let versions = |sections: &[&str]| -> Value {
            sections
                .iter()
                .map(|s| (s.to_string(), facts.versions.get(*s).cloned().unwrap_or_default()))
                .collect()
        };
        let threads = settings.pointer("/train/threads").cloned().unwrap_or(json!(1));
        let env = json!({ "libtorch": environment.libtorch, "isa": environment.isa, "threads": threads });
        let data = json!({ "settings": part("dataset"), "content": facts.fingerprint });
        let none = json!({ "kind": "none" });
        let attacked = settings.pointer("/attack/kind") != Some(&json!("none"));

        let poison = attacked.then(|| {
            let settings = json!({
                "data": data, "attack": part("attack"), "seed": seed, "environment": env,
                "versions": versions(&["dataset", "attack"]),
            });
            self.stage(StageName::Poison, settings, &[])
        });
        let fit_settings = json!({
            "data": data, "victim": part("victim"), "train": part("train"), "seed": seed, "environment": env,
            "versions": versions(&["dataset", "victim", "train"]),
        });
        let evaluate_settings = |attack: &Value| {
            json!({
                "data": data, "victim": part("victim"), "train": part("train"), "evaluate": part("evaluate"),
                "attack": attack, "seed": seed, "environment": env,
                "versions": versions(&["dataset", "victim", "attack", "evaluate"]),
            })
        };
        let twin_fit = self.stage(StageName::Fit, fit_settings.clone(), &[]);
        let twin = self.stage(StageName::Evaluate, evaluate_settings(&none), &[("model", Some(twin_fit))]);

        let fit = self.stage(StageName::Fit, fit_settings.clone(), &[("poison", poison)]);
        let (mut features, mut filter, mut refit) = (None, None, None);
        if let DefenseRole::Filter { features: reads } = facts.role {
            if reads {
                let settings = json!({
                    "data": data, "victim": part("victim"), "train": part("train"), "seed": seed,
                    "environment": env, "versions": versions(&["dataset", "victim"]),
                });
                features = Some(self.stage(
                    StageName::Features,
                    settings,
                    &[("model", Some(fit)), ("poison", poison)],
                ));
            }
            let mut settings = json!({
                "data": data, "defense": part("defense"), "attack": part("attack"), "seed": seed,
                "environment": env, "versions": versions(&["dataset", "defense", "attack"]),
            });
            // What an audit tells the filter in place of the truth, which nobody knows.
            if part("assumed") != Value::Null {
                settings["assumed"] = part("assumed");
            }
            let inputs = [("features", features), ("poison", poison)];
            let made = self.stage(StageName::Filter, settings, &inputs);
            filter = Some(made);
            refit =
                Some(self.stage(StageName::Fit, fit_settings, &[("poison", poison), ("filter", Some(made))]));
        }
        let last = refit.unwrap_or(fit);
        let evaluate =
            self.stage(StageName::Evaluate, evaluate_settings(&part("attack")), &[("model", Some(last))]);
        self.sizes.resize(self.stages.len(), facts.size);
        self.cells.push(CellStages { poison, fit, features, filter, refit, evaluate, twin });
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
        self.cells.iter().map(|c| c.own().len() + 2).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(role: DefenseRole) -> CellFacts {
        CellFacts { fingerprint: "f".into(), versions: json!({"attack": 1}), role, size: Size::default() }
    }

    fn env() -> Environment {
        Environment { libtorch: "2".into(), isa: "avx2".into() }
    }

    fn settings(attack: &str, defense: &str) -> Value {
        json!({
            "dataset": {"kind": "d"}, "victim": {"kind": "v"}, "train": {"epochs": 1, "threads": 1},
            "attack": {"kind": attack}, "defense": {"kind": defense}, "evaluate": {}
        })
    }

    fn names(plan: &Plan) -> Vec<&'static str> {
        plan.stages.iter().map(|s| s.name.as_str()).collect()
    }

    #[test]
    fn an_undefended_clean_cell_is_its_own_twin() {
        let mut plan = Plan::new();
        plan.add(&settings("none", "none"), 0, &facts(DefenseRole::None), &env());
        assert_eq!(names(&plan), ["fit", "evaluate"]);
        assert_eq!(plan.cells[0].twin, plan.cells[0].evaluate);
    }

    #[test]
    fn the_attacked_model_is_trained_once_and_serves_every_defense() {
        let mut plan = Plan::new();
        plan.add(&settings("a", "none"), 0, &facts(DefenseRole::None), &env());
        plan.add(&settings("a", "f"), 0, &facts(DefenseRole::Filter { features: true }), &env());
        plan.add(&settings("a", "g"), 0, &facts(DefenseRole::Filter { features: true }), &env());
        plan.add(&settings("a", "r"), 0, &facts(DefenseRole::Filter { features: false }), &env());
        // twin: fit, evaluate; poison, fit, evaluate; features once; three filters with refit and evaluate.
        assert_eq!(plan.stages.len(), 2 + 3 + 1 + 9);
        assert_eq!(plan.cells[1].features, plan.cells[2].features);
        assert_eq!(plan.cells[0].fit, plan.cells[3].fit);
        assert_eq!(plan.unshared(), 5 + 8 + 8 + 7);
        for (i, stage) in plan.stages.iter().enumerate() {
            assert!(stage.inputs.iter().all(|(_, key)| plan.find(key).unwrap() < i));
        }
    }

    #[test]
    fn a_part_of_a_plan_holds_what_it_needs_and_no_more() {
        let mut plan = Plan::new();
        plan.add(&settings("a", "f"), 0, &facts(DefenseRole::Filter { features: true }), &env());
        plan.add(&settings("b", "none"), 0, &facts(DefenseRole::None), &env());
        let part = plan.upto(&[plan.cells[0].filter.unwrap()]);
        assert_eq!(names(&part), ["poison", "fit", "features", "filter"]);
        assert!(part.cells.is_empty() && part.sizes.len() == 4);
        assert_eq!(part.find(&part.stages[2].key), Some(2));
    }

    #[test]
    fn everything_that_matters_changes_the_key_and_nothing_else_does() {
        let base = |change: &dyn Fn(&mut Value, &mut CellFacts, &mut Environment, &mut u64)| {
            let (mut s, mut f, mut e, mut seed) = (settings("a", "none"), facts(DefenseRole::None), env(), 0);
            change(&mut s, &mut f, &mut e, &mut seed);
            let mut plan = Plan::new();
            plan.add(&s, seed, &f, &e);
            let cell = &plan.cells[0];
            (plan.stages[cell.fit].key.clone(), plan.stages[cell.evaluate].key.clone())
        };
        let (fit, evaluate) = base(&|_, _, _, _| ());
        let same = base(&|s, _, _, _| {
            // The order of sections is not part of a result.
            let reversed: serde_json::Map<String, Value> =
                s.as_object().unwrap().clone().into_iter().rev().collect();
            *s = Value::Object(reversed);
        });
        assert_eq!((fit.clone(), evaluate.clone()), same);
        type Change = &'static dyn Fn(&mut Value, &mut CellFacts, &mut Environment, &mut u64);
        let fits: [Change; 8] = [
            &|s, _, _, _| s["train"]["epochs"] = 2.into(),
            &|s, _, _, _| s["train"]["threads"] = 2.into(),
            &|s, _, _, _| s["attack"]["rate"] = 2.into(),
            &|s, _, _, _| s["dataset"]["kind"] = "e".into(),
            &|_, f, _, _| f.fingerprint = "g".into(),
            &|_, _, e, _| e.libtorch = "3".into(),
            &|_, _, e, _| e.isa = "avx512".into(),
            &|_, _, _, seed| *seed = 1,
        ];
        for change in fits {
            let changed = base(change);
            assert!(changed.0 != fit && changed.1 != evaluate);
        }
        let changed = base(&|_, f, _, _| f.versions["attack"] = 2.into());
        assert_ne!(changed.0, fit, "the poison's key is an input of the fit");
        let changed = base(&|s, _, _, _| s["evaluate"]["asr_scope"] = "all".into());
        assert!(changed.0 == fit && changed.1 != evaluate, "evaluation does not touch training");
    }
}
