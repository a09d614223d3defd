//! `text_cnn`: convolutions over the words of a text.

use aconite_core::{Error, Result, Shape};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::layers::Dropout;
use crate::staged::Staged;
use crate::words::{Embedding, check_product, check_sizes};
use crate::{Linear, Net, Network, Params, Reading, Start, macs};

/// Convolutions of several widths over the vectors of a text's words, the maximum of each over the text, and a linear
/// layer.
///
/// Paper: Kim 2014, "Convolutional Neural Networks for Sentence Classification", the variant CNN-rand.
///
/// With e(w_i) the vector of the i-th word, the feature of a map of width h is
/// max_i ReLU(W·[e(w_i) … e(w_{i+h−1})] + b), i over the `length` places, zeros where the text is over. Vectors are
/// learnt, uniform in ±0.25 at the start. The vocabulary is that of the training rows; other words are not read. In
/// training each feature z is 0 with the probability `dropout`, else z/(1 − `dropout`). The paper's bound on the norm of
/// the last layer and Adadelta are not used: training is what `[train]` says.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TextCnn {
    /// Words in the vocabulary, at least 1: those that most training rows hold, the first by letters of equally
    /// frequent ones.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub vocabulary: u32,
    /// Words of a text that are read, at least the widest of `widths`; what follows is left out.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub length: u32,
    /// Numbers per word, at least 1; at most 10⁸ for all words of the vocabulary.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub dim: u32,
    /// Words that a convolution spans, one entry per group of maps; each at least 1, none twice.
    #[schemars(length(min = 1))]
    pub widths: Vec<u32>,
    /// Maps of each width, at least 1; `maps` · `dim` times the sum of `widths` is at most 10⁸.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub maps: u32,
    /// Probability that a feature is left out of a training step, in [0, 1). Features of a frozen extractor are not.
    #[schemars(range(min = 0.0), extend("exclusiveMaximum" = 1))]
    pub dropout: f64,
}

impl Default for TextCnn {
    fn default() -> Self {
        Self { vocabulary: 10_000, length: 64, dim: 300, widths: vec![3, 4, 5], maps: 100, dropout: 0.5 }
    }
}

impl Kind for TextCnn {
    // 2: dropout. 3: its draws follow the seed of a training that goes on from given weights, too.
    const VERSION: u32 = 3;
}

impl TextCnn {
    fn reading(&self) -> Reading {
        Reading { vocabulary: self.vocabulary as usize, length: self.length as usize }
    }

    fn sizes(&self) -> Result<()> {
        let Self { vocabulary, length, dim, maps, .. } = *self;
        check_sizes(&[("vocabulary", vocabulary), ("length", length), ("dim", dim), ("maps", maps)])?;
        if self.widths.is_empty() {
            return Err(Error::at("widths", "there is no convolution: at least one width"));
        }
        for (i, width) in self.widths.iter().enumerate() {
            if !(1..=length).contains(width) {
                let message =
                    format!("a width of {width} is out of range: 1 to the {length} words that are read");
                return Err(Error::at("widths", message));
            }
            if self.widths[..i].contains(width) {
                return Err(
                    Error::at("widths", format!("{width} is listed twice")).hint("raise maps instead")
                );
            }
        }
        check_product(&[("vocabulary", vocabulary.into()), ("dim", dim.into())])?;
        let widths = self.widths.iter().map(|&width| u64::from(width)).sum();
        check_product(&[("maps", maps.into()), ("dim", dim.into()), ("widths", widths)])
    }
}

impl Net for TextCnn {
    fn check(&self, _: Shape, _: usize, _: tch::Kind) -> Result<()> {
        self.sizes()?;
        match (0.0..1.0).contains(&self.dropout) {
            true => Ok(()),
            false => {
                Err(Error::at("dropout", format!("a probability of {} is outside [0, 1)", self.dropout)))
            }
        }
    }

    fn reads(&self) -> Option<Reading> {
        Some(self.reading())
    }

    fn build(&self, params: &mut Params, _: Shape, classes: usize) -> Result<Box<dyn Network>> {
        self.sizes()?;
        let (dim, maps) = (i64::from(self.dim), i64::from(self.maps));
        let embedding = Embedding::new(params, self.reading(), dim, 16)?;
        let mut convolutions = Vec::new();
        for &width in &self.widths {
            let width = i64::from(width);
            let start = Start::Uniform { fan_in: dim * width };
            let weight = params.weight(format!("conv{width}.weight"), &[maps, dim, width], start)?;
            convolutions.push((weight, params.weight(format!("conv{width}.bias"), &[maps], start)?));
        }
        let features = maps * self.widths.len() as i64;
        let net = Staged::new(Linear::new(params, "head", features, classes as i64)?);
        let dropout = Dropout::new(params, self.dropout);
        let net = net.stage("maxima", move |x, mode| {
            let vectors = embedding.forward(x, mode).0.transpose(1, 2);
            let maxima = convolutions.iter().map(|(weight, bias)| {
                let (weight, bias) = (weight.to_kind(mode.kind), bias.to_kind(mode.kind));
                let map = vectors.conv1d(&weight, Some(&bias), 1, 0, 1, 1);
                macs::count(&map, weight.size()[1] * weight.size()[2]);
                map.amax([-1i64].as_slice(), false).relu()
            });
            Tensor::cat(&maxima.collect::<Vec<_>>(), 1)
        });
        Ok(Box::new(net.pool(move |x, mode| dropout.forward(x, mode))))
    }
}
