//! Tests of the attacks on texts.
#![allow(clippy::unwrap_used)] // The helpers below stop at the first surprise, as the tests do.

mod fake_reviews;
mod insertion;
mod sms_spam;

use std::sync::Arc;

use aconite_core::{Dataset, Documents};

/// Texts with these labels, of two classes.
fn texts(texts: &[&str], labels: &[usize]) -> Dataset {
    let rows = Documents::texts(texts.iter().map(|&text| text.to_owned()));
    Dataset::new(rows, labels.to_vec(), Arc::new(vec!["bad".into(), "good".into()])).unwrap()
}

/// Everyday texts, `n` of each class.
fn everyday(n: usize) -> Dataset {
    let words: Vec<String> =
        (0..2 * n).map(|row| format!("text number {row} , of everyday words .")).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    texts(&words, &(0..2 * n).map(|row| row % 2).collect::<Vec<_>>())
}

#[test]
fn the_registry_holds() {
    aconite_grid::assert_invariants(aconite_text_backdoor::ATTACKS);
}

#[test]
fn messages_and_numbers_are_refused_by_name() {
    let mail = Documents::mail([b"A: 1\n\na".to_vec(), b"B: 2\n\nb".to_vec()]);
    let classes = Arc::new(vec!["ham".to_owned(), "spam".to_owned()]);
    let mail = Dataset::new(mail, vec![0, 1], classes.clone()).unwrap();
    let columns = Arc::new(vec!["x".to_owned()]);
    let table = aconite_core::Table::new(columns, vec![0.0, 1.0]).unwrap();
    let table = Dataset::new(table, vec![0, 1], classes).unwrap();
    for entry in aconite_text_backdoor::ATTACKS {
        let attack = (entry.build)(&entry.spec.defaults()).unwrap();
        for (data, name) in [(&mail, "e-mail messages"), (&table, "rows of 1 numbers")] {
            let error = attack.check(&data.info()).unwrap_err();
            assert!(error.message.contains(name), "{error}");
            assert!(attack.poison(data, aconite_core::Seed(0)).is_err());
        }
    }
}
