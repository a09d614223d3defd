//! `evaluate`: what a model does on the untouched and on the triggered test inputs.

use aconite_core::{Goal, metrics};
use aconite_plan::Stage;
use serde_json::{Map, Value, json};

use super::workshop::seed;
use super::{Failure, Output, Workshop};
use crate::families;

pub(super) fn compute(stage: &Stage, shop: &mut Workshop) -> Result<Output, Failure> {
    let split = shop.split(stage)?;
    let test = &split.test;
    let model = shop.model(stage, &split.train.info())?;
    let predicted = model.predict(test.rows())?;
    let mut value = Map::new();
    let mut put = |name: &str, share: Option<f64>| {
        if let Some(share) = share {
            value.insert(name.to_owned(), json!(share));
        }
    };
    put("clean_accuracy", metrics::accuracy(&predicted, test.labels()));
    for (class, share) in
        metrics::class_accuracy(&predicted, test.labels(), test.num_classes()).into_iter().enumerate()
    {
        put(&format!("class_accuracy_{class}"), share);
    }
    let attack = families::attack(&stage.settings["attack"])?;
    let scope = families::evaluate(&stage.settings["evaluate"])?.asr_scope;
    match attack.goal(&split.train.info()) {
        // Availability is the drop against the twin, which is another stage.
        Goal::None | Goal::Availability => {}
        Goal::Targeted(map) => {
            let result = metrics::backdoor(&predicted, test.labels(), &map, scope);
            put("attack_success", result.attack_success);
            put("robust_accuracy", result.robust_accuracy);
        }
        Goal::Backdoor(map) => {
            let trigger = attack
                .trigger(&test.info(), seed(stage).derive("attack"))?
                .ok_or_else(|| Failure::Failed("the attack has a backdoor but no trigger".into()))?;
            let rows = test.rows_where(|label| map.counts(label, scope));
            let labels: Vec<usize> = rows.iter().map(|&row| test.labels()[row]).collect();
            let predicted = model.predict(&trigger.stamped(test.rows(), &rows)?)?;
            let result = metrics::backdoor(&predicted, &labels, &map, scope);
            put("attack_success", result.attack_success);
            put("robust_accuracy", result.robust_accuracy);
        }
    }
    Ok(Output { value: Value::Object(value), files: Vec::new() })
}
