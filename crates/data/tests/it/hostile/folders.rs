//! Mail and sentences, names and links.

use serde_json::json;

use super::{case, check};
use crate::{files, load, write};

#[test]
fn mail_and_sentences() {
    let settings = || json!({ "path": "d", "test_share": 0.5 });
    let mail = |name: &str, bytes: &[u8]| (name.to_owned(), bytes.to_vec());
    let sentences = |negative: &[u8]| {
        files([
            ("rt-polarity/rt-polarity.neg", negative.to_vec()),
            ("rt-polarity/rt-polarity.pos", b"a\nb\n".to_vec()),
        ])
    };
    check(vec![
        case(
            "mail_folder",
            settings(),
            vec![mail("d/ham/1", b"x"), mail("d/ham/2", b""), mail("d/spam/1", b"x")],
            &["path: ", "d/ham/2: the message is empty"],
        ),
        case(
            "mail_folder",
            settings(),
            vec![mail("d/ham/1", b"x")],
            &["1 class folders, expected two or more"],
        ),
        case(
            "mail_folder",
            settings(),
            vec![mail("d/ham/1/x", b"x"), mail("d/spam/1", b"x")],
            &["d/ham/1: not a file"],
        ),
        case(
            "spamassassin",
            json!({}),
            vec![mail("spamassassin/spam/1", b"x")],
            &["lacks easy_ham", "`folders`"],
        ),
        case(
            "spamassassin",
            json!({ "folders": ["spam", "easy_ham"] }),
            vec![mail("spamassassin/spam/1", b"x"), mail("spamassassin/easy_ham/cmds", b"x")],
            &["folders: ", "easy_ham: no messages"],
        ),
        case(
            "rt_polarity",
            json!({}),
            sentences(b"one\n\nthree\n"),
            &["rt-polarity.neg: line 2: empty, expected a sentence"],
        ),
        case("rt_polarity", json!({}), sentences(b"one\n"), &["class \"negative\" has 1 rows"]),
    ]);
}

#[cfg(unix)]
#[test]
fn names_and_links() {
    use std::ffi::OsStr;
    use std::fs;
    use std::os::unix::{ffi::OsStrExt, fs::symlink};
    let settings = json!({ "path": "d", "test_share": 0.5 });
    let refused = |change: &dyn Fn(&std::path::Path), expected: &str| {
        let dir = tempfile::tempdir().unwrap();
        let mail = |name: &str| (name.to_owned(), b"x".to_vec());
        write(dir.path(), &["d/ham/1", "d/ham/2", "d/spam/1", "d/spam/2"].map(mail));
        assert!(load("mail_folder", &settings, dir.path()).is_ok());
        change(&dir.path().join("d"));
        let error = load("mail_folder", &settings, dir.path()).unwrap_err();
        assert!(error.message.contains(expected), "{error}");
    };
    refused(&|d| fs::write(d.join(OsStr::from_bytes(b"ham/\xff")), "x").unwrap(), "\"\\xFF\" is not UTF-8");
    refused(&|d| symlink("nowhere", d.join("spam/3")).unwrap(), "spam/3: No such file");
    refused(&|d| symlink("3", d.join("spam/3")).unwrap(), "spam/3: ");
    refused(&|d| symlink("..", d.join("spam/3")).unwrap(), "spam/3: not a file");
    refused(&|d| symlink("/dev/zero", d.join("spam/3")).unwrap(), "spam/3: not a file");
}
