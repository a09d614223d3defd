//! Small streams: they end where plain training does, are attacked, watched and mended, and resume to the bit.

use aconite_core::{Attack, Dataset, Learner, Model, NamedTensors, Rate, Result, Seed, Silent, metrics};
use aconite_data::breast_cancer::BreastCancer;
use aconite_data::fashion_mnist_mini::FashionMnistMini;
use aconite_data::{Common as Cut, Places, Source, Split, cut};
use aconite_label_flip::random_flip::RandomFlip;
use aconite_nets::linear::Linear;
use aconite_stream::monitors::{holdout_accuracy::HoldoutAccuracy, ks::Ks, label_rate::LabelRate};
use aconite_stream::policies::none::Nothing;
use aconite_stream::policies::retrain_from_scratch::RetrainFromScratch;
use aconite_stream::policies::retrain_without_suspects::RetrainWithoutSuspects;
use aconite_stream::policies::roll_back::RollBack;
use aconite_stream::schedules::{
    every::Every, from_scratch::FromScratch, incremental::Incremental, sliding::Sliding,
};
use aconite_stream::{
    Common, Monitor, Order, Policy, Schedule, Seen, Snapshot, Stream, Threshold, Watch, Watched, Windows,
};
use aconite_train::optim::sgd::Sgd;
use aconite_train::schedule::constant::Constant;
use aconite_train::victims::logistic::Logistic;
use aconite_train::victims::svm::Svm;
use aconite_train::{SgdLearner, Train};

fn split() -> Split {
    aconite_train::set_threads(1);
    let whole = FashionMnistMini {}.load(&Places(vec![])).unwrap();
    cut(&whole, &Cut { train_size: Some(1200), ..Cut::default() }, Seed(0)).unwrap()
}

fn linear() -> SgdLearner {
    SgdLearner {
        net: Box::new(Linear {}),
        train: Train::default(),
        optimizer: Box::new(Sgd::default()),
        schedule: Box::new(Constant {}),
    }
}

/// Twelve windows of a hundred rows; the attack in windows 6 and 7.
fn common() -> Common {
    Common {
        windows: 12,
        order: Order::Time,
        holdout: Rate::literal(0.0),
        attack_from: 6,
        attack_until: Some(8),
        reference: 1,
        calibrate: 3,
        checkpoint_every: 4,
    }
}

struct Diary<'a> {
    test: &'a Dataset,
    seen: Vec<Seen>,
    accuracies: Vec<f64>,
    states: Vec<Snapshot>,
}

impl Watch for Diary<'_> {
    fn window(&mut self, seen: &Seen, model: &dyn Model) -> Result<()> {
        let predicted = model.predict(self.test.rows())?;
        self.accuracies.extend(metrics::accuracy(&predicted, self.test.labels()));
        self.seen.push(seen.clone());
        Ok(())
    }

    fn checkpoint(&mut self, s: &Snapshot) -> Result<()> {
        let tensors = s.tensors.iter().map(|(name, tensor)| (name.clone(), tensor.copy())).collect();
        let (marks, seen) = (s.marks.clone(), s.seen.clone());
        let reference_accuracy = s.reference_accuracy;
        self.states.push(Snapshot { window: s.window, tensors, marks, reference_accuracy, seen });
        Ok(())
    }
}

struct Scene<'a> {
    split: &'a Split,
    common: Common,
    schedule: &'a dyn Schedule,
    monitors: Vec<Watched>,
    policy: &'a dyn Policy,
    learner: &'a dyn Learner,
    attack: Option<&'a dyn Attack>,
}

impl<'a> Scene<'a> {
    fn new(split: &'a Split, schedule: &'a dyn Schedule, learner: &'a dyn Learner) -> Self {
        let (monitors, policy) = (Vec::new(), &Nothing {});
        Self { split, common: common(), schedule, monitors, policy, learner, attack: None }
    }

    fn stream(&self) -> Stream<'_> {
        Stream {
            common: &self.common,
            schedule: self.schedule,
            monitors: &self.monitors,
            policy: self.policy,
            learner: self.learner,
            data: &self.split.train,
            attack: self.attack,
            seed: Seed(3),
        }
    }

    fn run(&self, from: Option<Snapshot>) -> (NamedTensors, Diary<'a>) {
        let mut diary =
            Diary { test: &self.split.test, seen: Vec::new(), accuracies: Vec::new(), states: Vec::new() };
        let model = self.stream().run(from, &mut diary).unwrap();
        (model, diary)
    }
}

fn watched(name: &str, monitor: impl Monitor + 'static, threshold: f64) -> Watched {
    let threshold = Threshold { threshold: Some(threshold), ..Threshold::default() };
    Watched { name: name.into(), monitor: Box::new(monitor), threshold }
}

fn same(a: &NamedTensors, b: &NamedTensors) -> bool {
    a.len() == b.len() && a.iter().all(|(name, tensor)| *tensor == b[name])
}

#[test]
fn a_calm_stream_ends_where_plain_training_does() {
    let split = split();
    let net = linear();
    let patients = BreastCancer::default().load(&Places(vec![])).unwrap();
    let pairs: [(&Split, &dyn Learner); 3] =
        [(&split, &net), (&patients, &Logistic::default()), (&patients, &Svm::default())];
    for (split, learner) in pairs {
        let n = split.train.len();
        let (model, diary) = Scene::new(split, &Every {}, learner).run(None);
        let plain = learner.fit(&split.train, Seed(3), &mut Silent).unwrap();
        assert!(same(&model, &plain.tensors()));
        let trained: Vec<usize> = diary.seen.iter().map(|s| s.trained).collect();
        assert_eq!(trained, (1..=12).map(|w| w * n / 12).collect::<Vec<_>>());
        // A window that keeps all is the same; one of three windows is a plain fit on these.
        let (model, _) = Scene::new(split, &Sliding { keep: 12 }, learner).run(None);
        assert!(same(&model, &plain.tensors()));
        let (model, _) = Scene::new(split, &Sliding { keep: 3 }, learner).run(None);
        let last = split.train.select(&(9 * n / 12..n).collect::<Vec<_>>()).unwrap();
        assert!(same(&model, &learner.fit(&last, Seed(3), &mut Silent).unwrap().tensors()));
    }
    // Rebuilt after window 9 for the last time: 1,000 rows.
    let (model, diary) = Scene::new(&split, &FromScratch { period: 5 }, &net).run(None);
    let first = split.train.select(&(0..1000).collect::<Vec<_>>()).unwrap();
    assert!(same(&model, &net.fit(&first, Seed(3), &mut Silent).unwrap().tensors()));
    let trained: Vec<usize> = diary.seen.iter().map(|s| s.trained).collect();
    assert_eq!(trained, [100, 0, 0, 0, 500, 0, 0, 0, 0, 1000, 0, 0]);
}

#[test]
fn rows_are_poisoned_in_the_windows_of_the_attack_alone() {
    let split = split();
    let (net, attack) = (linear(), RandomFlip { rate: Rate::literal(0.5), ..RandomFlip::default() });
    let scene = Scene { attack: Some(&attack), ..Scene::new(&split, &Incremental {}, &net) };
    let (_, diary) = scene.run(None);
    let poisons: Vec<usize> = diary.seen.iter().map(|s| s.poisons).collect();
    assert_eq!(poisons, [0, 0, 0, 0, 0, 0, 50, 50, 0, 0, 0, 0]);
    // Until the attack the attacked stream is the clean one to the bit.
    let (_, clean) = Scene::new(&split, &Incremental {}, &net).run(None);
    assert_eq!(diary.accuracies[..6], clean.accuracies[..6]);
    assert!(diary.accuracies[7] < clean.accuracies[7]);
    assert!(diary.seen.iter().all(|s| s.trained == 100));
}

/// Labels of half a window flipped to class 0, watched by the shares of the labels: an alarm in windows 6 and 7.
fn flipped<'a>(
    split: &'a Split,
    schedule: &'a dyn Schedule,
    policy: &'a dyn Policy,
    learner: &'a dyn Learner,
    attack: &'a RandomFlip,
) -> Scene<'a> {
    Scene {
        attack: Some(attack),
        monitors: vec![watched("label_rate", LabelRate {}, 0.3), watched("ks", Ks::default(), 2.0)],
        policy,
        ..Scene::new(split, schedule, learner)
    }
}

fn all_to_one() -> RandomFlip {
    // Half of the rows of the other classes become a 0, and a little more: half of all.
    let row = |_| (0..10).map(|to| f64::from(u8::from(to == 0))).collect();
    RandomFlip {
        rate: Rate::literal(0.5),
        transition: Some((0..10).map(row).collect()),
        ..RandomFlip::default()
    }
}

#[test]
fn operators_pay_what_they_say_and_get_what_they_pay_for() {
    let split = split();
    let (net, attack) = (linear(), all_to_one());
    let run = |policy: &dyn Policy| {
        let (model, diary) = flipped(&split, &Every {}, policy, &net, &attack).run(None);
        let acted: Vec<usize> = diary.seen.iter().filter(|s| s.acted).map(|s| s.window).collect();
        let rows: Vec<usize> = diary.seen.iter().map(|s| s.repair_rows).filter(|rows| *rows > 0).collect();
        (model, (diary.seen, diary.accuracies), acted, rows)
    };
    let (nothing, (seen, watched), acted, _) = run(&Nothing {});
    assert!(acted.is_empty() && seen[6].alarms == [true, false] && seen[7].alarms[0]);
    assert_eq!(seen.iter().filter(|s| s.alarms.contains(&true)).count(), 2);

    // The model of window 5 serves until the attack is over; then its data are taken in.
    let (model, (_, back), acted, rows) = run(&RollBack { back: 1 });
    assert_eq!((acted, rows.len()), (vec![6, 7], 0));
    assert_eq!(back[6..8], [back[5]; 2]);
    assert!(same(&model, &nothing) && back[8] == watched[8]);

    // Without the two windows the model is that of a plain training on the others.
    let (model, _, acted, rows) = run(&RetrainWithoutSuspects { before: 0 });
    assert_eq!((acted, rows), (vec![6, 7], vec![100, 100]));
    let others: Vec<usize> = (0..600).chain(800..1200).collect();
    let plain = net.fit(&split.train.select(&others).unwrap(), Seed(3), &mut Silent).unwrap();
    assert!(same(&model, &plain.tensors()));
    let (_, _, _, rows) = run(&RetrainWithoutSuspects { before: 1 });
    assert_eq!(rows, [200, 100]);

    // Labelled by hand the rows are as clean as they were: all of them once, then the new ones.
    let (model, _, acted, rows) = run(&RetrainFromScratch { windows: None });
    assert_eq!((acted, rows), (vec![6, 7], vec![700, 100]));
    let plain = net.fit(&split.train, Seed(3), &mut Silent).unwrap();
    assert!(same(&model, &plain.tensors()));
    // Of the last two windows each time: what is older is gone.
    let (model, _, _, rows) = run(&RetrainFromScratch { windows: Some(2) });
    assert_eq!(rows, [200, 100]);
    let late = split.train.select(&(600..1200).collect::<Vec<_>>()).unwrap();
    assert!(same(&model, &net.fit(&late, Seed(3), &mut Silent).unwrap().tensors()));
}

#[test]
fn going_on_from_the_last_model_is_undone_by_a_roll_back() {
    let split = split();
    let (net, attack) = (linear(), all_to_one());
    let (_, watched) = flipped(&split, &Incremental {}, &Nothing {}, &net, &attack).run(None);
    let policy = RollBack { back: 1 };
    let (_, back) = flipped(&split, &Incremental {}, &policy, &net, &attack).run(None);
    assert!(watched.accuracies[7] + 0.1 < back.accuracies[7], "{:?}", watched.accuracies);
    assert_eq!(back.accuracies[7], back.accuracies[5]);
}

#[test]
fn a_kept_state_goes_on_to_the_same_bits() {
    let split = split();
    let (net, attack) = (linear(), all_to_one());
    let policies: [&dyn Policy; 3] = [
        &RollBack { back: 2 },
        &RetrainWithoutSuspects { before: 1 },
        &RetrainFromScratch { windows: Some(3) },
    ];
    for (schedule, policy) in
        [&Incremental {} as &dyn Schedule, &Sliding { keep: 4 }, &Every {}].into_iter().zip(policies)
    {
        let mut scene = flipped(&split, schedule, policy, &net, &attack);
        scene.common.holdout = Rate::literal(0.1);
        scene.monitors.push(watched("holdout_accuracy", HoldoutAccuracy {}, 0.15));
        scene.monitors[1].threshold = Threshold::default();
        let (model, whole) = scene.run(None);
        assert_eq!(whole.states.iter().map(|s| s.window).collect::<Vec<_>>(), [4, 8]);
        for state in whole.states {
            let from = state.window;
            let (resumed, rest) = scene.run(Some(state));
            assert!(same(&model, &resumed));
            assert_eq!(rest.accuracies, whole.accuracies[from..]);
            let timeless = |s: &Seen| Seen { seconds: 0.0, repair_seconds: 0.0, ..s.clone() };
            let whole: Vec<Seen> = whole.seen[from..].iter().map(timeless).collect();
            assert_eq!(rest.seen.iter().map(timeless).collect::<Vec<_>>(), whole);
        }
    }
}

#[test]
fn a_state_of_another_stream_does_not_fit() {
    let split = split();
    let (net, attack) = (linear(), all_to_one());
    let scene = flipped(&split, &Sliding { keep: 4 }, &Nothing {}, &net, &attack);
    let state = || scene.run(None).1.states.remove(0);
    assert!(scene.stream().fits(&state()));
    let changed = |change: &dyn Fn(&mut Snapshot)| {
        let mut state = state();
        change(&mut state);
        scene.stream().fits(&state)
    };
    assert!(!changed(&|s| s.marks.truncate(s.window - 1)));
    assert!(!changed(&|s| drop(s.seen.pop())));
    assert!(!changed(&|s| s.seen[0].drift.clear()), "as many numbers as monitors");
    assert!(!changed(&|s| s.tensors.retain(|name, _| !name.starts_with("served."))));
    assert!(!changed(&|s| s.tensors.retain(|name, _| !name.starts_with("frozen."))), "ks reads scores");
    // A wider model's weights.
    assert!(!changed(&|s| s.tensors.values_mut().for_each(|t| *t = t.repeat([2, 2]))));
}

#[test]
fn calibrated_monitors_wait_for_their_calm_windows_and_see_flips_in_the_margins() {
    let split = split();
    let (net, attack) = (linear(), RandomFlip { rate: Rate::literal(0.4), ..RandomFlip::default() });
    let scene = Scene {
        attack: Some(&attack),
        monitors: vec![Watched {
            name: "ks".into(),
            monitor: Box::new(Ks::default()),
            threshold: Threshold::default(),
        }],
        ..Scene::new(&split, &Every {}, &net)
    };
    let (_, diary) = scene.run(None);
    // The reference is window 1; 2, 3 and 4 are calm.
    let told = |of: &dyn Fn(&Seen) -> bool| diary.seen.iter().map(of).collect::<Vec<_>>();
    assert_eq!(told(&|s| s.drift[0].is_some())[..3], [false, false, true]);
    assert_eq!(told(&|s| s.thresholds[0].is_some())[..6], [false, false, false, false, false, true]);
    assert!(diary.seen[6].alarms[0] && diary.seen[7].alarms[0]);
}

#[test]
fn a_holdout_is_never_trained_on() {
    let split = split();
    let net = linear();
    let mut scene = Scene::new(&split, &Every {}, &net);
    scene.common.holdout = Rate::literal(0.1);
    scene.monitors = vec![watched("holdout_accuracy", HoldoutAccuracy {}, 1.0)];
    let (model, diary) = scene.run(None);
    let cut = Windows::cut(1200, &scene.common, Seed(3));
    let fit = |rows: &[usize]| net.fit(&split.train.select(rows).unwrap(), Seed(3), &mut Silent).unwrap();
    assert!(same(&model, &fit(&cut.windows.concat()).tensors()));
    // With the held-out rows it would be another.
    assert!(!same(&model, &fit(&[cut.windows.concat(), cut.holdout].concat()).tensors()));
    assert!(diary.seen[2].drift[0].is_some(), "the holdout is looked at");
}
