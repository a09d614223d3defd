//! `linear`: one linear layer.

use aconite_core::{Result, Shape};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::staged::Staged;
use crate::{Net, Network, Params};

/// One linear layer on the flattened input: multinomial logistic regression when trained with cross-entropy.
///
/// There is no hidden layer and no stage: the features are the input itself.
///
/// Paper: Cox 1958, The regression analysis of binary sequences.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Linear {}

impl Kind for Linear {}

impl Net for Linear {
    fn check(&self, _: Shape, _: usize, _: tch::Kind) -> Result<()> {
        Ok(())
    }

    fn takes_tables(&self) -> bool {
        true
    }

    fn build(&self, params: &mut Params, shape: Shape, classes: usize) -> Result<Box<dyn Network>> {
        let head = crate::Linear::new(params, "head", shape.pixels() as i64, classes as i64)?;
        let front = head.front();
        Ok(Box::new(Staged::new(head).pool(move |x, _| x.flatten(front, -1))))
    }

    fn stacks(&self) -> bool {
        true
    }
}
