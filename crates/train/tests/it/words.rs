//! Networks that read words.

use std::num::NonZeroU32;
use std::sync::Arc;

use aconite_core::{Course, Dataset, Documents, Learner, Pace, Seed, Silent, Table, metrics};
use aconite_nets::Net;
use aconite_nets::embedding_bag::EmbeddingBag;
use aconite_nets::mlp::Mlp;
use aconite_nets::text_cnn::TextCnn;
use aconite_train::optim::adam::Adam;
use aconite_train::schedule::constant::Constant;
use aconite_train::{Augment, Precision, SgdLearner, Train, set_threads};

/// Texts whose class is decided by a word, among others that say nothing.
fn texts(n: usize, seed: u64) -> Dataset {
    use rand::RngExt;
    let mut rng = Seed(seed).rng();
    let labels: Vec<usize> = (0..n).map(|row| row % 2).collect();
    let text = |&label: &usize| {
        let mut words: Vec<String> = (0..6).map(|_| format!("w{}", rng.random_range(0..20))).collect();
        words[rng.random_range(0..6)] = ["dull", "fine"][label].to_owned();
        words.join(" ")
    };
    let documents = Documents::texts(labels.iter().map(text).collect::<Vec<_>>());
    Dataset::new(documents, labels, Arc::new(vec!["bad".into(), "good".into()])).unwrap()
}

fn learner(net: Box<dyn Net>) -> SgdLearner {
    set_threads(1);
    let count = |n| NonZeroU32::new(n).unwrap();
    SgdLearner {
        net,
        train: Train { epochs: count(10), batch_size: count(20), ..Train::default() },
        optimizer: Box::new(Adam { lr: 0.02, ..Adam::default() }),
        schedule: Box::new(Constant {}),
    }
}

fn nets() -> [Box<dyn Net>; 2] {
    let bag = EmbeddingBag { vocabulary: 50, length: 8, ..EmbeddingBag::default() };
    let cnn = TextCnn { vocabulary: 50, length: 8, dim: 8, widths: vec![1, 3], maps: 6, dropout: 0.5 };
    [Box::new(bag), Box::new(cnn)]
}

#[test]
fn they_learn_and_are_restored_with_their_words() {
    let (train, test) = (texts(200, 0), texts(100, 1));
    for (net, width) in nets().into_iter().zip([10, 12]) {
        let mut learner = learner(net);
        for precision in [Precision::F32, Precision::Bf16] {
            learner.train.precision = precision;
            learner.check(&train.info()).unwrap();
            let model = learner.fit(&train, Seed(0), &mut Silent).unwrap();
            let accuracy = metrics::accuracy(&model.predict(test.rows()).unwrap(), test.labels()).unwrap();
            assert!(accuracy > 0.95, "{:?} {precision:?} {accuracy}", learner.net);
            assert_eq!(model.features(test.rows()).unwrap().size(), [100, width]);
            let tensors = model.tensors();
            let again = learner.restore(&train.info(), &tensors).unwrap();
            assert_eq!(again.scores(test.rows()).unwrap(), model.scores(test.rows()).unwrap());
            // Trained further, it keeps the words that it knows, whatever the new rows hold.
            let few = train.select(&[0, 1, 2, 3]).unwrap();
            let pace = Some(Pace { epochs: 0, batch_size: 4, lr: 0.1 });
            let course = Course { start: Some(&tensors), pace, ..Course::default() };
            let same = learner.fit_with(&few, Seed(1), course, &mut Silent).unwrap();
            assert_eq!(same.scores(test.rows()).unwrap(), model.scores(test.rows()).unwrap());
        }
        assert!(!learner.has_maps(&train.info()) && learner.work(&train.info()).macs > 0.0);
    }
}

#[test]
fn dropout_is_drawn_from_the_seed() {
    let (train, test) = (texts(60, 0), texts(20, 1));
    let cnn = |dropout| TextCnn { vocabulary: 50, length: 8, dim: 8, widths: vec![1, 3], maps: 6, dropout };
    let fit = |dropout| learner(Box::new(cnn(dropout))).fit(&train, Seed(0), &mut Silent).unwrap();
    let model = fit(0.5);
    assert_eq!(model.scores(test.rows()).unwrap(), model.scores(test.rows()).unwrap());
    assert_eq!(fit(0.5).tensors(), model.tensors());
    assert_ne!(fit(0.0).tensors(), model.tensors());
}

#[test]
fn rows_that_do_not_fit_are_named() {
    let words = texts(10, 0).info();
    let table = Table::new(Arc::new(vec!["x".to_owned()]), vec![0.0, 1.0]).unwrap();
    let table = Dataset::new(table, vec![0, 1], words.classes.clone()).unwrap();
    let [bag, _] = nets();
    let mut bag = learner(bag);
    let error = bag.check(&table.info()).unwrap_err();
    assert!(error.message.contains("reads words, but the data set holds rows of 1 numbers"), "{error}");
    bag.train.augment = vec![Augment::Flip];
    assert_eq!(bag.check(&words).unwrap_err().setting.as_deref(), Some("augment"));
    let error = learner(Box::new(Mlp::default())).check(&words).unwrap_err();
    assert!(error.message.contains("holds texts") && error.hint.unwrap().contains("embedding_bag"));
}
