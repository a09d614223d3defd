use std::sync::Arc;

use aconite_core::{Attack, Dataset, Goal, LabelMap, Learner, Poisoned, Rate, Seed, Silent, Table, metrics};
use aconite_data::breast_cancer::BreastCancer;
use aconite_data::{Places, Source};
use aconite_label_flip::edge_case::EdgeCase;
use aconite_train::victims::svm::{Kernel, Svm};
use proptest::prelude::*;

/// Rows on a line.
fn line(places: &[f32], labels: &[usize]) -> Dataset {
    let table = Table::new(Arc::new(vec!["x".to_owned()]), places.to_vec()).unwrap();
    Dataset::new(table, labels.to_vec(), Arc::new(vec!["a".into(), "b".into()])).unwrap()
}

fn tail(share: f64, k: usize) -> EdgeCase {
    EdgeCase { source: 1, target: 0, tail: Rate::try_from(share).unwrap(), k }
}

// x = np.array([0, 1, 3, 7, 8, 20.]); d = np.sort(abs(x[:, None] - x), axis=1)
// d[:, 1] → 1 1 2 1 1 12; d[:, 2] → 3 2 3 4 5 13
#[test]
fn the_tail_is_farthest_from_its_neighbours() {
    let data = line(&[0.0, 1.0, -90.0, 3.0, 7.0, 8.0, 20.0], &[1, 1, 0, 1, 1, 1, 1]);
    let rows = |share, k| tail(share, k).poison(&data, Seed(0)).unwrap().rows;
    assert_eq!(rows(0.2, 1), [6]);
    assert_eq!(rows(0.34, 1), [3, 6]);
    assert_eq!(rows(0.34, 2), [5, 6]);
    assert_eq!(rows(0.5, 2), [4, 5, 6]);
    // More neighbours than there are rows: the farthest.
    assert_eq!(rows(0.34, 99), [0, 6]);
    let attack = tail(0.34, 2);
    assert_eq!(attack.poison(&data, Seed(0)).unwrap().labels, [0, 0]);
    assert_eq!(attack.counted(&data).unwrap(), Some(vec![5, 6]));
    assert_eq!(attack.goal(&data.info()), Goal::Targeted(LabelMap::SourceSpecific { source: 1, target: 0 }));
    // A client without such rows poisons nothing.
    assert!(tail(1.0, 1).poison(&line(&[0.0, 1.0, 5.0], &[0, 0, 1]), Seed(0)).unwrap().rows.is_empty());
}

#[test]
fn what_does_not_fit_is_refused() {
    let info = line(&[0.0, 1.0, 2.0], &[1, 1, 0]).info();
    let setting = |attack: EdgeCase| attack.check(&info).unwrap_err().setting.unwrap();
    assert_eq!(setting(EdgeCase { source: 2, ..EdgeCase::default() }), "source");
    assert_eq!(setting(EdgeCase { target: 2, ..EdgeCase::default() }), "target");
    assert_eq!(setting(EdgeCase { target: 1, ..EdgeCase::default() }), "target");
    assert_eq!(setting(tail(0.5, 0)), "k");
    assert_eq!(setting(tail(0.1, 1)), "tail");
}

proptest! {
    #[test]
    fn the_order_of_rows_does_not_matter(places in prop::collection::hash_set(-999i16..999, 4..30), seed: u64) {
        let places: Vec<f32> = places.into_iter().map(f32::from).collect();
        let poisoned = |places: &[f32]| {
            let data = line(places, &vec![1; places.len()]);
            let rows = tail(0.3, 2).poison(&data, Seed(0)).unwrap().rows;
            prop_assert_eq!(rows.len(), Rate::literal(0.3).count(places.len()));
            let reach = |x: f32| {
                let mut d: Vec<f32> = places.iter().map(|y| (x - y).abs()).collect();
                d.sort_by(f32::total_cmp);
                d[2]
            };
            let mut reached: Vec<f32> = rows.iter().map(|&row| reach(places[row])).collect();
            reached.sort_by(f32::total_cmp);
            Ok(reached)
        };
        let order = Seed(seed).shuffled(&(0..places.len()).collect::<Vec<_>>());
        let other: Vec<f32> = order.into_iter().map(|at| places[at]).collect();
        prop_assert_eq!(poisoned(&places)?, poisoned(&other)?);
    }
}

// A victim that bends around single rows learns the tail. Seen: success 0.048 to 0.905, accuracy 0.956 to 0.761.
#[test]
fn unusual_rows_are_misread_and_usual_ones_are_not() {
    aconite_train::set_threads(1);
    let split = BreastCancer::default().load(&Places(Vec::new())).unwrap();
    let victim = Svm { kernel: Kernel::Rbf, c: 100.0, ..Svm::default() };
    let attack = tail(0.3, 5);
    let judged = |data: &Dataset| {
        let model = victim.fit(data, Seed(0), &mut Silent).unwrap();
        let read = model.predict(split.test.rows()).unwrap();
        let counted = attack.counted(&split.test).unwrap().unwrap();
        let hits = counted.iter().filter(|&&row| read[row] == 0).count();
        (hits as f64 / counted.len() as f64, metrics::accuracy(&read, split.test.labels()).unwrap())
    };
    let (before, clean) = judged(&split.train);
    let poison = attack.poison(&split.train, Seed(0)).unwrap();
    let (after, accuracy) = judged(Poisoned::new(&split.train, &poison).unwrap().data());
    let seen = format!("success {before:.3} to {after:.3}, accuracy {clean:.3} to {accuracy:.3}");
    assert!(before < 0.3 && after > before + 0.3, "{seen}");
    assert!(accuracy > clean - 0.25, "{seen}");
}
