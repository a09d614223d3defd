//! Records of CIFAR.
#![no_main]
#![allow(dead_code, missing_docs)]

#[path = "../../src/formats/mod.rs"]
mod formats;

use libfuzzer_sys::fuzz_target;

use formats::cifar::{Label, PIXELS, read};

fuzz_target!(|data: &[u8]| {
    for (at, of, classes) in [(0, 1, 10), (1, 2, 100)] {
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        let records = data.len() / (of + PIXELS);
        if read(data, records, Label { at, of, classes }, &mut pixels, &mut labels).is_ok() {
            assert_eq!((pixels.len(), labels.len()), (records * PIXELS, records));
            assert!(labels.iter().all(|&label| label < classes));
        }
    }
});
