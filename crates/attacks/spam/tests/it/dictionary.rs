use aconite_core::{Attack, Class, Dataset, Goal, Poison, Rate, Rows, Scene, Seed, Silent};
use aconite_spam::dictionary::Dictionary;
use aconite_spam::optimal::Optimal;
use proptest::prelude::*;

use crate::{added, document, mail, texts};

fn poison(attack: &dyn Attack, data: &Dataset, test: &Dataset) -> Poison {
    attack.check(&data.info()).unwrap();
    let scene = Scene { test: Some(test), ..Scene::new(data, Seed(3)) };
    attack.craft(&scene, &mut Silent).unwrap().remove(0)
}

fn dictionary(rate: f64) -> Dictionary {
    Dictionary { rate: Rate::try_from(rate).unwrap(), ..Dictionary::default() }
}

// By hand: "today" is in three messages, ann, money, noon and win in two, by letters; the rest in one. "at" and "a"
// are too short.
#[test]
fn a_letter_holds_the_words_of_the_training_mail_by_frequency() {
    let all = "today ann money noon win cheap due lunch meeting notes now pills prize report sent with";
    for data in [texts(), mail()] {
        let poison = poison(&dictionary(0.3), &data, &data);
        // 0.3/0.7·7 messages.
        assert_eq!(added(&poison).labels, [1, 1, 1]);
        let text = document(added(&poison), 2);
        assert_eq!(text.split_whitespace().collect::<Vec<_>>().join(" "), all);
        assert_eq!(text.starts_with('\n'), data.rows().documents().unwrap().are_mail(), "no head");
    }
    let few = Dictionary { most: Some(2), ..dictionary(0.3) };
    assert_eq!(document(added(&poison(&few, &texts(), &texts())), 0), "today ann");
}

#[test]
fn copies_share_one_letter() {
    let poison = poison(&dictionary(0.9), &texts(), &texts());
    let Rows::Documents(documents) = &added(&poison).rows else { unreachable!() };
    assert_eq!(documents.len(), 63);
    assert!((1..63).all(|row| std::ptr::eq(documents.bytes(row), documents.bytes(0))));
}

#[test]
fn the_optimal_letter_holds_every_piece_of_the_test_ham() {
    let test = texts().select(&[1, 2, 5]).unwrap();
    let attack = Optimal { rate: Rate::literal(0.3), ..Optimal::default() };
    let poison = poison(&attack, &mail(), &test);
    let words = document(added(&poison), 0);
    assert_eq!(
        words.split_whitespace().collect::<Vec<_>>(),
        ["lunch", "today", "with", "ann", "report", "due", "at", "noon"]
    );
    assert_eq!((attack.goal(&texts().info()), attack.needs().targets), (Goal::Availability, true));
}

#[test]
fn a_list_of_ones_own_is_part_of_the_key() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "Alpha\nbeta\n").unwrap();
    let own = Dictionary { list: Some(file.path().to_str().unwrap().into()), ..dictionary(0.3) };
    assert_eq!(document(added(&poison(&own, &texts(), &texts())), 0), "alpha beta");
    let before = own.content().unwrap();
    std::fs::write(file.path(), "gamma\n").unwrap();
    assert!(before.is_some() && own.content().unwrap() != before);
    assert_eq!(dictionary(0.3).content(), Ok(None));
    let nowhere = Dictionary { list: Some("no/such/list".into()), ..dictionary(0.3) };
    assert_eq!(nowhere.check(&texts().info()).unwrap_err().setting.as_deref(), Some("list"));
}

#[test]
fn what_does_not_fit_is_named() {
    let info = texts().info();
    let setting = |attack: Dictionary| attack.check(&info).unwrap_err().setting.unwrap();
    assert_eq!(setting(dictionary(1.0)), "rate");
    assert_eq!(setting(Dictionary { most: Some(0), ..dictionary(0.1) }), "most");
    assert_eq!(setting(Dictionary { spam: Some(Class::Number(2)), ..dictionary(0.1) }), "spam");
    let mut other = info.clone();
    other.classes = vec!["a".to_owned(), "b".into()].into();
    assert!(dictionary(0.1).check(&other).unwrap_err().hint.unwrap().contains("spam ="));
    other.kind = aconite_core::RowKind::Table(vec!["x".to_owned()].into());
    assert!(dictionary(0.1).check(&other).unwrap_err().message.contains("rows of 1 numbers"));
    assert_eq!(poison(&dictionary(0.0), &texts(), &texts()), Poison::default());
}

proptest! {
    #[test]
    fn the_count_is_exact(rate in 0.0f64..0.9) {
        let poison = poison(&dictionary(rate), &texts(), &texts());
        prop_assert_eq!(poison.count(), (rate / (1.0 - rate) * 7.0).round() as usize);
    }
}
