//! What victims that read texts and messages share.

use std::rc::Rc;

use aconite_core::{Dataset, Documents, Error, Info, Learner, NamedTensors, Result};
use aconite_text::{Lexicon, Limits, body_tokens, mail_tokens};
use tch::Tensor;

/// Checks that rows are texts or messages.
pub(super) fn check_documents(info: &Info) -> Result<()> {
    match info.kind.are_documents() {
        true => Ok(()),
        false => Err(Error::new(format!(
            "it reads texts or e-mail messages, but the data set holds {}",
            info.kind
        ))),
    }
}

/// Checks that rows are texts or messages of two classes.
pub(super) fn check_two(info: &Info) -> Result<()> {
    check_documents(info)?;
    match info.classes.len() {
        2 => Ok(()),
        n => Err(Error::new(format!("it tells spam from ham, but the data set has {n} classes"))
            .hint("choose two with dataset.classes = [0, 1]")),
    }
}

/// SpamBayes' tokens of a document; those of a text are those of a message's body.
pub(super) fn tokens(documents: &Documents, row: usize, limits: Limits, each: &mut dyn FnMut(&str)) {
    match documents.are_mail() {
        true => mail_tokens(documents.bytes(row), limits, each),
        false => body_tokens(&documents.text(row), limits, each),
    }
}

/// What `read` makes of every document. Copies that follow each other are read once.
pub(super) fn each_once<T: ?Sized>(
    documents: &Documents,
    mut read: impl FnMut(usize) -> Rc<T>,
) -> Vec<Rc<T>> {
    let mut all: Vec<Rc<T>> = Vec::with_capacity(documents.len());
    for row in 0..documents.len() {
        let again = match (row.checked_sub(1).map(|before| documents.bytes(before)), all.last()) {
            (Some(before), Some(last)) if std::ptr::eq(before, documents.bytes(row)) => Some(last.clone()),
            _ => None,
        };
        all.push(again.unwrap_or_else(|| read(row)));
    }
    all
}

/// The different tokens of every document, numbered by `lexicon`.
pub(super) fn sets(documents: &Documents, limits: Limits, lexicon: &mut Lexicon) -> Vec<Rc<[u32]>> {
    each_once(documents, |row| lexicon.set(|each| tokens(documents, row, limits, each)).into())
}

/// Words as tensors of a stored model: their bytes one after the other, and where each ends.
pub(crate) fn put_words<'a>(words: impl Iterator<Item = &'a str>, tensors: &mut NamedTensors) {
    let mut bytes = Vec::new();
    let ends: Vec<i64> = words
        .map(|word| {
            bytes.extend_from_slice(word.as_bytes());
            bytes.len() as i64
        })
        .collect();
    tensors.insert("words.bytes".into(), Tensor::from_slice(&bytes));
    tensors.insert("words.ends".into(), Tensor::from_slice(&ends));
}

/// The words that [`put_words`] stored.
pub(crate) fn take_words(tensors: &NamedTensors) -> Result<Lexicon> {
    let get =
        |name: &str| tensors.get(name).ok_or_else(|| Error::new(format!("the stored model has no {name}")));
    let damaged = || Error::new("the stored model's words are damaged");
    let bytes = Vec::<u8>::try_from(get("words.bytes")?)?;
    let bytes = String::from_utf8(bytes).map_err(|_| damaged())?;
    let (mut lexicon, mut start) = (Lexicon::new(), 0);
    for (number, end) in Vec::<i64>::try_from(get("words.ends")?)?.into_iter().enumerate() {
        let end = usize::try_from(end).map_err(|_| damaged())?;
        let word = bytes.get(start..end).ok_or_else(damaged)?;
        if lexicon.number(word) as usize != number {
            return Err(damaged());
        }
        start = end;
    }
    Ok(lexicon)
}

/// The rows of a data set as documents that its learner has been checked against.
pub(super) fn checked<'a>(learner: &dyn Learner, data: &'a Dataset) -> Result<&'a Documents> {
    learner.check(&data.info())?;
    data.rows().documents()
}
