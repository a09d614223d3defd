//! Published sets in their publishers' layouts, made up small, and as they are where they are.

use aconite_core::Shape;
use aconite_data::Places;
use serde_json::json;

use crate::made::{gtsrb, gtsrb_with, npy, npz};
use crate::{files, load, source, write};

#[test]
fn traffic_signs_are_cut_out_and_resized_in_the_order_of_their_lists() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &gtsrb());
    let split = load("gtsrb", &json!({ "size": 2 }), dir.path()).unwrap();
    assert_eq!((split.train.len(), split.test.labels()), (43, &[7][..]));
    assert_eq!(split.train.labels(), (0..43).collect::<Vec<_>>());
    assert_eq!(split.train.images().unwrap().shape(), Shape { channels: 3, height: 2, width: 2 });
    assert_eq!(split.train.images().unwrap().image(42), [42; 12]);
    assert_eq!(split.train.classes()[14], "stop");
    assert_eq!(split.train.origins().of(3), "Final_Training/Images/00003/00000_00000.ppm");
    assert_eq!(split.test.origins().of(0), "Final_Test/Images/00000.ppm");
    // The same bytes elsewhere have the same fingerprint; another pixel gives another.
    let print = || source("gtsrb", &json!({})).fingerprint(&Places(vec![dir.path().to_owned()])).unwrap();
    let before = print();
    let path = dir.path().join("GTSRB/Final_Test/Images/00000.ppm");
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() = 71;
    std::fs::write(path, bytes).unwrap();
    assert_ne!(print(), before);
}

#[test]
fn a_sign_in_a_resized_image_is_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    // Listed as 4×3 with the sign from (1, 1) to (2, 2); here 8×6, white where the sign is then.
    let sign = |x: usize, y: usize| (2..6).contains(&x) && (2..6).contains(&y);
    let pixels = (0..6).flat_map(|y| (0..8).flat_map(move |x| [if sign(x, y) { 255 } else { 0 }; 3]));
    let ppm = [b"P6 8 6 255\n".to_vec(), pixels.collect()].concat();
    write(dir.path(), &gtsrb_with("00000/00000_00000.ppm", Some(&ppm)));
    let image = |settings| {
        let split = load("gtsrb", &settings, dir.path()).unwrap();
        split.train.images().unwrap().image(0).to_vec()
    };
    assert_eq!(image(json!({ "size": 4 })), [255; 48]);
    assert!(image(json!({ "size": 4, "crop": false })).contains(&0));
}

#[test]
fn house_numbers_are_read_from_the_converted_files() {
    let dir = tempfile::tempdir().unwrap();
    let file = |labels: &[u8]| {
        let n = labels.len();
        let pixels: Vec<u8> = (0..n * 3072).map(|i| (i % 3) as u8).collect();
        npz(&[
            ("images.npy", npy("'|u1'", &format!("({n}, 32, 32, 3)"), &pixels)),
            ("labels.npy", npy("'|u1'", &format!("({n},)"), labels)),
        ])
    };
    let set = files([("svhn/train_32x32.npz", file(&[9, 0])), ("svhn/test_32x32.npz", file(&[3]))]);
    write(dir.path(), &set);
    let split = load("svhn", &json!({}), dir.path()).unwrap();
    assert_eq!((split.train.labels(), split.test.labels()), (&[9, 0][..], &[3][..]));
    let image = split.train.images().unwrap().image(1);
    assert_eq!((image[0], image[1024], image[3071]), (0, 1, 2), "channels become planes");
}

#[test]
fn traffic_signs_where_they_are_have_their_classes() {
    let places = Places::from_env();
    let source = source("gtsrb", &json!({}));
    if source.found(&places).is_err() {
        eprintln!("skipped: the traffic signs are not on this machine");
        return;
    }
    let split = source.load(&places).unwrap();
    assert_eq!(split.train.num_classes(), 43);
    assert!(split.train.info().rows.iter().all(|&rows| rows > 0));
    assert_eq!(split.train.images().unwrap().shape(), Shape { channels: 3, height: 32, width: 32 });
}
