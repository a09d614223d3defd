//! `poison`: which rows the attack changes, and to what.

use std::collections::{BTreeMap, HashMap};

use aconite_core::{
    Added, Dataset, Documents, Error, Images, NamedTensors, Observer, Poison, Poisoned, Result, Rows, Scene,
    Table, Target, similarity,
};
use aconite_plan::{Entry, Stage};
use serde_json::{Value, json};
use tch::{Kind, Tensor};

use super::workshop::{attack, learner, seed};
use super::{Failure, Output, Workshop};
use crate::tensors;

const FILE: &str = "poison.safetensors";
/// How the names of tensors of added rows begin.
const ADDED: &str = "added.";

pub(super) fn compute(
    stage: &Stage,
    shop: &mut Workshop,
    watch: &mut dyn Observer,
) -> std::result::Result<Output, Failure> {
    let split = shop.split(stage)?;
    let attack = attack(stage)?;
    let info = split.train.info();
    // What cannot be counted in the end shall fail before the victim is trained.
    attack.counted(&split.test)?;
    let needs = attack.needs();
    let surrogate = shop.surrogate(stage, &info)?;
    let victim = if needs.victim { Some(learner(stage)?) } else { None };
    let scene = Scene {
        surrogate: surrogate.as_deref(),
        victim: victim.as_deref(),
        victim_seed: needs.online.then_some(seed(stage)),
        test: needs.targets.then_some(&split.test),
        ..Scene::new(&split.train, seed(stage).derive("attack"))
    };
    let poisons = attack.craft(&scene, watch)?;
    if poisons.len() != attack.trials() {
        let message = format!("the attack made poison for {} of {} trials", poisons.len(), attack.trials());
        return Err(Failure::Failed(message));
    }
    let mut sums: BTreeMap<&str, (f64, usize)> = BTreeMap::new();
    for poison in &poisons {
        for (name, measure) in measures(&split.train, poison, attack.goal(&info).target())? {
            let sum = sums.entry(name).or_default();
            *sum = (sum.0 + measure, sum.1 + 1);
        }
    }
    let value = sums.into_iter().map(|(name, (sum, n))| (name.to_owned(), json!(sum / n as f64))).collect();
    Ok(Output { value: Value::Object(value), files: vec![(FILE.into(), write_poisons(&poisons)?)] })
}

/// What a poison costs and how strong its change is.
fn measures(clean: &Dataset, poison: &Poison, target: Option<usize>) -> Result<Vec<(&'static str, f64)>> {
    let poisoned = Poisoned::new(clean, poison)?;
    let mut measures = vec![("poisons", poison.count() as f64)];
    if let Some(target) = target {
        let carrying = poisoned.data().rows_of(target);
        let bad = carrying.iter().filter(|&&row| poisoned.truth().poisoned[row]).count();
        if !carrying.is_empty() {
            measures.push(("target_class_share", bad as f64 / carrying.len() as f64));
        }
    }
    if let (Some(Rows::Images(changed)), Rows::Images(all)) = (&poison.content, clean.rows())
        && !poison.rows.is_empty()
    {
        let strength = similarity::strength(&all.select(&poison.rows), changed)?;
        measures.extend([("linf", strength.linf), ("l2", strength.l2)]);
        measures.extend(strength.psnr.map(|psnr| ("psnr", psnr)));
        measures.extend(strength.ssim.map(|ssim| ("ssim", ssim)));
    }
    Ok(measures)
}

/// The poison of each trial, the names of its tensors beginning with the trial's number.
fn write_poisons(poisons: &[Poison]) -> Result<Vec<u8>> {
    let column = |values: &[usize]| Tensor::from_slice(&values.iter().map(|&v| v as i64).collect::<Vec<_>>());
    let mut named = NamedTensors::new();
    for (trial, poison) in poisons.iter().enumerate() {
        let mut put = |name: &str, tensor: Tensor| drop(named.insert(format!("{trial}.{name}"), tensor));
        put("rows", column(&poison.rows));
        put("labels", column(&poison.labels));
        if let Some(target) = poison.target {
            put("target", column(&[target.row, target.wanted]));
        }
        for (name, tensor) in poison.content.iter().flat_map(encode_rows) {
            put(&name, tensor);
        }
        if let Some(added) = &poison.added {
            put(&format!("{ADDED}labels"), column(&added.labels));
            encode_rows(&added.rows)
                .into_iter()
                .for_each(|(name, tensor)| put(&format!("{ADDED}{name}"), tensor));
        }
    }
    tensors::encode(&named)
}

/// Rows as tensors: `pixels` (u8 N×C×H×W), `values` (f32 N×D), or `bytes` (u8) of the different documents, where each
/// of them ends (`ends`, i64) and which one a row is (`which`, i64 N).
fn encode_rows(rows: &Rows) -> NamedTensors {
    let mut named = NamedTensors::new();
    let n = rows.len() as i64;
    match rows {
        Rows::Images(images) => {
            let shape = images.shape();
            let size = [n, shape.channels as i64, shape.height as i64, shape.width as i64];
            named.insert("pixels".into(), Tensor::from_data_size(images.bytes(), &size, Kind::Uint8));
        }
        Rows::Table(table) => {
            named.insert(
                "values".into(),
                Tensor::from_slice(table.values()).view([n, table.columns().len() as i64]),
            );
        }
        Rows::Documents(documents) => {
            let (mut bytes, mut ends) = (Vec::new(), Vec::new());
            // Copies of one document share its bytes, here as in memory.
            let mut known = HashMap::new();
            let mut number = |row: usize| -> i64 {
                let document = documents.bytes(row);
                *known.entry((document.as_ptr(), document.len())).or_insert_with(|| {
                    bytes.extend_from_slice(document);
                    ends.push(bytes.len() as i64);
                    ends.len() as i64 - 1
                })
            };
            let which: Vec<i64> = (0..documents.len()).map(&mut number).collect();
            named.insert("which".into(), Tensor::from_slice(&which));
            named.insert("bytes".into(), Tensor::from_slice(&bytes));
            named.insert("ends".into(), Tensor::from_slice(&ends));
        }
    }
    named
}

/// What [`encode_rows`] gave, as rows of the kind of `clean`.
fn decode_rows(mut named: NamedTensors, clean: &Rows) -> Result<Option<Rows>> {
    Ok(Some(match clean {
        Rows::Images(images) => {
            let Some(pixels) = named.remove("pixels") else { return Ok(None) };
            Images::new(images.shape(), Vec::<u8>::try_from(pixels.flatten(0, -1))?)?.into()
        }
        Rows::Table(table) => {
            let Some(values) = named.remove("values") else { return Ok(None) };
            Table::new(table.columns().clone(), Vec::<f32>::try_from(values.flatten(0, -1))?)?.into()
        }
        Rows::Documents(documents) => {
            let Some(bytes) = named.remove("bytes") else { return Ok(None) };
            let bytes = Vec::<u8>::try_from(bytes)?;
            let ends = Vec::<i64>::try_from(tensors::take(&mut named, "ends")?)?;
            let mut start = 0;
            let mut parts = Vec::with_capacity(ends.len());
            for end in ends {
                let part = bytes.get(start..end as usize);
                parts.push(part.ok_or_else(|| Error::new("the poison's documents do not fit"))?.to_vec());
                start = end as usize;
            }
            let which = Vec::<i64>::try_from(tensors::take(&mut named, "which")?)?;
            let which: Vec<usize> = which.into_iter().map(|number| number as usize).collect();
            if which.iter().any(|&number| number >= parts.len()) {
                return Err(Error::new("the poison's documents do not fit"));
            }
            let parts = match documents.are_mail() {
                true => Documents::mail(parts),
                false => {
                    Documents::texts(parts.into_iter().map(|b| String::from_utf8_lossy(&b).into_owned()))
                }
            };
            parts.select(&which).into()
        }
    }))
}

/// The poison of `clean` that a finished `poison` stage holds for a trial.
pub(crate) fn read_poison(entry: &Entry, clean: &Rows, trial: usize) -> std::result::Result<Poison, Failure> {
    let prefix = format!("{trial}.");
    let of_trial = |(name, tensor): (String, Tensor)| Some((name.strip_prefix(&prefix)?.to_owned(), tensor));
    let mut named: NamedTensors =
        tensors::decode(&entry.read(FILE)?)?.into_iter().filter_map(of_trial).collect();
    let mut column = |name: &str| -> Result<Vec<usize>> {
        let values = Vec::<i64>::try_from(tensors::take(&mut named, name)?)?;
        Ok(values.into_iter().map(|v| v as usize).collect())
    };
    let (rows, labels) = (column("rows")?, column("labels")?);
    let target = match column("target") {
        Ok(pair) => pair.first().zip(pair.get(1)).map(|(&row, &wanted)| Target { row, wanted }),
        Err(_) => None,
    };
    let added = match column(&format!("{ADDED}labels")) {
        Ok(labels) => {
            let named = named.iter().filter_map(|(name, tensor)| {
                Some((name.strip_prefix(ADDED)?.to_owned(), tensor.shallow_clone()))
            });
            decode_rows(named.collect(), clean)?.map(|rows| Added { rows, labels })
        }
        Err(_) => None,
    };
    Ok(Poison { rows, labels, content: decode_rows(named, clean)?, added, target })
}

#[cfg(test)]
mod tests {
    use super::*;
    use aconite_core::Shape;
    use std::sync::Arc;

    #[test]
    fn rows_of_every_kind_survive_the_store() {
        let shape = Shape { channels: 1, height: 1, width: 2 };
        let kinds: Vec<Rows> = vec![
            Images::new(shape, vec![1, 2, 3, 4]).unwrap().into(),
            Table::new(Arc::new(vec!["a".into(), "b".into()]), vec![1.0, 2.5, -3.0, 4.0]).unwrap().into(),
            Documents::texts(["one".to_owned(), String::new(), "dréi".to_owned()]).into(),
            Documents::mail([b"A: b\n\n\xff\x00".to_vec(), Vec::new()]).into(),
            Documents::texts(["one".to_owned(), "two".to_owned()]).select(&[1, 0, 1, 1]).into(),
        ];
        for rows in kinds {
            let bytes = tensors::encode(&encode_rows(&rows)).unwrap();
            let back = decode_rows(tensors::decode(&bytes).unwrap(), &rows).unwrap();
            assert_eq!(back, Some(rows.clone()));
            let none = tensors::encode(&encode_rows(&rows.select(&[]))).unwrap();
            let back = decode_rows(tensors::decode(&none).unwrap(), &rows).unwrap();
            assert_eq!(back.map(|rows| rows.len()), Some(0), "a poison of no row");
            assert_eq!(decode_rows(NamedTensors::new(), &rows).unwrap(), None);
        }
    }
}
