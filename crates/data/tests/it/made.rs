//! Files made up for tests, right and wrong.

use std::io::{Cursor, Write};

use flate2::{Compression, Crc, write::GzEncoder};
use image::{DynamicImage, ImageFormat, RgbImage};
use zip::ZipWriter;
use zip::write::FileOptions;

use crate::Files;

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// An IDX file with these dimensions in its header, whatever follows.
pub(crate) fn idx(dims: &[u32], values: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, dims.len() as u8];
    bytes.extend(dims.iter().flat_map(|d| d.to_be_bytes()));
    bytes.extend(values);
    bytes
}

/// A NumPy array with this type and shape in its header, whatever follows.
pub(crate) fn npy(descr: &str, shape: &str, bytes: &[u8]) -> Vec<u8> {
    header(&format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n"), bytes)
}

/// A NumPy array with this header.
pub(crate) fn header(header: &str, bytes: &[u8]) -> Vec<u8> {
    let mut all = b"\x93NUMPY\x01\x00".to_vec();
    all.extend((header.len() as u16).to_le_bytes());
    all.extend(header.as_bytes());
    all.extend(bytes);
    all
}

/// A compressed archive.
pub(crate) fn npz(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        zip.start_file(*name, FileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Safetensors with this header, whatever follows.
pub(crate) fn safetensors(header: &str, bytes: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), bytes].concat()
}

/// Two images of 2×2 in `images` and their labels.
pub(crate) fn tensors(labels: [i64; 4]) -> Vec<u8> {
    let header = r#"{"images":{"dtype":"U8","shape":[4,2,2],"data_offsets":[0,16]},
        "labels":{"dtype":"I64","shape":[4],"data_offsets":[16,48]}}"#;
    let labels: Vec<u8> = labels.iter().flat_map(|l| l.to_le_bytes()).collect();
    safetensors(header, &[(0..16).collect(), labels].concat())
}

/// An image of one colour as a file.
pub(crate) fn picture(format: ImageFormat, width: u32, height: u32, colour: [u8; 3]) -> Vec<u8> {
    let image = DynamicImage::from(RgbImage::from_pixel(width, height, image::Rgb(colour)));
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// The start of a PNG that says it has so many pixels.
pub(crate) fn png_of(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let chunk = |name: &[u8], body: &[u8]| {
        let mut crc = Crc::new();
        crc.update(name);
        crc.update(body);
        [&(body.len() as u32).to_be_bytes(), name, body, &crc.sum().to_be_bytes()].concat()
    };
    let ihdr = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    bytes.extend(chunk(b"IHDR", &ihdr));
    bytes.extend(chunk(b"IDAT", &[0x78, 0x9c, 3, 0, 0, 0, 0, 1]));
    bytes.extend(chunk(b"IEND", &[]));
    bytes
}

/// A JPEG whose frame header says it has so many pixels.
pub(crate) fn jpeg_of(width: u16, height: u16) -> Vec<u8> {
    let mut bytes = picture(ImageFormat::Jpeg, 8, 8, [9, 9, 9]);
    let frame = bytes.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
    bytes[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
    bytes[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
    bytes
}

/// The German traffic signs in the official layout: an image of 4×3 in each class, and a test image of class 7.
pub(crate) fn gtsrb() -> Files {
    let head = "Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId\r\n";
    let ppm = |value: u8| [b"P6\n# made up\n4 3\n255\n".to_vec(), vec![value; 36]].concat();
    let mut files = Vec::new();
    for class in 0..43 {
        let folder = format!("GTSRB/Final_Training/Images/{class:05}");
        let list = format!("{head}00000_00000.ppm;4;3;1;1;2;2;{class}\r\n");
        files.push((format!("{folder}/GT-{class:05}.csv"), list.into_bytes()));
        files.push((format!("{folder}/00000_00000.ppm"), ppm(class as u8)));
    }
    let list = format!("{head}00000.ppm;4;3;0;0;3;2;7\r\n");
    files.push(("GTSRB/Final_Test/Images/GT-final_test.csv".into(), list.into_bytes()));
    files.push(("GTSRB/Final_Test/Images/00000.ppm".into(), ppm(70)));
    files
}

/// [`gtsrb`] with the one file whose path ends so changed, or taken away.
pub(crate) fn gtsrb_with(end: &str, bytes: Option<&[u8]>) -> Files {
    let mut files = gtsrb();
    let place = files.iter().position(|(name, _)| name.ends_with(end)).unwrap();
    match bytes {
        Some(bytes) => files[place].1 = bytes.to_vec(),
        None => drop(files.remove(place)),
    }
    files
}
