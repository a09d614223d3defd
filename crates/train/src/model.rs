//! A trained network.

use aconite_core::{Mode, Model, NamedTensors, Network, Result, Rows};
use aconite_nets::Params;
use tch::{Kind, Tensor, no_grad};

use crate::Precision;
use crate::resident::{input, numbers, rows};
use crate::vocabulary::Vocabulary;

/// Rows per forward pass in inference. Fixed: it is part of no setting and must not change results.
const ROWS: usize = 500;

/// A network with its trained weights.
pub struct NetModel {
    network: Box<dyn Network>,
    params: Params,
    precision: Precision,
    vocabulary: Option<Vocabulary>,
}

impl std::fmt::Debug for NetModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NetModel").field("precision", &self.precision).finish_non_exhaustive()
    }
}

impl NetModel {
    /// Joins a network and the weights that it was built from.
    pub fn new(network: Box<dyn Network>, params: Params, precision: Precision) -> Self {
        Self { network, params, precision, vocabulary: None }
    }

    /// Lets it read documents through a vocabulary, if there is one.
    #[must_use]
    pub(crate) fn reading(self, vocabulary: Option<Vocabulary>) -> Self {
        Self { vocabulary, ..self }
    }

    fn mode(&self) -> Mode {
        Mode { train: false, kind: self.precision.kind() }
    }

    /// Applies `pass` to the rows in slices and joins each of its results in f32.
    fn in_slices<const N: usize>(
        &self,
        content: &Rows,
        pass: impl Fn(&Tensor, Mode) -> [Tensor; N],
    ) -> Result<[Tensor; N]> {
        let all = numbers(content, self.vocabulary.as_ref())?;
        let mode = self.mode();
        Ok(no_grad(|| {
            let mut parts = [const { Vec::new() }; N];
            for from in (0..content.len()).step_by(ROWS) {
                let batch = input(&rows(&all, from, (from + ROWS).min(content.len())), mode.kind);
                for (parts, part) in parts.iter_mut().zip(pass(&batch, mode)) {
                    parts.push(part.to_kind(Kind::Float));
                }
            }
            parts.map(|parts| Tensor::cat(&parts, 0))
        }))
    }
}

impl Model for NetModel {
    fn scores(&self, rows: &Rows) -> Result<Tensor> {
        let [scores] = self.in_slices(rows, |batch, mode| [self.network.logits(batch, mode)])?;
        Ok(scores)
    }

    fn features(&self, rows: &Rows) -> Result<Tensor> {
        let [features] = self.in_slices(rows, |batch, mode| [self.network.features(batch, mode)])?;
        Ok(features)
    }

    fn scores_and_features(&self, rows: &Rows) -> Result<(Tensor, Tensor)> {
        let [scores, features] = self.in_slices(rows, |batch, mode| {
            let features = self.network.features(batch, mode);
            [self.network.head(&features, mode), features]
        })?;
        Ok((scores, features))
    }

    fn tensors(&self) -> NamedTensors {
        let mut tensors = self.params.tensors();
        if let Some(vocabulary) = &self.vocabulary {
            vocabulary.put(&mut tensors);
        }
        tensors
    }

    fn network(&self) -> Option<&dyn Network> {
        Some(self.network.as_ref())
    }

    fn weights(&self) -> Vec<(String, Tensor)> {
        self.params.named_trainable()
    }
}
