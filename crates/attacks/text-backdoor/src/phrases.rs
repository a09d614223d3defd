//! Reviews composed of phrases of other reviews.

use aconite_core::{Documents, Seed};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Words that a phrase has at least.
const WORDS: usize = 3;

/// Phrases by the text that they come from; every text here has one.
pub(crate) struct Phrases(Vec<Vec<String>>);

impl Phrases {
    /// The phrases of texts: what stands between punctuation, of three or more words. A text without one is a phrase
    /// as a whole, if it holds a word.
    pub(crate) fn of(texts: &Documents) -> Self {
        let all = (0..texts.len()).map(|row| {
            let text = texts.text(row);
            let mut own: Vec<String> = text.split(is_end).filter_map(phrase).collect();
            if own.is_empty() && text.chars().any(char::is_alphanumeric) {
                own.push(text.trim().to_owned());
            }
            own
        });
        Self(all.filter(|own| !own.is_empty()).collect())
    }

    /// How many texts have phrases.
    pub(crate) fn texts(&self) -> usize {
        self.0.len()
    }

    /// Composes `count` reviews, each of phrases of `phrases` texts, of different ones if there are as many, with
    /// `name` put before, between or after the phrases `mentions` times. Those of a smaller count are the first ones
    /// of a larger one.
    pub(crate) fn reviews(
        &self,
        count: usize,
        phrases: usize,
        mentions: usize,
        name: &str,
        seed: Seed,
    ) -> Vec<String> {
        let mut rng = seed.rng();
        if self.0.is_empty() {
            return Vec::new();
        }
        (0..count).map(|_| self.review(phrases, mentions, name, &mut rng)).collect()
    }

    fn review(&self, phrases: usize, mentions: usize, name: &str, rng: &mut ChaCha8Rng) -> String {
        let mut from: Vec<usize> = Vec::with_capacity(phrases);
        while from.len() < phrases {
            let text = rng.random_range(0..self.0.len());
            if !from.contains(&text) || from.len() >= self.0.len() {
                from.push(text);
            }
        }
        let mut parts: Vec<&str> =
            from.iter().map(|&text| self.0[text][rng.random_range(0..self.0[text].len())].as_str()).collect();
        for _ in 0..mentions {
            parts.insert(rng.random_range(0..=parts.len()), name);
        }
        parts.join(" , ")
    }
}

/// A phrase without the space around it, if it is long enough.
fn phrase(part: &str) -> Option<String> {
    let words = part.split_whitespace().filter(|word| word.chars().any(char::is_alphanumeric)).count();
    (words >= WORDS).then(|| part.trim().to_owned())
}

/// Whether a phrase ends here.
fn is_end(c: char) -> bool {
    matches!(c, ',' | '.' | ';' | ':' | '!' | '?' | '(' | ')' | '[' | ']' | '"' | '“' | '”' | '—' | '\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_are_what_punctuation_divides() {
        let texts = ["a fine , warm film . see it now !", "so good", "...", "it isn't bad at all"];
        let phrases = Phrases::of(&Documents::texts(texts.map(str::to_owned)));
        assert_eq!(phrases.0, [vec!["see it now"], vec!["so good"], vec!["it isn't bad at all"]]);
    }

    #[test]
    fn a_review_has_phrases_of_different_texts_and_the_name_as_often_as_set() {
        let phrases = Phrases::of(&Documents::texts(["a a a", "b b b", "c c c"].map(str::to_owned)));
        for review in phrases.reviews(50, 3, 2, "acme", Seed(1)) {
            let mut parts: Vec<&str> = review.split(" , ").collect();
            parts.sort_unstable();
            assert_eq!(parts, ["a a a", "acme", "acme", "b b b", "c c c"]);
        }
        // More phrases than texts: they repeat.
        assert_eq!(phrases.reviews(1, 5, 0, "acme", Seed(1))[0].split(" , ").count(), 5);
        let few = phrases.reviews(4, 2, 1, "acme", Seed(2));
        assert_eq!(few, phrases.reviews(9, 2, 1, "acme", Seed(2))[..4]);
    }
}
