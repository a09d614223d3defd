//! `detect`: a defense flags inputs or the model; the scorer, which alone knows which inputs carry the trigger,
//! judges it.

use aconite_core::{Dataset, Findings, Goal, InputDetector, Observer, Role, Subject, metrics};
use aconite_plan::{Entry, Stage};
use aconite_record::{Detection, Reversed};
use serde_json::{Map, Value, json};

use super::workshop::{attack, learner, seed};
use super::{Failure, Output, Workshop};
use crate::families;

/// The file that holds what a model detector found.
const FILE: &str = "detection.json";

pub(super) fn compute(
    stage: &Stage,
    shop: &mut Workshop,
    watch: &mut dyn Observer,
) -> Result<Output, Failure> {
    let defense = families::defense(&stage.settings["defense"])?;
    let share = match defense.role() {
        Role::InputDetector(detector) => detector.clean(),
        Role::ModelDetector(detector) => detector.clean(),
        _ => return Err(Failure::Failed("this defense detects nothing".into())),
    };
    let clean = shop.clean_samples(stage, share)?;
    let split = shop.split(stage)?;
    let info = split.train.info();
    let learner = learner(stage)?;
    let model = shop.model(stage, &info)?;
    let seed = seed(stage).derive("defense");
    let subject =
        Subject { learner: learner.as_ref(), model: model.as_ref(), info: &info, clean: &clean, seed };
    match defense.role() {
        Role::InputDetector(detector) => inputs(stage, &split.test, detector, &subject, watch),
        Role::ModelDetector(detector) => {
            let findings = detector.inspect(&subject, watch)?;
            let target = attack(stage)?.goal(&info).target();
            let value = judged(&findings, target);
            let kind = stage.settings["defense"]["kind"].as_str().unwrap_or_default();
            let bytes = serde_json::to_vec(&detection(kind, &info, findings)?).unwrap_or_default();
            Ok(Output { value, files: vec![(FILE.to_owned(), bytes)] })
        }
        _ => Err(Failure::Failed("this defense detects nothing".into())),
    }
}

/// Untouched and triggered test inputs, in one pile for the detector.
fn inputs(
    stage: &Stage,
    test: &Dataset,
    detector: &dyn InputDetector,
    subject: &Subject<'_>,
    watch: &mut dyn Observer,
) -> Result<Output, Failure> {
    let attack = attack(stage)?;
    let scope = families::evaluate(&stage.settings["evaluate"])?.asr_scope;
    let own = seed(stage).derive("detection inputs");
    let all: Vec<usize> = (0..test.len()).collect();
    let untouched = own.derive("untouched").choose(&all, detector.inputs());
    let mut pile = test.rows().select(&untouched);
    if let Goal::Backdoor(map) = attack.goal(subject.info)
        && let Some(trigger) = attack.trigger(&test.info(), seed(stage).derive("attack"))?
    {
        let rows = test.rows_where(|label| map.counts(label, scope));
        let chosen = own.derive("triggered").choose(&rows, detector.inputs());
        pile = pile.followed_by(&trigger.stamped(test.rows(), &chosen)?)?;
    }
    let flags = detector.judge(subject, &pile, watch)?;
    if flags.scores.len() != pile.len() {
        return Err(Failure::Failed(format!(
            "the detector scored {} of {} inputs",
            flags.scores.len(),
            pile.len()
        )));
    }
    let triggered: Vec<bool> = (0..pile.len()).map(|i| i >= untouched.len()).collect();
    let flagged: Vec<bool> = flags.scores.iter().map(|&score| score > flags.threshold).collect();
    let found = metrics::filtering(&flags.scores, &flagged, &triggered);
    let mut value = Map::new();
    value.insert("threshold".into(), json!(flags.threshold));
    let shares = [("auroc", found.auroc), ("tpr", found.recall), ("fpr", found.false_positive_rate)];
    value.extend(shares.into_iter().filter_map(|(name, share)| Some((name.to_owned(), json!(share?)))));
    Ok(Output { value: Value::Object(value), files: Vec::new() })
}

/// What is said of the classes, against the true target if there is one.
fn judged(findings: &Findings, target: Option<usize>) -> Value {
    let mut value = Map::new();
    for (class, index) in findings.index.iter().enumerate().filter(|(_, index)| index.is_finite()) {
        value.insert(format!("anomaly_index_{class}"), json!(index));
    }
    let targets: Vec<bool> = (0..findings.index.len()).map(|class| Some(class) == target).collect();
    let found = metrics::filtering(&findings.index, &findings.flagged, &targets);
    value.insert("flagged_classes".into(), json!(found.removed));
    let shares = [("auroc", found.auroc), ("tpr", found.recall), ("fpr", found.false_positive_rate)];
    value.extend(shares.into_iter().filter_map(|(name, share)| Some((name.to_owned(), json!(share?)))));
    Value::Object(value)
}

fn detection(kind: &str, info: &aconite_core::Info, findings: Findings) -> aconite_core::Result<Detection> {
    let shape = info.shape()?;
    let trigger = |t: aconite_core::ReversedTrigger| Reversed { mask: t.mask, pattern: t.pattern };
    Ok(Detection {
        kind: kind.to_owned(),
        classes: info.classes.to_vec(),
        index: findings.index.into_iter().map(|index| Some(index).filter(|i| i.is_finite())).collect(),
        flagged: findings.flagged,
        height: shape.height,
        width: shape.width,
        channels: shape.channels,
        triggers: findings.triggers.into_iter().map(trigger).collect(),
    })
}

/// What a model detector's stage found; `None` for a detector of inputs.
pub(crate) fn read(entry: &Entry) -> Result<Option<Detection>, Failure> {
    match entry.manifest.files.contains_key(FILE) {
        true => {
            serde_json::from_slice(&entry.read(FILE)?).map(Some).map_err(|e| Failure::Failed(e.to_string()))
        }
        false => Ok(None),
    }
}
