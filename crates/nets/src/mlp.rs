//! `mlp`: linear layers with ReLU between them.

use aconite_core::{Error, Result, Shape};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::staged::Staged;
use crate::{Linear, Net, Network, Params};

/// Linear layers with ReLU between them, on the flattened input.
///
/// The activations of the last hidden layer are the features. The stages are `hidden1`, `hidden2` …, whose
/// outputs are rows, not maps.
///
/// Paper: Rumelhart, Hinton, Williams 1986, Learning representations by back-propagating errors.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Mlp {
    /// Units of each hidden layer, first to last; at least one layer.
    pub hidden: Vec<u32>,
}

impl Default for Mlp {
    fn default() -> Self {
        Self { hidden: vec![256, 128] }
    }
}

impl Kind for Mlp {}

impl Net for Mlp {
    fn check(&self, _: Shape, _: usize, _: tch::Kind) -> Result<()> {
        if self.hidden.is_empty() || self.hidden.contains(&0) {
            return Err(Error::at("hidden", "an mlp needs at least one hidden layer of at least one unit")
                .hint("for a model without hidden layers use kind = \"linear\""));
        }
        Ok(())
    }

    fn takes_tables(&self) -> bool {
        true
    }

    fn build(&self, params: &mut Params, shape: Shape, classes: usize) -> Result<Box<dyn Network>> {
        let mut from = shape.pixels() as i64;
        let mut hidden = Vec::new();
        for (i, &units) in self.hidden.iter().enumerate() {
            let name = format!("hidden{}", i + 1);
            hidden.push((name.clone(), Linear::new(params, &name, from, i64::from(units))?));
            from = i64::from(units);
        }
        let mut net = Staged::new(Linear::new(params, "head", from, classes as i64)?);
        for (name, layer) in hidden {
            // Only the first one gets images; rows are left as they are.
            net = net.stage(name, move |x, mode| layer.forward(&x.flatten(layer.front(), -1), mode).relu());
        }
        Ok(Box::new(net))
    }

    fn stacks(&self) -> bool {
        true
    }
}
