//! Texts and messages as rows of numbers, for victims that read numbers.

use std::rc::Rc;
use std::sync::Arc;

use aconite_core::{
    Cutoffs, Dataset, Documents, Error, Info, Model, NamedTensors, Relearns, Result, RowKind, Rows, Table,
};
use aconite_text::{Lexicon, Limits, body_text};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::decision::width;
use super::documents::{each_once, put_words, take_words, tokens};

/// Words that a vocabulary may have at most.
pub(super) const MOST: usize = 1_000_000;

/// How texts and messages become rows of numbers: a column per word of a vocabulary from the training rows alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct Words {
    /// Words in the vocabulary, 1 to 1,000,000: those that most training rows hold, the first by letters of equally
    /// frequent ones.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub size: usize,
    /// What a column holds.
    pub weighting: Weighting,
    /// What a word is.
    pub tokens: Tokens,
}

/// What the column of a word holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Weighting {
    /// How often the row has the word.
    Counts,
    /// Whether the row has the word, 0 or 1.
    Binary,
    /// Counts times ln((1 + n)/(1 + nʷ)) + 1, nʷ of n training rows having the word, each row scaled to unit length
    /// (scikit-learn's `TfidfVectorizer`).
    #[default]
    TfIdf,
}

/// What a word is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Tokens {
    /// Two or more letters, digits or underscores of a text or of a message's text.
    #[default]
    Words,
    /// The tokens of the victim `spambayes`, those of a message's head among them.
    Spambayes,
}

impl Default for Words {
    fn default() -> Self {
        Self { size: 2000, weighting: Weighting::TfIdf, tokens: Tokens::Words }
    }
}

impl Words {
    pub(super) fn check(&self) -> Result<()> {
        match self.size {
            1..=MOST => Ok(()),
            size => {
                Err(Error::at("size", format!("a vocabulary of {size} words is out of range: 1 to {MOST}")))
            }
        }
    }

    /// Number of inputs of a row: a column per word of documents, other rows as they are.
    pub(super) fn width(&self, info: &Info) -> Result<usize> {
        if info.kind.are_documents() { Ok(self.size) } else { width(info) }
    }

    /// Trains on documents as numbers, on other rows as they are.
    pub(super) fn fit(
        &self,
        data: &Dataset,
        fit: impl FnOnce(&Dataset) -> Result<Box<dyn Model>>,
    ) -> Result<Box<dyn Model>> {
        let Rows::Documents(documents) = data.rows() else { return fit(data) };
        let vocabulary = Vocabulary::learn(documents, self)?;
        let table = vocabulary.table(documents)?;
        let inner = fit(&Dataset::new(table, data.labels().to_vec(), data.classes().clone())?)?;
        Ok(Box::new(Worded { vocabulary: Rc::new(vocabulary), inner }))
    }

    /// Relearns documents as numbers, other rows as they are.
    pub(super) fn relearns(
        &self,
        rows: &Rows,
        relearns: impl FnOnce(&Rows) -> Result<Box<dyn Relearns>>,
    ) -> Result<Box<dyn Relearns>> {
        let Rows::Documents(documents) = rows else { return relearns(rows) };
        let vocabulary = Vocabulary::learn(documents, self)?;
        let inner = relearns(&vocabulary.table(documents)?)?;
        Ok(Box::new(Again { vocabulary: Rc::new(vocabulary), inner }))
    }

    /// Rebuilds what [`Words::fit`] gave.
    pub(super) fn restore(
        &self,
        info: &Info,
        tensors: &NamedTensors,
        restore: impl FnOnce(&Info) -> Result<Box<dyn Model>>,
    ) -> Result<Box<dyn Model>> {
        if !info.kind.are_documents() {
            return restore(info);
        }
        let vocabulary = Vocabulary::restore(tensors, self)?;
        let columns = vocabulary.names.clone();
        let inner = restore(&Info { kind: RowKind::Table(columns), ..info.clone() })?;
        Ok(Box::new(Worded { vocabulary: Rc::new(vocabulary), inner }))
    }
}

/// An error about a setting of the table `words`.
pub(super) fn within_words(mut error: Error) -> Error {
    error.setting = error.setting.map(|key| format!("words.{key}"));
    error
}

/// Words with their columns.
struct Vocabulary {
    lexicon: Lexicon,
    names: Arc<Vec<String>>,
    /// What counts are multiplied with.
    factors: Vec<f64>,
    words: Words,
}

impl Vocabulary {
    fn learn(documents: &Documents, words: &Words) -> Result<Self> {
        let (lexicon, held) = most_held(documents, words.tokens, words.size)?;
        let n = documents.len() as f64;
        let factor = |&held: &usize| match words.weighting {
            Weighting::TfIdf => ((1.0 + n) / (1.0 + held as f64)).ln() + 1.0,
            _ => 1.0,
        };
        let factors = held.iter().map(factor).collect();
        Ok(Self::new(lexicon, factors, words))
    }

    fn new(lexicon: Lexicon, factors: Vec<f64>, words: &Words) -> Self {
        let names = Arc::new(lexicon.tokens().map(str::to_owned).collect());
        Self { lexicon, names, factors, words: words.clone() }
    }

    fn restore(tensors: &NamedTensors, words: &Words) -> Result<Self> {
        let lexicon = take_words(tensors)?;
        let damaged = || Error::new("the stored model's words have no factors");
        let factors = Vec::<f64>::try_from(tensors.get("words.factors").ok_or_else(damaged)?)?;
        match factors.len() == lexicon.len() {
            true => Ok(Self::new(lexicon, factors, words)),
            false => Err(damaged()),
        }
    }

    /// The documents as rows of numbers.
    fn table(&self, documents: &Documents) -> Result<Rows> {
        let mut values = vec![0.0f32; documents.len() * self.lexicon.len()];
        for (row, values) in values.chunks_exact_mut(self.lexicon.len()).enumerate() {
            self.words.tokens.of(documents, row, &mut |token| {
                let column = self.lexicon.find(token).map(|number| number as usize);
                if let Some(value) = column.and_then(|column| values.get_mut(column)) {
                    *value = if self.words.weighting == Weighting::Binary { 1.0 } else { *value + 1.0 };
                }
            });
            if self.words.weighting == Weighting::TfIdf {
                scale(values, &self.factors);
            }
        }
        Ok(Table::new(self.names.clone(), values)?.into())
    }
}

/// The `size` words that most documents hold, the first by letters of equally frequent ones, and how many hold each.
///
/// # Errors
/// The documents hold no word.
pub(crate) fn most_held(documents: &Documents, tokens: Tokens, size: usize) -> Result<(Lexicon, Vec<usize>)> {
    let mut all = Lexicon::new();
    let sets = each_once::<[u32]>(documents, |row| all.set(|each| tokens.of(documents, row, each)).into());
    let mut held = vec![0usize; all.len()];
    for &word in sets.iter().flat_map(|set| set.iter()) {
        held[word as usize] += 1;
    }
    let order = all.most_held(size, |word| held[word as usize]);
    if order.is_empty() {
        return Err(Error::new("the training rows hold no word: there is nothing to learn from"));
    }
    let words = order.iter().map(|&word| all.token(word)).collect();
    Ok((words, order.iter().map(|&word| held[word as usize]).collect()))
}

/// Multiplies each number with its factor and scales them all to unit length.
fn scale(values: &mut [f32], factors: &[f64]) {
    let weighted = || values.iter().zip(factors).map(|(&value, factor)| f64::from(value) * factor);
    let length = weighted().map(|value| value * value).sum::<f64>().sqrt();
    if length > 0.0 {
        let scaled: Vec<f32> = weighted().map(|value| (value / length) as f32).collect();
        values.copy_from_slice(&scaled);
    }
}

impl Tokens {
    /// The words of a document, in their order and with repeats.
    pub(crate) fn of(self, documents: &Documents, row: usize, each: &mut dyn FnMut(&str)) {
        match (self, documents.are_mail()) {
            (Self::Spambayes, _) => tokens(documents, row, Limits::default(), each),
            (Self::Words, true) => aconite_text::words(&body_text(documents.bytes(row)), each),
            (Self::Words, false) => aconite_text::words(&documents.text(row), each),
        }
    }
}

/// A model of numbers that reads documents through a vocabulary.
struct Worded {
    vocabulary: Rc<Vocabulary>,
    inner: Box<dyn Model>,
}

impl Model for Worded {
    fn scores(&self, rows: &Rows) -> Result<Tensor> {
        self.inner.scores(&self.vocabulary.table(rows.documents()?)?)
    }

    fn features(&self, rows: &Rows) -> Result<Tensor> {
        self.inner.features(&self.vocabulary.table(rows.documents()?)?)
    }

    fn scores_and_features(&self, rows: &Rows) -> Result<(Tensor, Tensor)> {
        self.inner.scores_and_features(&self.vocabulary.table(rows.documents()?)?)
    }

    fn tensors(&self) -> NamedTensors {
        let mut tensors = self.inner.tensors();
        put_words(self.vocabulary.lexicon.tokens(), &mut tensors);
        tensors.insert("words.factors".into(), Tensor::from_slice(&self.vocabulary.factors));
        tensors
    }

    fn cutoffs(&self) -> Option<Cutoffs> {
        self.inner.cutoffs()
    }
}

/// A learner of numbers that relearns documents.
struct Again {
    vocabulary: Rc<Vocabulary>,
    inner: Box<dyn Relearns>,
}

impl Relearns for Again {
    fn relearn(&mut self, labels: &[usize]) -> Result<Box<dyn Model>> {
        Ok(Box::new(Worded { vocabulary: self.vocabulary.clone(), inner: self.inner.relearn(labels)? }))
    }
}
