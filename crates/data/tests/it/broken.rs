//! Good files, broken at random: whatever comes of it, nothing panics and little memory is taken.

use std::path::Path;

use aconite_core::Seed;
use image::ImageFormat;
use rand::RngExt;
use serde_json::{Value, json};

use crate::allocations::largest;
use crate::made::{gtsrb, gzip, idx, npy, npz, picture, tensors};
use crate::{Files, files, load, write};

/// Broken variants of each set.
const TIMES: u64 = 150;

fn sets() -> Vec<(&'static str, Value, Files)> {
    let rows: String =
        (0..12).map(|i| format!("{i},{},\"w {i}\",{}\n", ["tcp", "udp"][i % 2], i % 3)).collect();
    let table = format!("n,proto,text,label\n{rows}");
    let connection = format!("0,tcp,http,SF,7{},normal,21\n", ",0".repeat(36));
    let attack = connection.replace("normal", "neptune");
    let arrays = npz(&[
        ("x_train.npy", npy("'|u1'", "(4, 2, 2)", &[7; 16])),
        ("y_train.npy", npy("'|u1'", "(4,)", &[0, 1, 0, 1])),
    ]);
    vec![
        (
            "idx",
            json!({ "path": "d", "test_images": "", "test_share": 0.5 }),
            files([
                ("d/train-images-idx3-ubyte.gz", gzip(&idx(&[4, 2, 2], &[7; 16]))),
                ("d/train-labels-idx1-ubyte", idx(&[4], &[0, 1, 0, 1])),
            ]),
        ),
        ("npz", json!({ "path": "t.npz", "test_images": "", "test_share": 0.5 }), files([("t.npz", arrays)])),
        (
            "safetensors",
            json!({ "path": "t.safetensors", "test_share": 0.5 }),
            files([("t.safetensors", tensors([0, 1, 0, 1]))]),
        ),
        (
            "csv",
            json!({ "path": "t.csv", "ignore": ["text"] }),
            files([("t.csv", table.clone().into_bytes())]),
        ),
        ("text_csv", json!({ "path": "t.csv" }), files([("t.csv", table.into_bytes())])),
        (
            "nsl_kdd",
            json!({}),
            files([
                ("nsl-kdd/KDDTrain+.txt", format!("{connection}{attack}").into_bytes()),
                ("nsl-kdd/KDDTest+.txt", attack.into_bytes()),
            ]),
        ),
        ("gtsrb", json!({ "size": 3 }), gtsrb()),
        (
            "image_folder",
            json!({ "path": "d", "size": 3, "test_share": 0.5 }),
            files([
                ("d/a/1.png", picture(ImageFormat::Png, 5, 4, [1, 2, 3])),
                ("d/a/2.jpg", picture(ImageFormat::Jpeg, 5, 4, [1, 2, 3])),
                ("d/b/1.ppm", b"P3 1 2 9 1 2 3 4 5 6".to_vec()),
                ("d/b/2.pgm", b"P5 2 1 255\n\x00\x01".to_vec()),
            ]),
        ),
        (
            "mail_folder",
            json!({ "path": "d", "test_share": 0.5 }),
            files([
                ("d/a/1", b"S: a\n\n".to_vec()),
                ("d/a/2", b"S: b\n\n".to_vec()),
                ("d/b/1", vec![0xff]),
                ("d/b/2", vec![0]),
            ]),
        ),
    ]
}

/// Changes, cuts, doubles or fills up some bytes of one of the last two files.
fn broken(files: &[(String, Vec<u8>)], seed: u64) -> (String, Vec<u8>) {
    let mut rng = Seed(seed).derive("broken").rng();
    let (name, mut bytes) = files[files.len() - 1 - rng.random_range(0..files.len().min(4))].clone();
    for _ in 0..rng.random_range(1..4) {
        let at = rng.random_range(0..=bytes.len());
        match rng.random_range(0..5) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, rng.random()),
            2 => bytes.splice(at..at, b"99999999999".iter().copied()).for_each(drop),
            3 => bytes.extend_from_slice(&bytes.clone()[at..]),
            _ => bytes.iter_mut().skip(at).take(rng.random_range(1..5)).for_each(|byte| *byte = rng.random()),
        }
    }
    (name, bytes)
}

#[test]
fn files_broken_at_random_are_read_or_refused() {
    for (kind, settings, files) in sets() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &files);
        load(kind, &settings, dir.path()).unwrap_or_else(|e| panic!("{kind}: {e}"));
        let mut refused = 0;
        for seed in 0..TIMES {
            let (name, bytes) = broken(&files, seed);
            write(dir.path(), &[(name.clone(), bytes)]);
            let (memory, result) = largest(|| load(kind, &settings, dir.path()));
            assert!(memory < 9 << 20, "{kind} {seed}: {memory} bytes at once");
            refused += usize::from(result.is_err());
            restore(dir.path(), &files, &name);
        }
        assert!(kind == "mail_folder" || refused > 20, "{kind}: {refused} refused");
    }
}

fn restore(root: &Path, files: &[(String, Vec<u8>)], name: &str) {
    let good: Vec<_> = files.iter().filter(|(other, _)| other == name).cloned().collect();
    write(root, &good);
}
