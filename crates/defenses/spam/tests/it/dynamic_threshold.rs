use aconite_core::{Dataset, Defense, Learner, Model, Regime, Seed, Silent, Sorted, Told, Training, metrics};
use aconite_spam_defenses::dynamic_threshold::DynamicThreshold;
use aconite_train::victims::naive_bayes::NaiveBayes;
use aconite_train::victims::spambayes::Spambayes;

use crate::{split, table, with_dictionary};

fn fit(
    regime: &DynamicThreshold,
    learner: &dyn Learner,
    data: &Dataset,
) -> aconite_core::Result<Box<dyn Model>> {
    let training = Training {
        learner,
        data,
        feed: None,
        told: Told::default(),
        seed: Seed(0),
        own: Seed(1).derive("defense"),
    };
    regime.fit(&training, &mut Silent)
}

fn sorted(model: &dyn Model, data: &Dataset) -> Vec<Sorted> {
    model.cutoffs().unwrap().sorted(&model.scores(data.rows()).unwrap()).unwrap()
}

// Seen, ham as spam, ham not delivered, spam as ham, spam not caught: without 0.95 1.00 0.00 0.00, with the defense
// 0.00 0.08 0.16 0.90.
#[test]
fn ham_is_delivered_again_and_spam_becomes_unsure() {
    let split = split();
    let data = with_dictionary(&split.train, 45);
    let filter = Spambayes::default();
    let shares = |model: &dyn Model| {
        metrics::sorting(&sorted(model, &split.test), split.test.labels(), 1).map(|(_, share)| share.unwrap())
    };
    let plain = shares(filter.fit(&data, Seed(0), &mut Silent).unwrap().as_ref());
    let model = fit(&DynamicThreshold::default(), &filter, &data).unwrap();
    let moved = shares(model.as_ref());
    assert!(plain[0] > 0.5 && plain[1] > 0.9, "{plain:?}");
    assert!(moved[0] < 0.1 && moved[1] < 0.4 && moved[3] > plain[3], "{moved:?}");
    let accuracy =
        metrics::accuracy(&model.predict(split.test.rows()).unwrap(), split.test.labels()).unwrap();
    assert!(accuracy > 0.75, "{accuracy}");

    let restored = DynamicThreshold::default().restore(&filter, &data.info(), &model.tensors()).unwrap();
    assert_eq!(restored.scores(split.test.rows()).unwrap(), model.scores(split.test.rows()).unwrap());
    assert_eq!(restored.tensors(), model.tensors());
    let inner = filter.fit(&data, Seed(0), &mut Silent).unwrap();
    assert!(DynamicThreshold::default().restore(&filter, &data.info(), &inner.tensors()).is_err());
}

#[test]
fn stretching_keeps_the_order_of_messages() {
    let split = split();
    let data = with_dictionary(&split.train, 45);
    let model = fit(&DynamicThreshold::default(), &Spambayes::default(), &data).unwrap();
    let thresholds: Vec<f64> = Vec::try_from(&model.tensors()["thresholds"]).unwrap();
    assert!(0.0 < thresholds[0] && thresholds[0] <= thresholds[1] && thresholds[1] <= 1.0, "{thresholds:?}");
    // The filter of the same half, under its own scores.
    let inner = Spambayes::default().restore(&data.info(), &model.tensors()).unwrap();
    let column = |model: &dyn Model| -> Vec<f32> {
        Vec::try_from(model.scores(split.test.rows()).unwrap().select(1, 1).contiguous()).unwrap()
    };
    let (own, moved) = (column(inner.as_ref()), column(model.as_ref()));
    let mut order: Vec<usize> = (0..own.len()).collect();
    // Near 1 the filter's own scores are alike in single precision, where the stretched ones are not.
    order.sort_by(|&a, &b| own[a].total_cmp(&own[b]).then(moved[a].total_cmp(&moved[b])));
    assert!(order.windows(2).all(|pair| moved[pair[0]] <= moved[pair[1]]));
    for (row, sorted) in sorted(model.as_ref(), &split.test).into_iter().enumerate() {
        let score = f64::from(own[row]);
        // Away from the thresholds, where single precision cannot tell.
        if score < thresholds[0] - 1e-6 {
            assert_eq!(sorted, Sorted::Ham);
        } else if score > thresholds[0] + 1e-6 && score < thresholds[1] - 1e-6 {
            assert_eq!(sorted, Sorted::Unsure);
        }
    }
}

#[test]
fn what_does_not_fit_is_named() {
    let split = split();
    for g in [0.0, 0.5, -0.1, f64::NAN] {
        let error = DynamicThreshold { g }.check(&split.train.info()).unwrap_err();
        assert_eq!(error.setting.as_deref(), Some("g"));
    }
    let single = table(&[1.0, 2.0, 3.0], &[0, 0, 1]);
    assert!(DynamicThreshold::default().check(&single.info()).unwrap_err().message.contains("class 1 has 1"));
    let regime = DynamicThreshold::default();
    assert!(regime.needs_cutoffs() && !regime.needs_steps());
    let error = fit(&regime, &NaiveBayes::default(), &split.train).err().unwrap();
    assert!(error.message.contains("no cutoffs"), "{error}");
}
