//! `filter`: a defense scores the training rows; the scorer, which alone knows the truth, judges it.

use aconite_core::{ControlArm, Dataset, Error, Evidence, Result, Role, Truth, Verdict, metrics};
use aconite_plan::{Entry, Stage};
use aconite_sanitization::random_filter::random_verdict;
use serde_json::{Map, Value, json};
use tch::{Device, Kind, Tensor};

use super::folds::folds;
use super::workshop::{learner, left_by, rows_where, seed};
use super::{Failure, Output, Workshop, features};
use crate::{families, tensors};

const FILE: &str = "verdict.safetensors";

pub(super) fn compute(stage: &Stage, shop: &mut Workshop) -> std::result::Result<Output, Failure> {
    let poisoned = shop.poisoned(stage)?;
    let before = shop.input(stage, "filter")?.map(|entry| read(&entry)).transpose()?;
    let defense = families::defense(&stage.settings["defense"])?;
    let n = poisoned.data().len();
    let kept = match &before {
        Some(before) => rows_where(&before.removed, |removed| !removed),
        None => (0..n).collect(),
    };
    let given = match &before {
        Some(before) => left_by(poisoned.data(), before)?,
        None => poisoned.data().clone(),
    };
    let judged = match defense.role() {
        Role::Control(control) => control_arm(stage, shop, control, poisoned.truth(), &kept)?,
        Role::Filter(filter) => {
            let told = shop.told(stage, &defense.knowledge())?;
            let mut evidence = Evidence::new(&given, told, seed(stage).derive("defense"));
            if let Some(entry) = shop.input(stage, "features")? {
                let mut named = tensors::decode(&entry.read(features::FILE)?)?;
                evidence.features = Some(of_rows(tensors::take(&mut named, "features")?, &kept, n)?);
                evidence.scores = Some(of_rows(tensors::take(&mut named, "scores")?, &kept, n)?);
            }
            evidence.out_of_sample = out_of_sample(stage, shop, &given)?;
            if filter.clean().get() > 0.0 {
                evidence.clean = Some(shop.clean_samples(stage, filter.clean())?);
            }
            let victim = filter.reads().victim.then(|| learner(stage)).transpose()?;
            evidence.learner = victim.as_deref();
            filter.judge(&evidence)?
        }
        _ => return Err(Failure::Failed("this defense filters nothing".into())),
    };
    if judged.scores.len() != kept.len() || judged.removed.len() != kept.len() {
        let message = format!("the filter judged {} of {} rows", judged.scores.len(), kept.len());
        return Err(Failure::Failed(message));
    }
    let verdict = whole(judged, &kept, poisoned.data().labels(), before);
    let found = metrics::filtering(&verdict.scores, &verdict.removed, poisoned.truth().poisoned);
    let mut value = Map::new();
    value.insert("removed".into(), json!(found.removed));
    if let Some(labels) = &verdict.labels {
        let mended = rows_where(&verdict.removed, |removed| !removed);
        let changed = mended.iter().filter(|&&row| labels[row] != poisoned.data().labels()[row]);
        value.insert("relabelled".into(), json!(changed.count()));
    }
    for (name, share) in [
        ("recall", found.recall),
        ("false_positive_rate", found.false_positive_rate),
        ("precision", found.precision),
        ("auroc", found.auroc),
        ("average_precision", found.average_precision),
    ] {
        if let Some(share) = share {
            value.insert(name.into(), json!(share));
        }
    }
    Ok(Output { value: Value::Object(value), files: vec![(FILE.into(), write(&verdict)?)] })
}

/// A control arm, which is given the truth; a random one takes over the number of rows of another filter.
fn control_arm(
    stage: &Stage,
    shop: &Workshop,
    control: &dyn ControlArm,
    truth: Truth<'_>,
    kept: &[usize],
) -> std::result::Result<Verdict, Failure> {
    let seed = seed(stage).derive("defense");
    if let Some(entry) = shop.input(stage, "size")? {
        let removed = read(&entry)?.removed;
        return Ok(random_verdict(removed.len(), removed.iter().filter(|r| **r).count(), seed));
    }
    let poisoned: Vec<bool> = kept.iter().map(|&row| truth.poisoned[row]).collect();
    let true_labels: Vec<usize> = kept.iter().map(|&row| truth.true_labels[row]).collect();
    Ok(control.judge(Truth { poisoned: &poisoned, true_labels: &true_labels }, seed)?)
}

/// The rows `kept` of a tensor over all `n` rows.
fn of_rows(all: Tensor, kept: &[usize], n: usize) -> Result<Tensor> {
    if kept.len() == n {
        return Ok(all);
    }
    let index: Vec<i64> = kept.iter().map(|&row| row as i64).collect();
    Ok(all.f_index_select(0, &Tensor::from_slice(&index))?)
}

/// The scores of each row under the model of the fold that did not see it.
fn out_of_sample(
    stage: &Stage,
    shop: &Workshop,
    given: &Dataset,
) -> std::result::Result<Option<Tensor>, Failure> {
    let of = stage.inputs.iter().filter(|(part, _)| part.starts_with("fold")).count();
    if of == 0 {
        return Ok(None);
    }
    let fold = folds(given, of, seed(stage));
    let mut all = Tensor::zeros([given.len() as i64, given.num_classes() as i64], (Kind::Float, Device::Cpu));
    for number in 0..of {
        let Some(entry) = shop.input(stage, &format!("fold{number}"))? else { continue };
        let mut named = tensors::decode(&entry.read(features::FILE)?)?;
        let scores = tensors::take(&mut named, "scores")?;
        let rows: Vec<i64> = rows_where(&fold, |f| f == number).into_iter().map(|row| row as i64).collect();
        all = all.f_index_copy(0, &Tensor::from_slice(&rows), &scores).map_err(Error::from)?;
    }
    Ok(Some(all))
}

/// A verdict on the rows that were left, as a verdict on all rows: what is gone stays gone, and scores as high as
/// the most suspicious of the rest.
fn whole(judged: Verdict, kept: &[usize], labels: &[usize], before: Option<Verdict>) -> Verdict {
    let Some(before) = before else { return judged };
    let top = judged.scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut all =
        Verdict::new(vec![if top.is_finite() { top } else { 0.0 }; before.removed.len()], before.removed);
    let mended = judged.labels.is_some() || before.labels.is_some();
    let mut new = before.labels.unwrap_or_else(|| labels.to_vec());
    for (i, &row) in kept.iter().enumerate() {
        all.scores[row] = judged.scores[i];
        all.removed[row] = judged.removed[i];
        if let Some(labels) = &judged.labels {
            new[row] = labels[i];
        }
    }
    all.labels = mended.then_some(new);
    all
}

fn write(verdict: &Verdict) -> Result<Vec<u8>> {
    let mut named = aconite_core::NamedTensors::from([
        ("scores".to_owned(), Tensor::from_slice(&verdict.scores)),
        ("removed".to_owned(), Tensor::from_slice(&verdict.removed)),
    ]);
    if let Some(labels) = &verdict.labels {
        let labels: Vec<i64> = labels.iter().map(|&label| label as i64).collect();
        named.insert("labels".into(), Tensor::from_slice(&labels));
    }
    tensors::encode(&named)
}

/// The verdict that a finished `filter` stage holds.
pub(crate) fn read(entry: &Entry) -> std::result::Result<Verdict, Failure> {
    let mut named = tensors::decode(&entry.read(FILE)?)?;
    let scores = Vec::<f64>::try_from(tensors::take(&mut named, "scores")?).map_err(Error::from)?;
    let removed = Vec::<bool>::try_from(tensors::take(&mut named, "removed")?).map_err(Error::from)?;
    let labels = named.remove("labels").map(Vec::<i64>::try_from).transpose().map_err(Error::from)?;
    let labels = labels.map(|labels| labels.into_iter().map(|label| label as usize).collect());
    Ok(Verdict { scores, removed, labels })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_earlier_filter_removed_stays_removed_and_what_it_mended_stays_mended() {
        let before = Verdict {
            scores: vec![5.0, 1.0, 2.0, 0.0],
            removed: vec![true, false, false, false],
            labels: Some(vec![0, 1, 1, 0]),
        };
        let judged = Verdict { scores: vec![0.1, 0.9, 0.3], removed: vec![false, true, false], labels: None };
        let all = whole(judged, &[1, 2, 3], &[0, 0, 1, 0], Some(before));
        assert_eq!((all.scores, all.removed), (vec![0.9, 0.1, 0.9, 0.3], vec![true, false, true, false]));
        assert_eq!(all.labels, Some(vec![0, 1, 1, 0]));
    }
}
