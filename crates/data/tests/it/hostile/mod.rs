//! Files and folders that are not what they should be: each is refused with the place in the file, what was found
//! and what was expected, and takes little memory.

mod arrays;
mod delimited;
mod folders;
mod images;
mod records;

use serde_json::Value;

use crate::allocations::largest;
use crate::{Files, load, write};

/// What a case is about.
struct Case {
    kind: &'static str,
    settings: Value,
    files: Files,
    /// Pieces of the message, its setting and its hint.
    expected: Vec<&'static str>,
}

fn case(kind: &'static str, settings: Value, files: Files, expected: &[&'static str]) -> Case {
    Case { kind, settings, files, expected: expected.to_vec() }
}

/// The largest request of memory that a refusal may make, beside the bytes of the files: a reader's buffers, and
/// the longest record of delimited values, which grows by doubling.
const MOST: usize = 9 << 20;
/// CIFAR's files have one size, which is taken at once.
const CIFAR: usize = 160 << 20;

fn check(cases: Vec<Case>) {
    for Case { kind, settings, files, expected } in cases {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &files);
        let (memory, result) = largest(|| load(kind, &settings, dir.path()));
        let error = match result {
            Ok(_) => panic!("{kind} {settings}: accepted, expected {expected:?}"),
            Err(error) => error,
        };
        let all = format!(
            "{}: {}; {}",
            error.setting.as_deref().unwrap_or("–"),
            error.message,
            error.hint.as_deref().unwrap_or_default()
        );
        for part in &expected {
            assert!(all.contains(part), "{kind} {settings}: {part:?} is not in {all:?}");
        }
        let bytes: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
        let most = if kind.starts_with("cifar") { CIFAR } else { MOST + 2 * bytes };
        assert!(memory <= most, "{kind} {settings}: {memory} bytes at once for {all}");
    }
}
