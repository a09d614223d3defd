//! IDX and CIFAR.

use serde_json::json;

use super::{case, check};
use crate::allocations::largest;
use crate::made::{gzip, idx};
use crate::{Files, files, load, write};

const IMAGES: &str = "d/train-images-idx3-ubyte";

/// An IDX set with other training images.
fn idx_images(bytes: Vec<u8>) -> Files {
    idx_set(bytes, idx(&[2], &[0, 1]), idx(&[1, 2, 2], &[0; 4]), idx(&[1], &[1]))
}

fn idx_set(a: Vec<u8>, b: Vec<u8>, c: Vec<u8>, d: Vec<u8>) -> Files {
    files([
        (IMAGES, a),
        ("d/train-labels-idx1-ubyte", b),
        ("d/t10k-images-idx3-ubyte", c),
        ("d/t10k-labels-idx1-ubyte", d),
    ])
}

#[test]
fn idx_files() {
    let own = || json!({ "path": "d" });
    let good = || idx(&[2, 2, 2], &[0; 8]);
    let images = |bytes: Vec<u8>, expected: &[&'static str]| case("idx", own(), idx_images(bytes), expected);
    let zipped = |bytes: Vec<u8>, expected: &[&'static str]| {
        let mut files = idx_images(vec![]);
        files[0] = (format!("{IMAGES}.gz"), bytes);
        case("idx", own(), files, expected)
    };
    let mut cut = gzip(&good());
    cut.truncate(cut.len() / 2);
    let mut magic = good();
    magic[2] = 0x0d;
    let bomb = gzip(&[good(), vec![0; 30_000_000]].concat());
    check(vec![
        images(vec![], &["train_images: ", IMAGES, "byte 0: the header is cut off"]),
        images(vec![0, 0, 8], &["byte 3: the header is cut off, expected 4 bytes"]),
        images(good()[..9].to_vec(), &["byte 9: the header is cut off, expected 12 bytes"]),
        images(magic, &["byte 0: not an IDX file", "found [00 00 0d 03]", "expected [00 00 08 03]"]),
        images(
            idx(&[1 << 31, 28, 28], &[0; 4]),
            &["byte 4: ", "2147483648×28×28", "more than the file can hold"],
        ),
        images(idx(&[u32::MAX; 3], &[0; 4]), &["4294967295×4294967295", "more than the file can hold"]),
        images(idx(&[2, 2, 2], &[0; 7]), &["byte 23: the file ends here, expected 24 bytes"]),
        images(idx(&[2, 2, 2], &[0; 9]), &["byte 24: the file goes on, expected 24 bytes in all"]),
        images(idx(&[0, 2, 2], &[]), &["d/train-labels", "expected a whole number for each of the 0 rows"]),
        images(idx(&[2, 0, 5], &[]), &[IMAGES, "without pixels"]),
        images(idx(&[2, 2, 1, 1], &[0; 4]), &["layout: ", "2 channels, expected 1 or 3"]),
        images(idx(&[2, 2, 3], &[0; 12]), &["t10k-images", "1×2×2, expected 1×2×3"]),
        zipped(cut, &["train-images-idx3-ubyte.gz: byte ", "cut off"]),
        zipped(b"this is no gzip stream".to_vec(), &[".gz: byte 0: not readable"]),
        zipped(
            [gzip(&idx(&[5_000_000, 1000, 1], &[])), vec![0; 5_000_000]].concat(),
            &["byte 4: ", "5000000000 bytes, expected at most 4294967296"],
        ),
        zipped(bomb, &["byte 24: the file goes on, expected 24 bytes in all"]),
        zipped(gzip(&idx(&[1 << 31, 1, 1], &[])), &["more than the file can hold"]),
        case(
            "idx",
            own(),
            idx_set(good(), idx(&[3], &[0, 1, 1]), good(), vec![]),
            &["test_labels", "byte 0"],
        ),
        case(
            "idx",
            own(),
            idx_set(good(), idx(&[3], &[0, 1, 1]), good(), idx(&[2], &[0, 1])),
            &["train-labels", "u8 of 3, expected a whole number for each of the 2 rows"],
        ),
        case(
            "idx",
            own(),
            idx_set(good(), idx(&[2], &[0, 2]), good(), idx(&[2], &[0, 1])),
            &["labels up to 2, but none is 1", "without gaps"],
        ),
        case(
            "idx",
            own(),
            idx_set(good(), idx(&[2], &[0, 0]), good(), idx(&[2], &[0, 0])),
            &["all rows are of class 0", "nothing to tell apart"],
        ),
        case(
            "idx",
            own(),
            idx_set(good(), idx(&[2], &[0, 1]), good(), idx(&[2], &[1, 7])),
            &["t10k-labels", "row 2 has label 7, expected 0 to 1"],
        ),
        case("idx", own(), files([(IMAGES, good())]), &["train_labels: ", "is not there, nor with .gz"]),
        case("idx", json!({}), vec![], &["path: no path is given"]),
        case(
            "idx",
            json!({ "path": "no/where" }),
            vec![],
            &["path: ", "\"no/where\" is not there; looked for"],
        ),
        case(
            "mnist",
            json!({}),
            vec![],
            &["kind: ", "not on this machine; looked in", "$ACONITE_DATA/mnist/"],
        ),
        case(
            "mnist",
            json!({}),
            files([("mnist/train-images-idx3-ubyte", good())]),
            &["is not complete", "lacks train-labels-idx1-ubyte"],
        ),
        case(
            "mnist",
            json!({}),
            ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"]
                .map(|name| (format!("mnist/{name}-ubyte"), idx(&[1 << 31], &[])))
                .to_vec(),
            &["byte 4: the header says 2147483648 where the published file has 60000"],
        ),
    ]);
}

#[test]
fn cifar_records() {
    let ten = |bytes: Vec<u8>| -> Files {
        ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"]
            .map(|name| (format!("cifar10/{name}.bin"), bytes.clone()))
            .to_vec()
    };
    let hundred = |bytes: Vec<u8>| {
        files([("cifar-100-binary/train.bin", bytes.clone()), ("cifar-100-binary/test.bin", bytes)])
    };
    let record = |labels: &[u8]| [labels, &[0; 3072]].concat();
    let none = || json!({});
    check(vec![
        case(
            "cifar10",
            none(),
            ten(vec![]),
            &["data_batch_1.bin: byte 0: the file ends here", "30730000 bytes"],
        ),
        case("cifar10", none(), ten(vec![3; 100]), &["byte 100: the file ends here"]),
        case("cifar10", none(), ten(record(&[10])), &["byte 0: record 1: label 10, expected 0 to 9"]),
        case("cifar10", none(), ten(record(&[9])), &["byte 3073: the file ends here"]),
        case(
            "cifar10",
            none(),
            ten(vec![])[1..].to_vec(),
            &["lacks data_batch_1.bin", "cifar-10-binary.tar.gz"],
        ),
        case(
            "cifar100",
            none(),
            hundred(record(&[0, 100])),
            &["byte 1: record 1: label 100, expected 0 to 99"],
        ),
        case(
            "cifar100",
            json!({ "labels": "coarse" }),
            hundred(record(&[20, 0])),
            &["byte 0: record 1: label 20, expected 0 to 19"],
        ),
    ]);
}

#[test]
fn a_header_that_announces_much_takes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &idx_images(idx(&[1 << 31, 28, 28], &[0; 4])));
    let (memory, result) = largest(|| load("idx", &json!({ "path": "d" }), dir.path()));
    assert!(result.is_err() && memory < 100_000, "{memory} bytes at once");
}
