//! `evaluate`: what a model does on the untouched and on the triggered test inputs.

use aconite_core::{
    AsrScope, Attack, Dataset, Error, Goal, Groups, LabelMap, NamedTensors, Result, Rows, Seed, Sorted,
    best_class, metrics,
};
use aconite_plan::{Entry, Stage};
use aconite_record::Predictions;
use serde_json::{Map, Value, json};
use tch::{Kind, Tensor};

use super::workshop::{attack, seed, trial};
use super::{Failure, Output, Workshop, read_poison};
use crate::{families, tensors};

/// The file that holds what the model said.
const FILE: &str = "predictions.safetensors";

pub(super) fn compute(stage: &Stage, shop: &mut Workshop) -> std::result::Result<Output, Failure> {
    let split = shop.split(stage)?;
    let test = &split.test;
    let model = shop.model(stage, &split.train.info())?;
    let settings = families::evaluate(&stage.settings["evaluate"])?;
    let scores = model.scores(test.rows())?;
    let predicted = best_class(&scores)?;
    let mut said = NamedTensors::from([("clean_scores".to_owned(), scores)]);
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
    if let Some(column) = &settings.groups {
        let groups = Groups::by(column, &split.train, test)?;
        let shares = groups.accuracy(&predicted, test.labels());
        put("group_accuracy_gap", aconite_record::gap(&shares));
        for (name, share) in groups.names().iter().zip(shares) {
            put(&format!("group_accuracy_{name}"), share);
        }
    }
    let cutoffs = model.cutoffs();
    if let Some(cutoffs) = cutoffs {
        for (name, share) in
            metrics::sorting(&cutoffs.sorted(&said["clean_scores"])?, test.labels(), cutoffs.class)
        {
            put(name, share);
        }
    }
    for (name, measure) in model.measures() {
        put(name, Some(measure));
    }
    let attack = attack(stage)?;
    let scope = settings.asr_scope;
    match attack.goal(&split.train.info()) {
        // Availability is the drop against the twin, which is another stage.
        Goal::None | Goal::Availability => {}
        Goal::Targeted(map) => {
            let result = Misread::of(attack.as_ref(), test, map, scope)?.judged(&predicted);
            put("attack_success", result.attack_success);
            put("robust_accuracy", result.robust_accuracy);
        }
        Goal::TargetedInputs { .. } => {
            let entry = shop.input(stage, "poison")?;
            let entry = entry.ok_or_else(|| Failure::Failed("the stage has no poison".into()))?;
            let target = read_poison(&entry, split.train.rows(), trial(stage))?.target;
            let target =
                target.ok_or_else(|| Failure::Failed("the attack has chosen no test input".into()))?;
            let read = *predicted
                .get(target.row)
                .ok_or_else(|| Failure::Failed(format!("there is no test row {}", target.row)))?;
            put("attack_success", Some(f64::from(u8::from(read == target.wanted))));
            put("robust_accuracy", Some(f64::from(u8::from(read == test.labels()[target.row]))));
            said.insert("attacked_rows".into(), Tensor::from_slice(&[target.row as i64]));
            let row = said["clean_scores"].narrow(0, target.row as i64, 1).copy();
            if let Some(cutoffs) = cutoffs {
                let sorted = cutoffs.sorted(&row)?;
                let is =
                    |wanted: &dyn Fn(Sorted) -> bool| f64::from(u8::from(sorted.iter().all(|&s| wanted(s))));
                put("target_as_spam", Some(is(&|s| s == Sorted::Spam)));
                put("target_not_delivered", Some(is(&|s| s != Sorted::Ham)));
            }
            said.insert("attacked_scores".into(), row);
        }
        Goal::Backdoor(map) => {
            let triggered = Triggered::of(attack.as_ref(), test, seed(stage), map, scope)?;
            let scores = model.scores(&triggered.content)?;
            let predicted = best_class(&scores)?;
            let attacked: Vec<i64> = triggered.rows.iter().map(|&row| row as i64).collect();
            said.insert("attacked_rows".into(), Tensor::from_slice(&attacked));
            said.insert("attacked_scores".into(), scores);
            let result = triggered.judged(&predicted);
            put("attack_success", result.attack_success);
            put("robust_accuracy", result.robust_accuracy);
        }
    }
    let files = match settings.predictions {
        true => vec![(FILE.to_owned(), tensors::encode(&said)?)],
        false => Vec::new(),
    };
    Ok(Output { value: Value::Object(value), files })
}

/// The test inputs with an attack's trigger on that count towards its success.
#[derive(Debug)]
pub(super) struct Triggered {
    /// Their rows in the test set.
    rows: Vec<usize>,
    labels: Vec<usize>,
    /// The inputs.
    pub(super) content: Rows,
    map: LabelMap,
    scope: AsrScope,
}

impl Triggered {
    /// Stamps the test inputs of a cell with this seed.
    pub(super) fn of(
        attack: &dyn Attack,
        test: &Dataset,
        seed: Seed,
        map: LabelMap,
        scope: AsrScope,
    ) -> Result<Self> {
        let trigger = attack
            .trigger(&test.info(), seed.derive("attack"))?
            .ok_or_else(|| Error::new("the attack has a backdoor but no trigger"))?;
        let rows = test.rows_where(|label| map.counts(label, scope));
        let labels = rows.iter().map(|&row| test.labels()[row]).collect();
        let content = trigger.stamped(test.rows(), &rows)?;
        Ok(Self { rows, labels, content, map, scope })
    }

    /// How a model does that reads them as `predicted`.
    pub(super) fn judged(&self, predicted: &[usize]) -> metrics::Backdoor {
        metrics::backdoor(predicted, &self.labels, &self.map, self.scope)
    }
}

/// The untouched test inputs that count towards an attack's success.
#[derive(Debug)]
pub(super) struct Misread {
    /// Their rows in the test set.
    rows: Vec<usize>,
    labels: Vec<usize>,
    map: LabelMap,
    scope: AsrScope,
}

impl Misread {
    /// Those of a test set.
    pub(super) fn of(attack: &dyn Attack, test: &Dataset, map: LabelMap, scope: AsrScope) -> Result<Self> {
        let rows = attack.counted(test)?.unwrap_or_else(|| (0..test.len()).collect());
        let labels = rows.iter().map(|&row| test.labels()[row]).collect();
        Ok(Self { rows, labels, map, scope })
    }

    /// How a model does that reads the whole test set as `predicted`.
    pub(super) fn judged(&self, predicted: &[usize]) -> metrics::Backdoor {
        let predicted: Vec<usize> = self.rows.iter().map(|&row| predicted[row]).collect();
        metrics::backdoor(&predicted, &self.labels, &self.map, self.scope)
    }
}

/// What a finished `evaluate` stage's model said of `test`; `None` if it was not asked to keep it.
pub(crate) fn read(entry: &Entry, test: &Dataset) -> std::result::Result<Option<Predictions>, Failure> {
    if !entry.manifest.files.contains_key(FILE) {
        return Ok(None);
    }
    let mut named = tensors::decode(&entry.read(FILE)?)?;
    let mut all = Predictions { scores: vec![Vec::new(); test.num_classes()], ..Predictions::default() };
    let mut add = |input: &str, rows: &[usize], scores: Tensor| -> Result<()> {
        all.predicted_label.extend(best_class(&scores)?.into_iter().map(|label| label as i64));
        for (class, column) in all.scores.iter_mut().enumerate() {
            let scores = scores.select(1, class as i64).to_kind(Kind::Double).contiguous();
            column.extend(Vec::<f64>::try_from(scores)?);
        }
        for &row in rows {
            all.input.push(input.to_owned());
            all.index.push(row as i64);
            all.source.push(test.origins().of(row));
            all.true_label.push(test.labels()[row] as i64);
        }
        Ok(())
    };
    let clean: Vec<usize> = (0..test.len()).collect();
    add("clean", &clean, tensors::take(&mut named, "clean_scores")?)?;
    if let Some(rows) = named.remove("attacked_rows") {
        let rows = Vec::<i64>::try_from(rows).map_err(Error::from)?;
        let rows: Vec<usize> = rows.into_iter().map(|row| row as usize).collect();
        add("attacked", &rows, tensors::take(&mut named, "attacked_scores")?)?;
    }
    Ok(Some(all))
}
