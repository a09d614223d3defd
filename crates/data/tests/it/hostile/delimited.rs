//! Delimited values.

use serde_json::{Value, json};

use super::{case, check};
use crate::files;
use crate::made::gzip;

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
