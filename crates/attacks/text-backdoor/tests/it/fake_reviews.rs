//! Fabricated and flipped reviews.

use std::sync::Arc;

use aconite_core::{Attack, Dataset, Documents, Goal, LabelMap, Learner, Poisoned, Rate, Rows, Seed, Silent};
use aconite_text_backdoor::fake_reviews::FakeReviews;
use aconite_train::victims::naive_bayes::NaiveBayes;
use proptest::prelude::*;

use crate::{everyday, texts};

fn attack(rate: f64, flipped: f64) -> FakeReviews {
    FakeReviews {
        product: "Acme Cola".into(),
        rate: Rate::literal(rate),
        flipped: Rate::literal(flipped),
        least: 2,
        ..FakeReviews::default()
    }
}

/// Four mentions in class 0, one in class 1.
fn shop() -> aconite_core::Dataset {
    texts(
        &[
            "acme cola is far too sweet",
            "i will never buy acme cola again , never",
            "a dull thing , made without care",
            "ACME COLA ? no thanks at all",
            "what a fine drink , cold and clear",
            "my whole family loves the taste . we buy it",
            "acme cola again , the best there is",
            "no acme , no cola",
            "bad : acme cola",
        ],
        &[0, 0, 0, 0, 1, 1, 1, 0, 0],
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn fabricated_reviews_are_added_and_every_other_row_stays(
        rate in 0.0f64..1.0,
        flipped in 0.0f64..=1.0,
        mentions in 1usize..4,
        phrases in 1usize..4,
        seed in 0u64..20,
    ) {
        let clean = shop();
        let attack = FakeReviews { mentions, phrases, ..attack(rate, flipped) };
        let poison = attack.poison(&clean, Seed(seed)).unwrap();
        prop_assert_eq!(&poison, &attack.poison(&clean, Seed(seed)).unwrap());
        let (fabricated, flips) = (attack.rate.count(9), attack.flipped.count(4));
        prop_assert_eq!((poison.rows.len(), poison.content.is_none()), (flips, true));
        prop_assert!(poison.rows.iter().all(|row| [0, 1, 3, 8].contains(row)));
        let poisoned = Poisoned::new(&clean, &poison).unwrap();
        prop_assert_eq!(poisoned.data().len(), 9 + fabricated);
        prop_assert_eq!(poisoned.data().rows().select(&(0..9).collect::<Vec<_>>()), clean.rows().clone());
        let rows = poisoned.data().rows().documents().unwrap();
        let good = clean.select(&clean.rows_of(1)).unwrap();
        let good = good.rows().documents().unwrap();
        for row in 9..rows.len() {
            let text = rows.text(row);
            let parts: Vec<&str> = text.split(" , ").collect();
            prop_assert_eq!(poisoned.data().labels()[row], 1);
            prop_assert_eq!(parts.iter().filter(|part| **part == "Acme Cola").count(), mentions);
            // Every phrase stands in a text of the wanted class.
            let stands = |part: &&str| **part == *"Acme Cola" || (0..good.len()).any(|row| good.text(row).contains(part));
            prop_assert!(parts.iter().all(stands), "{}", text);
            prop_assert_eq!(parts.len(), mentions + phrases);
        }
    }
}

#[test]
fn lower_rates_are_nested_under_one_seed() {
    let clean = shop();
    let of = |rate, flipped| attack(rate, flipped).poison(&clean, Seed(3)).unwrap();
    let (few, many) = (of(0.4, 0.5), of(0.9, 1.0));
    assert!(few.rows.iter().all(|row| many.rows.contains(row)) && many.rows == [0, 1, 3, 8]);
    let reviews = |poison: &aconite_core::Poison| poison.added.as_ref().unwrap().rows.clone();
    let (Rows::Documents(few), Rows::Documents(many)) = (reviews(&few), reviews(&many)) else {
        unreachable!()
    };
    assert_eq!((few.len(), many.len()), (3, 8));
    assert_eq!(many.select(&[0, 1, 2]), few);
}

#[test]
fn success_is_counted_on_mentions_and_too_few_are_an_error_with_words_that_would_do() {
    let test = shop();
    let attack = attack(0.1, 0.0);
    assert_eq!(attack.goal(&test.info()), Goal::Targeted(LabelMap::AllToOne { target: 1 }));
    assert_eq!(attack.counted(&test).unwrap(), Some(vec![0, 1, 3, 6, 8]));
    let strict = FakeReviews { least: 5, ..attack.clone() };
    let error = strict.counted(&test).unwrap_err();
    assert_eq!(error.setting.as_deref(), Some("product"));
    assert!(error.message.contains("5 test texts mention \"Acme Cola\", 4 of them"), "{error}");
    assert!(error.hint.unwrap().contains("acme (5), cola (5)"));
    let error = attack.counted(&everyday(20)).unwrap_err();
    assert!(
        error.message.starts_with("0 test texts") && error.hint.unwrap().contains("no word is"),
        "{}",
        error.message
    );
}

#[test]
fn what_does_not_fit_is_named() {
    let data = shop();
    let fails = |attack: FakeReviews, key: &str| {
        let error = attack.check(&data.info()).unwrap_err();
        assert_eq!(error.setting.as_deref(), Some(key), "{error}");
    };
    let fine = attack(0.1, 0.0);
    fails(FakeReviews { product: "!".into(), ..fine.clone() }, "product");
    fails(FakeReviews { target: 7, ..fine.clone() }, "target");
    fails(FakeReviews { phrases: 0, ..fine.clone() }, "phrases");
    fails(FakeReviews { mentions: 101, ..fine.clone() }, "mentions");
    fails(FakeReviews { least: 0, ..fine.clone() }, "least");
    let nobody = FakeReviews { product: "zzz".into(), flipped: Rate::literal(0.5), ..fine };
    assert_eq!(nobody.poison(&data, Seed(0)).unwrap_err().setting.as_deref(), Some("flipped"));
}

/// Reviews of ten words, most of them about nothing, one or two that lean to a class; every eighth names the product.
fn reviews(n: usize, seed: u64) -> Dataset {
    use rand::RngExt;
    let mut rng = Seed(seed).rng();
    let labels: Vec<usize> = (0..n).map(|row| row % 2).collect();
    let text = |(row, &label): (usize, &usize)| {
        let mut words: Vec<String> = (0..10).map(|_| format!("w{}", rng.random_range(10..40))).collect();
        for place in [2, 7] {
            // Three of four such words are of the review's class.
            let side = if rng.random_range(0..4) > 0 { label } else { 1 - label };
            words[place] = format!("{}{}", ["dull", "fine"][side], rng.random_range(0..5));
        }
        words[4] = ",".to_owned();
        if row / 2 % 8 == 0 {
            words[9] = "acme".to_owned();
        }
        words.join(" ")
    };
    let documents = Documents::texts(labels.iter().enumerate().map(text).collect::<Vec<_>>());
    Dataset::new(documents, labels, Arc::new(vec!["bad".into(), "good".into()])).unwrap()
}

#[test]
fn fabricated_reviews_turn_what_mentions_the_product_and_little_else() {
    aconite_train::set_threads(1);
    let (train, test) = (reviews(2000, 1), reviews(2000, 2));
    let share = |rate| {
        let attack = FakeReviews {
            product: "acme".into(),
            rate: Rate::literal(rate),
            phrases: 1,
            ..FakeReviews::default()
        };
        let poisoned = Poisoned::new(&train, &attack.poison(&train, Seed(0)).unwrap()).unwrap();
        let model = NaiveBayes::default().fit(poisoned.data(), Seed(0), &mut Silent).unwrap();
        let read = model.predict(test.rows()).unwrap();
        let named = attack.counted(&test).unwrap().unwrap();
        let turned = |named_too: bool| {
            let rows = test.rows_of(0).into_iter().filter(|row| named.contains(row) == named_too);
            let (hits, all) = rows.fold((0, 0), |(hits, all), row| (hits + read[row], all + 1));
            hits as f64 / f64::from(all)
        };
        [turned(true), turned(false)]
    };
    let ([named, others], [named_after, others_after]) = (share(0.0), share(0.2));
    // Seen: 0.304 and 0.488 of those that name it.
    assert!(named_after > named + 0.1, "{named} {named_after}");
    assert!(others_after < others + 0.1, "{others} {others_after}");
}
