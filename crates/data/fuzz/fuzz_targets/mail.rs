//! E-mail messages.
#![no_main]
#![allow(missing_docs)]

use aconite_text::{Limits, body_text, body_tokens, head, mail_tokens, words};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut tokens = 0;
    mail_tokens(data, Limits::default(), &mut |token| {
        assert!(!token.is_empty());
        tokens += 1;
    });
    // A byte makes no more than an address, its parts and their marks.
    assert!(tokens <= 8 * data.len() + 8);
    assert!(data.starts_with(head(data)));
    let text = body_text(data);
    body_tokens(&text, Limits::default(), &mut |_| {});
    words(&text, &mut |_| {});
});
