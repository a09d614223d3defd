use std::collections::BTreeSet;

use aconite_core::{Attack, Goal, Poison, Rate, Scene, Seed, Silent};
use aconite_spam::focused::Focused;

use crate::{added, document, mail, texts};

fn attack(p: f64, trials: usize) -> Focused {
    Focused { rate: Rate::literal(0.3), p: Rate::try_from(p).unwrap(), trials, spam: None }
}

fn craft(attack: &Focused, mail: bool, seed: u64) -> Vec<Poison> {
    let data = if mail { crate::mail() } else { texts() };
    attack.check(&data.info()).unwrap();
    let scene = Scene { test: Some(&data), ..Scene::new(&data, Seed(seed)) };
    attack.craft(&scene, &mut Silent).unwrap()
}

fn words(poison: &Poison, row: usize) -> BTreeSet<String> {
    let text = document(added(poison), row);
    let body = text.rsplit("\n\n").next().unwrap_or_default().to_owned();
    body.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn the_known_words_of_the_target_are_sent() {
    let poisons = craft(&attack(1.0, 4), false, 0);
    let mut targets = BTreeSet::new();
    for poison in &poisons {
        let target = poison.target.unwrap();
        assert_eq!((target.wanted, texts().labels()[target.row]), (1, 0));
        targets.insert(target.row);
        let wanted: BTreeSet<String> =
            texts().rows().documents().unwrap().text(target.row).split(' ').map(str::to_owned).collect();
        assert_eq!(added(poison).labels, [1, 1, 1]);
        assert!((0..3).all(|row| words(poison, row) == wanted));
    }
    assert_eq!(targets.len(), 4, "the four ham messages");
    assert_eq!(attack(1.0, 4).goal(&texts().info()), Goal::TargetedInputs { wanted: 1 });
}

#[test]
fn what_is_known_at_a_smaller_share_is_known_at_a_larger_one() {
    for seed in 0..5 {
        let known: Vec<BTreeSet<String>> =
            [0.0, 0.25, 0.5, 1.0].map(|p| words(&craft(&attack(p, 1), false, seed)[0], 0)).into();
        assert!(known.windows(2).all(|pair| pair[0].is_subset(&pair[1])), "{known:?}");
        let all = known[3].len();
        // round(p·n) of three or four words.
        assert_eq!([known[0].len(), known[1].len(), known[2].len()], [0, 1, 2], "of {all}");
    }
}

#[test]
fn every_message_has_the_head_of_another_spam() {
    let poison = &craft(&attack(1.0, 1), true, 1)[0];
    let subjects: BTreeSet<String> = (0..3)
        .map(|row| {
            let text = document(added(poison), row);
            assert!(
                text.starts_with("From: sender")
                    && !text.contains("Content-Type")
                    && !text.contains("charset")
            );
            text.lines().nth(1).unwrap().to_owned()
        })
        .collect();
    let spam: BTreeSet<String> = (4..7).map(|row| format!("Subject: subject{row}")).collect();
    assert_eq!(subjects, spam);
    assert_eq!(words(poison, 0), words(poison, 2));
    // More letters than spam: the heads come again in their order, and a letter is kept once.
    let many = &craft(&Focused { rate: Rate::literal(0.5), ..attack(1.0, 1) }, true, 1)[0];
    let letters = added(many).rows.documents().unwrap();
    assert_eq!(letters.len(), 7);
    for row in 0..7 {
        assert_eq!(document(added(many), row), document(added(poison), row % 3));
        assert_eq!(letters.bytes(row).as_ptr(), letters.bytes(row % 3).as_ptr());
    }
    let target = mail().rows().documents().unwrap().text(poison.target.unwrap().row).into_owned();
    assert!(words(poison, 0).iter().all(|word| target.contains(word)));
}

#[test]
fn what_does_not_fit_is_named() {
    let info = texts().info();
    assert_eq!(attack(0.5, 0).check(&info).unwrap_err().setting.as_deref(), Some("trials"));
    let data = texts();
    let scene = Scene { test: Some(&data), ..Scene::new(&data, Seed(0)) };
    let error = attack(0.5, 5).craft(&scene, &mut Silent).unwrap_err();
    assert!(error.message.contains("only 4"), "{error}");
    assert_eq!(craft(&attack(0.5, 2), true, 7), craft(&attack(0.5, 2), true, 7));
    assert_ne!(craft(&attack(0.5, 2), true, 7), craft(&attack(0.5, 2), true, 8));
}
