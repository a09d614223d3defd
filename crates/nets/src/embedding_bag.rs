//! `embedding_bag`: the mean of words' vectors.

use aconite_core::{Result, Shape};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::staged::Staged;
use crate::words::{Embedding, check_product, check_sizes};
use crate::{Linear, Net, Network, Params, Reading};

/// The mean of the vectors of a text's words, and a linear layer on it.
///
/// Paper: Joulin, Grave, Bojanowski, Mikolov 2016, "Bag of Tricks for Efficient Text Classification", with single words
/// and a full softmax.
///
/// A text's features are (1/n)·Σ e(w) over its n words, e(w) a vector of `dim` numbers that is learnt, uniform in
/// ±1/dim at the start; zeros for a text without words. The vocabulary is that of the training rows; other words are
/// not read.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EmbeddingBag {
    /// Words in the vocabulary, at least 1: those that most training rows hold, the first by letters of equally
    /// frequent ones.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub vocabulary: u32,
    /// Words of a text that are read, at least 1; what follows is left out.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub length: u32,
    /// Numbers per word, at least 1; at most 10⁸ for all words of the vocabulary.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub dim: u32,
}

impl Default for EmbeddingBag {
    fn default() -> Self {
        Self { vocabulary: 10_000, length: 64, dim: 10 }
    }
}

impl Kind for EmbeddingBag {}

impl EmbeddingBag {
    fn reading(&self) -> Reading {
        Reading { vocabulary: self.vocabulary as usize, length: self.length as usize }
    }

    fn sizes(&self) -> Result<()> {
        let Self { vocabulary, length, dim } = *self;
        check_sizes(&[("vocabulary", vocabulary), ("length", length), ("dim", dim)])?;
        check_product(&[("vocabulary", vocabulary.into()), ("dim", dim.into())])
    }
}

impl Net for EmbeddingBag {
    fn check(&self, _: Shape, _: usize, _: tch::Kind) -> Result<()> {
        self.sizes()
    }

    fn reads(&self) -> Option<Reading> {
        Some(self.reading())
    }

    fn build(&self, params: &mut Params, _: Shape, classes: usize) -> Result<Box<dyn Network>> {
        self.sizes()?;
        let dim = i64::from(self.dim);
        let embedding = Embedding::new(params, self.reading(), dim, dim * dim)?;
        let net = Staged::new(Linear::new(params, "head", dim, classes as i64)?);
        Ok(Box::new(net.stage("mean", move |x, mode| {
            let (vectors, there) = embedding.forward(x, mode);
            let sum = |x: tch::Tensor| x.sum_dim_intlist([1i64].as_slice(), false, mode.kind);
            sum(vectors) / sum(there).clamp_min(1)
        })))
    }
}
