//! `fit` and `surrogate`: a victim learns from the training set as the attack and the filters left it.

use aconite_core::{Course, Feed, Learner, Model, Observer, Role, Seed, Training};
use aconite_plan::{Stage, StageName};
use aconite_train::Transfer;
use serde_json::json;

use super::workshop::{attack, learner, regime, seed};
use super::{Failure, Output, Workshop, federate, stream};
use crate::{families, tensors};

/// The file that holds a model.
pub(super) const MODEL: &str = "model.safetensors";

pub(super) fn compute(
    stage: &Stage,
    shop: &mut Workshop,
    watch: &mut dyn Observer,
) -> Result<Output, Failure> {
    if federate::federates(stage) {
        return federate::compute(stage, shop, watch);
    }
    if stream::streams(stage) {
        return stream::compute(stage, shop, watch);
    }
    let data = shop.training(stage)?;
    let learner = learner(stage)?;
    let seed = match stage.name {
        StageName::Surrogate => seed(stage).derive("surrogate"),
        _ => seed(stage),
    };
    let mut curve = Curve { losses: Vec::new(), next: watch };
    let feed = feed(stage, shop)?;
    let model = match regime(stage)? {
        Some(defense) => {
            let told = shop.told(stage, &defense.knowledge())?;
            let training = Training {
                learner: learner.as_ref(),
                data: &data,
                feed: feed.as_deref(),
                told,
                seed,
                own: seed.derive("defense"),
            };
            match defense.role() {
                Role::Regime(regime) => regime.fit(&training, &mut curve)?,
                Role::Certificate(certificate) => certificate.fit(&training, &mut curve)?,
                _ => return Err(Failure::Failed("this defense does not train".into())),
            }
        }
        None => plain(stage, shop, learner.as_ref(), &data, seed, feed.as_deref(), &mut curve)?,
    };
    let losses = curve.losses;
    let mut value = json!({ "rows": data.len() });
    if let Some(last) = losses.last() {
        value["train_loss"] = json!(last);
        value["curve"] = json!(losses);
    }
    Ok(Output { value, files: vec![(MODEL.into(), tensors::encode(&model.tensors())?)] })
}

/// Training as `[train]` says.
fn plain(
    stage: &Stage,
    shop: &mut Workshop,
    learner: &dyn Learner,
    data: &aconite_core::Dataset,
    seed: Seed,
    feed: Option<&dyn Feed>,
    watch: &mut dyn Observer,
) -> Result<Box<dyn Model>, Failure> {
    if !learner.takes_steps() {
        return Ok(learner.fit(data, seed, watch)?);
    }
    let start = match shop.input(stage, "start")? {
        Some(entry) => Some(tensors::decode(&entry.read(MODEL)?)?),
        None => None,
    };
    let part = match &start {
        Some(_) => families::transfer(&stage.settings["train"])?.part(),
        None => Transfer::None.part(),
    };
    let course = Course { start: start.as_ref(), part, feed, ..Course::default() };
    Ok(learner.fit_with(data, seed, course, watch)?)
}

/// The adversary's hand in the input pipeline, where it has one.
fn feed(stage: &Stage, shop: &mut Workshop) -> Result<Option<Box<dyn Feed>>, Failure> {
    if stage.input("poison").is_none() || stage.settings["attack"].is_null() {
        return Ok(None);
    }
    let info = shop.split(stage)?.train.info();
    Ok(attack(stage)?.feed(&info, seed(stage).derive("attack"))?)
}

/// Keeps the loss of each epoch and passes everything on.
struct Curve<'a> {
    losses: Vec<f64>,
    next: &'a mut dyn Observer,
}

impl Observer for Curve<'_> {
    fn step(&mut self, done: usize, total: usize) {
        self.next.step(done, total);
    }

    fn epoch(&mut self, epoch: usize, loss: f64) {
        self.losses.push(loss);
        self.next.epoch(epoch, loss);
    }
}
