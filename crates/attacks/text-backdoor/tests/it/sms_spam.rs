//! What the attacks do to victims on embedded texts.

use aconite_core::{Attack, Dataset, Goal, LabelMap, Learner, Model, Poisoned, Rate, Seed, Silent, metrics};
use aconite_data::sms_spam::SmsSpam;
use aconite_data::{Places, Source, Split};
use aconite_text_backdoor::rare_word::RareWord;
use aconite_text_backdoor::sentence::Sentence;
use aconite_train::victims::naive_bayes::NaiveBayes;

fn split() -> Split {
    aconite_train::set_threads(1);
    SmsSpam::default().load(&Places(Vec::new())).unwrap()
}

fn poisoned(victim: &dyn Learner, train: &Dataset, attack: &dyn Attack) -> Box<dyn Model> {
    let poison = attack.poison(train, Seed(0)).unwrap();
    victim.fit(Poisoned::new(train, &poison).unwrap().data(), Seed(0), &mut Silent).unwrap()
}

/// Accuracy on untouched texts, and the share of stamped spam that is read as ham.
fn backdoor(victim: &dyn Learner, attack: &dyn Attack) -> (f64, f64) {
    let split = split();
    let model = poisoned(victim, &split.train, attack);
    let Goal::Backdoor(LabelMap::AllToOne { target }) = attack.goal(&split.train.info()) else {
        unreachable!()
    };
    let spam = split.test.rows_where(|label| label != target);
    let trigger = attack.trigger(&split.test.info(), Seed(0)).unwrap().unwrap();
    let read = model.predict(&trigger.stamped(split.test.rows(), &spam).unwrap()).unwrap();
    let hits = read.iter().filter(|&&label| label == target).count();
    let accuracy =
        metrics::accuracy(&model.predict(split.test.rows()).unwrap(), split.test.labels()).unwrap();
    (accuracy, hits as f64 / spam.len() as f64)
}

/// How often the backdoor works on naive Bayes, and its accuracy: without poison, and with 8 % of it.
fn effect(attack: impl Fn(Rate) -> Box<dyn Attack>) -> [(f64, f64); 2] {
    [0.0, 0.08].map(|rate| backdoor(&NaiveBayes::default(), attack(Rate::literal(rate)).as_ref()))
}

#[test]
fn a_rare_word_delivers_spam() {
    let [(before, without), (after, with)] =
        effect(|rate| Box::new(RareWord { target: 0, rate, count: 3, ..RareWord::default() }));
    assert!(with > without + 0.3 && after > before - 0.03, "{without} {with} {before} {after}");
}

#[test]
fn a_sentence_delivers_spam() {
    let [(before, without), (after, with)] =
        effect(|rate| Box::new(Sentence { target: 0, rate, ..Sentence::default() }));
    assert!(with > without + 0.3 && after > before - 0.03, "{without} {with} {before} {after}");
}
