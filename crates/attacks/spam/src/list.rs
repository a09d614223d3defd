//! Lists of words.

use aconite_core::{Documents, Error, Result, files};
use aconite_text::{Lexicon, Limits};
use hashbrown::HashSet;

use crate::letters::pieces;

/// Most bytes of a list of words.
const LARGEST: u64 = 64 << 20;

/// Whether a piece is a word for a dictionary: no longer and no shorter than a token, and no address.
fn is_word(piece: &str) -> bool {
    let Limits { shortest, longest } = Limits::default();
    (shortest..=longest).contains(&piece.chars().count()) && !piece.contains("://") && !piece.contains("www.")
}

/// The words of documents: those in the most documents first, of equally frequent ones the first by letters.
pub(crate) fn of_documents(documents: &Documents) -> Vec<String> {
    let (mut words, mut held) = (Lexicon::new(), Vec::new());
    for row in 0..documents.len() {
        let pieces = pieces(documents, row);
        let set =
            words.set(|each| pieces.iter().filter(|piece| is_word(piece)).for_each(|piece| each(piece)));
        held.resize(words.len(), 0);
        set.into_iter().for_each(|word| held[word as usize] += 1);
    }
    let order = words.most_held(words.len(), |word| held[word as usize]);
    order.into_iter().map(|word| words.token(word).to_owned()).collect()
}

/// The words of a file, in its order, each once: the first piece of every line, lower-cased.
///
/// # Errors
/// It cannot be read, is too large, or holds no word.
pub(crate) fn of_file(path: &str) -> Result<Vec<String>> {
    let mut met = HashSet::new();
    let mut words = Vec::new();
    for line in String::from_utf8_lossy(&read(path)?).lines() {
        if let Some(word) = line.split_whitespace().next().map(str::to_lowercase)
            && met.insert(word.clone())
        {
            words.push(word);
        }
    }
    match words.is_empty() {
        true => Err(Error::at("list", format!("{path:?} holds no word")).hint("one word a line")),
        false => Ok(words),
    }
}

/// What identifies the content of the file that the setting `list` names, if it names one.
pub(crate) fn content(path: Option<&str>) -> Result<Option<String>> {
    let Some(path) = path else { return Ok(None) };
    Ok(Some(blake3::hash(&read(path)?).to_hex().to_string()))
}

fn read(path: &str) -> Result<Vec<u8>> {
    files::read(path.as_ref(), LARGEST).map_err(|e| Error::at("list", e.message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequent_words_come_first() {
        let texts = ["one two three", "Three two two", "three http://three.example an", "four, one"];
        let words = of_documents(&Documents::texts(texts.map(str::to_owned)));
        assert_eq!(words, ["three", "one", "two", "four,"]);
    }

    #[test]
    fn a_file_is_read_line_by_line() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap();
        std::fs::write(path, "Zebra 12\r\n\n apple\nzebra\n").unwrap();
        assert_eq!(of_file(path).unwrap(), ["zebra", "apple"]);
        let before = content(Some(path)).unwrap();
        std::fs::write(path, " \n").unwrap();
        assert_ne!(content(Some(path)).unwrap(), before);
        assert!(of_file(path).unwrap_err().message.contains("no word"));
        assert_eq!(of_file("no/such/list").unwrap_err().setting.as_deref(), Some("list"));
        assert_eq!(content(None), Ok(None));
    }
}
