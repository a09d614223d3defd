use aconite_core::{Attack, Goal, LabelMap, Labels, Poisoned, Rate, RateOf, Seed, Shape};
use aconite_trigger_patch::badnets::{BadNets, FigureKind};
use aconite_trigger_patch::corner::Fill;
use proptest::prelude::*;

use crate::labelled;

const SHAPE: Shape = Shape { channels: 3, height: 8, width: 8 };

fn at_rate(rate: f64) -> BadNets {
    BadNets { rate: Rate::try_from(rate).unwrap(), ..BadNets::default() }
}

#[test]
fn the_goal_is_the_label_map() {
    let info = labelled(SHAPE, &[0, 1, 2], 3).info();
    let goal = |labels, source| BadNets { labels, source, target: 1, ..BadNets::default() }.goal(&info);
    assert_eq!(goal(Labels::AllToOne, None), Goal::Backdoor(LabelMap::AllToOne { target: 1 }));
    assert_eq!(goal(Labels::AllToAll, None), Goal::Backdoor(LabelMap::AllToAll { classes: 3 }));
    assert_eq!(
        goal(Labels::SourceSpecific, Some(2)),
        Goal::Backdoor(LabelMap::SourceSpecific { source: 2, target: 1 })
    );
}

#[test]
fn labels_follow_the_map_and_rows_that_would_not_change_are_spared() {
    let labels: Vec<usize> = (0..60).map(|row| row % 3).collect();
    let data = labelled(SHAPE, &labels, 3);
    let poison = at_rate(0.5).poison(&data, Seed(1)).unwrap();
    assert_eq!(poison.rows.len(), 30);
    assert!(poison.rows.iter().all(|&row| labels[row] != 0) && poison.labels.iter().all(|&l| l == 0));

    let all_to_all = BadNets { labels: Labels::AllToAll, ..at_rate(1.0) };
    let poison = all_to_all.poison(&data, Seed(1)).unwrap();
    assert_eq!(poison.rows.len(), 60);
    assert!(poison.rows.iter().zip(&poison.labels).all(|(&row, &label)| label == (labels[row] + 1) % 3));

    let one = BadNets {
        labels: Labels::SourceSpecific,
        source: Some(2),
        target: 1,
        rate_of: RateOf::SourceClass,
        ..at_rate(0.25)
    };
    let poison = one.poison(&data, Seed(1)).unwrap();
    assert_eq!(poison.rows.len(), 5);
    assert!(poison.rows.iter().all(|&row| labels[row] == 2) && poison.labels.iter().all(|&l| l == 1));
}

#[test]
fn training_and_test_images_carry_the_same_stamp() {
    let data = labelled(SHAPE, &[1; 10], 2);
    let attack = at_rate(1.0);
    let poison = attack.poison(&data, Seed(0)).unwrap();
    let trigger = attack.trigger(&data.info(), Seed(9)).unwrap().unwrap();
    assert_eq!(trigger.stamped(data.rows(), &poison.rows).unwrap(), poison.content.unwrap());
}

#[test]
fn what_does_not_fit_is_refused_before_anything_runs() {
    let data = labelled(SHAPE, &[0, 0, 0, 0, 0, 0, 1, 1, 1, 2], 3);
    let refused = |attack: BadNets| {
        let error = attack.check(&data.info()).unwrap_err();
        assert_eq!(attack.poison(&data, Seed(0)).unwrap_err(), error, "poison asks the same question");
        (error.setting.clone().unwrap(), error.message)
    };
    let (setting, message) = refused(BadNets { target: 3, ..BadNets::default() });
    assert!(setting == "target" && message.contains("0 to 2"), "{message}");
    let specific =
        |source, target| BadNets { labels: Labels::SourceSpecific, source, target, ..BadNets::default() };
    let (setting, message) = refused(specific(None, 1));
    assert!(setting == "labels" && message.contains("source is missing"), "{message}");
    let (setting, _) = refused(specific(Some(9), 1));
    assert_eq!(setting, "source");
    let (setting, message) = refused(specific(Some(1), 1));
    assert!(setting == "source" && message.contains("both class 1"), "{message}");
    let (setting, _) = refused(BadNets { source: Some(1), ..BadNets::default() });
    assert_eq!(setting, "source");
    let (setting, message) = refused(at_rate(0.5)); // 5 of 10, but 6 rows are the target's already
    assert!(setting == "rate" && message.contains("only 4 rows"), "{message}");
    let (setting, _) =
        refused(BadNets { labels: Labels::AllToAll, rate_of: RateOf::TargetClass, ..BadNets::default() });
    assert_eq!(setting, "rate_of");

    let (setting, message) = refused(BadNets { size: 9, ..BadNets::default() });
    assert!(setting == "size" && message.contains("9×9") && message.contains("8×8"), "{message}");
    let (setting, message) = refused(BadNets { size: 7, margin: 2, ..BadNets::default() });
    assert!(setting == "margin" && message.contains("margin of 2"), "{message}");
    let (setting, message) = refused(BadNets { size: 0, ..BadNets::default() });
    assert!(setting == "size" && message.contains("at least 1"), "{message}");
    let (setting, _) = refused(BadNets { size: usize::MAX, ..BadNets::default() });
    assert_eq!(setting, "size");
    for trigger in [FigureKind::Pixel, FigureKind::Pattern] {
        let (setting, message) = refused(BadNets { trigger, margin: usize::MAX, ..BadNets::default() });
        assert!(setting == "margin" && message.contains("8×8"), "{message}");
    }
    let exact = BadNets { size: 7, margin: 1, ..BadNets::default() };
    assert!(exact.check(&data.info()).is_ok());
}

proptest! {
    #[test]
    fn only_the_pixels_under_the_figure_change(
        labels in prop::collection::vec(0usize..3, 1..40), rate in 0.0..=1.0, seed: u64,
        size in 1usize..5, margin in 0usize..4,
        trigger in prop::sample::select(vec![FigureKind::Patch, FigureKind::Pattern, FigureKind::Pixel]),
        fill in prop::sample::select(vec![Fill::White, Fill::Checkerboard]),
    ) {
        let data = labelled(SHAPE, &labels, 3);
        let attack = BadNets {
            labels: Labels::AllToAll, size, margin, trigger, fill, ..at_rate(rate)
        };
        let poison = attack.poison(&data, Seed(seed)).unwrap();
        prop_assert_eq!(poison.rows.len(), Rate::try_from(rate).unwrap().count(labels.len()));
        let poisoned = Poisoned::new(&data, &poison).unwrap();
        let side = match trigger {
            FigureKind::Patch => size,
            FigureKind::Pattern => 3,
            FigureKind::Pixel | FigureKind::Image => 1,
        };
        let inside = 8 - margin - side..8 - margin;
        let marks = match trigger {
            FigureKind::Patch => size * size,
            FigureKind::Pattern => 4,
            FigureKind::Pixel | FigureKind::Image => 1,
        };
        for (row, &label) in labels.iter().enumerate() {
            let (before, after) = (data.images().unwrap().image(row), poisoned.data().images().unwrap().image(row));
            if !poisoned.truth().poisoned[row] {
                prop_assert_eq!((before, label), (after, poisoned.data().labels()[row]));
                continue;
            }
            let changed: Vec<usize> = (0..before.len()).filter(|&i| before[i] != after[i]).collect();
            // The images hold neither 0 nor 255, so that every pixel under the figure changes.
            prop_assert_eq!(changed.len(), 3 * marks);
            for i in changed {
                prop_assert!(inside.contains(&(i / 8 % 8)) && inside.contains(&(i % 8)));
            }
        }
    }

    #[test]
    fn the_seed_alone_decides(seed: u64) {
        let data = labelled(SHAPE, &[1; 100], 2);
        let poison = at_rate(0.3).poison(&data, Seed(seed)).unwrap();
        prop_assert_eq!(&poison, &at_rate(0.3).poison(&data, Seed(seed)).unwrap());
        // Two draws of 30 rows of 100 are the same once in 10²⁵.
        prop_assert_ne!(&poison.rows, &at_rate(0.3).poison(&data, Seed(seed ^ 1)).unwrap().rows);
        // A lower rate's poisons are among a higher rate's.
        let few = at_rate(0.1).poison(&data, Seed(seed)).unwrap();
        prop_assert!(few.rows.iter().all(|row| poison.rows.contains(row)));
    }
}
