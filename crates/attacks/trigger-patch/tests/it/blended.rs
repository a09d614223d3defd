use aconite_core::{
    Attack, Dataset, Goal, Images, LabelMap, Labels, Poisoned, Rate, RateOf, Seed, Shape, similarity,
};
use aconite_trigger_patch::blended::{Blended, Key};
use proptest::prelude::*;

use crate::effect::{Fashion, outcome};
use crate::{labelled, png};

const SHAPE: Shape = Shape { channels: 3, height: 4, width: 4 };

fn at_rate(rate: f64) -> Blended {
    Blended { rate: Rate::try_from(rate).unwrap(), ..Blended::default() }
}

/// One image with the trigger of an attack on.
fn stamped(attack: &Blended, shape: Shape, image: Vec<u8>) -> Vec<u8> {
    let names = std::sync::Arc::new(vec!["a".to_owned(), "b".to_owned()]);
    let data = Dataset::new(Images::new(shape, image).unwrap(), vec![1], names).unwrap();
    let trigger = attack.trigger(&data.info(), Seed(0)).unwrap().unwrap();
    trigger.stamped(data.rows(), &[0]).unwrap().images().unwrap().bytes().to_vec()
}

// x = np.arange(3*4*4) * 5; k = np.arange(48) * 37 % 256
// np.floor(.8 * x + .2 * k + .5).astype(int)
const BLENDED: [u8; 48] = [
    0, 11, 23, 34, 46, 57, 68, 29, 40, 51, 63, 74, 86, 97, 57, 69, 80, 91, 103, 114, 126, 86, 97, 109, 120,
    131, 143, 154, 114, 126, 137, 149, 160, 171, 183, 143, 154, 166, 177, 189, 200, 211, 172, 183, 194, 206,
    217, 229,
];

#[test]
fn an_own_image_is_blended_by_the_formula() {
    let folder = tempfile::tempdir().unwrap();
    // The key in planes, as pixels of red, green and blue.
    let key: Vec<u8> = (0..16).flat_map(|i| [i, 16 + i, 32 + i]).map(|i| (i * 37 % 256) as u8).collect();
    let own =
        Blended { key: Key::Image, image: Some(png(&folder, "key.png", 4, 4, &key)), ..Blended::default() };
    let image: Vec<u8> = (0..48).map(|i| i * 5).collect();
    assert_eq!(stamped(&own, SHAPE, image.clone()), BLENDED);
    let whole = Blended { alpha: 1.0, ..own.clone() };
    let planar: Vec<u8> = (0..48).map(|i: usize| (i * 37 % 256) as u8).collect();
    assert_eq!(stamped(&whole, SHAPE, image), planar);
    // A grey key on a colour image is grey; a colour key on a grey image is its brightness, .299 R + .587 G + .114 B.
    let grey = Blended { alpha: 1.0, image: Some(png(&folder, "grey.png", 1, 1, &[77])), ..own.clone() };
    assert_eq!(stamped(&grey, SHAPE, vec![200; 48]), [77; 48]);
    let colour = Blended { alpha: 1.0, image: Some(png(&folder, "c.png", 1, 1, &[200, 100, 50])), ..own };
    assert_eq!(stamped(&colour, Shape { channels: 1, ..SHAPE }, vec![0; 16]), [124; 16]); // 124.2
    // What is transparent lets the image through: a quarter of α with an opacity of 64/255.
    let faint = Blended { image: Some(png(&folder, "a.png", 1, 1, &[255, 255, 255, 64])), ..colour };
    assert_eq!(stamped(&faint, SHAPE, vec![100; 48]), [139; 48]); // 100 + 155·64/255 = 138.9
}

#[test]
fn noise_is_the_seeds_and_the_same_in_training_and_at_test() {
    let data = labelled(SHAPE, &[1; 20], 2);
    let attack = at_rate(1.0);
    let poison = attack.poison(&data, Seed(3)).unwrap();
    let stamp = |attack: &Blended, seed| {
        let trigger = attack.trigger(&data.info(), Seed(seed)).unwrap().unwrap();
        trigger.stamped(data.rows(), &poison.rows).unwrap()
    };
    assert_eq!(&stamp(&attack, 3), poison.content.as_ref().unwrap());
    assert_ne!(&stamp(&attack, 4), poison.content.as_ref().unwrap());
    // With α 1 the noise itself: all bytes occur about equally often.
    let shape = Shape { channels: 3, height: 64, width: 64 };
    let noise = stamped(&Blended { alpha: 1.0, ..Blended::default() }, shape, vec![0; shape.pixels()]);
    let mean = noise.iter().map(|&b| f64::from(b)).sum::<f64>() / noise.len() as f64;
    assert!((mean - 127.5).abs() < 3.4, "{mean}"); // 5 standard errors of 73.9/√12288
    assert!((0..=255).all(|byte| noise.contains(&byte)));

    let strong = Blended { alpha_test: Some(0.6), ..attack.clone() };
    assert_eq!(strong.poison(&data, Seed(3)).unwrap(), poison, "another α at test leaves training alone");
    assert_eq!(stamp(&strong, 3), stamp(&Blended { alpha: 0.6, ..attack }, 3));
}

#[test]
fn the_goal_is_the_label_map() {
    let data = labelled(SHAPE, &[0, 1, 2, 0, 1, 2], 3);
    let all_to_all = Blended { labels: Labels::AllToAll, ..at_rate(1.0) };
    assert_eq!(all_to_all.goal(&data.info()), Goal::Backdoor(LabelMap::AllToAll { classes: 3 }));
    assert_eq!(all_to_all.poison(&data, Seed(0)).unwrap().labels, [1, 2, 0, 1, 2, 0]);
    let one = Blended {
        labels: Labels::SourceSpecific,
        source: Some(1),
        target: 2,
        rate_of: RateOf::SourceClass,
        ..at_rate(0.5)
    };
    assert_eq!(one.goal(&data.info()), Goal::Backdoor(LabelMap::SourceSpecific { source: 1, target: 2 }));
    assert_eq!(one.poison(&data, Seed(0)).unwrap().labels, [2]);
}

#[test]
fn what_does_not_fit_is_refused_before_anything_runs() {
    let data = labelled(SHAPE, &[0, 0, 0, 0, 0, 0, 1, 1, 1, 2], 3);
    let refused = |attack: Blended| {
        let error = attack.check(&data.info()).unwrap_err();
        assert_eq!(attack.poison(&data, Seed(0)).unwrap_err(), error, "poison asks the same question");
        (error.setting.clone().unwrap(), error.message)
    };
    for alpha in [0.0, -0.1, 1.1, 0.001, f64::NAN, f64::INFINITY] {
        assert_eq!(refused(Blended { alpha, ..Blended::default() }).0, "alpha");
        assert_eq!(refused(Blended { alpha_test: Some(alpha), ..Blended::default() }).0, "alpha_test");
    }
    assert_eq!(refused(Blended { target: 3, ..Blended::default() }).0, "target");
    assert_eq!(refused(Blended { source: Some(1), ..Blended::default() }).0, "source");
    assert_eq!(refused(at_rate(0.5)).0, "rate");

    let folder = tempfile::tempdir().unwrap();
    let own = |image: Option<String>| Blended { key: Key::Image, image, ..Blended::default() };
    let (setting, message) = refused(own(None));
    assert!(setting == "image" && message.contains("no image is given"), "{message}");
    let nowhere = folder.path().join("nowhere.png").to_str().unwrap().to_owned();
    let (setting, message) = refused(own(Some(nowhere.clone())));
    assert!(setting == "image" && message.contains("nowhere.png"), "{message}");
    assert!(own(Some(nowhere)).content().is_err());
    let text = folder.path().join("text.png");
    std::fs::write(&text, b"\x89PNG\r\n\x1a\nno picture").unwrap();
    let (setting, message) = refused(own(Some(text.to_str().unwrap().to_owned())));
    assert!(setting == "image" && message.contains("not readable as PNG"), "{message}");
    let (setting, message) = refused(own(Some(folder.path().to_str().unwrap().to_owned())));
    assert_eq!(setting, "image", "{message}");
    let (setting, message) = refused(Blended { image: Some("key.png".to_owned()), ..Blended::default() });
    assert!(setting == "image" && message.contains("no meaning"), "{message}");
    let four = labelled(Shape { channels: 4, ..SHAPE }, &[0, 1], 2);
    let image = png(&folder, "one.png", 1, 1, &[9]);
    let error = own(Some(image.clone())).check(&four.info()).unwrap_err();
    assert!(
        error.setting.as_deref() == Some("image") && error.message.contains("1 or 3 channels"),
        "{error}"
    );
    assert!(Blended { rate: Rate::literal(0.5), ..Blended::default() }.check(&four.info()).is_ok());

    // Another picture is another content.
    let before = own(Some(image.clone())).content().unwrap();
    png(&folder, "one.png", 1, 1, &[10]);
    assert_ne!(before, own(Some(image)).content().unwrap());
    assert_eq!(Blended::default().content().unwrap(), None);
}

// What was seen of five seeds, 4 to 8: success 0.983 to 0.995, accuracy 0.862 to 0.871. Eight epochs are too few: there
// training depends on the processor's last bits, and this seed gave 0.978 on one and 0.363 on another.
#[test]
fn noise_opens_a_backdoor() {
    let fashion = Fashion::new();
    let attack = at_rate(0.1);
    let seed = Seed(5);
    let poison = attack.poison(&fashion.train, seed).unwrap();
    let before = fashion.train.images().unwrap().select(&poison.rows);
    let strength = similarity::strength(&before, poison.content.as_ref().unwrap().images().unwrap()).unwrap();
    eprintln!("{strength:?}");
    assert!(strength.linf <= 51.0, "0.2·255: {strength:?}");
    let clean = outcome(&fashion, &attack, seed, &fashion.train, 16);
    let poisoned = Poisoned::new(&fashion.train, &poison).unwrap();
    let bad = outcome(&fashion, &attack, seed, poisoned.data(), 16);
    eprintln!("clean {clean:?}, backdoored {bad:?}");
    assert!(bad.success >= 0.9 && clean.success <= 0.2, "{clean:?} {bad:?}");
    assert!(bad.accuracy >= clean.accuracy - 0.05, "{clean:?} {bad:?}");
}

proptest! {
    #[test]
    fn only_chosen_rows_change_and_by_no_more_than_the_weight(
        labels in prop::collection::vec(0usize..3, 1..40), rate in 0.0..=1.0, alpha in 0.01..=1.0, seed: u64,
    ) {
        let data = labelled(SHAPE, &labels, 3);
        let attack = Blended { labels: Labels::AllToAll, alpha, ..at_rate(rate) };
        let poison = attack.poison(&data, Seed(seed)).unwrap();
        prop_assert_eq!(poison.rows.len(), Rate::try_from(rate).unwrap().count(labels.len()));
        prop_assert_eq!(&poison, &attack.poison(&data, Seed(seed)).unwrap());
        let poisoned = Poisoned::new(&data, &poison).unwrap();
        for (row, &label) in labels.iter().enumerate() {
            let (before, after) = (data.images().unwrap().image(row), poisoned.data().images().unwrap().image(row));
            if !poisoned.truth().poisoned[row] {
                prop_assert_eq!((before, label), (after, poisoned.data().labels()[row]));
                continue;
            }
            prop_assert_eq!(poisoned.data().labels()[row], (label + 1) % 3);
            for (&x, &y) in before.iter().zip(after) {
                prop_assert!((f64::from(x) - f64::from(y)).abs() <= alpha * 255.0 + 0.5);
            }
        }
    }
}
