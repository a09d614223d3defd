//! NumPy archives and arrays.
#![no_main]
#![allow(dead_code, missing_docs)]

#[path = "../../src/formats/mod.rs"]
mod formats;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(array) = formats::npy::read(data, data.len() as u64) {
        assert_eq!(array.numbers().count(), array.shape().iter().product::<usize>());
    }
    if let Ok(mut npz) = formats::npz::Npz::open(std::io::Cursor::new(data)) {
        for name in npz.names() {
            let _ = npz.array(&name);
        }
    }
});
