//! Every row belongs to one client, and every client has some.

use std::sync::Arc;

use aconite_core::{Dataset, Images, Seed, Shape};
use aconite_federated::Partition;
use aconite_federated::partition::dirichlet::Dirichlet;
use aconite_federated::partition::iid::Iid;
use aconite_federated::partition::label_skew::LabelSkew;
use aconite_federated::partition::shards::Shards;
use proptest::prelude::*;

fn data(rows: usize, classes: usize) -> Dataset {
    let images = Images::new(Shape { channels: 1, height: 1, width: 1 }, vec![0; rows]).unwrap();
    let names = Arc::new((0..classes).map(|c| c.to_string()).collect());
    Dataset::new(images, (0..rows).map(|row| row % classes).collect(), names).unwrap()
}

/// Rows per class of each client.
fn histogram(data: &Dataset, parts: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let count = |rows: &Vec<usize>, class| rows.iter().filter(|&&row| data.labels()[row] == class).count();
    parts.iter().map(|rows| (0..data.num_classes()).map(|class| count(rows, class)).collect()).collect()
}

#[test]
fn sizes_follow_the_power_law() {
    let data = data(1000, 10);
    let sizes = |exponent| -> Vec<usize> {
        let mut sizes: Vec<usize> =
            Iid { exponent }.parts(&data, 4, Seed(0)).unwrap().iter().map(Vec::len).collect();
        sizes.sort_unstable();
        sizes
    };
    assert_eq!(sizes(0.0), [250; 4]);
    // 1000·(1, 1/2, 1/3, 1/4)/(25/12) = 480, 240, 160, 120
    assert_eq!(sizes(1.0), [120, 160, 240, 480]);
}

#[test]
fn label_skew_sends_half_of_a_class_to_its_group() {
    let data = data(10_000, 10);
    let parts = LabelSkew { p: 0.5 }.parts(&data, 100, Seed(1)).unwrap();
    let all = histogram(&data, &parts);
    for class in 0..10 {
        let own: usize = all[class * 10..(class + 1) * 10].iter().map(|client| client[class]).sum();
        // Binomial(1000, 0.5): six standard deviations are 95.
        assert!((405..=595).contains(&own), "{class}: {own}");
    }
    let whole = histogram(&data, &LabelSkew { p: 1.0 }.parts(&data, 100, Seed(1)).unwrap());
    assert!(
        whole.iter().enumerate().all(|(client, counts)| counts[client / 10] == counts.iter().sum::<usize>())
    );
}

#[test]
fn shards_hold_few_classes_and_dirichlet_s_alpha_says_how_few() {
    let data = data(2000, 10);
    let kinds = |counts: &Vec<usize>| counts.iter().filter(|&&count| count > 0).count();
    let shards = histogram(&data, &Shards { per_client: 2 }.parts(&data, 100, Seed(2)).unwrap());
    assert!(shards.iter().all(|counts| counts.iter().sum::<usize>() == 20 && kinds(counts) <= 2));
    let mean = |alpha| {
        let all = histogram(&data, &Dirichlet { alpha }.parts(&data, 20, Seed(3)).unwrap());
        all.iter().map(kinds).sum::<usize>() as f64 / 20.0
    };
    assert!(mean(0.05) < 5.0 && mean(100.0) > 9.5, "{} {}", mean(0.05), mean(100.0));
}

#[test]
fn what_does_not_fit_is_refused() {
    let setting = |partition: &dyn Partition| partition.check(1000, 10, 20).unwrap_err().setting.unwrap();
    assert_eq!(setting(&Iid { exponent: -1.0 }), "exponent");
    assert_eq!(setting(&Dirichlet { alpha: 0.0 }), "alpha");
    assert_eq!(setting(&LabelSkew { p: 1.5 }), "p");
    assert_eq!(setting(&Shards { per_client: 0 }), "per_client");
    assert_eq!(setting(&Shards { per_client: 51 }), "per_client");
    assert!(Iid::default().check(5, 2, 6).unwrap_err().message.contains("too few for 6 clients"));
    assert!(LabelSkew::default().check(100, 10, 9).unwrap_err().message.contains("10 classes"));
}

proptest! {
    #[test]
    fn every_row_once_and_no_client_without(
        rows in 40usize..300, classes in 1usize..10, clients in 10usize..20, seed: u64, alpha in 0.01..10.0,
        p in 0.0..=1.0,
    ) {
        let data = data(rows, classes);
        let kinds: [&dyn Partition; 4] =
            [&Iid { exponent: alpha }, &Dirichlet { alpha }, &LabelSkew { p }, &Shards { per_client: 2 }];
        for kind in kinds {
            let parts = kind.parts(&data, clients, Seed(seed)).unwrap();
            prop_assert_eq!(&parts, &kind.parts(&data, clients, Seed(seed)).unwrap());
            prop_assert_eq!(parts.len(), clients);
            prop_assert!(parts.iter().all(|part| !part.is_empty()));
            let mut all = parts.concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..rows).collect::<Vec<_>>());
        }
    }
}
