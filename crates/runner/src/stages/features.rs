//! `features`: penultimate activations of a model on the training set it learnt from.

use aconite_plan::Stage;
use serde_json::json;

use super::{Failure, Output, Workshop};
use crate::tensors;

/// The file that holds them.
pub(super) const FILE: &str = "features.safetensors";

pub(super) fn compute(stage: &Stage, shop: &mut Workshop) -> Result<Output, Failure> {
    let poisoned = shop.poisoned(stage)?;
    let data = poisoned.data();
    // No augmentation: row i of the features is row i of the training set, as it stands there.
    let features = shop.model(stage, &data.info())?.features(data.rows())?;
    let value = json!({ "rows": features.size()[0], "width": features.size()[1] });
    let named = [("features".to_owned(), features)].into();
    Ok(Output { value, files: vec![(FILE.into(), tensors::encode(&named)?)] })
}
