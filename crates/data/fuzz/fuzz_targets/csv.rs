//! Delimited values.
#![no_main]
#![allow(dead_code, missing_docs)]

#[path = "../../src/formats/mod.rs"]
mod formats;

use libfuzzer_sys::fuzz_target;

use formats::csv::{Dialect, records};

fuzz_target!(|data: &[u8]| {
    for (delimiter, header, quotes) in [(b',', true, true), (b';', false, true), (b'\t', false, false)] {
        let mut width = None;
        let mut last = 0;
        let read = records(data, Dialect { delimiter, quotes, header }, |names, line, record| {
            assert_eq!(record.len(), *width.get_or_insert(record.len()));
            assert!(names.is_none_or(|names| names.len() == record.len()));
            // A carriage return alone ends a record, but no line.
            assert!(line >= last);
            last = line;
            Ok(())
        });
        assert!(read.is_err() || width.is_some());
    }
});
