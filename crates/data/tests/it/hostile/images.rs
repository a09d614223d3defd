//! Images: traffic signs with their lists, and folders.

use image::ImageFormat;
use serde_json::json;

use super::{case, check};
use crate::files;
use crate::made::{gtsrb, gtsrb_with, jpeg_of, picture, png_of};

#[test]
fn traffic_signs() {
    let head = "Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId\n";
    let list = |line: &str, expected: &[&'static str]| {
        let files = gtsrb_with("GT-00000.csv", Some(format!("{head}{line}\n").as_bytes()));
        case("gtsrb", json!({}), files, expected)
    };
    let image = |bytes: Option<&[u8]>, expected: &[&'static str]| {
        case("gtsrb", json!({}), gtsrb_with("Final_Test/Images/00000.ppm", bytes), expected)
    };
    check(vec![
        case(
            "gtsrb",
            json!({}),
            gtsrb_with("GT-final_test.csv", None),
            &["classes of the test images are missing", "GTSRB_Final_Test_GT.zip"],
        ),
        case("gtsrb", json!({}), gtsrb_with("GT-00000.csv", None), &["GT-00000.csv: "]),
        case(
            "gtsrb",
            json!({}),
            gtsrb_with("GT-00000.csv", Some(b"a;b\n1;2\n")),
            &["line 1: columns a;b, expected Filename;"],
        ),
        case(
            "gtsrb",
            json!({}),
            gtsrb_with("GT-00000.csv", Some(head.as_bytes())),
            &["GT-00000.csv: line 2: the file has no rows"],
        ),
        case("gtsrb", json!({ "size": 0 }), gtsrb(), &["size: 0 is out of range, expected 1 to 1024"]),
        list("00000_00000.ppm;4;3;1", &["line 2: 4 values, expected 8"]),
        list("00000_00000.ppm;4;3;1;1;2;2;43", &["line 2: class 43, expected 0"]),
        list("00000_00000.ppm;4;3;1;1;2;x;0", &["line 2: column \"Roi.Y2\": \"x\", expected a whole number"]),
        list("00000_00000.ppm;4;3;2;1;1;2;0", &["line 2: ", "turned round"]),
        list("00000_00000.ppm;4;3;1;1;4;2;0", &["line 2: the sign's corner (4, 2) is outside 4×3"]),
        list("../../../secret.ppm;4;3;1;1;2;2;0", &["line 2: ", "is not the plain name of a file"]),
        list("/etc/hostname;4;3;1;1;2;2;0", &["line 2: \"/etc/hostname\" is not the plain name of a file"]),
        image(None, &["Final_Test/Images/00000.ppm: "]),
        image(Some(b"P6 4 3 255\n123"), &["00000.ppm: byte 14: the file ends here, expected 47 bytes"]),
        image(
            Some(&[&b"P6 1 1 255\n"[..], &[0; 4]].concat()),
            &["byte 14: the file goes on, expected 14 bytes"],
        ),
        image(Some(b"P6 2147483648 2147483648 255\n123"), &["2147483648×2147483648 pixels, expected 1 to"]),
        image(Some(b"P6 99999999999999999999 1 255\n123"), &["4294967295×1 pixels"]),
        image(Some(b"P6 4 3 65535\n123"), &["byte 6: values up to 65535, expected at most 255"]),
        image(Some(b"P6 4 3 0\n123"), &["values up to 0"]),
        image(Some(b"P6 4 # no height\n"), &["byte 17: the height is missing: found the end of the file"]),
        image(Some(b"P4 8 1\n1"), &["byte 0: not a PGM or PPM file: found [50 34]"]),
        image(Some(b"P3 9999 3000 255\n1 2"), &["too short for 89991000 values"]),
        image(Some(b"P2 1 1 9\n10"), &["byte 9: a value above 9"]),
    ]);
}

#[test]
fn folders_of_images() {
    let settings = || json!({ "path": "d", "test_share": 0.5 });
    let good = || b"P2 1 1 255 7".to_vec();
    let with = |name: &str, bytes: Vec<u8>, expected: &[&'static str]| {
        let name = format!("d/b/{name}");
        let files =
            files([("d/a/1.pgm", good()), ("d/a/2.pgm", good()), ("d/b/1.pgm", good()), (&name, bytes)]);
        case("image_folder", settings(), files, expected)
    };
    let png = picture(ImageFormat::Png, 20, 20, [1, 2, 3]);
    let jpeg = picture(ImageFormat::Jpeg, 20, 20, [1, 2, 3]);
    let one = |name: &str| files([(name, good())]);
    check(vec![
        with("2.png", png[..png.len() - 20].to_vec(), &["path: ", "d/b/2.png: not readable as PNG"]),
        with("2.png", png[..10].to_vec(), &["2.png: byte 10: not readable as PNG"]),
        with("2.png", png_of(1 << 31, 1 << 31), &["2.png: "]),
        with("2.png", png_of(i32::MAX as u32, i32::MAX as u32), &["2147483647"]),
        with("2.png", png_of(16_000, 2_000), &["byte 16: 16000×2000 pixels, more than the file can hold"]),
        with("2.png", png_of(20_000, 1), &["20000×1 pixels, expected 1 to 16384 a side"]),
        with("2.png", png_of(0, 1), &["2.png: "]),
        with("2.jpg", jpeg_of(65_500, 65_500), &["2.jpg: ", "65500×65500"]),
        with("2.jpg", jpeg_of(0, 8), &["2.jpg: "]),
        with("2.jpg", jpeg[..jpeg.len() / 2].to_vec(), &["2.jpg: "]),
        with("2.jpg", jpeg[..jpeg.len() - 2].to_vec(), &["2.jpg: ", "cut off"]),
        with(
            "2.jpeg",
            b"\xff\xd8\xff".to_vec(),
            &["2.jpeg: byte 3: not readable as JPEG: the file is cut off"],
        ),
        with(
            "2.png",
            b"<html>not found</html>".to_vec(),
            &["byte 0: found [3c 68 74 6d], expected the start of a PNG"],
        ),
        with("2.png", vec![], &["byte 0: found [], expected"]),
        with("2.gif", b"GIF89a".to_vec(), &["2.gif: gif files are not read, expected PNG, JPEG, PPM or PGM"]),
        case("image_folder", settings(), one("d/a/1.pgm"), &["d: 1 class folders, expected two or more"]),
        case(
            "image_folder",
            settings(),
            files([("d/a/1.pgm", good()), ("d/b/x.txt", vec![])]),
            &["d/b: the class has no files"],
        ),
        case(
            "image_folder",
            settings(),
            files([("d/a/1.pgm", good()), ("d/b/1.pgm", good())]),
            &["test_share: class \"a\" has 1 rows"],
        ),
        case("image_folder", settings(), one("d/train/a/1.pgm"), &["there is train/ but no test/"]),
        case(
            "image_folder",
            settings(),
            files([("d/train/a/1.pgm", good()), ("d/train/b/1.pgm", good()), ("d/test/c/1.pgm", good())]),
            &["d/test: class \"c\" is not among the training classes"],
        ),
        case("image_folder", json!({ "path": "d", "size": 5000 }), vec![], &["path: \"d\" is not there"]),
        case("image_folder", json!({ "path": "d" }), one("d"), &["path: "]),
    ]);
}
