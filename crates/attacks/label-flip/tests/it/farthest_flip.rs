use aconite_core::{
    Attack, Dataset, Goal, Info, Learner, Model, NamedTensors, Needs, Observer, Poison, Rate, Result, Rows,
    Scene, Seed, Silent,
};
use aconite_label_flip::farthest_flip::FarthestFlip;
use aconite_train::victims::svm::Svm;
use proptest::prelude::*;
use tch::Tensor;

use crate::{labelled, table};

fn attack(rate: f64) -> FarthestFlip {
    FarthestFlip { rate: Rate::try_from(rate).unwrap() }
}

fn craft(rate: f64, clean: &Dataset, victim: &dyn Learner) -> Poison {
    let scene = Scene { victim: Some(victim), ..Scene::new(clean, Seed(0)) };
    attack(rate).craft(&scene, &mut Silent).unwrap().remove(0)
}

/// A victim whose scores are given: those of a row are at the place that the row's only number names.
struct Given(Vec<f32>);

impl Learner for Given {
    fn check(&self, _: &Info) -> Result<()> {
        Ok(())
    }

    fn fit(&self, _: &Dataset, _: Seed, _: &mut dyn Observer) -> Result<Box<dyn Model>> {
        Ok(Box::new(Self(self.0.clone())))
    }

    fn restore(&self, _: &Info, _: &NamedTensors) -> Result<Box<dyn Model>> {
        Ok(Box::new(Self(self.0.clone())))
    }
}

impl Model for Given {
    fn scores(&self, rows: &Rows) -> Result<Tensor> {
        let places: Vec<i64> = rows.table()?.values().iter().map(|&v| v as i64).collect();
        Ok(Tensor::from_slice(&self.0).view([-1, 3]).index_select(0, &Tensor::from_slice(&places)))
    }

    fn features(&self, rows: &Rows) -> Result<Tensor> {
        self.scores(rows)
    }

    fn tensors(&self) -> NamedTensors {
        NamedTensors::new()
    }
}

// Five rows of a number that names its place.
fn five(labels: &[usize; 5]) -> Dataset {
    table(&[&[0.0], &[1.0], &[2.0], &[3.0], &[4.0]], labels, 3)
}

#[test]
fn the_largest_margins_by_hand() {
    #[rustfmt::skip]
    let victim = Given(vec![
        3.0, 1.0, 0.0, // label 0: margin 2, runner-up 1
        0.0, 2.0, 5.0, // label 2: margin 3, runner-up 1
        1.0, 1.0, 4.0, // label 2: margin 3, runners-up 0 and 1, of which the smaller
        2.0, 7.0, 0.0, // label 1: margin 5, runner-up 0
        6.0, 0.0, 1.0, // label 1: misread, margin −6, runner-up 0
    ]);
    let data = five(&[0, 2, 2, 1, 1]);
    let flips = |rate| {
        let poison = craft(rate, &data, &victim);
        assert!(poison.content.is_none());
        poison.rows.into_iter().zip(poison.labels).collect::<Vec<_>>()
    };
    assert_eq!(flips(0.0), []);
    assert_eq!(flips(0.2), [(3, 0)]);
    assert_eq!(flips(0.4), [(1, 1), (3, 0)], "of equal margins the earlier row");
    assert_eq!(flips(0.6), [(1, 1), (2, 0), (3, 0)]);
    assert_eq!(flips(0.8), [(0, 1), (1, 1), (2, 0), (3, 0)]);
    assert_eq!(flips(1.0), [(0, 1), (1, 1), (2, 0), (3, 0), (4, 0)], "what is misread comes last");
}

#[test]
fn distances_from_the_widest_margin() {
    // Rows at ±1 are the nearest, so that f(x) = x: the distances are 4, 1, 1, 2, 3.
    let data = table(&[&[-4.0], &[-1.0], &[1.0], &[2.0], &[3.0]], &[0, 0, 1, 1, 1], 2);
    let poison = craft(0.4, &data, &Svm::default());
    assert_eq!((poison.rows, poison.labels), (vec![0, 4], vec![1, 0]));
}

#[test]
fn what_it_is_after_and_needs() {
    let info = labelled(&[0, 1], 2).info();
    assert_eq!(attack(0.5).goal(&info), Goal::Availability);
    assert_eq!(attack(0.5).needs(), Needs { victim: true, ..Needs::default() });
    assert!(attack(0.5).trigger(&info, Seed(0)).unwrap().is_none());
    assert_eq!(attack(0.5).passes(&info, 100.0), 102.0);
}

#[test]
fn what_does_not_fit_is_refused() {
    let single = labelled(&[0, 0], 1);
    assert!(attack(0.5).check(&single.info()).unwrap_err().message.contains("single class"));
    let data = labelled(&[0, 1], 2);
    let error = attack(0.5).craft(&Scene::new(&data, Seed(0)), &mut Silent).unwrap_err();
    assert!(error.message.contains("no victim"), "{error}");
}

proptest! {
    #[test]
    fn flips_are_exact_nested_and_above_those_left(
        scores in prop::collection::vec(-3i8..3, 15), labels in prop::array::uniform5(0usize..3), rate in 0.0..=1.0,
    ) {
        let victim = Given(scores.iter().map(|&score| f32::from(score)).collect());
        let data = five(&labels);
        let poison = craft(rate, &data, &victim);
        prop_assert_eq!(poison.rows.len(), Rate::try_from(rate).unwrap().count(5));
        let margin = |row: usize| {
            let of = |class: usize| scores[3 * row + class];
            of(labels[row]) - (0..3).filter(|&class| class != labels[row]).map(of).max().unwrap()
        };
        for (&row, &label) in poison.rows.iter().zip(&poison.labels) {
            prop_assert_ne!(label, labels[row]);
            for left in (0..5).filter(|left| !poison.rows.contains(left)) {
                prop_assert!(margin(row) > margin(left) || (margin(row) == margin(left) && row < left));
            }
        }
        let all = craft(1.0, &data, &victim);
        prop_assert!(poison.rows.iter().zip(&poison.labels).all(|(&row, &label)| all.labels[row] == label));
    }
}
