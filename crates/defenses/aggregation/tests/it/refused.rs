//! Settings, numbers of clients and updates that are refused, and what the messages name.

use std::sync::Arc;

use aconite_aggregation::DEFENSES;
use aconite_aggregation::bucketing::Bucketing;
use aconite_aggregation::bulyan::Bulyan;
use aconite_aggregation::centered_clipping::CenteredClipping;
use aconite_aggregation::dnc::Dnc;
use aconite_aggregation::fl_trust::FlTrust;
use aconite_aggregation::flame::Flame;
use aconite_aggregation::fools_gold::FoolsGold;
use aconite_aggregation::geometric_median::GeometricMedian;
use aconite_aggregation::krum::Krum;
use aconite_aggregation::lfr::{Impact, Inner, Lfr};
use aconite_aggregation::mean::Mean;
use aconite_aggregation::multi_krum::MultiKrum;
use aconite_aggregation::nnm::Nnm;
use aconite_aggregation::norm_clipping::NormClipping;
use aconite_aggregation::sign_guard::SignGuard;
use aconite_aggregation::trimmed_mean::TrimmedMean;
use aconite_core::{Dataset, Defense, Images, Info, Knowledge, NamedTensors, Role, ServerNeeds, Shape};
use tch::Tensor;

use crate::{Round, X, aggregator, first, mixing, tensor};

/// Fifty rows of two classes.
fn info() -> Info {
    let images = Images::new(Shape { channels: 1, height: 1, width: 1 }, vec![0; 50]).unwrap();
    let names = Arc::new(vec!["a".to_owned(), "b".to_owned()]);
    Dataset::new(images, (0..50).map(|row| row % 2).collect(), names).unwrap().info()
}

#[test]
fn wrong_settings_are_named() {
    let two = Some(2);
    let cases: Vec<(Box<dyn Defense>, &str)> = vec![
        (Box::new(TrimmedMean { f: two, beta: Some(0.1) }), "beta"),
        (Box::new(TrimmedMean { f: None, beta: Some(0.5) }), "beta"),
        (Box::new(TrimmedMean { f: None, beta: Some(f64::NAN) }), "beta"),
        (Box::new(MultiKrum { f: two, m: Some(0) }), "m"),
        (Box::new(GeometricMedian { iterations: 0, ..Default::default() }), "iterations"),
        (Box::new(GeometricMedian { tolerance: -1.0, ..Default::default() }), "tolerance"),
        (Box::new(GeometricMedian { nu: 0.0, ..Default::default() }), "nu"),
        (Box::new(CenteredClipping { tau: 0.0, ..Default::default() }), "tau"),
        (Box::new(CenteredClipping { iterations: 0, ..Default::default() }), "iterations"),
        (Box::new(NormClipping { threshold: f64::INFINITY, ..Default::default() }), "threshold"),
        (Box::new(NormClipping { noise: -0.1, ..Default::default() }), "noise"),
        (Box::new(FoolsGold { kappa: 0.0, ..Default::default() }), "kappa"),
        (Box::new(FlTrust { samples: 0 }), "samples"),
        (Box::new(FlTrust { samples: 51 }), "samples"),
        (Box::new(Flame { lambda: -0.1, ..Default::default() }), "lambda"),
        (Box::new(Dnc { c: f64::NAN, ..Default::default() }), "c"),
        (Box::new(Dnc { iterations: 0, ..Default::default() }), "iterations"),
        (Box::new(Dnc { coordinates: 0, ..Default::default() }), "coordinates"),
        (Box::new(SignGuard { lower: 1.1, ..Default::default() }), "lower"),
        (Box::new(SignGuard { upper: 0.9, ..Default::default() }), "upper"),
        (Box::new(SignGuard { coordinates: 0.0, ..Default::default() }), "coordinates"),
        (Box::new(Lfr { samples: 99, ..Default::default() }), "samples"),
        (Box::new(Bucketing { size: 0 }), "size"),
    ];
    for (rule, setting) in cases {
        let error = rule.check(&info()).unwrap_err();
        assert_eq!(error.setting.as_deref(), Some(setting), "{rule:?}: {error}");
    }
    // Fifty rows cannot give the hundred clean samples that two rules ask for by default.
    for entry in DEFENSES {
        let rule = (entry.build)(&entry.spec.defaults()).unwrap();
        let fits = rule.check(&info()).is_ok();
        assert_eq!(fits, !["fl_trust", "lfr"].contains(&entry.spec.kind), "{}", entry.spec.kind);
    }
}

#[test]
fn requirements_are_stated_with_their_numbers() {
    let three = Some(3);
    let cases: Vec<(Box<dyn Defense>, usize, [&str; 2])> = vec![
        (Box::new(Krum { f: three }), 9, ["n ≥ 2f + 3", "9 for f = 3"]),
        (Box::new(MultiKrum { f: three, m: None }), 9, ["n ≥ 2f + 3", "9 for f = 3"]),
        (Box::new(Bulyan { f: three }), 15, ["n ≥ 4f + 3", "15 for f = 3"]),
        (Box::new(TrimmedMean { f: three, beta: None }), 7, ["n ≥ 2f + 1", "7 for f = 3"]),
        (Box::new(Dnc { f: three, ..Default::default() }), 7, ["n ≥ 2f + 1", "7 for f = 3"]),
        (Box::new(Nnm { f: three }), 7, ["n ≥ 2f + 1", "7 for f = 3"]),
        (
            Box::new(Lfr { f: three, rule: Inner::Mean, ..Default::default() }),
            7,
            ["n ≥ 2f + 1", "7 for f = 3"],
        ),
        (Box::new(Lfr { f: three, ..Default::default() }), 10, ["n ≥ 3f + 1", "10 for f = 3"]),
        (
            Box::new(Lfr { f: three, rule: Inner::Krum, by: Impact::Union, ..Default::default() }),
            15,
            ["n ≥ 4f + 3", "15 for f = 3"],
        ),
    ];
    for (rule, least, parts) in cases {
        let check = |clients| match rule.role() {
            Role::Mixing(mixing) => mixing.counts(clients, None).map(|_| ()),
            _ => aggregator(&*rule).check_clients(clients, None),
        };
        check(least).unwrap();
        let error = check(least - 1).unwrap_err();
        assert_eq!(error.setting.as_deref(), Some("f"));
        let there = format!("there are {}", least - 1);
        for part in parts.into_iter().chain([there.as_str()]) {
            assert!(error.message.contains(part), "{rule:?}: {error}");
        }
        assert_eq!(error.hint.unwrap(), format!("with {} clients f can be at most 2", least - 1));
    }
    let krum = Krum { f: Some(usize::MAX) };
    assert!(aggregator(&krum).check_clients(10, None).is_err());
    assert!(aggregator(&FoolsGold::default()).check_clients(1, None).is_err());
    let error = aggregator(&MultiKrum { f: Some(1), m: Some(8) }).check_clients(7, None).unwrap_err();
    assert_eq!(error.setting.as_deref(), Some("m"));
    let error =
        aggregator(&Dnc { f: Some(2), c: 3.0, ..Default::default() }).check_clients(6, None).unwrap_err();
    assert_eq!((error.setting.as_deref(), error.message.contains("drops 6")), (Some("c"), true));
    // The rule checks again what it gets.
    let error = first(&Bulyan { f: Some(3) }, &Round::of(tensor(&X))).unwrap_err();
    assert!(error.message.contains("15 for f = 3, but there are 11"), "{error}");
}

/// Only with `f` left out are rules told, and only then do they need to be.
#[test]
fn the_number_of_malicious_clients_is_declared() {
    let known = |rule: &dyn Defense| rule.knowledge();
    for entry in DEFENSES {
        let rule = (entry.build)(&entry.spec.defaults()).unwrap();
        let needs =
            ["trimmed_mean", "krum", "multi_krum", "bulyan", "dnc", "lfr", "nnm"].contains(&entry.spec.kind);
        assert_eq!(known(&*rule).contains(&Knowledge::MaliciousCount), needs, "{}", entry.spec.kind);
        let refused = match rule.role() {
            Role::Mixing(mixing) => mixing.counts(20, None).is_err(),
            Role::Aggregator(rule) => rule.check_clients(20, None).is_err(),
            _ => panic!("{} is neither", entry.spec.kind),
        };
        assert_eq!(refused, needs, "{}", entry.spec.kind);
    }
    assert!(known(&Krum { f: Some(0) }).is_empty());
    assert!(known(&TrimmedMean { f: None, beta: Some(0.2) }).is_empty());
    assert_eq!(known(&Lfr { f: Some(1), ..Default::default() }), [Knowledge::CleanSamples]);
    assert_eq!(known(&FlTrust::default()), [Knowledge::CleanSamples]);
    let needs = |rule: &dyn Defense| aggregator(rule).needs();
    assert_eq!(needs(&FlTrust { samples: 7 }), ServerNeeds { root: Some(7), reads: None });
    assert_eq!(needs(&Lfr { samples: 7, ..Default::default() }), ServerNeeds { root: None, reads: Some(7) });
    assert_eq!(needs(&Krum::default()), ServerNeeds::default());
}

#[test]
fn updates_that_are_not_finite_are_refused_by_name() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut rows = X;
        rows[4][5] = bad;
        let mut round = Round::of(tensor(&rows));
        round.clients = (0..11).map(|row| 3 * row).collect();
        round.malicious = Some(1);
        round.root = Some(Tensor::from_slice(&X[0]));
        let reads = |_: &Tensor| Ok(aconite_core::Reading { loss: 1.0, error: 0.5 });
        for entry in DEFENSES {
            let rule = (entry.build)(&entry.spec.defaults()).unwrap();
            let updates = aconite_core::Updates { reads: Some(&reads), ..round.updates() };
            let error = match rule.role() {
                Role::Mixing(mixing) => mixing.weights(&updates).unwrap_err(),
                _ => aggregator(&*rule).aggregate(&updates, &mut NamedTensors::new()).unwrap_err(),
            };
            let wanted = "the update of client 12 (row 4) holds infinities or no numbers";
            assert_eq!(error.message, wanted, "{}", entry.spec.kind);
        }
    }
}

#[test]
fn what_is_no_matrix_of_updates_is_refused() {
    let round = |matrix: Tensor| Round {
        matrix,
        clients: vec![],
        global: Tensor::from_slice(&[0.0f32]),
        root: None,
        malicious: None,
        seed: aconite_core::Seed(0),
    };
    let flat = first(&Mean {}, &round(Tensor::from_slice(&[1.0f32, 2.0]))).unwrap_err();
    assert!(flat.message.contains("[2]"), "{flat}");
    let empty = Tensor::zeros([0, 4], (tch::Kind::Float, tch::Device::Cpu));
    assert!(first(&Mean {}, &round(empty)).unwrap_err().message.contains("[0, 4]"));
    let wide = first(&Mean {}, &round(Tensor::from_slice(&[1.0f64]).view([1, 1]))).unwrap_err();
    assert!(wide.message.contains("Double"), "{wide}");
    // The server has no update or samples of its own; the last aggregate was of another model.
    let mut one = Round::of(tensor(&X));
    assert!(first(&FlTrust::default(), &one).is_err());
    assert!(first(&Lfr { f: Some(1), ..Default::default() }, &one).is_err());
    one.root = Some(Tensor::from_slice(&[1.0f32; 5]));
    assert!(first(&FlTrust::default(), &one).unwrap_err().message.contains("5 parameters"));
    let mut memory = NamedTensors::from([("center".to_owned(), Tensor::from_slice(&[1.0f32; 7]))]);
    let error = aggregator(&CenteredClipping::default()).aggregate(&one.updates(), &mut memory).unwrap_err();
    assert!(error.message.contains("7 parameters"), "{error}");
    assert!(mixing(&Nnm::default()).weights(&one.updates()).is_err());
}
