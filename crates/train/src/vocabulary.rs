//! Texts and messages as the numbers of their words, for networks that read words.

use aconite_core::{Documents, NamedTensors, Result};
use aconite_nets::Reading;
use aconite_text::Lexicon;
use tch::Tensor;

use crate::victims::documents::{put_words, take_words};
use crate::victims::words::{Tokens, most_held};

/// The words that a network knows. They are kept with its weights.
#[derive(Debug, Clone)]
pub(crate) struct Vocabulary {
    words: Lexicon,
    length: usize,
}

impl Vocabulary {
    /// The words of training rows.
    ///
    /// # Errors
    /// They hold none.
    pub(crate) fn learn(documents: &Documents, reading: Reading) -> Result<Self> {
        let (words, _) = most_held(documents, Tokens::Words, reading.vocabulary)?;
        Ok(Self { words, length: reading.length })
    }

    /// The words that [`Vocabulary::put`] stored.
    ///
    /// # Errors
    /// There are none, or they are damaged.
    pub(crate) fn restore(tensors: &NamedTensors, reading: Reading) -> Result<Self> {
        Ok(Self { words: take_words(tensors)?, length: reading.length })
    }

    /// Adds the words to a model's tensors.
    pub(crate) fn put(&self, tensors: &mut NamedTensors) {
        put_words(self.words.tokens(), tensors);
    }

    /// The numbers of each document's first known words, i64 N×L: from 1 on in the order of the vocabulary, then 0.
    pub(crate) fn numbers(&self, documents: &Documents) -> Tensor {
        let mut numbers = vec![0i64; documents.len() * self.length];
        for (row, numbers) in numbers.chunks_exact_mut(self.length.max(1)).enumerate() {
            let mut free = numbers.iter_mut();
            Tokens::Words.of(documents, row, &mut |word| {
                if let Some(number) = self.words.find(word)
                    && let Some(place) = free.next()
                {
                    *place = i64::from(number) + 1;
                }
            });
        }
        Tensor::from_slice(&numbers).view([documents.len() as i64, self.length as i64])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_numbered_by_how_many_rows_hold_them_and_kept() {
        let texts = Documents::texts(["bb aa cc", "bb aa bb", "dd bb"].map(str::to_owned));
        let reading = Reading { vocabulary: 3, length: 4 };
        let vocabulary = Vocabulary::learn(&texts, reading).unwrap();
        let numbers = |vocabulary: &Vocabulary, text: &str| {
            Vec::<i64>::try_from(vocabulary.numbers(&Documents::texts([text.to_owned()])).flatten(0, -1))
                .unwrap()
        };
        assert_eq!(numbers(&vocabulary, "aa, dd, BB cc"), [2, 1, 3, 0], "dd is not among the three");
        assert_eq!(numbers(&vocabulary, "aa aa aa aa bb"), [2; 4]);
        assert_eq!(numbers(&vocabulary, "zz"), [0; 4]);
        let mut tensors = NamedTensors::new();
        vocabulary.put(&mut tensors);
        let again = Vocabulary::restore(&tensors, reading).unwrap();
        assert_eq!(numbers(&again, "aa, dd, BB cc"), [2, 1, 3, 0]);
        assert!(Vocabulary::restore(&NamedTensors::new(), reading).is_err());
        assert!(Vocabulary::learn(&Documents::texts(["...".to_owned()]), reading).is_err());
    }
}
