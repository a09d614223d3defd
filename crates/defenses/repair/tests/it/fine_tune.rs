use aconite_core::{Defense, Knowledge, Learner, Pace, Rate, Silent};
use aconite_repair::fine_tune::FineTune;
use aconite_train::victims;

use crate::support::{count, images, learner, patterns};
use crate::{mend, named, refused, values};

// X = torch.tensor([[(37*i + 91*j + 11) % 256 for j in range(4)] for i in range(5)]) / 127.5 - 1
// y = torch.tensor([0, 1, 2, 1, 0]); a = lambda n: torch.arange(n, dtype=torch.float32)
// W = (a(12).sin()*.5).view(3, 4).requires_grad_(); b = (a(3).cos()*.1).requires_grad_()
// o = torch.optim.SGD([W, b], lr=.1, momentum=.9, weight_decay=5e-4)
// for _ in range(2): o.zero_grad(); F.cross_entropy(X@W.T + b, y).backward(); o.step()
const WEIGHT: [f64; 12] = [
    -0.000_902_020_66,
    0.423_224_54,
    0.466_101_53,
    0.070_292_637,
    -0.382_205_96,
    -0.462_480_81,
    -0.122_302_95,
    0.328_466_45,
    0.499_369,
    0.186_567_52,
    -0.300_874_38,
    -0.499_686_27,
];
const BIAS: [f64; 3] = [0.104_822_21, 0.083_125_174, -0.075_548_12];

#[test]
fn two_steps_from_the_damaged_weights_as_in_pytorch() {
    let bytes = (0..20).map(|k| ((37 * (k / 4) + 91 * (k % 4) + 11) % 256) as u8).collect();
    let clean = images(2, bytes, vec![0, 1, 2, 1, 0], 3);
    // The victim's own rate and epochs must not matter.
    let learner = learner("linear", 9, 3.0);
    let start =
        named([("head.weight", (count(12).sin() * 0.5).view([3, 4])), ("head.bias", count(3).cos() * 0.1)]);
    let model = learner.restore(&clean.info(), &start).unwrap();
    let settings = FineTune { epochs: 2, lr: 0.1, ..FineTune::default() };
    let mended = mend(&settings, &learner, model.as_ref(), &clean, &mut Silent).unwrap().tensors();
    // f32 on both sides; the order of the rows differs.
    for (name, golden) in [("head.weight", &WEIGHT[..]), ("head.bias", &BIAS)] {
        for (ours, theirs) in values(&mended[name]).iter().zip(golden) {
            assert!((ours - theirs).abs() < 1e-6, "{name}: {ours} {theirs}");
        }
    }
    assert!((values(&model.tensors()["head.bias"])[0] - 0.1).abs() < 1e-7, "the damaged model is left alone");
}

#[test]
fn no_epoch_is_no_change_and_a_seed_is_a_model() {
    aconite_train::set_threads(1);
    let (clean, learner) = (patterns(70, 8), learner("small_cnn", 1, 0.05));
    let model = learner.fit(&clean, aconite_core::Seed(0), &mut Silent).unwrap();
    let mend = |epochs| {
        let settings = FineTune { epochs, batch_size: 32, ..FineTune::default() };
        mend(&settings, &learner, model.as_ref(), &clean, &mut Silent).unwrap().tensors()
    };
    assert_eq!(mend(0), model.tensors());
    assert_eq!(mend(2), mend(2));
    assert_ne!(mend(2), mend(1));
}

#[test]
fn what_does_not_fit_is_refused() {
    let fine = FineTune::default();
    assert_eq!(fine.knowledge(), [Knowledge::CleanSamples]);
    let Pace { epochs, lr, .. } = Pace { epochs: fine.epochs, batch_size: fine.batch_size, lr: fine.lr };
    assert_eq!((epochs, lr, fine.clean), (10, 0.01, Rate::literal(0.05)));
    let error = refused(&FineTune { clean: Rate::literal(0.0005), ..fine.clone() });
    assert!(error.setting.as_deref() == Some("clean") && error.message.contains("1000"), "{error}");
    for lr in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(refused(&FineTune { lr, ..fine.clone() }).setting.as_deref(), Some("lr"));
    }
    assert_eq!(refused(&FineTune { batch_size: 0, ..fine.clone() }).setting.as_deref(), Some("batch_size"));
    // A victim that takes no steps says so.
    let (clean, mock) = (patterns(9, 8), victims::mock::Mock::default());
    let model = mock.fit(&clean, aconite_core::Seed(0), &mut Silent).unwrap();
    let error = mend(&fine, &mock, model.as_ref(), &clean, &mut Silent).err().unwrap();
    assert!(error.message.contains("gradient steps"), "{error}");
}
