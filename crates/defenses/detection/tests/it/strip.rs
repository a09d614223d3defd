use aconite_core::{
    Dataset, Defense, Flags, Images, InputDetector, Knowledge, Learner, Rate, Result, Role, Rows, Seed,
    Silent, Subject, metrics,
};
use aconite_detection::strip::{Blend, Strip};
use proptest::prelude::*;
use tch::{Device, Kind, Tensor};

use crate::victim::{backdoored, linear, narrow};

/// Judges images of two pixels with a linear model of three classes.
fn judge(strip: &Strip, clean: &Dataset, inputs: &[[u8; 2]], seed: u64) -> Result<Flags> {
    let a = |n| Tensor::arange(n, (Kind::Double, Device::Cpu));
    let weights = [
        ("head.weight".to_owned(), (a(6) * 0.7).sin().view([3, 2]) * 2),
        ("head.bias".to_owned(), a(3) * 0.1),
    ];
    let (learner, info) = (linear(), clean.info());
    let model = learner.restore(&info, &weights.into()).unwrap();
    let inputs: Rows = Images::new(info.shape().unwrap(), inputs.concat()).unwrap().into();
    let subject = Subject { learner: &learner, model: &*model, info: &info, clean, seed: Seed(seed) };
    strip.judge(&subject, &inputs, &mut Silent)
}

/// Clean samples that are all alike, so that no draw matters.
fn alike(pixels: [u8; 2], count: usize) -> Dataset {
    let data = narrow(2, 3, count);
    let images = Images::new(data.info().shape().unwrap(), pixels.repeat(3 * count)).unwrap();
    Dataset::new(images, data.labels().to_vec(), data.classes().clone()).unwrap()
}

// a = np.arange; W = np.sin(a(6)*.7).reshape(3,2)*2; b = a(3)*.1; o = np.array([10., 20.])
// H = lambda z: scipy.stats.entropy(scipy.special.softmax(W @ (z/127.5 - 1) + b), base=2)
// for x in ([250., 3.], [40., 100.], [10., 20.]): H(np.minimum(x + o, 255)), H(x + o), H((x + o)/2)
#[test]
fn entropies_of_each_blend_are_numpys() {
    let golden = [
        (Blend::Add, [1.148_644_308, 1.451_229_165, 1.048_688_269]),
        (Blend::Unclipped, [1.153_287_226, 1.451_229_165, 1.048_688_269]),
        (Blend::Mean, [0.888_233_375, 1.172_816_416, 0.919_079_278]),
    ];
    for (blend, entropies) in golden {
        let strip = Strip { blend, n: 7, ..Strip::default() };
        let flags = judge(&strip, &alike([10, 20], 2), &[[250, 3], [40, 100], [10, 20]], 0).unwrap();
        for (score, entropy) in flags.scores.iter().zip(entropies) {
            assert!((score + entropy).abs() < 1e-6, "{blend:?}: {:?}", flags.scores);
        }
        // The fitted samples are all the third input: no spread.
        assert!((flags.threshold + entropies[2]).abs() < 1e-6, "{blend:?}: {}", flags.threshold);
    }
}

#[test]
fn more_inputs_than_fit_a_pass_keep_their_order() {
    let strip = Strip { n: 300, ..Strip::default() };
    let inputs: Vec<[u8; 2]> = (0..50).map(|i| [[250, 3], [40, 100]][i % 2]).collect();
    let flags = judge(&strip, &alike([10, 20], 2), &inputs, 0).unwrap();
    for (row, score) in flags.scores.iter().enumerate() {
        assert!((score + [1.148_644_308, 1.451_229_165][row % 2]).abs() < 1e-6);
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let info = narrow(2, 3, 20).info();
    let default = Strip { clean: Rate::literal(0.1), ..Strip::default() };
    assert!(default.check(&info).is_ok());
    let refused = |strip: Strip| {
        let error = strip.check(&info).unwrap_err();
        (error.setting.unwrap(), error.message)
    };
    assert_eq!(refused(Strip { n: 0, ..default.clone() }).0, "n");
    assert_eq!(refused(Strip { inputs: 0, ..default.clone() }).0, "inputs");
    for frr in [0.0, 1.0, -0.1, f64::NAN] {
        assert_eq!(refused(Strip { frr, ..default.clone() }).0, "frr");
    }
    let (setting, message) = refused(Strip::default());
    assert!(setting == "clean" && message.contains("3 clean samples"), "{message}");
    assert!(judge(&default, &alike([0, 0], 1), &[[0, 0]], 0).unwrap_err().message.contains("too few"));
    assert_eq!(default.knowledge(), [Knowledge::CleanSamples]);
    assert!(matches!(default.role(), Role::InputDetector(d) if d.inputs() == 1000));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn the_seed_alone_decides_and_entropies_are_bits_of_three_classes(
        inputs in prop::collection::vec(any::<[u8; 2]>(), 1..20), seed: u64, frr in 0.01..0.99,
    ) {
        let strip = Strip { n: 5, frr, ..Strip::default() };
        let clean = narrow(2, 3, 10);
        let flags = judge(&strip, &clean, &inputs, seed).unwrap();
        prop_assert_eq!(&flags, &judge(&strip, &clean, &inputs, seed).unwrap());
        prop_assert!(flags.scores.iter().all(|score| (-3f64.log2() - 1e-9..=0.0).contains(score)));
        // A higher rejection rate flags no less, and the threshold does not look at the inputs.
        let more = judge(&Strip { frr: (1.0 + frr) / 2.0, ..strip.clone() }, &clean, &inputs, seed).unwrap();
        prop_assert!(more.threshold <= flags.threshold);
        let others = judge(&strip, &clean, &[[0, 0]], seed).unwrap();
        prop_assert_eq!(others.threshold, flags.threshold);
    }
}

#[test]
fn patched_inputs_stand_out() {
    let victim = backdoored();
    let (accuracy, success) = victim.judged(&*victim.model);
    let clean = victim.samples(200);
    let info = victim.clean.info();
    let subject = Subject {
        learner: &victim.learner,
        model: &*victim.model,
        info: &info,
        clean: &clean,
        seed: Seed(3),
    };
    // 150 untouched and 150 triggered images.
    let rows: Vec<usize> = (0..150).collect();
    let (untouched, triggered) = (victim.test.rows().select(&rows), victim.triggered.select(&rows));
    let bytes = [untouched.images().unwrap().bytes(), triggered.images().unwrap().bytes()].concat();
    let inputs: Rows = Images::new(info.shape().unwrap(), bytes).unwrap().into();
    let strip = Strip { n: 50, frr: 0.03, ..Strip::default() };
    let flags = strip.judge(&subject, &inputs, &mut Silent).unwrap();
    let positive: Vec<bool> = (0..300).map(|row| row >= 150).collect();
    let auroc = metrics::auroc(&flags.scores, &positive).unwrap();
    let flagged = |sort: bool| {
        let of_sort = (0..300).filter(|&row| positive[row] == sort && flags.scores[row] > flags.threshold);
        of_sort.count() as f64 / 150.0
    };
    let (tpr, fpr) = (flagged(true), flagged(false));
    // Seen: accuracy 0.826, success 0.988, auroc 0.968, 91 % of the patched inputs and 0.7 % of the others flagged.
    assert!(accuracy > 0.75 && success > 0.9, "{accuracy} {success}");
    assert!(auroc > 0.85 && tpr > 0.6 && fpr < 0.12, "{auroc} {tpr} {fpr}");
}
