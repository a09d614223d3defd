use aconite_core::{
    Course, Damaged, Defense, Knowledge, Learner, Mode, Observer, Pace, Rate, Role, Seed, Silent, Told,
};
use aconite_repair::nad::{Distance, Nad};
use aconite_train::{input, pixels};
use tch::{Kind, Tensor, no_grad};

use crate::support::{count, learner, patterns};
use crate::{mend, refused, values};

// t = torch.arange(24.).sin().view(2, 3, 2, 2); s = (torch.arange(24.)*.7).cos().view(2, 3, 2, 2)
// A = lambda m, p: m.abs().pow(p).sum(1).flatten(1); Q = lambda m, p: A(m, p) / A(m, p).norm(dim=1, keepdim=True)
// d = Q(t, p) - Q(s, p); d.square().mean(), d.norm(dim=1).mean(), d.square().sum(1).mean()
const APART: [(f64, [f64; 3]); 2] =
    [(2.0, [0.049_079_18, 0.442_268_25, 0.196_316_72]), (1.0, [0.030_986_955, 0.351_983_49, 0.123_947_82])];
// Q(t, 2)
const ATTENTION: [f64; 8] = [
    0.511_896_49,
    0.593_014_24,
    0.396_185_16,
    0.478_887_02,
    0.414_765_24,
    0.620_224_65,
    0.532_242_77,
    0.400_010_08,
];

#[test]
fn attention_is_as_in_pytorch() {
    let teacher = count(24).sin().view([2, 3, 2, 2]).to_kind(Kind::Float);
    let student = (count(24) * 0.7).cos().view([2, 3, 2, 2]).to_kind(Kind::Float);
    // f32 on both sides.
    for (ours, theirs) in values(&Nad::default().attention(&teacher)).iter().zip(ATTENTION) {
        assert!((ours - theirs).abs() < 2e-6, "{ours} {theirs}");
    }
    for (power, golden) in APART {
        for (distance, golden) in
            [Distance::MeanSquare, Distance::Norm, Distance::SquaredNorm].into_iter().zip(golden)
        {
            let nad = Nad { power, distance, ..Nad::default() };
            let ours = nad.apart(&teacher, &student).double_value(&[]);
            assert!((ours - golden).abs() < 2e-6, "{nad:?}: {ours} {golden}");
            // The length of the maps does not matter.
            let longer = nad.apart(&(&teacher * 3.0), &student).double_value(&[]);
            assert!((ours - longer).abs() < 2e-6, "{nad:?}: {ours} {longer}");
        }
    }
}

#[test]
fn maps_without_activation_give_finite_slopes() {
    for distance in [Distance::MeanSquare, Distance::Norm, Distance::SquaredNorm] {
        let student = Tensor::zeros([2, 3, 2, 2], (Kind::Float, tch::Device::Cpu)).set_requires_grad(true);
        let nad = Nad { distance, ..Nad::default() };
        nad.apart(&student.detach(), &student).backward();
        assert!(bool::try_from(student.grad().isfinite().all()).unwrap(), "{distance:?}");
    }
}

#[derive(Default)]
struct Losses(Vec<f64>);

impl Observer for Losses {
    fn epoch(&mut self, _: usize, loss: f64) {
        self.0.push(loss);
    }
}

/// The first step of the student has the loss of the formula, from the damaged weights and the teacher's maps.
#[test]
fn the_first_loss_is_the_formula() {
    aconite_train::set_threads(1);
    let data = patterns(30, 16);
    // The net, the stages that the last weights belong to, and the weights.
    let cases = [
        ("small_cnn", vec![(0, 300.0), (1, 70.0)], vec![9e9, 300.0, 70.0]),
        ("badnet_cnn", vec![(1, 70.0)], vec![70.0]),
    ];
    for (kind, stages, beta) in cases {
        let learner = learner(kind, 3, 0.05);
        let model = learner.fit(&data, Seed(1), &mut Silent).unwrap();
        let nad = Nad { teacher_epochs: 2, epochs: 1, lr: 0.05, beta, ..Nad::default() };
        let mut losses = Losses::default();
        let Role::Repair(repair) = nad.role() else { panic!("not a repair") };
        let damaged = Damaged {
            learner: &learner,
            model: model.as_ref(),
            clean: &data,
            told: Told::default(),
            seed: Seed(5),
        };
        repair.mend(&damaged, &mut losses).unwrap();
        // Two epochs of the teacher, then the student's only one, a single batch.
        assert_eq!(losses.0.len(), 3);

        let start = model.tensors();
        let pace = Some(Pace { epochs: 2, batch_size: 64, lr: 0.05 });
        let course = Course { start: Some(&start), pace, ..Course::default() };
        let teacher = learner.fit_with(&data, Seed(5).derive("teacher"), course, &mut Silent).unwrap();
        let batch = input(&pixels(data.rows()).unwrap(), Kind::Float);
        let maps = |model: &dyn aconite_core::Model| {
            let mut maps = Vec::new();
            let mode = Mode { train: false, kind: Kind::Float };
            let _ = no_grad(|| {
                model.net().unwrap().features_with(&batch, mode, &mut |_, out| {
                    maps.push(out.shallow_clone());
                    out
                })
            });
            maps
        };
        let (taught, own) = (maps(teacher.as_ref()), maps(model.as_ref()));
        let labels = Tensor::from_slice(&data.labels().iter().map(|&l| l as i64).collect::<Vec<_>>());
        let mut expected =
            model.scores(data.rows()).unwrap().cross_entropy_for_logits(&labels).double_value(&[]);
        for (stage, beta) in stages {
            expected += beta * nad.apart(&taught[stage], &own[stage]).double_value(&[]);
        }
        assert!((losses.0[2] / expected - 1.0).abs() < 1e-4, "{kind}: {} {expected}", losses.0[2]);
    }
}

#[test]
fn without_weight_it_is_fine_tuning() {
    aconite_train::set_threads(1);
    let (data, learner) = (patterns(40, 8), learner("small_cnn", 1, 0.05));
    let model = learner.fit(&data, Seed(1), &mut Silent).unwrap();
    let mended = |beta: f64| {
        let nad = Nad { beta: vec![beta], epochs: 2, teacher_epochs: 1, ..Nad::default() };
        mend(&nad, &learner, model.as_ref(), &data, &mut Silent).unwrap().tensors()
    };
    let start = model.tensors();
    let course = Course {
        start: Some(&start),
        pace: Some(Pace { epochs: 2, batch_size: 64, lr: 0.01 }),
        ..Course::default()
    };
    let plain = learner.fit_with(&data, Seed(7).derive("student"), course, &mut Silent).unwrap().tensors();
    assert_eq!(mended(0.0), plain);
    assert_ne!(mended(1000.0), plain);
    assert_eq!(mended(1000.0), mended(1000.0));
}

#[test]
fn what_does_not_fit_is_refused() {
    let nad = Nad::default();
    assert_eq!(nad.knowledge(), [Knowledge::CleanSamples]);
    let wrong = [
        (Nad { clean: Rate::literal(0.0), ..nad.clone() }, "clean"),
        (Nad { lr: f64::NAN, ..nad.clone() }, "lr"),
        (Nad { batch_size: 0, ..nad.clone() }, "batch_size"),
        (Nad { beta: vec![], ..nad.clone() }, "beta"),
        (Nad { beta: vec![1.0, -1.0], ..nad.clone() }, "beta"),
        (Nad { power: 0.5, ..nad.clone() }, "power"),
    ];
    for (settings, setting) in wrong {
        assert_eq!(refused(&settings).setting.as_deref(), Some(setting), "{settings:?}");
    }
    let (clean, learner) = (patterns(9, 8), learner("mlp", 1, 0.05));
    let model = learner.fit(&clean, Seed(0), &mut Silent).unwrap();
    let error = mend(&nad, &learner, model.as_ref(), &clean, &mut Silent).err().unwrap();
    assert!(error.message.contains("no convolutional stage"), "{error}");
}
