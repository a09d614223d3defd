//! What nets that read words share.

use aconite_core::{Error, Result};
use tch::{Kind, Tensor};

use crate::{Mode, Params, Start};

/// How texts become rows of numbers for a net: 0 for no word, from 1 on the words of a vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Words of the vocabulary at most, at least 1.
    pub vocabulary: usize,
    /// Words of a text that are read, at least 1: the first ones that the vocabulary holds.
    pub length: usize,
}

/// Numbers that a vocabulary, a length or a layer of these nets may have at most.
const MOST: u32 = 1_000_000;

/// Numbers that a layer of these nets may hold at most.
const LARGEST: u64 = 100_000_000;

/// Checks sizes by the names of their settings.
pub(crate) fn check_sizes(sizes: &[(&str, u32)]) -> Result<()> {
    match sizes.iter().find(|(_, size)| !(1..=MOST).contains(size)) {
        Some((key, size)) => Err(Error::at(key, format!("{size} is out of range: 1 to {MOST}"))),
        None => Ok(()),
    }
}

/// Checks how many numbers a layer holds: the product of these settings, the first of which the error is about.
pub(crate) fn check_product(factors: &[(&str, u64)]) -> Result<()> {
    let product = factors.iter().fold(1u64, |product, (_, factor)| product.saturating_mul(*factor));
    match factors.first() {
        Some((key, _)) if product > LARGEST => {
            let names: Vec<&str> = factors.iter().map(|(name, _)| *name).collect();
            let message = format!("{} is {product}, above {LARGEST}", names.join(" · "));
            Err(Error::at(key, message).hint(format!("lower {}", names.join(" or "))))
        }
        _ => Ok(()),
    }
}

/// A vector of numbers per word.
pub(crate) struct Embedding(Tensor);

impl Embedding {
    /// Vectors of `dim` numbers for the words of a vocabulary, uniform in ±1/√`spread` at the start.
    pub(crate) fn new(params: &mut Params, reading: Reading, dim: i64, spread: i64) -> Result<Self> {
        let shape = [reading.vocabulary as i64 + 1, dim];
        let start = Start::Uniform { fan_in: spread };
        Ok(Self(params.weight("embedding.weight".to_owned(), &shape, start)?))
    }

    /// The vectors of words B×L, as B×L×D, zeros where there is no word; and where there is one, B×L×1.
    pub(crate) fn forward(&self, words: &Tensor, mode: Mode) -> (Tensor, Tensor) {
        let words = words.flatten(1, -1).to_kind(Kind::Int64);
        let there = words.not_equal(0).unsqueeze(-1).to_kind(mode.kind);
        let vectors = Tensor::embedding(&self.0, &words, -1, false, false).to_kind(mode.kind);
        (vectors * &there, there)
    }
}
