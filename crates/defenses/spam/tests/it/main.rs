//! Tests of the defenses of spam filters.
#![allow(clippy::unwrap_used)] // The helpers below stop at the first surprise, as the tests do.

mod dynamic_threshold;
mod roni;

use std::sync::Arc;

use aconite_core::{Dataset, Documents, Rows};
use aconite_data::sms_spam::SmsSpam;
use aconite_data::{Places, Source, Split};

fn split() -> Split {
    aconite_train::set_threads(1);
    SmsSpam::default().load(&Places(Vec::new())).unwrap()
}

/// The training set with `count` copies of all its ham's words behind it, labelled spam.
fn with_dictionary(data: &Dataset, count: usize) -> Dataset {
    let documents = data.rows().documents().unwrap();
    let words: Vec<String> =
        data.rows_of(0).into_iter().map(|row| documents.text(row).into_owned()).collect();
    let letters: Rows = Documents::texts(vec![words.join(" "); count]).into();
    let labels = [data.labels(), &vec![1; count]].concat();
    Dataset::new(data.rows().followed_by(&letters).unwrap(), labels, data.classes().clone()).unwrap()
}

/// So many rows of ham and of spam, in turn.
fn some(data: &Dataset, of_each: usize) -> Dataset {
    let rows: Vec<usize> = (0..2).flat_map(|class| data.rows_of(class).into_iter().take(of_each)).collect();
    data.select(&rows).unwrap()
}

fn table(values: &[f32], labels: &[usize]) -> Dataset {
    let table = aconite_core::Table::new(Arc::new(vec!["x".to_owned()]), values.to_vec()).unwrap();
    Dataset::new(table, labels.to_vec(), Arc::new(vec!["a".to_owned(), "b".to_owned()])).unwrap()
}

#[test]
fn the_registry_holds() {
    aconite_grid::assert_invariants(aconite_spam_defenses::DEFENSES);
}
