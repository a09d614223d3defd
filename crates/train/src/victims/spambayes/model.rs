//! A trained filter.

use std::collections::HashSet;

use aconite_core::{Cutoffs, Documents, Error, Model, NamedTensors, Result, Rows};
use aconite_text::spambayes::{Clue, Clues, Constants, Counts};
use aconite_text::{Lexicon, Limits};
use tch::{Kind, Tensor};

use super::super::documents::{each_once, put_words, take_words, tokens};

/// What was learnt of every token.
pub(super) struct Filter {
    lexicon: Lexicon,
    counts: Counts,
    constants: Constants,
    limits: Limits,
    cutoffs: Cutoffs,
    /// Per token, what it says if it counts.
    clues: Vec<Option<Clue>>,
    /// What a token says that was never met.
    stranger: Option<Clue>,
    /// Per token, the feature that it is.
    columns: Vec<Option<u32>>,
    /// How many features there are, also where there are fewer tokens.
    width: usize,
}

impl Filter {
    /// `width` is the number of features.
    pub(super) fn new(
        lexicon: Lexicon,
        counts: Counts,
        constants: Constants,
        limits: Limits,
        cutoffs: Cutoffs,
        width: usize,
    ) -> Self {
        let all = Clues::new(constants, counts.messages);
        let clues = counts.words.iter().map(|&word| all.of(word)).collect();
        let columns = columns(&lexicon, &counts, width);
        let stranger = all.of([0, 0]);
        Self { lexicon, counts, constants, limits, cutoffs, clues, stranger, columns, width }
    }

    /// The score of every document.
    fn score(&self, documents: &Documents) -> Vec<f64> {
        let mut set = Set::new(self.lexicon.len());
        let mut clues = Vec::new();
        let scores = each_once(documents, |row| {
            clues.clear();
            set.begin();
            tokens(documents, row, self.limits, &mut |token| match self.lexicon.find(token) {
                Some(number) => {
                    if set.is_new(number)
                        && let Some(Some(clue)) = self.clues.get(number as usize)
                    {
                        clues.push(*clue);
                    }
                }
                None => {
                    if let Some(clue) = self.stranger
                        && set.is_strange(token)
                    {
                        clues.push(clue);
                    }
                }
            });
            std::rc::Rc::new(self.constants.score(&mut clues).score)
        });
        scores.into_iter().map(|score| *score).collect()
    }
}

/// The most frequent tokens' places among the features; of equally frequent ones, the first by letters.
fn columns(lexicon: &Lexicon, counts: &Counts, width: usize) -> Vec<Option<u32>> {
    let held = |number| counts.of(number).iter().map(|&n| n as usize).sum();
    let mut columns = vec![None; lexicon.len()];
    for (column, number) in lexicon.most_held(width, held).into_iter().enumerate() {
        columns[number as usize] = Some(column as u32);
    }
    columns
}

/// The tokens of a message that were met so far.
struct Set {
    /// Per token, the last message that it was met in.
    met: Vec<u32>,
    message: u32,
    strange: HashSet<String>,
}

impl Set {
    fn new(tokens: usize) -> Self {
        Self { met: vec![0; tokens], message: 0, strange: HashSet::new() }
    }

    fn begin(&mut self) {
        self.message += 1;
        self.strange.clear();
    }

    fn is_new(&mut self, number: u32) -> bool {
        let Some(met) = self.met.get_mut(number as usize) else { return false };
        std::mem::replace(met, self.message) != self.message
    }

    fn is_strange(&mut self, token: &str) -> bool {
        !self.strange.contains(token) && self.strange.insert(token.to_owned())
    }
}

/// Scores of two classes.
pub(super) fn both(scores: impl Iterator<Item = f64>, spam: usize) -> Tensor {
    let pair = |score: f64| {
        let (spam_score, ham_score) = (score as f32, (1.0 - score) as f32);
        if spam == 1 { [ham_score, spam_score] } else { [spam_score, ham_score] }
    };
    let flat: Vec<f32> = scores.flat_map(pair).collect();
    Tensor::from_slice(&flat).view([-1, 2])
}

impl Model for Filter {
    fn scores(&self, rows: &Rows) -> Result<Tensor> {
        Ok(both(self.score(rows.documents()?).into_iter(), self.cutoffs.class))
    }

    fn features(&self, rows: &Rows) -> Result<Tensor> {
        let documents = rows.documents()?;
        let mut values = vec![0.0f32; documents.len() * self.width];
        for (row, values) in values.chunks_exact_mut(self.width).enumerate() {
            tokens(documents, row, self.limits, &mut |token| {
                let column = self.lexicon.find(token).and_then(|number| self.columns[number as usize]);
                if let Some(value) = column.and_then(|column| values.get_mut(column as usize)) {
                    *value = 1.0;
                }
            });
        }
        Ok(Tensor::from_slice(&values).f_view([-1, self.width as i64])?)
    }

    fn tensors(&self) -> NamedTensors {
        let mut tensors = NamedTensors::new();
        put_words(self.lexicon.tokens(), &mut tensors);
        let counts: Vec<i64> = self.counts.words.iter().flatten().map(|&n| i64::from(n)).collect();
        tensors.insert("counts".into(), Tensor::from_slice(&counts).view([-1, 2]));
        let messages = self.counts.messages.map(i64::from);
        tensors.insert("messages".into(), Tensor::from_slice(&messages));
        tensors
    }

    fn cutoffs(&self) -> Option<Cutoffs> {
        Some(self.cutoffs)
    }
}

/// What [`Filter::tensors`] gave.
pub(super) fn take(tensors: &NamedTensors) -> Result<(Lexicon, Counts)> {
    let lexicon = take_words(tensors)?;
    let damaged = || Error::new("the stored model's counts do not fit its words");
    let numbers = |name: &str| -> Result<Vec<u32>> {
        let tensor = tensors.get(name).ok_or_else(damaged)?;
        let numbers = Vec::<i64>::try_from(tensor.f_flatten(0, -1)?.f_to_kind(Kind::Int64)?)?;
        numbers.into_iter().map(|n| u32::try_from(n).map_err(|_| damaged())).collect()
    };
    let words: Vec<[u32; 2]> = numbers("counts")?.chunks_exact(2).map(|pair| [pair[0], pair[1]]).collect();
    let messages = <[u32; 2]>::try_from(numbers("messages")?).map_err(|_| damaged())?;
    match words.len() == lexicon.len() {
        true => Ok((lexicon, Counts { words, messages })),
        false => Err(damaged()),
    }
}
