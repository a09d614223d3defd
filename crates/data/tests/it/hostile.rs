//! Files and folders that are not what they should be: each is refused with the place in the file, what was found
//! and what was expected, and takes little memory.

use image::ImageFormat;
use serde_json::{Value, json};

use crate::allocations::largest;
use crate::made::{
    gtsrb, gtsrb_with, gzip, header, idx, jpeg_of, npy, npz, picture, png_of, safetensors, tensors,
};
use crate::{files, load, write};

/// What a case is about.
struct Case {
    kind: &'static str,
    settings: Value,
    files: Vec<(String, Vec<u8>)>,
    /// Pieces of the message, its setting and its hint.
    expected: Vec<&'static str>,
}

fn case(
    kind: &'static str,
    settings: Value,
    files: Vec<(String, Vec<u8>)>,
    expected: &[&'static str],
) -> Case {
    Case { kind, settings, files, expected: expected.to_vec() }
}

/// The largest request of memory that a refusal may make, beside the bytes of the files: a reader's buffers, and
/// the longest record of delimited values, which grows by doubling.
const MOST: usize = 9 << 20;
/// CIFAR's files have one size, which is taken at once.
const CIFAR: usize = 160 << 20;

fn check(cases: Vec<Case>) {
    for Case { kind, settings, files, expected } in cases {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &files);
        let (memory, result) = largest(|| load(kind, &settings, dir.path()));
        let error = match result {
            Ok(_) => panic!("{kind} {settings}: accepted, expected {expected:?}"),
            Err(error) => error,
        };
        let all = format!(
            "{}: {}; {}",
            error.setting.as_deref().unwrap_or("–"),
            error.message,
            error.hint.as_deref().unwrap_or_default()
        );
        for part in &expected {
            assert!(all.contains(part), "{kind} {settings}: {part:?} is not in {all:?}");
        }
        let bytes: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
        let most = if kind.starts_with("cifar") { CIFAR } else { MOST + 2 * bytes };
        assert!(memory <= most, "{kind} {settings}: {memory} bytes at once for {all}");
    }
}

const IMAGES: &str = "d/train-images-idx3-ubyte";

/// An IDX set with other training images.
fn idx_images(bytes: Vec<u8>) -> Vec<(String, Vec<u8>)> {
    idx_set(bytes, idx(&[2], &[0, 1]), idx(&[1, 2, 2], &[0; 4]), idx(&[1], &[1]))
}

fn idx_set(a: Vec<u8>, b: Vec<u8>, c: Vec<u8>, d: Vec<u8>) -> Vec<(String, Vec<u8>)> {
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
    let ten = |bytes: Vec<u8>| -> Vec<(String, Vec<u8>)> {
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

#[test]
fn mail_and_sentences() {
    let settings = || json!({ "path": "d", "test_share": 0.5 });
    let mail = |name: &str, bytes: &[u8]| (name.to_owned(), bytes.to_vec());
    let sentences = |negative: &[u8]| {
        files([
            ("rt-polarity/rt-polarity.neg", negative.to_vec()),
            ("rt-polarity/rt-polarity.pos", b"a\nb\n".to_vec()),
        ])
    };
    check(vec![
        case(
            "mail_folder",
            settings(),
            vec![mail("d/ham/1", b"x"), mail("d/ham/2", b""), mail("d/spam/1", b"x")],
            &["path: ", "d/ham/2: the message is empty"],
        ),
        case(
            "mail_folder",
            settings(),
            vec![mail("d/ham/1", b"x")],
            &["1 class folders, expected two or more"],
        ),
        case(
            "mail_folder",
            settings(),
            vec![mail("d/ham/1/x", b"x"), mail("d/spam/1", b"x")],
            &["d/ham/1: not a file"],
        ),
        case(
            "spamassassin",
            json!({}),
            vec![mail("spamassassin/spam/1", b"x")],
            &["lacks easy_ham", "`folders`"],
        ),
        case(
            "spamassassin",
            json!({ "folders": ["spam", "easy_ham"] }),
            vec![mail("spamassassin/spam/1", b"x"), mail("spamassassin/easy_ham/cmds", b"x")],
            &["folders: ", "easy_ham: no messages"],
        ),
        case(
            "rt_polarity",
            json!({}),
            sentences(b"one\n\nthree\n"),
            &["rt-polarity.neg: line 2: empty, expected a sentence"],
        ),
        case("rt_polarity", json!({}), sentences(b"one\n"), &["class \"negative\" has 1 rows"]),
    ]);
}

#[test]
fn delimited_values() {
    let with = |settings: Value, rows: &[u8], expected: &[&'static str]| {
        let mut all = json!({ "path": "t.csv" });
        all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        case("csv", all, files([("t.csv", rows.to_vec())]), expected)
    };
    let plain = |rows: &[u8], expected: &[&'static str]| with(json!({}), rows, expected);
    let long = [&b"a,label\n"[..], &vec![b'1'; 10_000_000], b",0\n2,1\n"].concat();
    let open = [&b"a,label\n1,0\n\"2,1\n"[..], &b"3,0\n".repeat(2_500_000)].concat();
    let mut cut = gzip(&[&b"a,label\n"[..], &b"1,0\n2,1\n".repeat(999)].concat());
    cut.truncate(cut.len() - 12);
    let many: String = (0..1002).map(|i| format!("v{i},{}\n", i % 2)).collect();
    let two = |test: &[u8], expected: &[&'static str]| {
        let train = b"a,label\n1,x\n2,y\n".to_vec();
        let files = files([("t.csv", train), ("u.csv", test.to_vec())]);
        case("csv", json!({ "path": "t.csv", "test_path": "u.csv" }), files, expected)
    };
    let bad_text = |rows: &[u8], expected: &[&'static str]| {
        case("text_csv", json!({ "path": "t.csv" }), files([("t.csv", rows.to_vec())]), expected)
    };
    let connection = format!("0,tcp,http,SF{},nonsense,21\n", ",0".repeat(37));
    let connections = |line: &str, expected: &[&'static str]| {
        let line = line.as_bytes().to_vec();
        let files = files([("nsl-kdd/KDDTrain+.txt", line.clone()), ("nsl-kdd/KDDTest+.txt", line)]);
        case("nsl_kdd", json!({}), files, expected)
    };
    check(vec![
        plain(b"a,label\n1,0\n2\n", &["path: ", "t.csv: line 3: 1 values, expected 2"]),
        plain(b"a,label\n1,0\n\n2,1,5\n", &["t.csv: line 4: 3 values, expected 2"]),
        plain(b"a,label\n1,0\nNaN,1\n", &["line 3: column \"a\": \"NaN\" is not finite"]),
        plain(b"a,label\ninf,0\n2,1\n", &["line 2: column \"a\": \"inf\" is not finite"]),
        plain(b"a,label\n1e39,0\n2,1\n", &["line 2: column \"a\": 1e39 is beyond 32-bit numbers"]),
        plain(b"a,label\n1,0\nx,1\n", &["line 3: column \"a\": \"x\" is no number"]),
        plain(b"a,label\n1,0\n,1\n", &["line 3: column \"a\": no value, expected a number"]),
        plain(b"a,label\n,0\n1,1\n", &["line 2: column \"a\" has no value", "`categorical`"]),
        plain(b"a,label\n1,0\n2,\n", &["line 3: column \"label\": no value, expected a class"]),
        plain(b"a,label\nx,0\n\xff\xfe,1\n", &["line 3: column \"a\" is not UTF-8 after 0 bytes"]),
        plain(&long, &["line 2: a record of more than 4194304 bytes"]),
        plain(&open, &["line 3: a record of more than 4194304 bytes", "double quote left open"]),
        plain(b"", &["line 1: the file has no rows"]),
        plain(b"a,label\n", &["line 2: the file has no rows"]),
        plain(b"a,label\n1,0\n2,0\n", &["all rows are of one class, \"0\""]),
        plain(b"a,label\n1,0\n2,0\n3,1\n", &["test_share: class \"1\" has 1 rows"]),
        plain(b"a,b\n1,0\n", &["no column \"label\"", "the columns are a, b"]),
        plain(b"a,a,label\n1,2,0\n", &["line 1: two columns are called \"a\""]),
        plain(b"label\n1\n", &["line 2: there is no column beside the label"]),
        plain(
            format!("a,label\n{many}").as_bytes(),
            &["column \"a\" has more than 1000 different values", "`ignore`"],
        ),
        with(
            json!({ "delimiter": ", " }),
            b"a,label\n",
            &["delimiter: \", \", expected one ASCII character"],
        ),
        with(json!({ "ignore": ["b"] }), b"a,label\n1,0\n", &["no column \"b\""]),
        with(json!({ "label": "c9", "header": false }), b"1,0\n2,1\n", &["no column \"c9\"", "c1, c2"]),
        with(json!({ "test_share": 0.0 }), b"a,label\n1,0\n2,1\n", &["test_share: 0 is outside (0, 1)"]),
        with(json!({ "test_share": 1.0 }), b"a,label\n1,0\n2,1\n", &["test_share: 1 is outside (0, 1)"]),
        two(
            b"b,label\n1,x\n",
            &["test_path: ", "u.csv: line 1: columns [\"b\", \"label\"], expected [\"a\""],
        ),
        two(b"a,label\n1,x\n1,z\n", &["u.csv:3: class \"z\" has no training row"]),
        case(
            "csv",
            json!({ "path": "t.csv.gz" }),
            files([("t.csv.gz", cut)]),
            &["t.csv.gz: line ", "cut off"],
        ),
        case("csv", json!({ "path": "t" }), files([("t/x", vec![])]), &["path: ", "t: not a file"]),
        bad_text(b"texts,label\na,0\n", &["no column \"text\"", "texts, label"]),
        bad_text(b"text,label\ngood,0\n\xe9,1\n", &["line 3: column \"text\" is not UTF-8 after 0 bytes"]),
        bad_text(b"text,label\ngood,0\nbad,\n", &["line 3: column \"label\": no value"]),
        connections(
            &connection,
            &["KDDTrain+.txt: line 1: column \"attack\": \"nonsense\" is none of the attacks"],
        ),
        connections("1,2,3\n", &["line 1: 3 values, expected 43"]),
    ]);
}

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

#[test]
fn a_header_that_announces_much_takes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &idx_images(idx(&[1 << 31, 28, 28], &[0; 4])));
    let (memory, result) = largest(|| load("idx", &json!({ "path": "d" }), dir.path()));
    assert!(result.is_err() && memory < 100_000, "{memory} bytes at once");
}

#[cfg(unix)]
#[test]
fn names_and_links() {
    use std::ffi::OsStr;
    use std::fs;
    use std::os::unix::{ffi::OsStrExt, fs::symlink};
    let settings = json!({ "path": "d", "test_share": 0.5 });
    let refused = |change: &dyn Fn(&std::path::Path), expected: &str| {
        let dir = tempfile::tempdir().unwrap();
        let mail = |name: &str| (name.to_owned(), b"x".to_vec());
        write(dir.path(), &["d/ham/1", "d/ham/2", "d/spam/1", "d/spam/2"].map(mail));
        assert!(load("mail_folder", &settings, dir.path()).is_ok());
        change(&dir.path().join("d"));
        let error = load("mail_folder", &settings, dir.path()).unwrap_err();
        assert!(error.message.contains(expected), "{error}");
    };
    refused(&|d| fs::write(d.join(OsStr::from_bytes(b"ham/\xff")), "x").unwrap(), "\"\\xFF\" is not UTF-8");
    refused(&|d| symlink("nowhere", d.join("spam/3")).unwrap(), "spam/3: No such file");
    refused(&|d| symlink("3", d.join("spam/3")).unwrap(), "spam/3: ");
    refused(&|d| symlink("..", d.join("spam/3")).unwrap(), "spam/3: not a file");
    refused(&|d| symlink("/dev/zero", d.join("spam/3")).unwrap(), "spam/3: not a file");
}
