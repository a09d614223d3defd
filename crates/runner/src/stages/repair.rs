//! `repair`: a defense mends a trained model with a few clean samples.

use aconite_core::{Damaged, Observer, Role};
use aconite_plan::Stage;
use serde_json::json;

use super::fit::MODEL;
use super::workshop::{learner, seed};
use super::{Failure, Output, Workshop};
use crate::{families, tensors};

pub(super) fn compute(
    stage: &Stage,
    shop: &mut Workshop,
    watch: &mut dyn Observer,
) -> Result<Output, Failure> {
    let defense = families::defense(&stage.settings["defense"])?;
    let Role::Repair(repair) = defense.role() else {
        return Err(Failure::Failed("this defense repairs nothing".into()));
    };
    let clean = shop.clean_samples(stage, repair.clean())?;
    let learner = learner(stage)?;
    let info = shop.split(stage)?.train.info();
    let model = shop.model(stage, &info)?;
    let damaged = Damaged {
        learner: learner.as_ref(),
        model: model.as_ref(),
        clean: &clean,
        told: shop.told(stage, &defense.knowledge())?,
        seed: seed(stage).derive("defense"),
    };
    let mended = repair.mend(&damaged, watch)?;
    let value = json!({ "clean_samples": clean.len() });
    Ok(Output { value, files: vec![(MODEL.into(), tensors::encode(&mended.tensors())?)] })
}
