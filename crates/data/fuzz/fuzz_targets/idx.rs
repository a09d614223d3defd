//! IDX, plain and gzipped.
#![no_main]
#![allow(dead_code, missing_docs)]

#[path = "../../src/formats/mod.rs"]
mod formats;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(idx) = formats::idx::read(data, &[1, 3, 4], data.len() as u64, None) {
        assert_eq!(idx.values.len(), idx.dims.iter().product::<usize>());
    }
    let unzipped = flate2::bufread::MultiGzDecoder::new(data);
    let _ = formats::idx::read(unzipped, &[1, 3], data.len() as u64 * 1032, None);
});
