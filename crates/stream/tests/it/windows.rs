//! Windows, schedules, and settings that do not fit.

use aconite_core::{Rate, Seed};
use aconite_stream::schedules::{
    every::Every, from_scratch::FromScratch, incremental::Incremental, sliding::Sliding,
};
use aconite_stream::{Common, Order, Schedule, Training, Windows};
use proptest::prelude::*;

fn common(windows: usize, order: Order, holdout: f64) -> Common {
    Common { windows, order, holdout: Rate::try_from(holdout).unwrap(), ..Common::default() }
}

#[test]
fn ten_rows_in_four_windows_by_hand() {
    // ⌊w·10/4⌋: 0, 2, 5, 7, 10.
    let cut = Windows::cut(10, &common(4, Order::Time, 0.0), Seed(0));
    assert_eq!(cut.windows, [vec![0, 1], vec![2, 3, 4], vec![5, 6], vec![7, 8, 9]]);
    assert!(cut.holdout.is_empty());
    // A fifth held out: eight rows are left, two a window, in their order.
    let cut = Windows::cut(10, &common(4, Order::Time, 0.2), Seed(0));
    assert_eq!((cut.holdout.len(), cut.windows.iter().map(Vec::len).collect::<Vec<_>>()), (2, vec![2; 4]));
    assert!(cut.windows.concat().is_sorted());
    let drawn = |seed| Windows::cut(10, &common(4, Order::Drawn, 0.2), Seed(seed));
    assert_eq!(drawn(0).holdout, cut.holdout, "the holdout does not depend on the order");
    assert_ne!(drawn(0).windows, drawn(1).windows);
}

proptest! {
    #[test]
    fn every_row_is_in_one_window_or_held_out(rows in 2usize..300, windows in 2usize..40, share in 0.0f64..0.9, seed in 0u64..9) {
        for order in [Order::Time, Order::Drawn] {
            let common = common(windows, order, share);
            let cut = Windows::cut(rows, &common, Seed(seed));
            let mut all = [cut.windows.concat(), cut.holdout].concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..rows).collect::<Vec<_>>());
            let sizes: Vec<usize> = cut.windows.iter().map(Vec::len).collect();
            prop_assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1);
            // Where the check passes, no window is empty.
            if common.check(rows, false, false, false).is_ok() {
                prop_assert!(sizes.iter().all(|&size| size > 0));
            }
        }
    }
}

#[test]
fn schedules_say_when_and_on_what() {
    let plan = |s: &dyn Schedule| (0..7).map(|w| s.training(w)).collect::<Vec<_>>();
    use Training::{Continue, Fresh, Keep};
    assert_eq!((plan(&Every {}), Every {}.span()), (vec![Fresh; 7], None));
    assert_eq!((plan(&Sliding { keep: 3 }), Sliding { keep: 3 }.span()), (vec![Fresh; 7], Some(3)));
    assert_eq!(plan(&Incremental {})[..3], [Fresh, Continue, Continue]);
    // Windows 0, and 2 and 5: the third and the sixth.
    assert_eq!(plan(&FromScratch { period: 3 }), [Fresh, Keep, Fresh, Keep, Keep, Fresh, Keep]);
    assert_eq!(plan(&FromScratch { period: 1 }), plan(&Every {}));
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let refused = |change: &dyn Fn(&mut Common), rows: usize, key: &str, says: &str| {
        let mut common = Common { holdout: Rate::literal(0.0), ..Common::default() };
        change(&mut common);
        let error = common.check(rows, true, true, true).unwrap_err();
        assert_eq!(error.setting.as_deref(), Some(key), "{error}");
        assert!(error.message.contains(says), "{error}");
    };
    assert!(Common::default().check(1000, true, true, true).is_ok());
    refused(&|_| (), 29, "windows", "30 windows of 29 rows");
    refused(&|c| c.holdout = Rate::literal(0.5), 40, "windows", "beside 20 held out");
    refused(&|c| c.windows = 1, 100, "windows", "at least 2");
    refused(&|c| c.attack_from = 30, 100, "attack_from", "30");
    refused(&|c| c.attack_until = Some(10), 100, "attack_until", "before window 10");
    refused(&|c| c.attack_until = Some(31), 100, "attack_until", "31");
    refused(&|c| c.reference = 0, 100, "reference", "outside 1 to 28");
    refused(&|c| c.reference = 29, 100, "reference", "outside 1 to 28");
    refused(&|c| c.calibrate = 1, 100, "calibrate", "at least 2");
    refused(&|c| c.calibrate = 27, 100, "calibrate", "none of 30 is left");
    refused(&|c| c.checkpoint_every = 0, 100, "checkpoint_every", "at least 1");
    refused(&|c| c.attack_from = 7, 100, "calibrate", "window 7 is attacked");
    refused(&|c| c.attack_from = 2, 100, "reference", "window 2 is attacked");
    // An attack that is over before is as good as one that comes after.
    let early = Common { attack_from: 0, attack_until: Some(2), ..Common::default() };
    assert!(early.check(100, true, true, true).is_ok());
    assert!(Common { attack_until: Some(3), ..early.clone() }.check(100, true, true, true).is_err());
    // A stated threshold has no calm windows.
    assert!(Common { attack_from: 0, ..Common::default() }.check(100, true, true, false).is_ok());
    // Settings that concern nobody are nobody's error.
    assert!(
        Common { attack_from: 99, reference: 0, ..Common::default() }.check(100, false, false, false).is_ok()
    );
    assert!(Sliding { keep: 0 }.check(30).unwrap_err().message.contains("at least 1"));
    assert!(Sliding { keep: 31 }.check(30).is_err() && Sliding { keep: 30 }.check(30).is_ok());
    assert!(FromScratch { period: 0 }.check(30).is_err());
}
