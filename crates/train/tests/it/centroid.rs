use std::sync::Arc;

use aconite_core::{Dataset, Learner, Model, Seed, Silent, Table};
use aconite_train::victims::centroid::{Accepts, Centroid, Removal};
use proptest::prelude::*;

const RULES: [Removal; 5] =
    [Removal::AverageOut, Removal::RandomOut, Removal::NearestOut, Removal::OldestOut, Removal::None];

/// Points of the plane, normal where the label is 0.
fn points(rows: &[[f32; 2]], labels: Vec<usize>) -> Dataset {
    let table = Table::new(Arc::new(vec!["x".into(), "y".into()]), rows.concat()).unwrap();
    Dataset::new(table, labels, Arc::new(vec!["normal".into(), "attack".into()])).unwrap()
}

fn centre(model: &dyn Model) -> Vec<f64> {
    Vec::<f64>::try_from(&model.tensors()["centre"]).unwrap()
}

fn two(removal: Removal, accepts: Accepts) -> Centroid {
    Centroid { window: 2, removal, quantile: 1.0, accepts, normal: None }
}

#[test]
fn each_rule_moves_the_centre_as_on_paper() {
    // The window (0, 0), (2, 0): centre (1, 0), radius 1. Then (1.5, 0.5) comes, which is nearer to (2, 0), and (9, 9),
    // which lies outside. The anomaly is to the right.
    let rows = [[0.0, 0.0], [30.0, 0.0], [2.0, 0.0], [1.5, 0.5], [9.0, 9.0]];
    let data = points(&rows, vec![0, 1, 0, 0, 0]);
    for (removal, want) in [
        (Removal::AverageOut, [1.25, 0.25]),
        (Removal::NearestOut, [0.75, 0.25]),
        (Removal::OldestOut, [1.75, 0.25]),
        (Removal::None, [1.0 + 0.5 / 3.0, 0.5 / 3.0]),
    ] {
        let victim = two(removal, Accepts::Inside);
        let model = victim.fit(&data, Seed(0), &mut Silent).unwrap();
        let got = centre(model.as_ref());
        assert!(got.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-12), "{removal:?} {got:?}");
        // One radius is 1, and the way to the anomaly is the first axis.
        let measures = model.measures();
        assert_eq!(measures[0].0, "displacement");
        assert!((measures[0].1 - (want[0] - 1.0)).abs() < 1e-12, "{measures:?}");
        let again = victim.restore(&data.info(), &model.tensors()).unwrap();
        assert_eq!(again.scores(data.rows()).unwrap(), model.scores(data.rows()).unwrap());
        assert_eq!(again.measures(), measures);
    }
    // Whoever is drawn, one of the two points left.
    let drawn = two(Removal::RandomOut, Accepts::Inside).fit(&data, Seed(0), &mut Silent).unwrap();
    assert!([[0.75, 0.25], [1.75, 0.25]].contains(&centre(drawn.as_ref()).try_into().unwrap()));
    // Who learns all learns the last one too: it takes the place of (2, 0).
    let all = two(Removal::OldestOut, Accepts::All).fit(&data, Seed(0), &mut Silent).unwrap();
    assert_eq!(centre(all.as_ref()), [(1.5 + 9.0) / 2.0, (0.5 + 9.0) / 2.0]);
}

#[test]
fn scores_are_the_distance_to_the_edge() {
    let data = points(&[[0.0, 0.0], [2.0, 0.0], [1.0, 4.0], [1.0, 0.5]], vec![0, 0, 1, 1]);
    let victim = two(Removal::AverageOut, Accepts::Inside);
    let model = victim.fit(&data, Seed(0), &mut Silent).unwrap();
    let scores = Vec::<f32>::try_from(model.scores(data.rows()).unwrap().flatten(0, -1)).unwrap();
    // On the edge is inside.
    let edge = f32::MIN_POSITIVE;
    assert_eq!(scores, [edge, -edge, edge, -edge, -3.0, 3.0, 0.5, -0.5]);
    assert_eq!(model.predict(data.rows()).unwrap(), [0, 0, 1, 0]);
    // Class 1 as the normal one: (1, 4) and (1, 0.5), radius 1.75.
    let turned = Centroid { normal: Some(1), ..victim }.fit(&data, Seed(0), &mut Silent).unwrap();
    assert_eq!(turned.predict(data.rows()).unwrap(), [0, 0, 1, 1]);
}

#[test]
fn the_radius_is_a_quantile_of_the_windows_distances() {
    // Distances from the mean 0 on a line: 1, 1, 2, 2, 3, 3, 4, 4, 5, 5.
    let rows: Vec<[f32; 2]> = (1..=5).flat_map(|v| [[v as f32, 0.0], [-v as f32, 0.0]]).collect();
    let data = points(&rows, vec![0; 10]);
    for (quantile, radius) in [(1.0, 5.0), (0.8, 4.0), (0.81, 5.0), (0.05, 1.0)] {
        let victim = Centroid { window: 10, quantile, ..Centroid::default() };
        let model = victim.fit(&data, Seed(0), &mut Silent).unwrap();
        assert_eq!(f64::try_from(&model.tensors()["radius"]).unwrap(), radius, "{quantile}");
        assert!(model.measures().is_empty(), "without anomalies there is no way to go");
    }
}

#[test]
fn what_does_not_fit_is_named() {
    let data = points(&[[0.0, 0.0], [2.0, 0.0], [1.0, 4.0]], vec![0, 0, 1]);
    let fails = |victim: Centroid, key: Option<&str>| {
        let error = victim.check(&data.info()).unwrap_err();
        assert_eq!(error.setting.as_deref(), key, "{error}");
    };
    fails(Centroid::default(), Some("window"));
    fails(Centroid { window: 1, ..Centroid::default() }, Some("window"));
    for quantile in [0.0, 1.1, f64::NAN] {
        fails(Centroid { window: 2, quantile, ..Centroid::default() }, Some("quantile"));
    }
    fails(Centroid { window: 2, normal: Some(2), ..Centroid::default() }, Some("normal"));
    let three = crate::table::eights(3);
    assert!(Centroid::default().check(&three.info()).unwrap_err().message.contains("two classes"));
    assert!(Centroid::default().fit(&data, Seed(0), &mut Silent).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn the_laws_of_the_rules(
        rows in prop::collection::vec([-10f32..10.0, -10f32..10.0], 6..40),
        seed in 0u64..100,
    ) {
        let data = points(&rows, vec![0; rows.len()]);
        let n = 5;
        for removal in RULES {
            let victim = Centroid { window: n, removal, quantile: 0.9, ..Centroid::default() };
            let mut followed = victim.online(&data, Seed(seed)).unwrap();
            let state = followed.state.as_mut();
            prop_assert_eq!(followed.arrivals.len(), rows.len() - n as usize);
            let radius = state.radius();
            for &row in &followed.arrivals {
                let before = state.centre().to_vec();
                let inside = (0..2).map(|j| (f64::from(rows[row][j]) - before[j]).powi(2)).sum::<f64>().sqrt();
                let learnt = state.arrives(&rows[row]);
                let moved = (0..2).map(|j| (state.centre()[j] - before[j]).powi(2)).sum::<f64>().sqrt();
                // What lies outside moves nothing, and the radius stays.
                prop_assert_eq!(learnt, inside <= radius * (1.0 + 1e-6));
                prop_assert!(learnt || moved == 0.0);
                prop_assert_eq!(state.radius(), radius);
                // Where no point leaves, a step is at most an n-th of the radius; where one does, the centre stays a mean
                // of rows.
                match removal {
                    Removal::AverageOut | Removal::None =>
                        prop_assert!(moved <= radius * (1.0 + 1e-5) / f64::from(n) + 1e-12),
                    _ => prop_assert!(state.centre().iter().all(|c| c.abs() <= 10.0 + 1e-9)),
                }
            }
            // Whoever follows the victim ends where the victim does.
            let model = victim.fit(&data, Seed(seed), &mut Silent).unwrap();
            prop_assert_eq!(centre(model.as_ref()), state.centre().to_vec());
        }
    }

    #[test]
    fn the_oldest_leave_the_mean_of_the_last(rows in prop::collection::vec([-10f32..10.0, -10f32..10.0], 6..40)) {
        let data = points(&rows, vec![0; rows.len()]);
        let victim = Centroid {
            window: 4, removal: Removal::OldestOut, accepts: Accepts::All, ..Centroid::default()
        };
        let got = centre(victim.fit(&data, Seed(0), &mut Silent).unwrap().as_ref());
        for j in 0..2 {
            let want = rows[rows.len() - 4..].iter().map(|row| f64::from(row[j])).sum::<f64>() / 4.0;
            prop_assert!((got[j] - want).abs() < 1e-9);
        }
    }
}
