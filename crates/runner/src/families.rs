//! All families in one place: the registries joined, and the experiment's sections over them.
//!
//! A new family crate is one line here; a new kind is a line in its own crate.

use aconite_core::{AsrScope, Attack, Defense, Learner};
use aconite_data::{Common, DATASETS, Source};
use aconite_federated::{FEDERATIONS, Local, PARTITIONS, Partition};
use aconite_grid::{Entry, Kind, Schema, Section, Spec};
use aconite_nets::NETS;
use aconite_stream::{
    MONITORS, Monitor, POLICIES, Policy, SCHEDULES as STREAMS, Schedule, Threshold, Watched,
};
use aconite_train::{OPTIMIZERS, SCHEDULES, SgdLearner, Train, Transfer, VICTIMS};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `[evaluate]`: how a model is judged.
///
/// Paper: none; the metrics are defined in the README.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Evaluate {
    /// Which triggered test inputs count towards attack success: those whose class is not the target, or all.
    pub(crate) asr_scope: AsrScope,
    /// Whether to write what the model says of every test input, untouched and attacked, to
    /// `predictions/<cell>.parquet`.
    pub(crate) predictions: bool,
    /// Whether the control arms of each defense are run beside it: the defense on the clean twin, and for a filter
    /// as many rows removed at random and exactly the poisoned ones.
    pub(crate) controls: bool,
    /// The column of a table by whose values test rows are put into groups, each of which gets its accuracy: a group per
    /// value of a categorical column (`proto` for `proto=tcp`), the halves below and above the training median of a column
    /// of numbers; none tells no groups.
    pub(crate) groups: Option<String>,
}

impl Default for Evaluate {
    fn default() -> Self {
        Self { asr_scope: AsrScope::default(), predictions: false, controls: true, groups: None }
    }
}

impl Kind for Evaluate {}

fn attacks() -> impl Iterator<Item = &'static Entry<dyn Attack>> {
    [
        crate::attacks::PLAIN,
        aconite_label_flip::ATTACKS,
        aconite_trigger_patch::ATTACKS,
        aconite_clean_label::ATTACKS,
        aconite_text_backdoor::ATTACKS,
        aconite_log_poisoning::ATTACKS,
        aconite_point_poisoning::ATTACKS,
        aconite_model_poisoning::ATTACKS,
        aconite_spam::ATTACKS,
    ]
    .into_iter()
    .flatten()
}

fn defenses() -> impl Iterator<Item = &'static Entry<dyn Defense>> {
    [
        crate::defenses::PLAIN,
        aconite_spectral_signatures::DEFENSES,
        aconite_sanitization::DEFENSES,
        aconite_regimes::DEFENSES,
        aconite_repair::DEFENSES,
        aconite_detection::DEFENSES,
        aconite_certified::DEFENSES,
        aconite_aggregation::DEFENSES,
        aconite_spam_defenses::DEFENSES,
    ]
    .into_iter()
    .flatten()
}

fn specs<T: ?Sized + 'static>(entries: impl IntoIterator<Item = &'static Entry<T>>) -> Vec<Spec> {
    entries.into_iter().map(|e| e.spec).collect()
}

/// Networks and the other victims.
fn victims() -> Vec<Spec> {
    specs(NETS).into_iter().chain(specs(VICTIMS)).collect()
}

/// The sections of an experiment.
pub(crate) fn schema() -> Schema {
    Schema {
        sections: vec![
            Section::family("dataset", "what is learnt", specs(DATASETS), None)
                .with_common(Spec::of::<Common>("", &[])),
            Section::family("victim", "what is trained", victims(), Some("small_cnn")),
            Section::plain("train", "how it is trained", Spec::of::<Train>("", &[])),
            Section::family("train.optimizer", "the update rule", specs(OPTIMIZERS), Some("sgd")),
            Section::family(
                "train.schedule",
                "the course of the learning rate",
                specs(SCHEDULES),
                Some("one_cycle"),
            ),
            Section::family("attack", "what the adversary does", specs(attacks()), Some("none")),
            Section::family("defense", "what is done against it", specs(defenses()), Some("none")),
            Section::family("federation", "whether many clients train", specs(FEDERATIONS), Some("fed_avg"))
                .with_absent("none")
                .with_common(Spec::of::<aconite_federated::Common>("", &[])),
            Section::family("federation.partition", "who holds which rows", specs(PARTITIONS), Some("iid")),
            Section::family("stream", "whether a system keeps learning", specs(STREAMS), Some("every"))
                .with_absent("none")
                .with_common(Spec::of::<aconite_stream::Common>("", &[])),
            Section::family("stream.monitor", "what raises an alarm", specs(MONITORS), Some("none"))
                .with_common(Spec::of::<Threshold>("", &[])),
            Section::family("stream.policy", "what the operator does then", specs(POLICIES), Some("none")),
            Section::plain("evaluate", "how the model is judged", Spec::of::<Evaluate>("", &[])),
        ],
    }
}

/// Finds and builds a kind from resolved settings.
fn build<T: ?Sized + 'static>(
    entries: impl Iterator<Item = &'static Entry<T>>,
    settings: &Value,
) -> aconite_core::Result<Box<T>> {
    let name = settings.get("kind").and_then(Value::as_str).unwrap_or_default();
    let mut entries = entries;
    let entry = entries
        .find(|e| e.spec.kind == name)
        .ok_or_else(|| aconite_core::Error::new(format!("this program knows no kind {name:?}")))?;
    (entry.build)(settings).map_err(|e| aconite_core::Error::new(format!("{name}: {e}")))
}

/// The attack of a cell's settings.
pub(crate) fn attack(settings: &Value) -> aconite_core::Result<Box<dyn Attack>> {
    build(attacks(), settings)
}

/// The defense of a cell's settings.
pub(crate) fn defense(settings: &Value) -> aconite_core::Result<Box<dyn Defense>> {
    build(defenses(), settings)
}

/// The steps of a defense's settings: those of a chain, the defense itself, or nothing for `none`.
pub(crate) fn steps(settings: &Value) -> Vec<&Value> {
    match settings.get("kind").and_then(Value::as_str) {
        None | Some("none") => Vec::new(),
        Some("chain") => settings["steps"].as_array().into_iter().flatten().collect(),
        Some(_) => vec![settings],
    }
}

/// The settings of a data set's own kind, without the common keys.
pub(crate) fn own(settings: &Value) -> Value {
    divided(settings, &Spec::of::<Common>("", &[])).0
}

/// The data set of a cell's settings.
pub(crate) fn source(settings: &Value) -> aconite_core::Result<Box<dyn Source>> {
    build(DATASETS.iter(), &own(settings))
}

/// The keys that all data sets understand.
pub(crate) fn common(settings: &Value) -> aconite_core::Result<Common> {
    aconite_grid::rebuild(&divided(settings, &Spec::of::<Common>("", &[])).1)
        .map_err(aconite_core::Error::new)
}

/// The learner of a cell's `[victim]` and `[train]`.
pub(crate) fn learner(victim: &Value, train: &Value) -> aconite_core::Result<Box<dyn Learner>> {
    let kind = victim.get("kind").and_then(Value::as_str).unwrap_or_default();
    if VICTIMS.iter().any(|e| e.spec.kind == kind) {
        return build(VICTIMS.iter(), victim);
    }
    Ok(Box::new(sgd(victim, train)?))
}

/// The learner of a net.
pub(crate) fn sgd(victim: &Value, train: &Value) -> aconite_core::Result<SgdLearner> {
    let mut plain = train.clone();
    let mut take = |key: &str| plain.as_object_mut().and_then(|t| t.shift_remove(key)).unwrap_or_default();
    let (optimizer, schedule) = (take("optimizer"), take("schedule"));
    Ok(SgdLearner {
        net: build(NETS.iter(), victim)?,
        train: aconite_grid::rebuild(&plain).map_err(aconite_core::Error::new)?,
        optimizer: build(OPTIMIZERS.iter(), &optimizer)?,
        schedule: build(SCHEDULES.iter(), &schedule)?,
    })
}

/// Where the training of a cell's victim starts, and what it changes.
pub(crate) fn transfer(train: &Value) -> aconite_core::Result<Transfer> {
    let given = train.get("transfer").cloned().unwrap_or_else(|| "none".into());
    serde_json::from_value(given).map_err(|e| aconite_core::Error::new(format!("transfer: {e}")))
}

/// A federation's settings, built.
#[derive(Debug)]
pub(crate) struct Federated {
    pub(crate) common: aconite_federated::Common,
    pub(crate) local: Box<dyn Local>,
    pub(crate) partition: Box<dyn Partition>,
}

/// `[federation]` of a cell's settings; `None` where there is none.
pub(crate) fn federation(settings: &Value) -> aconite_core::Result<Option<Federated>> {
    if matches!(settings.get("kind").and_then(Value::as_str), None | Some("none")) {
        return Ok(None);
    }
    let mut own = settings.clone();
    let partition = own.as_object_mut().and_then(|t| t.shift_remove("partition")).unwrap_or_default();
    let (own, common) = divided(&own, &Spec::of::<aconite_federated::Common>("", &[]));
    Ok(Some(Federated {
        common: aconite_grid::rebuild(&common).map_err(aconite_core::Error::new)?,
        local: build(FEDERATIONS.iter(), &own)?,
        partition: build(PARTITIONS.iter(), &partition)?,
    }))
}

/// A stream's settings, built.
#[derive(Debug)]
pub(crate) struct Streamed {
    pub(crate) common: aconite_stream::Common,
    pub(crate) schedule: Box<dyn Schedule>,
    /// What `[stream.monitor]` names, and the threshold beside it.
    pub(crate) watch: (Box<dyn Monitor>, Threshold),
    /// The monitors, one by one.
    pub(crate) monitors: Vec<Watched>,
    pub(crate) policy: Box<dyn Policy>,
}

/// `[stream]` of a cell's settings; `None` where there is none.
pub(crate) fn stream(settings: &Value) -> aconite_core::Result<Option<Streamed>> {
    if matches!(settings.get("kind").and_then(Value::as_str), None | Some("none")) {
        return Ok(None);
    }
    let mut own = settings.clone();
    let mut take = |key: &str| own.as_object_mut().and_then(|t| t.shift_remove(key)).unwrap_or_default();
    let (monitor, policy) = (take("monitor"), take("policy"));
    let (own, common) = divided(&own, &Spec::of::<aconite_stream::Common>("", &[]));
    let built = |given: &Value| -> aconite_core::Result<(Box<dyn Monitor>, Threshold)> {
        let (own, threshold) = divided(given, &Spec::of::<Threshold>("", &[]));
        let threshold = aconite_grid::rebuild(&threshold).map_err(aconite_core::Error::new)?;
        Ok((build(MONITORS.iter(), &own)?, threshold))
    };
    let watch = built(&monitor)?;
    let mut monitors: Vec<Watched> = Vec::new();
    for given in watch.0.parts().unwrap_or(std::slice::from_ref(&monitor)) {
        let kind = given["kind"].as_str().unwrap_or_default();
        let same =
            monitors.iter().filter(|m| m.name == kind || m.name.starts_with(&format!("{kind} "))).count();
        let (monitor, threshold) = built(given)?;
        if monitor.parts().is_some() {
            return Err(aconite_core::Error::at(
                "monitor",
                format!("{kind:?} cannot be one of several monitors"),
            ));
        }
        monitors.push(Watched {
            name: if same == 0 { kind.to_owned() } else { format!("{kind} {}", same + 1) },
            monitor,
            threshold,
        });
    }
    Ok(Some(Streamed {
        common: aconite_grid::rebuild(&common).map_err(aconite_core::Error::new)?,
        schedule: build(STREAMS.iter(), &own)?,
        watch,
        monitors,
        policy: build(POLICIES.iter(), &policy)?,
    }))
}

/// A section's settings without its common keys, and the common keys.
fn divided(settings: &Value, common: &Spec) -> (Value, Value) {
    let (mut own, mut shared, keys) = (settings.clone(), settings.clone(), common.defaults());
    let is_common = |key: &String| keys.get(key).is_some();
    if let Some(own) = own.as_object_mut() {
        own.retain(|key, _| !is_common(key));
    }
    if let Some(shared) = shared.as_object_mut() {
        shared.retain(|key, _| is_common(key));
    }
    (own, shared)
}

/// `[evaluate]` of a cell's settings.
pub(crate) fn evaluate(settings: &Value) -> aconite_core::Result<Evaluate> {
    aconite_grid::rebuild(settings).map_err(aconite_core::Error::new)
}

/// Version of the code of the kind that a resolved section names.
pub(crate) fn version(schema: &Schema, section: &str, settings: &Value) -> u32 {
    let name = settings.get("kind").and_then(Value::as_str).unwrap_or_default();
    schema
        .sections
        .iter()
        .find(|s| s.path == section)
        .and_then(|s| s.kinds.iter().find(|k| k.kind == name))
        .map_or(0, |k| k.version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_families_share_a_name_and_all_keep_the_registry_s_promises() {
        for section in schema().sections {
            let mut names: Vec<&str> = Vec::new();
            for spec in &section.kinds {
                for name in spec.aliases.iter().chain([&spec.kind]) {
                    assert!(!names.contains(name), "{} {name}", section.path);
                    names.push(name);
                }
                assert!(!spec.about().is_empty(), "{} {}", section.path, spec.kind);
            }
        }
        aconite_grid::assert_invariants(crate::attacks::PLAIN);
        aconite_grid::assert_invariants(crate::defenses::PLAIN);
    }

    #[test]
    fn every_kind_can_be_built_from_its_defaults() {
        let train = {
            let mut train = Spec::of::<Train>("", &[]).defaults();
            train["optimizer"] = OPTIMIZERS[0].spec.defaults();
            train["schedule"] = SCHEDULES[0].spec.defaults();
            train
        };
        for section in schema().sections {
            for spec in &section.kinds {
                let mut settings = spec.defaults();
                match section.path {
                    "attack" => drop(attack(&settings).unwrap()),
                    "defense" => drop(defense(&settings).unwrap()),
                    "victim" => drop(learner(&settings, &train).unwrap()),
                    "dataset" => {
                        settings["train_size"] = 100.into();
                        drop(source(&settings).unwrap());
                        assert_eq!(common(&settings).unwrap().train_size, Some(100));
                    }
                    _ => {}
                }
            }
        }
    }
}
