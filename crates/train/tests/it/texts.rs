//! Victims that read texts and messages.

use std::sync::Arc;

use aconite_core::{Class, Dataset, Documents, Learner, Model, RowKind, Seed, Silent, best_class};
use aconite_train::victims::logistic::Logistic;
use aconite_train::victims::naive_bayes::NaiveBayes;
use aconite_train::victims::spambayes::{Preset, Spambayes};
use aconite_train::victims::svm::{Kernel, Svm};
use aconite_train::victims::words::{Tokens, Words};
use tch::Kind;

const TEXTS: [&str; 6] = [
    "win money now now",
    "call me now",
    "win a prize",
    "see you at home",
    "money money prize call",
    "you call home",
];
const LABELS: [usize; 6] = [1, 0, 1, 0, 1, 0];
const NEW: [&str; 4] = ["win you", "now prize money", "nothing known", "home home call"];

fn texts(texts: &[&str], labels: &[usize]) -> Dataset {
    aconite_train::set_threads(1);
    let classes = Arc::new(vec!["ham".to_owned(), "spam".to_owned()]);
    Dataset::new(Documents::texts(texts.iter().map(|&t| t.to_owned())), labels.to_vec(), classes).unwrap()
}

fn data() -> Dataset {
    texts(&TEXTS, &LABELS)
}

fn new() -> Dataset {
    texts(&NEW, &[1, 1, 0, 0])
}

fn fit(learner: &dyn Learner) -> Box<dyn Model> {
    learner.fit(&data(), Seed(0), &mut Silent).unwrap()
}

/// Scores of [`NEW`], row after row.
fn scores(learner: &dyn Learner) -> Vec<f64> {
    let scores = fit(learner).scores(new().rows()).unwrap();
    Vec::try_from(scores.to_kind(Kind::Double).flatten(0, -1)).unwrap()
}

fn assert_close(ours: &[f64], golden: &[f64], tolerance: f64) {
    assert_eq!(ours.len(), golden.len());
    assert!(ours.iter().zip(golden).all(|(o, g)| (o - g).abs() < tolerance), "{ours:?}\n{golden:?}");
}

// v = CountVectorizer(binary=…); X = v.fit_transform(TEXTS)
// MultinomialNB(alpha=…).fit(X, LABELS).predict_joint_log_proba(v.transform(NEW))
// The default size takes all ten words, as scikit-learn does. Scores are single precision.
#[test]
fn naive_bayes_is_scikit_learn_s() {
    let even = -std::f64::consts::LN_2;
    #[rustfmt::skip]
    let golden: [(NaiveBayes, [f64; 8]); 3] = [
        (NaiveBayes::default(),
         [-5.585999439, -5.585999439, -8.9871968207, -6.0968250628, even, even, -6.3845071352, -8.9871968207]),
        (NaiveBayes { alpha: 0.25, ..NaiveBayes::default() },
         [-6.3199686141, -6.3199686141, -10.8197782844, -5.4698176847, even, even, -5.8375424648, -10.8197782844]),
        (NaiveBayes { binary: true, ..NaiveBayes::default() },
         [-5.585999439, -5.3752784077, -8.9871968207, -6.4738906964, even, even, -4.4873871503, -5.7807435158]),
    ];
    for (learner, golden) in &golden[..2] {
        assert_close(&scores(learner), golden, 2e-6);
    }
    // scikit-learn counts the words of new texts even if binary; in the last text a word comes twice.
    let binary = scores(&golden[2].0);
    assert_close(&binary[..6], &golden[2].1[..6], 2e-6);
    let class = fit(&NaiveBayes::default()).predict(new().rows()).unwrap();
    assert_eq!(class, [0, 1, 0, 0], "equal scores go to the smaller class");
}

// y, texts = the classes (1: spam) and messages of the lines of SMSSpamCollection
// X = CountVectorizer(binary=True).fit(texts); the 2000 words with the largest X.sum(0), of equal ones the first ones
// X = CountVectorizer(vocabulary=words, binary=binary).transform(texts); m = MultinomialNB().fit(X, y)
// p, s = m.predict(X), m.predict_joint_log_proba(X); p.sum(), (p != y).sum(), (np.arange(5574)*p).sum(), s.sum(0)
#[test]
fn naive_bayes_labels_all_embedded_texts_as_scikit_learn_does() {
    use std::io::Read;
    let zipped: &[u8] = include_bytes!("../../../data/embedded/sms_spam.tsv.gz");
    let mut lines = String::new();
    flate2::read::GzDecoder::new(zipped).read_to_string(&mut lines).unwrap();
    let (classes, messages): (Vec<&str>, Vec<&str>) =
        lines.lines().map(|line| line.split_once('\t').unwrap()).unzip();
    let labels: Vec<usize> = classes.iter().map(|&class| usize::from(class == "spam")).collect();
    let data = texts(&messages, &labels);
    assert_eq!((data.len(), labels.iter().sum::<usize>()), (5574, 747));
    for (binary, [spam, wrong, rows], sums) in [
        (false, [742, 63, 2_027_375], [-456_761.870_905, -503_377.416_646]),
        (true, [734, 61, 2_007_811], [-423_914.264_517, -466_094.214_608]),
    ] {
        let learner = NaiveBayes { binary, ..NaiveBayes::default() };
        let model = learner.fit(&data, Seed(0), &mut Silent).unwrap();
        let scores = model.scores(data.rows()).unwrap();
        let read = best_class(&scores).unwrap();
        let differ = read.iter().zip(&labels).filter(|(ours, label)| ours != label).count();
        let places: usize = read.iter().enumerate().map(|(row, label)| row * label).sum();
        assert_eq!((read.iter().sum::<usize>(), differ, places), (spam, wrong, rows), "binary {binary}");
        let ours = scores.sum_dim_intlist([0i64].as_slice(), false, Kind::Double);
        for (ours, golden) in Vec::<f64>::try_from(ours).unwrap().iter().zip(sums) {
            assert!((ours / golden - 1.0f64).abs() < 1e-7, "{ours} {golden}");
        }
    }
}

// v = TfidfVectorizer(); X = v.fit_transform(TEXTS).toarray(); z = m.fit(X, LABELS).decision_function(v.transform(NEW))
// for m = LogisticRegression(tol=1e-10), whose scores are z/2, and SVC(kernel="linear", tol=1e-10)
#[test]
fn logistic_regression_and_machines_read_tf_idf() {
    let column = |learner: &dyn Learner| scores(learner).chunks(2).map(|pair| pair[1]).collect::<Vec<_>>();
    assert_close(&column(&Logistic::default()), &[0.004776, 0.274414, -0.009802, -0.231322], 2e-5);
    assert_close(&column(&Svm::default()), &[0.085483, 1.143597, 0.009992, -0.756287], 2e-5);
    let features = fit(&Svm::default()).features(new().rows()).unwrap();
    assert_eq!(features.size(), [4, 10]);
    let lengths: Vec<f64> =
        Vec::try_from(features.square().sum_dim_intlist([1i64].as_slice(), false, Kind::Double)).unwrap();
    assert_close(&lengths, &[1.0, 1.0, 0.0, 1.0], 1e-6);
}

fn victims() -> Vec<Box<dyn Learner>> {
    let few = Words { size: 4, tokens: Tokens::Spambayes, ..Words::default() };
    vec![
        Box::new(Spambayes::default()),
        Box::new(Spambayes { x: Some(0.8), features: 5, ..Spambayes::default() }),
        Box::new(NaiveBayes::default()),
        Box::new(Logistic::default()),
        Box::new(Svm { words: few, ..Svm::default() }),
        Box::new(Svm { kernel: Kernel::Rbf, ..Svm::default() }),
    ]
}

#[test]
fn stored_models_come_back_to_the_bit() {
    for learner in victims() {
        let model = fit(learner.as_ref());
        let back = learner.restore(&data().info(), &model.tensors()).unwrap();
        assert_eq!(back.tensors(), model.tensors());
        assert_eq!(back.cutoffs(), model.cutoffs());
        assert_eq!(back.scores(new().rows()).unwrap(), model.scores(new().rows()).unwrap());
        assert_eq!(back.features(new().rows()).unwrap(), model.features(new().rows()).unwrap());
        let mut broken = model.tensors();
        broken.insert("words.ends".into(), tch::Tensor::from_slice(&[1i64, 0, 900]));
        assert!(learner.restore(&data().info(), &broken).is_err());
    }
}

#[test]
fn the_order_of_messages_does_not_matter() {
    for learner in victims() {
        let order = Seed(3).shuffled(&[0, 1, 2, 3, 4, 5]);
        let mixed = learner.fit(&data().select(&order).unwrap(), Seed(1), &mut Silent).unwrap();
        let model = fit(learner.as_ref());
        let apart = (mixed.scores(new().rows()).unwrap() - model.scores(new().rows()).unwrap()).abs().max();
        assert!(apart.double_value(&[]) < 1e-5, "{apart}");
        assert_eq!(mixed.features(new().rows()).unwrap(), model.features(new().rows()).unwrap());
    }
}

// H = S = 3. win: h 0, s 2 → f = (0.45·0.5 + 2)/2.45 = 0.9081633; you: h 2 → 0.0918367; "now" has h 1, s 1 → 0.5;
// prize s 2, money s 2, home h 2, call h 2, s 1: p = 1/3, f = (0.225 + 1)/3.45 = 0.3550725; "nothing", "known": none.
// 1 = [0.9081633, 0.0918367], 2 = [0.9081633]*2, 3 = [], 4 = [0.0918367, 0.3550725]
// S = 1 - chi2.sf(-2*np.log(1 - k).sum(), 2*n); H = 1 - chi2.sf(-2*np.log(k).sum(), 2*n); (S - H + 1)/2
#[test]
fn spambayes_scores_by_hand() {
    let ours: Vec<f64> = scores(&Spambayes::default()).chunks(2).map(|pair| pair[1]).collect();
    assert_close(&ours, &[0.5, 0.9674751706469427, 0.5, 0.1226077445205831], 1e-6);
    let both = scores(&Spambayes::default());
    assert!(both.chunks(2).all(|pair| (pair[0] + pair[1] - 1.0).abs() < 1e-6));
}

// Counts add up: whatever the windows, the stored model is that of one fit, byte by byte.
#[test]
fn going_on_window_by_window_is_one_fit_of_all_mail() {
    let learner = Spambayes::default();
    assert!(learner.learns_on() && !learner.takes_steps() && !Svm::default().learns_on());
    let all = texts(&[&TEXTS[..], &NEW[..]].concat(), &[&LABELS[..], &[1, 1, 0, 0]].concat());
    let whole = learner.fit(&all, Seed(0), &mut Silent).unwrap();
    for cuts in [vec![0, 6, 10], vec![0, 1, 2, 9, 10]] {
        let window = |at: usize| all.select(&(cuts[at]..cuts[at + 1]).collect::<Vec<_>>()).unwrap();
        let mut model = learner.fit(&window(0), Seed(0), &mut Silent).unwrap();
        for at in 1..cuts.len() - 1 {
            model = learner.learn_on(&model.tensors(), &window(at), Seed(at as u64), &mut Silent).unwrap();
        }
        assert_eq!(model.tensors(), whole.tensors(), "{cuts:?}");
        assert_eq!(model.scores(new().rows()).unwrap(), whole.scores(new().rows()).unwrap());
    }
    assert!(learner.learn_on(&Default::default(), &all, Seed(0), &mut Silent).is_err());
    assert!(Svm::default().learn_on(&whole.tensors(), &all, Seed(0), &mut Silent).is_err());
}

#[test]
fn one_pass_gives_the_same_scores_and_features() {
    for learner in victims() {
        let model = fit(learner.as_ref());
        let (scores, features) = model.scores_and_features(new().rows()).unwrap();
        assert_eq!(scores, model.scores(new().rows()).unwrap());
        assert_eq!(features, model.features(new().rows()).unwrap());
    }
}

#[test]
fn trial_samples_are_trained_filters() {
    for learner in victims().into_iter().take(2) {
        let all = texts(&[&TEXTS[..], &NEW[..]].concat(), &[&LABELS[..], &[1, 1, 0, 0]].concat());
        let mut samples = learner.samples(&all).unwrap().unwrap();
        for learnt in [vec![0, 1, 2, 3], vec![5, 4, 0, 0, 8], vec![1]] {
            let judged = [6, 7, 8, 9, 0];
            let ours = samples.scores(&learnt, &judged).unwrap();
            let model = learner.fit(&all.select(&learnt).unwrap(), Seed(0), &mut Silent).unwrap();
            assert_eq!(ours, model.scores(&all.rows().select(&judged)).unwrap());
        }
        assert!(samples.scores(&[0], &[10]).is_err());
    }
}

#[test]
fn nothing_to_read_is_named_or_read_as_nothing() {
    let blank = texts(&["", " a ", "b"], &[0, 1, 0]);
    let model = Spambayes::default().fit(&blank, Seed(0), &mut Silent).unwrap();
    let half = model.scores(new().rows()).unwrap();
    assert!((half - 0.5).abs().max().double_value(&[]) == 0.0);
    assert_eq!(model.features(new().rows()).unwrap().size(), [4, 1000]);
    let back = Spambayes::default().restore(&blank.info(), &model.tensors()).unwrap();
    assert_eq!(back.predict(new().rows()).unwrap(), [0; 4]);
    for learner in victims().into_iter().skip(2) {
        let error = learner.fit(&blank, Seed(0), &mut Silent).err().unwrap();
        assert!(error.message.contains("no word"), "{error}");
    }
}

#[test]
fn settings_out_of_range_and_other_rows_are_named() {
    let info = data().info();
    let refused = |filter: Spambayes| filter.check(&info).unwrap_err().setting.unwrap();
    let plain = Spambayes::default();
    assert_eq!(refused(Spambayes { s: Some(-1.0), ..plain.clone() }), "s");
    assert_eq!(refused(Spambayes { x: Some(1.5), ..plain.clone() }), "x");
    assert_eq!(refused(Spambayes { min_strength: Some(f64::NAN), ..plain.clone() }), "min_strength");
    assert_eq!(refused(Spambayes { ham_cutoff: Some(0.95), ..plain.clone() }), "spam_cutoff");
    assert_eq!(refused(Spambayes { longest: 2, ..plain.clone() }), "longest");
    assert_eq!(refused(Spambayes { max_discriminators: Some(0), ..plain.clone() }), "max_discriminators");
    assert_eq!(refused(Spambayes { spam: Some(Class::Name("eggs".into())), ..plain.clone() }), "spam");
    let mut other = info.clone();
    other.classes = Arc::new(vec!["neg".into(), "pos".into()]);
    assert!(plain.check(&other).unwrap_err().hint.unwrap().contains("spam = 1"));
    assert!(Spambayes { spam: Some(Class::Number(0)), ..plain.clone() }.check(&other).is_ok());
    other.kind = RowKind::Table(Arc::new(vec!["x".into()]));
    assert!(plain.check(&other).is_err() && NaiveBayes::default().check(&other).is_err());
    for features in [0, 1_000_001] {
        assert_eq!(refused(Spambayes { features, ..plain.clone() }), "features");
    }
    for size in [0, 1_000_001, usize::MAX] {
        let words = Words { size, ..Words::default() };
        let logistic = Logistic { words: words.clone(), ..Logistic::default() };
        let machine = Svm { words, ..Svm::default() };
        let bayes = NaiveBayes { size, ..NaiveBayes::default() };
        for (learner, key) in
            [(&logistic as &dyn Learner, "words.size"), (&machine, "words.size"), (&bayes, "size")]
        {
            assert_eq!(learner.check(&info).unwrap_err().setting.as_deref(), Some(key));
            // An estimate allocates nothing, also where it was not checked.
            assert!(learner.work(&info).features >= 0.0);
        }
    }
    for alpha in [0.0, f64::NAN] {
        assert!(NaiveBayes { alpha, ..NaiveBayes::default() }.check(&info).is_err());
    }
}

#[test]
fn presets_fill_what_is_not_given() {
    let nelson = Spambayes { preset: Preset::Nelson2008, s: Some(0.7), ..Spambayes::default() };
    assert_eq!((nelson.constants().s, nelson.constants().max_discriminators), (0.7, 150));
    let nelson = Spambayes { preset: Preset::Nelson2008, ..Spambayes::default() };
    assert_eq!(nelson.constants().s, 1.0);
    let cutoffs = fit(&nelson).cutoffs().unwrap();
    assert_eq!((cutoffs.class, cutoffs.ham, cutoffs.spam), (1, 0.15, 0.9));
    let cutoffs = fit(&Spambayes::default()).cutoffs().unwrap();
    assert_eq!((cutoffs.ham, cutoffs.spam), (0.2, 0.9));
}
