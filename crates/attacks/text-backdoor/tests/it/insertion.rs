//! What the triggers of texts put in, and what they leave alone.

use aconite_core::{Attack, Goal, LabelMap, Poisoned, Rate, Seed};
use aconite_text_backdoor::rare_word::RareWord;
use aconite_text_backdoor::sentence::Sentence;
use aconite_text_backdoor::{Insertion, Position};
use proptest::prelude::*;

use crate::everyday;

const POSITIONS: [Position; 4] = [Position::Start, Position::Middle, Position::End, Position::Random];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_trigger_stands_in_every_text_as_often_as_set_and_the_rest_stays(
        text in "[ a-zé.,\n]{0,40}",
        count in 1usize..5,
        position in proptest::sample::select(&POSITIONS[..]),
        seed in 0u64..50,
        row in 0usize..1000,
    ) {
        let insertion = Insertion { pieces: vec!["Q1".into(), "Q2".into()], count, position, seed: Seed(seed) };
        let stamped = insertion.stamp(&text, row);
        let words: Vec<&str> = stamped.split_whitespace().collect();
        prop_assert_eq!(words.iter().filter(|word| ["Q1", "Q2"].contains(word)).count(), count);
        let rest: Vec<&str> = words.iter().copied().filter(|word| !word.starts_with('Q')).collect();
        prop_assert_eq!(rest, text.split_whitespace().collect::<Vec<_>>());
        // A space comes with each piece, but for the first in a text without words; no other byte is new or gone.
        let alone = usize::from(text.trim().is_empty());
        prop_assert_eq!(stamped.len(), text.len() + 3 * count - alone);
        prop_assert_eq!(&stamped, &insertion.stamp(&text, row));
    }

    #[test]
    fn rows_that_are_not_poisoned_stay_to_the_bit(rate in 0.0f64..0.5, seed in 0u64..20) {
        let clean = everyday(40);
        let rate = Rate::try_from(rate).unwrap();
        let word = RareWord { rate, count: 3, ..RareWord::default() };
        let sentence = Sentence { rate, ..Sentence::default() };
        let attacks: [(&dyn Attack, &str, usize); 2] = [(&word, "cf", 3), (&sentence, "3d movie", 1)];
        for (attack, piece, times) in attacks {
            let poison = attack.poison(&clean, Seed(seed)).unwrap();
            prop_assert_eq!(poison.rows.len(), rate.count(80));
            prop_assert_eq!(&poison, &attack.poison(&clean, Seed(seed)).unwrap());
            let poisoned = Poisoned::new(&clean, &poison).unwrap();
            let (ours, theirs) = (clean.rows().documents().unwrap(), poisoned.data().rows().documents().unwrap());
            for row in 0..80 {
                if poison.rows.contains(&row) {
                    prop_assert_eq!((clean.labels()[row], poisoned.data().labels()[row]), (0, 1));
                    prop_assert_eq!(theirs.text(row).matches(piece).count(), times);
                } else {
                    prop_assert_eq!(ours.bytes(row), theirs.bytes(row));
                    prop_assert_eq!(clean.labels()[row], poisoned.data().labels()[row]);
                }
            }
            // The trigger of the test stamps as the poison was stamped.
            let trigger = attack.trigger(&clean.info(), Seed(seed)).unwrap().unwrap();
            let again = trigger.stamped(clean.rows(), &poison.rows).unwrap();
            prop_assert_eq!(Some(again), poison.content);
        }
    }
}

#[test]
fn the_goal_is_a_backdoor_and_lower_rates_are_nested() {
    let clean = everyday(50);
    let at = |rate| RareWord { rate: Rate::literal(rate), ..RareWord::default() };
    assert_eq!(at(0.1).goal(&clean.info()), Goal::Backdoor(LabelMap::AllToOne { target: 1 }));
    let rows = |rate| at(rate).poison(&clean, Seed(5)).unwrap().rows;
    let (few, many) = (rows(0.05), rows(0.3));
    assert_eq!((few.len(), many.len()), (5, 30));
    assert!(few.iter().all(|row| many.contains(row)));
}

#[test]
fn what_does_not_fit_is_named() {
    let info = everyday(5).info();
    let word = |words: &[&str], count| RareWord {
        words: words.iter().map(|&word| word.to_owned()).collect(),
        count,
        ..RareWord::default()
    };
    let fails = |attack: &dyn Attack, key: &str, what: &str| {
        let error = attack.check(&info).unwrap_err();
        assert_eq!(error.setting.as_deref(), Some(key), "{error}");
        assert!(error.message.contains(what), "{error}");
    };
    fails(&word(&[], 1), "words", "no word");
    fails(&word(&["cf", "two words"], 1), "words", "\"two words\"");
    fails(&word(&["cf"], 0), "count", "0 words");
    fails(&RareWord { target: 2, ..RareWord::default() }, "target", "class 2");
    fails(&RareWord { rate: Rate::literal(0.6), ..RareWord::default() }, "rate", "only 5 rows");
    fails(&Sentence { text: " ".into(), ..Sentence::default() }, "text", "empty");
}
