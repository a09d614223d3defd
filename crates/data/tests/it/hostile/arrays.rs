//! Safetensors and NumPy archives.

use serde_json::{Value, json};

use super::{case, check};
use crate::files;
use crate::made::{header, npy, npz, safetensors, tensors};

#[test]
fn safetensors_files() {
    let with = |settings: Value, bytes: Vec<u8>, expected: &[&'static str]| {
        let mut all = json!({ "path": "t.safetensors", "test_share": 0.5 });
        all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        case("safetensors", all, files([("t.safetensors", bytes)]), expected)
    };
    let plain = |bytes: Vec<u8>, expected: &[&'static str]| with(json!({}), bytes, expected);
    let made = |tensors: &str, n: usize| safetensors(tensors, &vec![0; n]);
    let labels = r#""labels":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}"#;
    let images = |rest: &str, n: usize| made(&format!("{{{labels},\"images\":{rest}}}"), n + 4);
    let nan = f32::NAN.to_le_bytes();
    let table = r#"{"images":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"labels":{"dtype":"U8","shape":[2],"data_offsets":[8,10]}}"#;
    check(vec![
        plain(vec![1, 2, 3], &["path: ", "byte 3: the file ends here, expected a header length of 8 bytes"]),
        plain(
            vec![0xff; 16],
            &["byte 0: a header of 18446744073709551615 bytes is announced, but the file has 16"],
        ),
        plain([&(1u64 << 20).to_le_bytes()[..], b"{}"].concat(), &["byte 0: a header of 1048576 bytes"]),
        plain(safetensors("no json", &[]), &["byte 8: "]),
        plain(
            made(
                r#"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}}"#,
                6,
            ),
            &["byte 8: tensor", "overlaps another"],
        ),
        plain(
            made(r#"{"images":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}"#, 2),
            &["than the 2 that follow it"],
        ),
        plain(
            made(r#"{"images":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}"#, 9),
            &["than the 9 that follow it"],
        ),
        plain(
            made(r#"{"images":{"dtype":"F32","shape":[4],"data_offsets":[0,4]}}"#, 4),
            &["shape and type do not fit"],
        ),
        plain(
            made(
                r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,4]}}"#,
                4,
            ),
            &["beyond any memory"],
        ),
        plain(made("{}", 0), &["images: ", "there is no tensor \"images\"", "it has none"]),
        with(
            json!({ "labels": "y" }),
            tensors([0, 0, 1, 1]),
            &["labels: ", "no tensor \"y\"", "it has images, labels"],
        ),
        plain(
            images(r#"{"dtype":"BF16","shape":[4,1],"data_offsets":[4,12]}"#, 8),
            &["images: ", "BF16 of 4×1"],
        ),
        plain(
            images(r#"{"dtype":"U8","shape":[3,1],"data_offsets":[4,7]}"#, 3),
            &["u8 of 4, expected a whole number for each of the 3 rows"],
        ),
        plain(tensors([0, -1, 1, 1]), &["row 2 has label -1, expected 0 to"]),
        plain(tensors([0, 1 << 40, 1, 1]), &["row 2 has label 1099511627776"]),
        plain(tensors([0, 2, 2, 0]), &["labels up to 2, but none is 1"]),
        plain(tensors([0; 4]), &["all rows are of class 0"]),
        plain(
            safetensors(
                r#"{"images":{"dtype":"F32","shape":[2,1,1,1],"data_offsets":[0,8]},"labels":{"dtype":"U8","shape":[2],"data_offsets":[8,10]}}"#,
                &[&[0; 8][..], &[0, 1]].concat(),
            ),
            &["f32 of 2×1×1×1, expected images as u8", "255 * x"],
        ),
        plain(
            safetensors(table, &[&[0; 4], &nan[..], &[0, 1]].concat()),
            &["row 2, column 1: NaN is not finite"],
        ),
        case(
            "safetensors",
            json!({ "path": "d" }),
            files([("d/train.safetensors", vec![])]),
            &["test.safetensors is not there"],
        ),
    ]);
}

#[test]
fn numpy_files() {
    let whole = |bytes: Vec<u8>, expected: &[&'static str]| {
        case("npz", json!({ "path": "t.npz", "test_images": "" }), files([("t.npz", bytes)]), expected)
    };
    let labels = || ("y_train.npy", npy("'|u1'", "(2,)", &[0, 1]));
    let with =
        |array: Vec<u8>, expected: &[&'static str]| whole(npz(&[("x_train.npy", array), labels()]), expected);
    let good = || npy("'|u1'", "(2, 1, 1)", &[1, 2]);
    let digits = |y: u8| {
        let images = npy("'|u1'", "(1, 32, 32, 3)", &[0; 3072]);
        let file = npz(&[("images.npy", images), ("labels.npy", npy("'|u1'", "(1,)", &[y]))]);
        files([("svhn/train_32x32.npz", file.clone()), ("svhn/test_32x32.npz", file)])
    };
    let tall = npz(&[("images.npy", good()), ("labels.npy", npy("'|u1'", "(2,)", &[0, 1]))]);
    check(vec![
        whole(b"no zip".to_vec(), &["path: ", "t.npz: not readable as npz"]),
        whole(vec![], &["t.npz: not readable as npz"]),
        whole(npz(&[labels()])[..60].to_vec(), &["t.npz: not readable as npz"]),
        whole(npz(&[labels()]), &["images: ", "there is no array \"x_train\"", "it has y_train"]),
        whole(
            npz(&[("../x_train.npy", good()), ("/x_train.npy", good())]),
            &["there is no array \"x_train\"", "it has ../x_train, /x_train"],
        ),
        with(
            npy("'|O'", "(2,)", &[0; 16]),
            &["images: ", "array \"x_train\": an array of Python objects", "pickle", "refused"],
        ),
        with(npy("'>f4'", "(2, 1)", &[0; 8]), &["byte 10: array", "big-endian, expected little-endian"]),
        with(npy("'<U5'", "(2, 1)", &[0; 40]), &["type \"<U5\", expected"]),
        with(npy("[('a', '<i4')]", "(2,)", &[0; 8]), &["an array of records"]),
        with(
            header("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 1)}\n", &[0; 2]),
            &["Fortran order", "ascontiguousarray"],
        ),
        with(header("{'descr': '|u1', 'shape': (2, 1)}\n", &[0; 2]), &["byte 10: ", "no order"]),
        with(header("__import__('os')", &[]), &["byte 10: ", "no dictionary"]),
        with(npy("'|u1'", "(2, 1, 2)", &[1, 2]), &["the file ends here, expected "]),
        with(npy("'|u1'", "(2, 1, 1)", &[1, 2, 3]), &["the file goes on, expected "]),
        with(npy("'|u1'", "(2, 1, 1)", &vec![0; 20_000_000]), &["the file goes on, expected "]),
        with(
            npy("'|u1'", "(1099511627776, 1, 1)", &[1, 2]),
            &["1099511627776×1×1, more than the file can hold"],
        ),
        with(npy("'|u1'", "(-2, 1)", &[1, 2]), &["\"-2\" in the shape is no size"]),
        with(
            npy("'|u1'", "(2, 1, 1, 1, 1)", &[1, 2]),
            &["2×1×1×1×1, expected images in three or four dimensions"],
        ),
        with(npy("'|u1'", "()", &[1]), &["u8 of 2, expected a whole number for each of the 0 rows"]),
        with(
            b"\x93NUMPZ\x01\x00".to_vec(),
            &["byte 0: array \"x_train\": found [93 4e 55 4d 50 5a], expected [93 4e 55 4d 50 59]"],
        ),
        with(b"\x93NUMPY\x09\x00".to_vec(), &["byte 6: array \"x_train\": version 9 of the format"]),
        with(
            b"\x93NUMPY\x02\x00\xff\xff\xff\xff".to_vec(),
            &["byte 8: array \"x_train\": a header of 4294967295 bytes, expected at most 10000"],
        ),
        case("svhn", json!({}), digits(10), &["row 1 is no digit, expected 0 to 9", "y % 10"]),
        case(
            "svhn",
            json!({}),
            files([("svhn/train_32x32.npz", tall.clone()), ("svhn/test_32x32.npz", tall)]),
            &["u8 of 2×1×1, expected u8 of rows×32×32×3"],
        ),
    ]);
}
