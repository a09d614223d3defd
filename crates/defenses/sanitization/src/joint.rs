//! The joint distribution of given and true labels, estimated from confident predictions.

/// What is added to a probability, or taken from a threshold, before the two are compared: a class whose rows are
/// all equally probable must reach its own mean.
pub(crate) const TOLERANCE: f64 = 1e-6;

/// Which class each row is confidently a member of, and how often.
///
/// Paper: Northcutt, Jiang, Chuang 2021, section 3.1 and Algorithm 1.
#[derive(Debug)]
pub(crate) struct ConfidentJoint {
    /// Per row, the most probable of the classes whose threshold it reaches.
    pub(crate) confident: Vec<Option<usize>>,
    /// C[i][j]: rows labelled i that are confidently of class j.
    pub(crate) counts: Vec<Vec<usize>>,
}

impl ConfidentJoint {
    /// From probabilities (rows × classes, row after row) and labels.
    pub(crate) fn new(probabilities: &[f64], labels: &[usize], classes: usize) -> Self {
        let thresholds = thresholds(probabilities, labels, classes);
        let confident: Vec<Option<usize>> = probabilities
            .chunks_exact(classes)
            .map(|row| {
                let reached =
                    |class: &usize| thresholds[*class].is_some_and(|t| row[*class] >= t - TOLERANCE);
                best((0..classes).filter(reached), row)
            })
            .collect();
        let mut counts = vec![vec![0; classes]; classes];
        for (&label, class) in labels.iter().zip(&confident) {
            if let Some(class) = *class {
                counts[label][class] += 1;
            }
        }
        Self { confident, counts }
    }

    /// n·Q[i][j]: how many of all rows labelled i are estimated to be of class j, in whole numbers, so that each i has
    /// as many rows as it has.
    pub(crate) fn calibrated(&self, rows: &[usize]) -> Vec<Vec<usize>> {
        let calibrate = |(class, counts): (usize, &Vec<usize>)| {
            let mut counts = counts.clone();
            // Every class has a right label somewhere.
            counts[class] = counts[class].max(1);
            let sum: usize = counts.iter().sum();
            let shares = counts.iter().map(|&count| count as f64 / sum as f64 * rows[class] as f64).collect();
            whole(shares, rows[class])
        };
        self.counts.iter().enumerate().map(calibrate).collect()
    }
}

/// t_j, the mean probability of class j over the rows labelled j; none for a class without rows.
fn thresholds(probabilities: &[f64], labels: &[usize], classes: usize) -> Vec<Option<f64>> {
    let mut sums = vec![(0.0, 0usize); classes];
    for (row, &label) in probabilities.chunks_exact(classes).zip(labels) {
        sums[label].0 += row[label];
        sums[label].1 += 1;
    }
    sums.into_iter().map(|(sum, rows)| (rows > 0).then(|| sum / rows as f64)).collect()
}

/// The class of the highest probability, the smaller on a tie.
pub(crate) fn best(classes: impl Iterator<Item = usize>, row: &[f64]) -> Option<usize> {
    classes.fold(None, |best, class| match best {
        Some(best) if row[class] <= row[best] => Some(best),
        _ => Some(class),
    })
}

/// Rounds numbers so that they keep their sum: all down, then those with the largest remainders up, the last first
/// on a tie.
fn whole(shares: Vec<f64>, sum: usize) -> Vec<usize> {
    // What is a whole number but for its last bits is that number.
    let floor = |share: f64| (share + 1e-9).floor();
    let mut counts: Vec<usize> = shares.iter().map(|&share| floor(share) as usize).collect();
    let missing = sum.saturating_sub(counts.iter().sum());
    let mut order: Vec<usize> = (0..shares.len()).collect();
    let remainder = |class: usize| shares[class] - floor(shares[class]);
    order.sort_by(|&a, &b| remainder(b).total_cmp(&remainder(a)).then(b.cmp(&a)));
    for class in order.into_iter().take(missing) {
        counts[class] += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    // n, K = 64, 4; i = np.arange(n); true = np.array([0, 1, 2, 3, 0, 1, 0])[i % 7]
    // given = np.where(i % 5 == 2, (true + 1 + i % 3) % K, true)
    // z = scale * (np.arange(K) == true[:, None]) + noise * np.sin(1.3 * i[:, None] + 2.1 * np.arange(K))
    // p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    fn example(scale: f64, noise: f64) -> (Vec<f64>, Vec<usize>) {
        let class = |i: usize| [0, 1, 2, 3, 0, 1, 0][i % 7];
        let weight = |i: usize, j: usize| {
            let wave = (1.3 * i as f64 + 2.1 * j as f64).sin();
            (if j == class(i) { scale } else { 0.0 } + noise * wave).exp()
        };
        let row = |i: usize| {
            let sum: f64 = (0..4).map(|j| weight(i, j)).sum();
            (0..4).map(move |j| weight(i, j) / sum)
        };
        let given = |i: usize| if i % 5 == 2 { (class(i) + 1 + i % 3) % 4 } else { class(i) };
        ((0..64).flat_map(row).collect(), (0..64).map(given).collect())
    }

    type Case = (f64, f64, [f64; 4], [[usize; 4]; 4], [[usize; 4]; 4]);

    // cleanlab 2.9.0, cleanlab.count: get_confident_thresholds(given, p), compute_confident_joint(given, p, calibrate=False)
    // and compute_confident_joint(given, p). In the second case six rows reach more than one threshold.
    const CASES: [Case; 3] = [
        (
            2.0,
            1.5,
            [0.570378821634, 0.487746623613, 0.40494462012, 0.455879851682],
            [[14, 3, 4, 0], [0, 8, 3, 0], [1, 1, 5, 1], [0, 2, 3, 5]],
            [[17, 3, 5, 0], [0, 13, 5, 0], [1, 1, 7, 2], [0, 2, 3, 5]],
        ),
        (
            1.0,
            1.5,
            [0.390864275032, 0.380474238741, 0.350962926586, 0.323895336413],
            [[12, 7, 6, 0], [2, 7, 6, 3], [1, 3, 4, 3], [0, 3, 3, 4]],
            [[12, 7, 6, 0], [2, 7, 6, 3], [1, 3, 4, 3], [0, 3, 3, 4]],
        ),
        (
            2.0,
            1.0,
            [0.619352273091, 0.529772227118, 0.436929261249, 0.497269726217],
            [[15, 1, 1, 0], [0, 9, 1, 0], [1, 1, 4, 1], [0, 0, 0, 5]],
            [[22, 1, 2, 0], [0, 16, 2, 0], [1, 2, 6, 2], [0, 0, 0, 10]],
        ),
    ];

    #[test]
    fn thresholds_and_joint_are_cleanlabs() {
        for (scale, noise, thresholds, counts, calibrated) in CASES {
            let (probabilities, labels) = example(scale, noise);
            let joint = ConfidentJoint::new(&probabilities, &labels, 4);
            for (t, expected) in super::thresholds(&probabilities, &labels, 4).iter().zip(thresholds) {
                // Twelve printed digits.
                assert!((t.unwrap() - expected).abs() < 1e-12, "{t:?} {expected}");
            }
            assert_eq!(joint.counts, counts);
            assert_eq!(joint.calibrated(&[25, 18, 11, 10]), calibrated);
        }
    }

    #[test]
    fn of_several_confident_classes_the_most_probable_counts() {
        // Thresholds 0.8, 0.1 and 0.35: the third row reaches that of class 1 alone, the last those of 1 and 2, but
        // not that of its most probable class, 0.
        let probabilities = [0.8, 0.15, 0.05, 0.7, 0.1, 0.2, 0.4, 0.3, 0.3, 0.41, 0.19, 0.4];
        let labels = [0, 1, 2, 2];
        for (t, expected) in thresholds(&probabilities, &labels, 3).iter().zip([0.8, 0.1, 0.35]) {
            assert!((t.unwrap() - expected).abs() < 1e-12);
        }
        let joint = ConfidentJoint::new(&probabilities, &labels, 3);
        assert_eq!(joint.confident, [Some(0), Some(1), Some(1), Some(2)]);
        assert_eq!(joint.counts, [[1, 0, 0], [0, 1, 0], [0, 1, 1]]);
        // A class without rows is nobody's.
        assert_eq!(thresholds(&probabilities, &[0; 4], 3)[1..], [None, None]);
        let joint = ConfidentJoint::new(&probabilities, &[0; 4], 3);
        assert_eq!(joint.calibrated(&[4, 0, 0]), [[4, 0, 0], [0, 0, 0], [0, 0, 0]]);
    }

    #[test]
    fn rounding_keeps_the_sum() {
        assert_eq!(whole(vec![1.4, 1.4, 1.2], 4), [1, 2, 1]);
        assert_eq!(whole(vec![0.5, 0.5], 1), [0, 1]);
        assert_eq!(whole(vec![2.999_999_999_9, 1.0], 4), [3, 1]);
    }
}
