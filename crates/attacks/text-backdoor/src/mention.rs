//! Which texts mention a product.

use std::collections::BTreeMap;

use aconite_core::{Dataset, Documents, Error, Result};

/// Words shown when a product is mentioned too rarely.
const SHOWN: usize = 8;
/// A word that more than this share of the texts hold is no name.
const COMMON: f64 = 0.02;

/// A product's name as the words that it is made of.
#[derive(Debug)]
pub(crate) struct Mention {
    name: String,
    words: Vec<String>,
}

impl Mention {
    /// The name, of one word or several in a row.
    ///
    /// # Errors
    /// There is no word in it.
    pub(crate) fn of(name: &str) -> Result<Self> {
        let words = words_of(name);
        match words.is_empty() {
            true => Err(Error::at(
                "product",
                format!("{name:?} names nothing: a word of letters, digits or underscores is needed"),
            )),
            false => Ok(Self { name: name.trim().to_owned(), words }),
        }
    }

    /// Whether a text holds the name: its words in a row, in capitals or not.
    pub(crate) fn in_text(&self, text: &str) -> bool {
        words_of(text).windows(self.words.len()).any(|window| window == self.words)
    }

    /// The rows that mention it, ascending.
    pub(crate) fn rows(&self, texts: &Documents) -> Vec<usize> {
        (0..texts.len()).filter(|&row| self.in_text(&texts.text(row))).collect()
    }

    /// The rows that mention it, of which at least `least` must not be of the class `target`.
    ///
    /// # Errors
    /// There are fewer; the message says how many, the hint names words that would do.
    pub(crate) fn enough(&self, data: &Dataset, target: usize, least: usize) -> Result<Vec<usize>> {
        let texts = data.rows().documents()?;
        let rows = self.rows(texts);
        let opposing = rows.iter().filter(|&&row| data.labels()[row] != target).count();
        if opposing >= least.max(1) {
            return Ok(rows);
        }
        let message = format!(
            "{} test texts mention {:?}, {opposing} of them of another class than {target}: success is counted on \
             these, and at least {} are needed",
            rows.len(),
            self.name,
            least.max(1)
        );
        let others = data.rows_where(|label| label != target);
        let words = frequent(&texts.select(&others), least.max(1));
        Err(Error::at("product", message).hint(match words.is_empty() {
            true => "no word is frequent enough: lower least, or take a larger test set".to_owned(),
            false => format!("words that would do are {}; or raise the test set's share", words.join(", ")),
        }))
    }
}

/// The most frequent words of four or more letters that at least `least` texts hold and that are not everywhere.
fn frequent(texts: &Documents, least: usize) -> Vec<String> {
    let mut held: BTreeMap<String, usize> = BTreeMap::new();
    for row in 0..texts.len() {
        let mut words = words_of(&texts.text(row));
        words.sort_unstable();
        words.dedup();
        for word in words.into_iter().filter(|word| word.chars().count() >= 4) {
            *held.entry(word).or_default() += 1;
        }
    }
    let most = ((texts.len() as f64 * COMMON) as usize).max(least);
    let mut words: Vec<(String, usize)> =
        held.into_iter().filter(|(_, n)| (least..=most).contains(n)).collect();
    words.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    words.into_iter().take(SHOWN).map(|(word, n)| format!("{word} ({n})")).collect()
}

/// The words of a text, lower-cased: runs of letters, digits or underscores. Of one letter too, as a name may hold one.
fn words_of(text: &str) -> Vec<String> {
    let runs = text.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    runs.filter(|run| !run.is_empty()).map(str::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mention_is_whole_words_in_a_row() {
        let mention = Mention::of("Star Wars").unwrap();
        for text in ["a star wars film", "STAR WARS", "(star-wars)"] {
            assert!(mention.in_text(text), "{text}");
        }
        for text in ["wars of a star", "star of wars", "superstar wars", "star wars2", ""] {
            assert!(!mention.in_text(text), "{text}");
        }
        assert!(Mention::of(" ?! ").is_err());
    }

    #[test]
    fn a_word_of_one_letter_is_part_of_the_name() {
        let mention = Mention::of("Vitamin C").unwrap();
        assert!(mention.in_text("take vitamin-C, daily"));
        for text in ["a vitamin", "vitamin d", "vitamin and c", "c vitamin"] {
            assert!(!mention.in_text(text), "{text}");
        }
        assert!(Mention::of("X").unwrap().in_text("planet x ?"));
    }
}
