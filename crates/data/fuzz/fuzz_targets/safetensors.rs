//! Safetensors.
#![no_main]
#![allow(dead_code, missing_docs)]

#[path = "../../src/formats/mod.rs"]
mod formats;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(tensors) = formats::safetensors::Tensors::open(data) {
        for name in tensors.names() {
            if let Ok(Some(array)) = tensors.array(&name) {
                assert_eq!(array.numbers().count(), array.shape().iter().product::<usize>());
            }
        }
    }
});
