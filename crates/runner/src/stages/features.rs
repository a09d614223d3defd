//! `features`: penultimate activations and scores of a model on the training set it learnt from, or on the fold
//! that it did not see.

use aconite_plan::Stage;
use serde_json::json;

use super::{Failure, Output, Workshop};
use crate::tensors;

/// The file that holds them.
pub(super) const FILE: &str = "features.safetensors";

pub(super) fn compute(stage: &Stage, shop: &mut Workshop) -> Result<Output, Failure> {
    // No augmentation: row i of the features is row i of the training set (or of the fold), as it stands there.
    let (data, folded) = match stage.settings["fold"].is_null() {
        true => (shop.poisoned(stage)?.data().clone(), false),
        false => (shop.fold(stage)?, true),
    };
    let model = shop.model(stage, &data.info())?;
    let mut value = json!({ "rows": data.len() });
    let mut named = aconite_core::NamedTensors::new();
    let scores = match folded {
        true => model.scores(data.rows())?,
        false => {
            let (scores, features) = model.scores_and_features(data.rows())?;
            value["width"] = json!(features.size()[1]);
            named.insert("features".into(), features);
            scores
        }
    };
    named.insert("scores".into(), scores);
    Ok(Output { value, files: vec![(FILE.into(), tensors::encode(&named)?)] })
}
