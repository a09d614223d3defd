//! BadNets with an own picture, another place, colour, jitter and brightness.

use aconite_core::{Attack, Dataset, Images, Poisoned, Seed, Shape};
use aconite_trigger_patch::badnets::{BadNets, FigureKind, Position};
use aconite_trigger_patch::corner::Fill;
use proptest::prelude::*;
use tempfile::TempDir;

use crate::effect::{Fashion, outcome};
use crate::{labelled, png};

const SHAPE: Shape = Shape { channels: 3, height: 8, width: 8 };

/// BadNets with a 4×4 picture with transparency, at half the side of the images.
fn own(folder: &TempDir) -> BadNets {
    // rgba = (np.arange(64).reshape(4, 4, 4) * 53 % 256).astype(np.uint8)
    let rgba: Vec<u8> = (0..64).map(|i| (i * 53 % 256) as u8).collect();
    BadNets {
        trigger: FigureKind::Image,
        image: Some(png(folder, "own.png", 4, 4, &rgba)),
        scale: [0.5, 0.5],
        ..BadNets::default()
    }
}

/// An image of one byte, or of the golden test's if `None`, with the trigger of an attack on, as rows of a plane.
fn planes(attack: &BadNets, shape: Shape, byte: Option<u8>) -> Vec<Vec<u8>> {
    let bytes = (0..shape.pixels()).map(|i| byte.unwrap_or((i * 7 % 256) as u8)).collect();
    let names = std::sync::Arc::new(vec!["a".to_owned(), "b".to_owned()]);
    let data = Dataset::new(Images::new(shape, bytes).unwrap(), vec![1], names).unwrap();
    attack.check(&data.info()).unwrap();
    let trigger = attack.trigger(&data.info(), Seed(0)).unwrap().unwrap();
    let stamped = trigger.stamped(data.rows(), &[0]).unwrap();
    stamped.images().unwrap().bytes().chunks(shape.height * shape.width).map(<[u8]>::to_vec).collect()
}

/// The pixels of a square of a plane of 8 columns.
fn square(plane: &[u8], from: usize, side: usize) -> Vec<u8> {
    (from..from + side).flat_map(|row| plane[row * 8 + from..row * 8 + from + side].to_vec()).collect()
}

// x = (np.arange(3*8*8) * 7 % 256).reshape(3, 8, 8); c = rgba[..., :3].transpose(2, 0, 1); m = rgba[..., 3] / 255
// s = x[:, 3:7, 3:7]; np.floor(s * (1 - m) + c * m + .5)
// s = x[:, 2:6, 2:6]; np.floor(s * (1 - m) + np.minimum(c * 1.4, 255) * m + .5)
// s = x[:1, 3:7, 3:7]; np.floor(s * (1 - m) + np.tensordot([.299, .587, .114], c, 1) * m + .5)
const CORNER: [[u8; 16]; 3] = [
    [71, 203, 193, 201, 90, 87, 148, 91, 73, 57, 71, 38, 179, 142, 123, 121],
    [80, 77, 162, 149, 136, 112, 106, 118, 231, 238, 137, 60, 37, 124, 84, 62],
    [89, 65, 59, 98, 182, 138, 111, 103, 133, 183, 179, 150, 151, 162, 191, 248],
];
const BRIGHT_CENTER: [[u8; 16]; 3] = [
    [47, 188, 167, 150, 116, 83, 231, 225, 235, 239, 115, 30, 160, 127, 87, 63],
    [70, 44, 126, 100, 182, 125, 91, 81, 194, 185, 176, 135, 130, 244, 246, 250],
    [188, 42, 16, 44, 242, 166, 109, 75, 86, 127, 237, 173, 144, 131, 142, 190],
];
const GREY: [u8; 16] = [98, 142, 197, 205, 131, 120, 67, 34, 77, 60, 110, 70, 103, 148, 126, 123];

#[test]
fn a_picture_covers_as_much_as_it_is_opaque() {
    let folder = tempfile::tempdir().unwrap();
    let bright = BadNets { position: Position::Center, brightness: [1.4, 1.4], ..own(&folder) };
    for (attack, from, golden) in [(own(&folder), 3, CORNER), (bright, 2, BRIGHT_CENTER)] {
        let inside = |i: usize| (from..from + 4).contains(&(i / 8)) && (from..from + 4).contains(&(i % 8));
        for (channel, (plane, golden)) in planes(&attack, SHAPE, None).iter().zip(golden).enumerate() {
            assert_eq!(square(plane, from, 4), golden);
            assert!((0..64).all(|i| inside(i) || usize::from(plane[i]) == (channel * 64 + i) * 7 % 256));
        }
    }
    assert_eq!(square(&planes(&own(&folder), Shape { channels: 1, ..SHAPE }, None)[0], 3, 4), GREY);
}

// p = rgba[..., :3] * (rgba[..., 3:] / 255) in float32; each channel: np.floor(np.asarray(
//     PIL.Image.fromarray(p[..., c], "F").resize((side, side), PIL.Image.BILINEAR)) + .5)
const HALF: [[u8; 4]; 3] = [[53, 67, 63, 43], [54, 35, 56, 51], [78, 45, 44, 59]];
const RED_6: [u8; 36] = [
    0, 48, 87, 55, 30, 13, 37, 50, 67, 91, 73, 49, 69, 47, 43, 115, 104, 75, 45, 29, 23, 68, 55, 31, 87, 65,
    43, 48, 31, 13, 135, 105, 69, 40, 19, 5,
];

#[test]
fn a_picture_is_resized_as_in_pillow() {
    let folder = tempfile::tempdir().unwrap();
    let small = BadNets { scale: [0.25, 0.25], ..own(&folder) };
    for (plane, golden) in planes(&small, SHAPE, Some(0)).iter().zip(HALF) {
        assert_eq!(square(plane, 5, 2), golden);
    }
    let large = BadNets { scale: [0.75, 0.75], ..own(&folder) };
    assert_eq!(square(&planes(&large, SHAPE, Some(0))[0], 1, 6), RED_6);
    // Twice as wide as high, and no smaller than a pixel.
    let wide = BadNets { image: Some(png(&folder, "wide.png", 8, 1, &[9; 8])), ..own(&folder) };
    assert_eq!(planes(&wide, SHAPE, Some(0))[0].iter().filter(|&&b| b == 9).count(), 4);
}

#[test]
fn figures_take_a_colour_and_a_place() {
    let yellow = BadNets { color: Some([255, 200, 0]), size: 2, ..BadNets::default() };
    for (plane, value) in planes(&yellow, SHAPE, Some(100)).iter().zip([255, 200, 0]) {
        assert_eq!(square(plane, 5, 2), [value; 4]);
        assert_eq!(plane.iter().filter(|&&b| b == 100).count(), 60);
    }
    // 255·.299 + 200·.587 = 193.6
    assert_eq!(square(&planes(&yellow, Shape { channels: 1, ..SHAPE }, Some(100))[0], 5, 2), [194; 4]);
    let board = BadNets { fill: Fill::Checkerboard, ..yellow.clone() };
    assert_eq!(square(&planes(&board, SHAPE, Some(100))[1], 5, 2), [200, 0, 0, 200]);
    let dim = BadNets { brightness: [0.5, 0.5], ..yellow.clone() };
    assert_eq!(square(&planes(&dim, SHAPE, Some(100))[0], 5, 2), [128; 4]);

    let first = |position| {
        let planes = planes(&BadNets { position, ..yellow.clone() }, SHAPE, Some(100));
        planes[0].iter().position(|&b| b == 255).map(|i| (i / 8, i % 8)).unwrap()
    };
    assert_eq!(first(Position::BottomRight), (5, 5));
    assert_eq!(first(Position::BottomLeft), (5, 1));
    assert_eq!(first(Position::TopRight), (1, 5));
    assert_eq!(first(Position::TopLeft), (1, 1));
    assert_eq!(first(Position::Center), (3, 3));
}

#[test]
fn draws_depend_on_the_seed_and_the_row_alone() {
    let data = labelled(SHAPE, &[1; 40], 2);
    let attack = BadNets {
        size: 2,
        margin: 0,
        jitter: 6,
        brightness: [0.4, 1.0],
        rate: aconite_core::Rate::literal(1.0),
        ..BadNets::default()
    };
    let poison = attack.poison(&data, Seed(7)).unwrap();
    let whole = poison.content.clone().unwrap();
    let stamp = |seed, rows: &[usize]| {
        let trigger = attack.trigger(&data.info(), Seed(seed)).unwrap().unwrap();
        trigger.stamped(data.rows(), rows).unwrap()
    };
    let chosen = [31, 4, 17];
    assert_eq!(stamp(7, &chosen), whole.select(&chosen), "training and test, together or alone");
    assert_ne!(stamp(8, &chosen), whole.select(&chosen));
    // 49 places and many factors: the rows do not look alike.
    let seen = |row| {
        let (before, after) = (data.images().unwrap().image(row), whole.images().unwrap().image(row));
        let at = (0..64).find(|&i| before[i] != after[i]).unwrap();
        (at, after[at])
    };
    let all: std::collections::BTreeSet<_> = (0..40).map(seen).collect();
    assert!(all.len() > 30, "{all:?}");
    assert!(all.iter().all(|&(_, value)| (102..=255).contains(&value)), "{all:?}");
    // Without jitter, only the brightness differs; a constant draws too, so that it is the same brightness.
    let still = BadNets { jitter: 0, ..attack.clone() }.poison(&data, Seed(7)).unwrap().content.unwrap();
    for row in 0..40 {
        assert_eq!(still.images().unwrap().image(row)[63], seen(row).1);
    }
}

#[test]
fn what_does_not_fit_is_refused_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    let data = labelled(SHAPE, &[0, 1, 1, 2], 3);
    let refused = |attack: BadNets| {
        let error = attack.check(&data.info()).unwrap_err();
        assert_eq!(attack.poison(&data, Seed(0)).unwrap_err(), error, "poison asks the same question");
        (error.setting.clone().unwrap(), error.message)
    };
    for brightness in [[-0.1, 1.0], [1.0, 0.5], [f64::NAN, 1.0], [1.0, f64::INFINITY]] {
        assert_eq!(refused(BadNets { brightness, ..BadNets::default() }).0, "brightness");
    }
    for scale in [[0.0, 0.5], [0.5, 0.2], [0.5, 1.1], [0.5, f64::NAN]] {
        assert_eq!(refused(BadNets { scale, ..own(&folder) }).0, "scale");
    }
    let (setting, message) = refused(BadNets { scale: [0.5, 1.0], ..own(&folder) });
    assert!(setting == "margin" && message.contains("8×8 pixels at a margin of 1"), "{message}");
    assert!(BadNets { scale: [0.5, 1.0], margin: 0, ..own(&folder) }.check(&data.info()).is_ok());
    let middle = BadNets { scale: [1.0, 1.0], position: Position::Center, ..own(&folder) };
    assert!(middle.check(&data.info()).is_ok(), "the margin has no meaning there");
    assert_eq!(refused(BadNets { color: Some([1, 2, 3]), ..own(&folder) }).0, "color");
    let (setting, message) = refused(BadNets { image: None, ..own(&folder) });
    assert!(setting == "image" && message.contains("no image is given"), "{message}");
    let (setting, message) = refused(BadNets { trigger: FigureKind::Patch, ..own(&folder) });
    assert!(setting == "image" && message.contains("no meaning"), "{message}");
    let jitter = BadNets { jitter: usize::MAX, ..own(&folder) };
    assert!(jitter.check(&data.info()).is_ok(), "as far as the image goes");
    assert!(own(&folder).content().unwrap().is_some() && BadNets::default().content().unwrap().is_none());
}

// What was seen: 0.840 accurate, and 0.892 of the stamped rows read as class 0.
#[test]
fn a_sticker_that_is_never_quite_in_its_place_opens_a_backdoor() {
    let fashion = Fashion::new();
    let attack = BadNets { size: 5, jitter: 3, brightness: [0.8, 1.0], ..BadNets::default() };
    let poison = attack.poison(&fashion.train, Seed(5)).unwrap();
    let poisoned = Poisoned::new(&fashion.train, &poison).unwrap();
    let bad = outcome(&fashion, &attack, Seed(5), poisoned.data(), 8);
    eprintln!("{bad:?}");
    assert!(bad.success >= 0.7, "{bad:?}");
}

proptest! {
    #[test]
    fn a_picture_lies_on_the_image_whatever_is_drawn(
        lo in 0.05..1.0f64, hi in 0.0..=1.0f64, jitter in 0usize..20, seed: u64,
        position in prop::sample::select(vec![
            Position::BottomRight, Position::BottomLeft, Position::TopRight, Position::TopLeft, Position::Center,
        ]),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let data = labelled(SHAPE, &[1; 12], 2);
        let scale = [lo, lo + (1.0 - lo) * hi];
        let image = Some(png(&folder, "o.png", 3, 2, &[0; 6]));
        let attack = BadNets { image, scale, jitter, position, margin: 0, ..own(&folder) };
        let trigger = attack.trigger(&data.info(), Seed(seed)).unwrap().unwrap();
        let all: Vec<usize> = (0..12).collect();
        let stamped = trigger.stamped(data.rows(), &all).unwrap();
        for row in all {
            let (before, after) = (data.images().unwrap().image(row), stamped.images().unwrap().image(row));
            let black: Vec<usize> = (0..64).filter(|&i| after[i] == 0).collect();
            let side = |of: fn(usize) -> usize| {
                let places: std::collections::BTreeSet<_> = black.iter().map(|&i| of(i)).collect();
                places.len()
            };
            let (height, width) = (side(|i| i / 8), side(|i| i % 8));
            prop_assert_eq!(black.len(), height * width);
            let [shortest, longest] = scale.map(|share| (share * 8.0).max(1.0).round() as usize);
            prop_assert!((shortest..=longest).contains(&width), "{} {:?}", width, scale);
            prop_assert_eq!(height, ((width as f64 * 2.0 / 3.0).round() as usize).max(1));
            prop_assert!((0..64).all(|i| after[i] == 0 || after[i] == before[i]));
        }
    }
}
