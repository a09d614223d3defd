//! `filter`: a defense scores the training rows; the scorer, which alone knows the truth, judges it.

use aconite_core::{Error, Evidence, Knowledge, Result, Role, Told, Verdict, metrics};
use aconite_plan::{Entry, Stage};
use serde_json::{Map, Value, json};
use tch::Tensor;

use super::workshop::seed;
use super::{Failure, Output, Workshop, features};
use crate::{families, tensors};

const FILE: &str = "verdict.safetensors";

pub(super) fn compute(stage: &Stage, shop: &mut Workshop) -> std::result::Result<Output, Failure> {
    let poisoned = shop.poisoned(stage)?;
    let defense = families::defense(&stage.settings["defense"])?;
    let seed = seed(stage).derive("defense");
    let verdict = match defense.role() {
        Role::None => return Err(Failure::Failed("this defense filters nothing".into())),
        Role::Control(control) => control.judge(poisoned.truth(), seed)?,
        Role::Filter(filter) => {
            let features = match shop.input(stage, "features")? {
                Some(entry) => {
                    let mut named = tensors::decode(&entry.read(features::FILE)?)?;
                    Some(tensors::take(&mut named, "features")?)
                }
                None => None,
            };
            // Exactly what was declared is told, nothing else.
            let declared = defense.knowledge();
            let goal = families::attack(&stage.settings["attack"])?.goal(&poisoned.data().info());
            // In an audit nobody knows the truth: what the user assumes takes its place.
            let assumed = &stage.settings["assumed"];
            let rate = || assumed["poison_rate"].as_f64().unwrap_or_else(|| poisoned.worst_class_rate());
            let target = assumed["target_class"].as_u64().map(|class| class as usize).or(goal.target());
            let told = Told {
                poison_rate: declared.contains(&Knowledge::PoisonRate).then(rate),
                target_class: target.filter(|_| declared.contains(&Knowledge::TargetClass)),
            };
            filter.judge(&Evidence { data: poisoned.data(), features, told, seed })?
        }
    };
    let n = poisoned.data().len();
    if verdict.scores.len() != n || verdict.removed.len() != n {
        return Err(Failure::Failed(format!("the filter judged {} of {n} rows", verdict.scores.len())));
    }
    let found = metrics::filtering(&verdict.scores, &verdict.removed, poisoned.truth().poisoned);
    let mut value = Map::new();
    value.insert("removed".into(), json!(found.removed));
    for (name, share) in [
        ("recall", found.recall),
        ("false_positive_rate", found.false_positive_rate),
        ("precision", found.precision),
        ("auroc", found.auroc),
    ] {
        if let Some(share) = share {
            value.insert(name.into(), json!(share));
        }
    }
    Ok(Output { value: Value::Object(value), files: vec![(FILE.into(), write(&verdict)?)] })
}

fn write(verdict: &Verdict) -> Result<Vec<u8>> {
    let named = [
        ("scores".to_owned(), Tensor::from_slice(&verdict.scores)),
        ("removed".to_owned(), Tensor::from_slice(&verdict.removed)),
    ];
    tensors::encode(&named.into())
}

/// The verdict that a finished `filter` stage holds.
pub(crate) fn read(entry: &Entry) -> std::result::Result<Verdict, Failure> {
    let mut named = tensors::decode(&entry.read(FILE)?)?;
    let scores = Vec::<f64>::try_from(tensors::take(&mut named, "scores")?).map_err(Error::from)?;
    let removed = Vec::<bool>::try_from(tensors::take(&mut named, "removed")?).map_err(Error::from)?;
    Ok(Verdict { scores, removed })
}
