//! What comes before a rule.

use aconite_aggregation::bucketing::Bucketing;
use aconite_aggregation::mix;
use aconite_aggregation::nnm::Nnm;
use aconite_core::{Mixing, Seed};
use proptest::prelude::*;
use tch::Tensor;

use crate::{Round, X, assert_near, matrix, normal, numbers, tensor};

// D = ((X[:, None] - X[None]) ** 2).sum(-1); nn = np.argsort(D, 1, kind="stable")[:, :9]
// X[nn[0]].mean(0), X[nn[5]].mean(0)
#[test]
fn nnm_mixes_the_nearest_as_in_numpy() {
    let round = Round::of(tensor(&X));
    let rule = Nnm { f: Some(2) };
    let weights = rule.weights(&round.updates()).unwrap();
    assert_eq!(rule.counts(11, None).unwrap(), (11, None));
    assert_eq!(Nnm { f: None }.counts(11, Some(4)).unwrap(), (11, Some(4)));
    let wide = numbers(&weights);
    for (row, weights) in wide.chunks_exact(11).enumerate() {
        let far: Vec<usize> = (0..11).filter(|&other| weights[other] == 0.0).collect();
        assert_eq!(far, if row < 2 { [4, 9] } else { [0, 1] }, "row {row}");
        assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-6);
    }
    let mixed = mix(&round.matrix, &weights).unwrap();
    let zero = [1.846666667, 0.01, 0.0, 1.218888889, 1.461111111, 0.75];
    assert_near(&numbers(&mixed.get(0)), &zero, 1e-6);
    let five = [0.646666667, -1.382222222, 0.692222222, 0.481111111, 2.077777778, 0.127777778];
    assert_near(&numbers(&mixed.get(5)), &five, 1e-6);
}

#[test]
fn an_update_is_nearest_to_itself_even_among_equals() {
    // Rows 0 to 2 are the same: with f = 2, three of five are averaged, and each takes itself.
    let round = Round::of(tensor(&[[1.0f32], [1.0], [1.0], [1.0], [9.0]]));
    let weights = numbers(&Nnm { f: Some(2) }.weights(&round.updates()).unwrap());
    assert!((0..5).all(|row| weights[row * 5 + row] > 0.0), "{weights:?}");
}

#[test]
fn buckets_are_a_random_partition() {
    let mut round = Round::of(matrix(&normal(7, 3, Seed(1)), 7));
    let rule = Bucketing { size: 3 };
    assert_eq!(rule.counts(7, Some(2)).unwrap(), (3, Some(2)));
    assert_eq!(rule.counts(7, Some(6)).unwrap(), (3, Some(3)));
    let weights = rule.weights(&round.updates()).unwrap();
    assert_eq!(weights.size(), [3, 7]);
    let rows = numbers(&weights);
    let mut seen = [0; 7];
    for (bucket, row) in rows.chunks_exact(7).enumerate() {
        let members: Vec<usize> = (0..7).filter(|&client| row[client] != 0.0).collect();
        assert_eq!(members.len(), [3, 3, 1][bucket]);
        members.iter().for_each(|&client| seen[client] += 1);
        assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-6);
    }
    assert_eq!(seen, [1; 7]);
    assert_eq!(rows, numbers(&rule.weights(&round.updates()).unwrap()));
    round.seed = Seed(5);
    assert_ne!(rows, numbers(&rule.weights(&round.updates()).unwrap()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn mixing_writes_the_product_over_the_first_rows(n in 1usize..9, d in 1usize..40, m in 1usize..9, seed: u64) {
        let m = m.min(n);
        let updates = matrix(&normal(n, d, Seed(seed)), n);
        let weights = matrix(&normal(m, n, Seed(seed).derive("w")), m);
        let (wanted, rest) = (weights.mm(&updates), updates.narrow(0, m as i64, (n - m) as i64).copy());
        let mixed = mix(&updates, &weights).unwrap();
        prop_assert!(mixed.allclose(&wanted, 1e-5, 1e-5, false));
        // In the matrix's own storage.
        prop_assert_eq!(mixed.data_ptr(), updates.data_ptr());
        prop_assert!(updates.narrow(0, 0, m as i64).equal(&mixed));
        prop_assert!(updates.narrow(0, m as i64, (n - m) as i64).equal(&rest));
    }
}

#[test]
fn blocks_of_columns_are_mixed_alike() {
    let (n, d) = (300, 9_000);
    let updates = matrix(&normal(n, d, Seed(2)), n);
    let weights = matrix(&normal(40, n, Seed(3)), 40);
    let wanted = weights.mm(&updates);
    assert!(mix(&updates, &weights).unwrap().allclose(&wanted, 1e-4, 1e-3, false));
}

#[test]
fn mixtures_that_do_not_fit_are_refused() {
    let updates = Tensor::from_slice(&[1.0f32, 2.0]).view([2, 1]);
    let three = Tensor::from_slice(&[0.5f32; 6]).view([3, 2]);
    assert!(mix(&updates, &three).unwrap_err().message.contains("3 × 2"));
    let wide = Tensor::from_slice(&[0.5f32; 6]).view([2, 3]);
    assert!(mix(&updates, &wide).unwrap_err().message.contains("2 × 3"));
}
