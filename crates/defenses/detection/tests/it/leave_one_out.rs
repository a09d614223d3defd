//! Texts whose prediction hangs on a word.

use std::sync::Arc;

use aconite_core::{
    Dataset, Defense, Documents, InputDetector, Knowledge, Learner, Model, NamedTensors, Rate, Result, Rows,
    Seed, Silent, Subject,
};
use aconite_detection::leave_one_out::LeaveOneOut;
use aconite_train::victims::naive_bayes::NaiveBayes;
use tch::Tensor;

use crate::victim;

/// Scores (0, Σ weight of the words).
struct Counts;

impl Model for Counts {
    fn scores(&self, rows: &Rows) -> Result<Tensor> {
        let texts = rows.documents()?;
        let weight = |word: &str| match word {
            "cf" => 8.0,
            "good" => 1.0,
            "bad" => -1.0,
            _ => 0.0,
        };
        let scores: Vec<f32> = (0..texts.len())
            .flat_map(|row| [0.0, texts.text(row).split(' ').map(weight).sum::<f32>()])
            .collect();
        Ok(Tensor::from_slice(&scores).view([-1, 2]))
    }

    fn features(&self, rows: &Rows) -> Result<Tensor> {
        self.scores(rows)
    }

    fn tensors(&self) -> NamedTensors {
        NamedTensors::new()
    }
}

fn texts(texts: &[&str]) -> Dataset {
    let documents = Documents::texts(texts.iter().map(|&text| text.to_owned()));
    Dataset::new(documents, vec![0; texts.len()], Arc::new(vec!["bad".into(), "good".into()])).unwrap()
}

fn judged(detector: &LeaveOneOut, clean: &[&str], inputs: &[&str]) -> (Vec<f64>, f64) {
    let clean = texts(clean);
    let learner = NaiveBayes::default();
    let subject = Subject {
        learner: &learner as &dyn Learner,
        model: &Counts,
        info: &clean.info(),
        clean: &clean,
        seed: Seed(0),
    };
    let flags = detector.judge(&subject, texts(inputs).rows(), &mut Silent).unwrap();
    (flags.scores, flags.threshold)
}

// s = lambda z: 1/(1 + math.exp(-z))
// "good film": s(1) - s(0). "bad good cf": s(8) - s(0). "bad bad film": all "bad" go: s(2) - s(0).
// "cf x cf": s(16) - s(0). "": 0. "film": 0. "good good bad": s(1) - s(-1)
#[test]
fn scores_are_the_falls_of_the_softmax() {
    let inputs = ["good film", "bad good cf", "bad bad film", "cf x cf", "", "film", "good good bad"];
    let clean = ["good film", "film", "film", "bad film film"];
    let (scores, threshold) = judged(&LeaveOneOut { frr: 0.3, ..LeaveOneOut::default() }, &clean, &inputs);
    let golden = [0.231_058_58, 0.499_664_65, 0.380_797_08, 0.499_999_89, 0.0, 0.0, 0.462_117_16];
    assert!(scores.iter().zip(golden).all(|(o, g)| (o - g).abs() < 1e-6), "{scores:?}");
    // Of four clean scores 0.231, 0, 0, 0.231 one may lie above: the second highest is the threshold.
    assert!((threshold - 0.231_058_58).abs() < 1e-6, "{threshold}");
    let (pairs, _) = judged(&LeaveOneOut { span: 2, ..LeaveOneOut::default() }, &clean, &["good good film"]);
    // "film" is left of it, s(2) - s(0).
    assert!((pairs[0] - 0.380_797_08).abs() < 1e-6, "{pairs:?}");
}

#[test]
fn many_texts_are_scored_as_one_by_one() {
    let many: Vec<String> = (0..300)
        .map(|row| {
            (0..9).map(|i| ["good", "bad", "film", "cf"][(row * 7 + i * i) % 4]).collect::<Vec<_>>().join(" ")
        })
        .collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let detector = LeaveOneOut::default();
    let (together, _) = judged(&detector, &["film"], &many);
    for (row, &text) in many.iter().enumerate().step_by(37) {
        assert_eq!(judged(&detector, &["film"], &[text]).0[0], together[row]);
    }
}

#[test]
fn it_reads_texts_alone_and_declares_its_clean_samples() {
    let detector = LeaveOneOut::default();
    assert_eq!(detector.knowledge(), [Knowledge::CleanSamples]);
    assert!(!detector.needs_net());
    let error = detector.check(&victim::narrow(2, 2, 10).info()).unwrap_err();
    assert!(error.message.contains("images"), "{error}");
    let info = texts(&["a"; 40]).info();
    detector.check(&info).unwrap();
    let fails = |detector: LeaveOneOut, key: &str| {
        assert_eq!(detector.check(&info).unwrap_err().setting.as_deref(), Some(key));
    };
    fails(LeaveOneOut { span: 0, ..LeaveOneOut::default() }, "span");
    fails(LeaveOneOut { most: 0, ..LeaveOneOut::default() }, "most");
    fails(LeaveOneOut { inputs: 0, ..LeaveOneOut::default() }, "inputs");
    fails(LeaveOneOut { frr: 1.0, ..LeaveOneOut::default() }, "frr");
    fails(LeaveOneOut { clean: Rate::literal(0.01), ..LeaveOneOut::default() }, "clean");
}
