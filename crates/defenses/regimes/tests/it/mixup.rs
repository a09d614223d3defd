use aconite_core::{Batch, Learner, Seed, Silent, Steps};
use aconite_regimes::mixup::Mixup;
use tch::{Kind, Tensor};

use crate::support::{count, learner, patterns};
use crate::{fit, refused};

/// Six rows that say who they are: row i is 1 at place i.
fn batch(labels: &[i64]) -> Batch {
    let n = labels.len() as i64;
    Batch {
        rows: Tensor::arange(n, (Kind::Int64, tch::Device::Cpu)),
        inputs: Tensor::eye(n, (Kind::Float, tch::Device::Cpu)),
        labels: Tensor::from_slice(labels),
    }
}

/// The partner of each row, read off the blend.
fn partners(mixed: &Tensor, share: f64) -> Vec<usize> {
    let n = mixed.size()[0];
    let other = mixed - Tensor::eye(n, (Kind::Float, tch::Device::Cpu)) * share;
    Vec::<i64>::try_from(other.argmax(-1, false)).unwrap().into_iter().map(|row| row as usize).collect()
}

// The second draws of seed 1: lam = 0.4946772218465053; pi = [0, 3, 5, 4, 2, 1]
// lg = (torch.arange(24.)*1.3).sin().view(6, 4)*3; y = torch.tensor([0, 3, 1, 2, 2, 0])
// lam*F.cross_entropy(lg, y) + (1 - lam)*F.cross_entropy(lg, y[pi])
const LOSS: f64 = 3.622_295_4;

#[test]
fn a_batch_is_blended_and_its_loss_as_in_pytorch() {
    let mut steps = Mixup::default().steps(Seed(1)).unwrap();
    let _ = steps.batch(batch(&[0; 6])).unwrap();
    let labels = [0, 3, 1, 2, 2, 0];
    let mixed = steps.batch(batch(&labels)).unwrap();
    let (share, pairs) = (steps.share(), partners(&mixed.inputs, steps.share()));
    assert!(
        (share - 0.494_677_221_846_505_3).abs() < 1e-12 && pairs == [0, 3, 5, 4, 2, 1],
        "{share} {pairs:?}"
    );
    let eye = Tensor::eye(6, (Kind::Float, tch::Device::Cpu));
    let order = Tensor::from_slice(&pairs.iter().map(|&row| row as i64).collect::<Vec<_>>());
    let expected = &eye * share + eye.index_select(0, &order) * (1.0 - share);
    assert!((mixed.inputs - expected).abs().max().double_value(&[]) < 1e-6);
    assert_eq!(Vec::<i64>::try_from(&mixed.labels).unwrap(), labels, "labels stay class numbers");
    let logits = ((count(24) * 1.3).sin().view([6, 4]) * 3).to_kind(Kind::Float);
    let loss = steps.loss(&logits, &mixed.labels).double_value(&[]);
    assert!((loss - LOSS).abs() < 1e-5, "{loss}");
}

#[test]
fn shares_follow_the_distribution_and_partners_are_fair() {
    // Beta(α, α): mean 1/2, variance 1/(4(2α + 1)). 4000 draws: the mean is off by less than 5 standard errors, the
    // variance by less than 12 %: 5 standard errors of the narrowest, whose kurtosis of 2.7 is the largest, are 10 %.
    for alpha in [0.2, 1.0, 8.0] {
        let mut steps = Mixup { alpha }.steps(Seed(3)).unwrap();
        let mut draws = Vec::new();
        let mut places = [0usize; 3];
        for _ in 0..4000 {
            let mixed = steps.batch(batch(&[0, 1, 2])).unwrap();
            draws.push(steps.share());
            // A share of 1/2 or more hides nobody: the first row's partner is itself when it is 1 there.
            let row = Vec::<f32>::try_from(mixed.inputs.get(0)).unwrap();
            let partner = (1..3).find(|&other| row[other] > 0.0).unwrap_or(0);
            places[partner] += 1;
        }
        let mean = draws.iter().sum::<f64>() / 4000.0;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 4000.0;
        let exact = 1.0 / (4.0 * (2.0 * alpha + 1.0));
        assert!((mean - 0.5).abs() < 5.0 * (exact / 4000.0).sqrt(), "{alpha}: {mean}");
        assert!((variance / exact - 1.0).abs() < 0.12, "{alpha}: {variance} {exact}");
        // 4000/3 each, 5 standard deviations are 149; a share of exactly 1 would show no partner.
        assert!(places.iter().all(|&n| n.abs_diff(1333) < 149), "{alpha}: {places:?}");
    }
}

#[test]
fn with_a_tiny_alpha_it_is_plain_training() {
    aconite_train::set_threads(1);
    let (data, learner) = (patterns(90, 8), learner("small_cnn", 2, 0.05));
    let plain = learner.fit(&data, Seed(0), &mut Silent).unwrap().scores(data.rows()).unwrap();
    let mixed = |alpha| {
        let model = fit(&Mixup { alpha }, &learner, &data, &mut Silent).unwrap();
        model.scores(data.rows()).unwrap()
    };
    let apart = |alpha| (mixed(alpha) - &plain).abs().max().double_value(&[]);
    // Every share is 0 or 1 to the last bit: batches keep their rows, in another order at most.
    assert!(apart(1e-6) < 1e-4, "{}", apart(1e-6));
    assert!(apart(1.0) > 1e-2, "{}", apart(1.0));
    assert_eq!(mixed(1.0), mixed(1.0), "a seed is a model");
}

#[test]
fn tables_are_blended_too() {
    let whole = aconite_data::Source::load(
        &aconite_data::breast_cancer::BreastCancer::default(),
        &aconite_data::Places(vec![]),
    );
    let data = whole.unwrap().train;
    let learner = learner("mlp", 1, 0.001);
    assert!(fit(&Mixup::default(), &learner, &data, &mut Silent).is_ok());
}

#[test]
fn what_does_not_fit_is_refused() {
    for alpha in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = refused(&Mixup { alpha });
        assert!(error.setting.as_deref() == Some("alpha") && error.message.contains("above 0"), "{error}");
    }
}
