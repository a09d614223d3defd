//! What the attacks share: whom they write to, how many letters, and how a letter is put together.

use aconite_core::{Added, Class, Dataset, Documents, Error, Info, Poison, Rate, Result, Rows};
use aconite_text::{body_text, chunks, head};
use hashbrown::HashSet;

/// Characters of a line of a letter, as far as its words allow.
const LINE: usize = 70;
/// Fewer letters than this are written: what they say is shared, but every one is a row to be learnt.
const MOST: f64 = 1e7;
/// Fields of a head that describe the body which it came with.
const OF_BODY: [&str; 4] =
    ["content-type:", "content-transfer-encoding:", "content-length:", "mime-version:"];

/// The two classes of a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sides {
    pub(crate) ham: usize,
    pub(crate) spam: usize,
}

impl Sides {
    /// Checks that the rows are texts or messages of two classes, and tells which of them is spam.
    pub(crate) fn of(spam: Option<&Class>, info: &Info) -> Result<Self> {
        if !info.kind.are_documents() {
            return Err(Error::new(format!(
                "it writes texts or e-mail messages, but the data set holds {}",
                info.kind
            )));
        }
        let spam = Class::find(spam, "spam", "spam", info)?;
        match info.classes.len() {
            2 => Ok(Self { ham: 1 - spam, spam }),
            n => Err(Error::new(format!("it writes to a filter of spam and ham, but there are {n} classes"))
                .hint("choose two with dataset.classes = [0, 1]")),
        }
    }
}

/// The number of letters that are the share `rate` of all mail when `rows` honest ones are there:
/// round(rate/(1 − rate)·rows).
pub(crate) fn letters(rate: Rate, rows: usize) -> Result<usize> {
    let rate = rate.get();
    if rate >= 1.0 {
        return Err(Error::at("rate", "at a rate of 1 there would be no honest mail: it must be below 1"));
    }
    let wanted = rate / (1.0 - rate) * rows as f64;
    match wanted < MOST {
        true => Ok(wanted.round() as usize),
        false => Err(Error::at("rate", format!("a rate of {rate} means {wanted:.0} messages"))
            .hint("choose a rate further below 1")),
    }
}

/// The different pieces between white space in the text of a document, lower-cased, as they come.
pub(crate) fn pieces(documents: &Documents, row: usize) -> Vec<String> {
    let mut met = HashSet::new();
    let mut all = Vec::new();
    let mut put = |piece: &str| {
        if !met.contains(piece) {
            met.insert(piece.to_owned());
            all.push(piece.to_owned());
        }
    };
    match documents.are_mail() {
        true => chunks(&body_text(documents.bytes(row)), &mut put),
        false => chunks(&documents.text(row), &mut put),
    }
    all
}

/// A document with these words. A message begins with `head`; an empty one leaves it without any field.
pub(crate) fn letter<'a>(mail: bool, head: &[u8], words: impl Iterator<Item = &'a str>) -> Vec<u8> {
    let mut body = String::new();
    let mut line = 0;
    for word in words {
        if line > 0 {
            body.push(if mail && line + word.len() > LINE { '\n' } else { ' ' });
            line = if mail && line + word.len() > LINE { 0 } else { line };
        }
        body.push_str(word);
        line += word.len() + 1;
    }
    match mail {
        true => [head, b"\n", body.as_bytes(), b"\n"].concat(),
        false => body.into_bytes(),
    }
}

/// Documents of the kind of `like`.
pub(crate) fn documents(like: &Documents, letters: Vec<Vec<u8>>) -> Documents {
    match like.are_mail() {
        true => Documents::mail(letters),
        // They are made of words of UTF-8, so that nothing is lost.
        false => {
            Documents::texts(letters.into_iter().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
        }
    }
}

/// The head of a message as an adversary reuses it: without its empty line, and without the fields that describe the
/// body which it came with.
pub(crate) fn borrowed_head(raw: &[u8]) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut keeps = true;
    for line in head(raw).split_inclusive(|&b| b == b'\n') {
        if line == b"\n" || line == b"\r\n" {
            break;
        }
        if !line.starts_with(b" ") && !line.starts_with(b"\t") {
            let is =
                |name: &&str| line.get(..name.len()).is_some_and(|l| l.eq_ignore_ascii_case(name.as_bytes()));
            keeps = !OF_BODY.iter().any(is);
        }
        if keeps {
            kept.extend_from_slice(line);
        }
    }
    if kept.last().is_some_and(|&last| last != b'\n') {
        kept.push(b'\n');
    }
    kept
}

/// Poison of `count` letters, labelled spam: the different ones in turn, the same ones sharing their bytes, however many.
/// There is a letter where `count` is above 0.
pub(crate) fn copies(clean: &Dataset, different: Vec<Vec<u8>>, count: usize, spam: usize) -> Result<Poison> {
    if count == 0 {
        return Ok(Poison::default());
    }
    let turns: Vec<usize> = (0..different.len()).cycle().take(count).collect();
    let rows: Rows = documents(clean.rows().documents()?, different).select(&turns).into();
    Ok(Poison { added: Some(Added { rows, labels: vec![spam; count] }), ..Poison::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_the_share_of_all_mail() {
        let count = |rate: f64, rows| letters(Rate::try_from(rate).unwrap(), rows).unwrap();
        // 1 % of 10,000 + 101 messages; 300 of 5,300 are 5.66 %.
        assert_eq!((count(0.01, 10_000), count(0.0566, 5_000), count(0.0, 7)), (101, 300, 0));
        assert_eq!(count(0.5, 7), 7);
        assert!(letters(Rate::literal(1.0), 7).is_err());
        assert_eq!(count(0.5, 9_999_999), 9_999_999);
        assert!(letters(Rate::literal(0.5), 10_000_000).is_err());
        assert!(letters(Rate::try_from(0.999_999_999_9).unwrap(), 1_000_000).is_err());
    }

    #[test]
    fn a_borrowed_head_says_nothing_of_its_body() {
        let raw =
            b"From: a\r\nContent-Type: multipart/mixed;\r\n\tboundary=x\r\nSubject: s\r\n folded\r\n\r\nbody";
        assert_eq!(borrowed_head(raw), b"From: a\r\nSubject: s\r\n folded\r\n");
        assert_eq!(borrowed_head(b"\nbody"), b"");
        assert_eq!(borrowed_head(b"From: a"), b"From: a\n");
    }

    #[test]
    fn a_letter_holds_its_words_and_nothing_else() {
        let words: Vec<String> = (0..60).map(|i| format!("word{i}:")).collect();
        for mail in [true, false] {
            let bytes = letter(mail, b"", words.iter().map(String::as_str));
            let read = pieces(&documents(&Documents::mail([vec![]]), vec![bytes.clone()]), 0);
            assert_eq!(read, words);
            let lines = bytes.split(|&b| b == b'\n').count();
            assert_eq!(lines > 5, mail);
        }
        assert_eq!(letter(true, b"From: a\n", ["x"].into_iter()), b"From: a\n\nx\n");
    }
}
