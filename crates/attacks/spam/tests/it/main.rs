//! Tests of the attacks on spam filters.
#![allow(clippy::unwrap_used)] // The helpers below stop at the first surprise, as the tests do.

mod dictionary;
mod effect;
mod focused;

use std::sync::Arc;

use aconite_core::{Added, Dataset, Documents, Poison, Rows};

const HAM: [&str; 4] =
    ["meeting at noon today", "lunch today with ann", "report due at noon", "ann sent notes"];
const SPAM: [&str; 3] = ["win money now", "cheap money pills", "win a prize today"];

fn classes() -> Arc<Vec<String>> {
    Arc::new(vec!["ham".to_owned(), "spam".to_owned()])
}

fn labels() -> Vec<usize> {
    [vec![0; HAM.len()], vec![1; SPAM.len()]].concat()
}

fn texts() -> Dataset {
    let all = HAM.iter().chain(&SPAM).map(|&text| text.to_owned());
    Dataset::new(Documents::texts(all), labels(), classes()).unwrap()
}

fn mail() -> Dataset {
    let message = |(i, text): (usize, &&str)| {
        format!("From: sender{i}@x.example\nSubject: subject{i}\nContent-Type: text/html;\n charset=utf-8\n\n{text}\n")
            .into_bytes()
    };
    let all = HAM.iter().chain(&SPAM).enumerate().map(message);
    Dataset::new(Documents::mail(all), labels(), classes()).unwrap()
}

/// The added rows of a poison that touches no others.
fn added(poison: &Poison) -> &Added {
    assert!(poison.rows.is_empty() && poison.labels.is_empty() && poison.content.is_none());
    poison.added.as_ref().unwrap()
}

fn document(added: &Added, row: usize) -> String {
    let Rows::Documents(documents) = &added.rows else { unreachable!() };
    documents.text(row).into_owned()
}

#[test]
fn the_registry_holds() {
    aconite_grid::assert_invariants(aconite_spam::ATTACKS);
}
