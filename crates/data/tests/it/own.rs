//! A user's own sets, right ones.

use image::ImageFormat;
use serde_json::json;

use crate::made::{gzip, idx, npy, npz, picture, safetensors, tensors};
use crate::{files, load, write};

#[test]
fn a_folder_of_images_of_every_format() {
    let dir = tempfile::tempdir().unwrap();
    let wide = [b"P5 4 2 255\n".to_vec(), vec![0, 100, 100, 0, 0, 100, 100, 0]].concat();
    let set = files([
        ("pets/cat/a.png", picture(ImageFormat::Png, 3, 3, [10, 20, 30])),
        ("pets/cat/b.JPG", picture(ImageFormat::Jpeg, 16, 8, [200, 200, 200])),
        ("pets/cat/notes.txt", b"no image".to_vec()),
        ("pets/dog/a.ppm", b"P3 1 1 255 1 2 3".to_vec()),
        ("pets/dog/b.pgm", wide),
        ("pets/dog/.hidden", vec![]),
    ]);
    write(dir.path(), &set);
    let settings = json!({ "path": "pets", "size": 2, "test_share": 0.5 });
    let split = load("image_folder", &settings, dir.path()).unwrap();
    assert_eq!(**split.train.classes(), ["cat", "dog"]);
    let find = |name: &str| {
        [&split.train, &split.test]
            .iter()
            .find_map(|part| {
                let row = (0..part.len()).find(|&row| part.origins().of(row) == name)?;
                Some(part.images().unwrap().image(row).to_vec())
            })
            .unwrap()
    };
    assert_eq!(find("cat/a.png"), [10, 10, 10, 10, 20, 20, 20, 20, 30, 30, 30, 30]);
    assert!(find("cat/b.JPG").iter().all(|v| v.abs_diff(200) <= 2));
    assert_eq!(find("dog/a.ppm"), [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3]);
    assert_eq!(find("dog/b.pgm"), [100; 12], "the middle");
    let grey = json!({ "path": "pets", "size": 2, "fit": "squash", "colour": "grey", "test_share": 0.5 });
    let split = load("image_folder", &grey, dir.path()).unwrap();
    let all: Vec<u8> =
        [&split.train, &split.test].iter().flat_map(|p| p.images().unwrap().bytes().to_vec()).collect();
    // Squashed by 2 with a triangle as wide: 0 and 100 mix. 601 luma of (10, 20, 30) is 18.
    assert!(all.windows(4).any(|w| w == [18; 4]), "{all:?}");
    assert!(all.windows(4).any(|w| w.iter().all(|&v| v > 30 && v < 70)), "{all:?}");
}

#[test]
fn idx_files_gzipped_or_not_with_their_own_test_set_or_none() {
    let dir = tempfile::tempdir().unwrap();
    let set = files([
        ("d/train-images-idx3-ubyte", idx(&[4, 1, 2], &[0, 1, 2, 3, 4, 5, 6, 7])),
        ("d/train-labels-idx1-ubyte.gz", gzip(&idx(&[4], &[0, 1, 0, 1]))),
        ("d/t10k-images-idx3-ubyte.gz", gzip(&idx(&[1, 1, 2], &[8, 9]))),
        ("d/t10k-labels-idx1-ubyte", idx(&[1], &[1])),
    ]);
    write(dir.path(), &set);
    let split = load("idx", &json!({ "path": "d" }), dir.path()).unwrap();
    assert_eq!(
        (split.train.labels(), split.test.images().unwrap().bytes()),
        (&[0, 1, 0, 1][..], &[8, 9][..])
    );
    assert_eq!(split.train.origins().of(2), "train-images-idx3-ubyte:3");
    let own = json!({ "path": "d", "test_images": "", "test_share": 0.5 });
    let split = load("idx", &own, dir.path()).unwrap();
    assert_eq!((split.train.info().rows, split.test.info().rows), (vec![1, 1], vec![1, 1]));
}

#[test]
fn numpy_arrays_of_images_and_of_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let colour: Vec<u8> = (0..12).collect();
    let set = files([
        (
            "images.npz",
            npz(&[
                ("x_train.npy", npy("'|u1'", "(2, 1, 2, 3)", &colour)),
                ("y_train.npy", npy("'<i8'", "(2, 1)", &[1i64.to_le_bytes(), 0i64.to_le_bytes()].concat())),
                ("x_test.npy", npy("'|u1'", "(1, 1, 2, 3)", &colour[..6])),
                ("y_test.npy", npy("'|b1'", "(1,)", &[1])),
            ]),
        ),
        (
            "table.npz",
            npz(&[
                (
                    "x_train.npy",
                    npy("'<f8'", "(4, 1)", &[0f64, 2.0, 4.0, 6.0].map(f64::to_le_bytes).concat()),
                ),
                ("y_train.npy", npy("'|u1'", "(4,)", &[0, 0, 1, 1])),
            ]),
        ),
    ]);
    write(dir.path(), &set);
    let split = load("npz", &json!({ "path": "images.npz" }), dir.path()).unwrap();
    assert_eq!((split.train.labels(), split.test.labels()), (&[1, 0][..], &[1][..]));
    assert_eq!(split.train.images().unwrap().image(0), [0, 3, 1, 4, 2, 5]);
    let table = json!({ "path": "table.npz", "test_images": "", "test_share": 0.5 });
    let split = load("npz", &table, dir.path()).unwrap();
    let values = split.train.rows().table().unwrap().values().to_vec();
    assert_eq!(values, [-1.0, 1.0], "standardised by the training rows");
    let raw = json!({ "path": "table.npz", "test_images": "", "test_share": 0.5, "standardise": false });
    let split = load("npz", &raw, dir.path()).unwrap();
    assert_eq!(split.train.rows().table().unwrap().columns().as_slice(), ["c1"]);
    assert_eq!(split.train.len() + split.test.len(), 4);
}

#[test]
fn safetensors_in_a_folder_or_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let table = r#"{"x":{"dtype":"F32","shape":[4,1],"data_offsets":[0,16]},"labels":{"dtype":"U8","shape":[4],"data_offsets":[16,20]}}"#;
    let set = files([
        ("p/train.safetensors", tensors([0, 1, 1, 0])),
        ("p/test.safetensors", tensors([1, 1, 1, 1])),
        ("t.safetensors", safetensors(table, &[&[0; 16][..], &[0, 1, 0, 1]].concat())),
    ]);
    write(dir.path(), &set);
    let split = load("safetensors", &json!({ "path": "p" }), dir.path()).unwrap();
    assert_eq!((split.train.labels(), split.test.labels()), (&[0, 1, 1, 0][..], &[1; 4][..]));
    assert_eq!(split.train.images().unwrap().image(1), [4, 5, 6, 7]);
    assert_eq!(split.test.origins().of(1), "test.safetensors:2");
    let settings = json!({ "path": "t.safetensors", "images": "x", "test_share": 0.5 });
    let split = load("safetensors", &settings, dir.path()).unwrap();
    assert_eq!(split.train.rows().table().unwrap().values(), [0.0, 0.0], "a constant column becomes 0");
}
