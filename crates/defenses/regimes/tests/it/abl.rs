use aconite_core::{Defense, Learner, Observer, Rate, Seed, Silent};
use aconite_regimes::abl::{Abl, Ascent};
use aconite_regimes::mixup::Mixup;
use tch::{Kind, Tensor};

use crate::support::{count, images, learner, patterns};
use crate::{fit, refused};

// lg = (torch.arange(24.)*1.3).sin().view(6, 4)*3; y = torch.tensor([0, 3, 1, 2, 2, 0])
// l = F.cross_entropy(lg, y, reduction="none")
// ((l - g).sign()*l).mean(), (l.mean() - g).sign()*l.mean(), (l.mean() - g).abs() + g
const HELD: [(f64, f64, f64, f64); 3] = [
    (1.0, 3.282_731_3, 3.554_286_7, 3.554_286_7),
    (3.0, 2.534_520_4, 3.554_286_7, 3.554_286_7),
    (4.0, 0.189_867_62, -3.554_286_7, 4.445_713),
];

#[test]
fn the_held_losses_are_as_in_pytorch() {
    let logits = ((count(24) * 1.3).sin().view([6, 4]) * 3).to_kind(Kind::Float);
    let labels = Tensor::from_slice(&[0i64, 3, 1, 2, 2, 0]);
    for (gamma, lga, batch, flooding) in HELD {
        for (ascent, golden) in [(Ascent::Lga, lga), (Ascent::BatchLga, batch), (Ascent::Flooding, flooding)]
        {
            let abl = Abl { ascent, gamma, ..Abl::default() };
            let loss = abl.held_loss(&logits, &labels).double_value(&[]);
            assert!((loss - golden).abs() < 1e-5, "{ascent:?} {gamma}: {loss}");
        }
    }
}

#[test]
fn rows_below_gamma_are_climbed() {
    // Two rows of two classes, losses ln(1 + e⁻³) and ln(1 + e³): one below 0.5, one above.
    let logits = Tensor::from_slice2(&[[3f32, 0.0], [0.0, 3.0]]).set_requires_grad(true);
    let slope = |ascent| {
        logits.shallow_clone().zero_grad();
        Abl { ascent, ..Abl::default() }.held_loss(&logits, &Tensor::from_slice(&[0i64, 0])).backward();
        [logits.grad().double_value(&[0, 0]), logits.grad().double_value(&[1, 0])]
    };
    let (low, high) = (1.0 - 1.0 / (1.0 + (-3f64).exp()), 1.0 / (1.0 + (-3f64).exp()));
    // d mean/d logit of the given class: −(1 − p)/2, and +(1 − p)/2 where the loss is to rise.
    let [first, second] = slope(Ascent::Lga);
    assert!((first - low / 2.0).abs() < 1e-6 && (second + high / 2.0).abs() < 1e-6, "{first} {second}");
    // The mean is above 0.5: nothing is climbed.
    let [first, second] = slope(Ascent::Flooding);
    assert!((first + low / 2.0).abs() < 1e-6 && (second + high / 2.0).abs() < 1e-6, "{first} {second}");
}

// X = torch.tensor([[(37*i + 91*j + 11) % 256 for j in range(4)] for i in range(12)]) / 127.5 - 1
// W = (a(12).sin()*.5).view(3, 4); b = a(3).cos()*.1; y = torch.tensor([0, 1, 2]*4)
// F.cross_entropy(X@W.T + b, y, reduction="none").argsort()[:4]
const EASIEST: [usize; 4] = [2, 0, 7, 11];

#[test]
fn the_easiest_rows_are_isolated_as_in_pytorch() {
    let bytes = (0..48).map(|k| ((37 * (k / 4) + 91 * (k % 4) + 11) % 256) as u8).collect();
    let data = images(2, bytes, (0..12).map(|row| row % 3).collect(), 3);
    let weights =
        [("head.weight", (count(12).sin() * 0.5).view([3, 4])), ("head.bias", count(3).cos() * 0.1)];
    let weights = weights.map(|(name, tensor)| (name.to_owned(), tensor)).into();
    let model = learner("linear", 1, 0.1).restore(&data.info(), &weights).unwrap();
    let abl = Abl { isolate: Rate::literal(0.34), ..Abl::default() };
    let (isolated, rest) = abl.isolated(model.as_ref(), &data).unwrap();
    let mut easiest = EASIEST.to_vec();
    easiest.sort_unstable();
    assert_eq!(isolated, easiest);
    let mut all = [isolated, rest].concat();
    all.sort_unstable();
    assert_eq!(all, (0..12).collect::<Vec<_>>());
}

#[derive(Default)]
struct Steps(Vec<usize>);

impl Observer for Steps {
    fn step(&mut self, done: usize, total: usize) {
        if done == total {
            self.0.push(total);
        }
    }
}

#[test]
fn three_steps_run_on_their_rows_and_the_last_one_unlearns() {
    aconite_train::set_threads(1);
    let (data, learner) = (patterns(90, 8), learner("small_cnn", 1, 0.05));
    let short = Abl {
        isolate: Rate::literal(0.1),
        isolation_epochs: 2,
        finetune_epochs: 7,
        unlearn_epochs: 3,
        lr: 0.02,
        unlearn_lr: 0.01,
        batch_size: 8,
        ..Abl::default()
    };
    let mut steps = Steps::default();
    let model = fit(&short, &learner, &data, &mut steps).unwrap();
    // 90 rows in 12 batches twice; 81 in 11, five times and then twice; 9 in 2, three times.
    assert_eq!(steps.0, [24, 55, 22, 6]);
    let again = fit(&short, &learner, &data, &mut Silent).unwrap();
    assert_eq!(model.tensors(), again.tensors(), "a seed is a model");

    let held = Abl { finetune_epochs: 0, unlearn_epochs: 0, ..short.clone() };
    let held = fit(&held, &learner, &data, &mut Silent).unwrap();
    let (isolated, _) = short.isolated(held.as_ref(), &data).unwrap();
    let isolated = data.select(&isolated).unwrap();
    let tuned = fit(&Abl { unlearn_epochs: 0, ..short }, &learner, &data, &mut Silent).unwrap();
    let labels = Tensor::from_slice(&isolated.labels().iter().map(|&l| l as i64).collect::<Vec<_>>());
    let loss = |model: &dyn aconite_core::Model| {
        model.scores(isolated.rows()).unwrap().cross_entropy_for_logits(&labels).double_value(&[])
    };
    assert!(loss(model.as_ref()) > loss(tuned.as_ref()), "{} {}", loss(model.as_ref()), loss(tuned.as_ref()));
    let plain = learner.fit(&data, Seed(0), &mut Silent).unwrap();
    assert_ne!(plain.tensors(), held.tensors());
}

#[test]
fn what_does_not_fit_is_refused() {
    let abl = Abl::default();
    let wrong = [
        (Abl { gamma: 0.0, ..abl.clone() }, "gamma"),
        (Abl { lr: f64::NAN, ..abl.clone() }, "lr"),
        (Abl { unlearn_lr: -1.0, ..abl.clone() }, "unlearn_lr"),
        (Abl { isolation_epochs: 0, ..abl.clone() }, "isolation_epochs"),
        (Abl { batch_size: 0, ..abl.clone() }, "batch_size"),
        (Abl { isolate: Rate::literal(0.0005), ..abl.clone() }, "isolate"),
        (Abl { isolate: Rate::literal(1.0), ..abl.clone() }, "isolate"),
    ];
    for (settings, setting) in wrong {
        assert_eq!(refused(&settings).setting.as_deref(), Some(setting), "{settings:?}");
    }
}

#[test]
fn passes_are_counted() {
    // 90 rows, of which 9 are isolated: two, seven and three epochs in 3 passes each, and a look at all rows.
    let abl = Abl {
        isolate: Rate::literal(0.1),
        isolation_epochs: 2,
        finetune_epochs: 7,
        unlearn_epochs: 3,
        ..Abl::default()
    };
    let info = patterns(90, 8).info();
    assert_eq!(abl.passes(&info, 1e9, 4.0), 3.0 * (180.0 + 567.0 + 27.0) + 90.0);
    assert_eq!(Mixup::default().passes(&info, 1e9, 4.0), 1e9, "that of plain training");
}
