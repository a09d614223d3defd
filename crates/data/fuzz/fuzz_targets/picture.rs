//! PNG, JPEG, PPM and PGM, and their resizing.
#![no_main]
#![allow(dead_code, missing_docs)]

#[path = "../../src/formats/mod.rs"]
mod formats;

use libfuzzer_sys::fuzz_target;

use formats::resize::{Region, resize};

fuzz_target!(|data: &[u8]| {
    if let Ok(picture) = formats::picture::read(data) {
        assert_eq!(picture.pixels.len(), picture.width * picture.height * picture.channels);
        let mut out = [0; 3 * 8 * 8];
        resize(&picture, Region::square(&picture), 8, 3, &mut out);
        resize(&picture, Region::whole(&picture), 8, 1, &mut out[..64]);
        let corner = Region { x: 1, y: 2, width: usize::from(data[2]), height: 3 };
        resize(&picture, corner, 8, 3, &mut out);
    }
});
