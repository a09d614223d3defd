//! The metrics, exactly as the contract words them. Shares of nothing are `None`, never 0 or NaN.

use crate::{AsrScope, LabelMap, Sorted};

/// Share of `hits` in `all`, `None` of nothing.
pub fn share(hits: usize, all: usize) -> Option<f64> {
    (all > 0).then(|| hits as f64 / all as f64)
}

/// Accuracy: share of rows whose prediction is their label.
pub fn accuracy(predicted: &[usize], labels: &[usize]) -> Option<f64> {
    let hits = predicted.iter().zip(labels).filter(|(p, l)| p == l).count();
    share(hits, labels.len())
}

/// Accuracy per class; `None` for a class without rows.
pub fn class_accuracy(predicted: &[usize], labels: &[usize], classes: usize) -> Vec<Option<f64>> {
    accuracy_by(predicted, labels, labels, classes)
}

/// Accuracy per part, where `parts` says in which of `count` a row is; `None` for a part without rows.
pub fn accuracy_by(predicted: &[usize], labels: &[usize], parts: &[usize], count: usize) -> Vec<Option<f64>> {
    let mut all = vec![0; count];
    let mut hits = vec![0; count];
    for ((p, l), &part) in predicted.iter().zip(labels).zip(parts) {
        all[part] += 1;
        hits[part] += usize::from(p == l);
    }
    hits.into_iter().zip(all).map(|(h, n)| share(h, n)).collect()
}

/// What a backdoor did to triggered test inputs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backdoor {
    /// Share of the counted inputs that are classified as the attacker wants.
    pub attack_success: Option<f64>,
    /// Share of the counted inputs still given their true class.
    pub robust_accuracy: Option<f64>,
}

/// Attack success and robust accuracy from the predictions on triggered inputs and the inputs' true labels.
///
/// An input counts when the map wants a label for its class and that label is not its true class
/// ([`AsrScope::NonTarget`]), or always ([`AsrScope::All`]).
pub fn backdoor(predicted: &[usize], labels: &[usize], map: &LabelMap, scope: AsrScope) -> Backdoor {
    let (mut all, mut success, mut robust) = (0, 0, 0);
    for (&p, &l) in predicted.iter().zip(labels) {
        if map.counts(l, scope) {
            all += 1;
            success += usize::from(map.wanted(l) == Some(p));
            robust += usize::from(p == l);
        }
    }
    Backdoor { attack_success: share(success, all), robust_accuracy: share(robust, all) }
}

/// How well a filter found the poison.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Filtering {
    /// Rows removed.
    pub removed: usize,
    /// Poisoned rows removed, over all poisoned rows.
    pub recall: Option<f64>,
    /// Clean rows removed, over all clean rows.
    pub false_positive_rate: Option<f64>,
    /// Poisoned rows removed, over all rows removed.
    pub precision: Option<f64>,
    /// Area under the ROC curve of the scores.
    pub auroc: Option<f64>,
    /// Average precision of the scores.
    pub average_precision: Option<f64>,
}

/// Judges a filter against the truth.
pub fn filtering(scores: &[f64], removed: &[bool], poisoned: &[bool]) -> Filtering {
    let count = |keep: &dyn Fn(bool, bool) -> bool| {
        removed.iter().zip(poisoned).filter(|(r, p)| keep(**r, **p)).count()
    };
    let all_removed = count(&|r, _| r);
    let caught = count(&|r, p| r && p);
    let poisons = count(&|_, p| p);
    Filtering {
        removed: all_removed,
        recall: share(caught, poisons),
        false_positive_rate: share(all_removed - caught, removed.len() - poisons),
        precision: share(caught, all_removed),
        auroc: auroc(scores, poisoned),
        average_precision: average_precision(scores, poisoned),
    }
}

/// What a filter of spam does to both classes, by the names of the catalogue: shares of the ham that it takes for
/// spam and that it does not deliver, of the spam that it takes for ham and that it does not catch. Every class but
/// `spam` is ham.
pub fn sorting(sorted: &[Sorted], labels: &[usize], spam: usize) -> [(&'static str, Option<f64>); 4] {
    let of = |is_spam: bool, wanted: &dyn Fn(Sorted) -> bool| {
        let of_class = || sorted.iter().zip(labels).filter(|(_, label)| (**label == spam) == is_spam);
        share(of_class().filter(|(sorted, _)| wanted(**sorted)).count(), of_class().count())
    };
    [
        ("ham_as_spam", of(false, &|s| s == Sorted::Spam)),
        ("ham_not_delivered", of(false, &|s| s != Sorted::Ham)),
        ("spam_as_ham", of(true, &|s| s == Sorted::Ham)),
        ("spam_not_caught", of(true, &|s| s != Sorted::Spam)),
    ]
}

/// Area under the ROC curve: the probability that a random positive scores above a random negative, ties
/// counting half (Mann and Whitney's U over n₊·n₋). `None` if one group is empty.
pub fn auroc(scores: &[f64], positive: &[bool]) -> Option<f64> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    let n_pos = positive.iter().filter(|p| **p).count();
    let n_neg = scores.len() - n_pos;
    if n_pos == 0 || n_neg == 0 {
        return None;
    }
    // Sum of the positives' ranks, tied scores sharing their mean rank.
    let mut rank_sum = 0.0;
    let mut start = 0;
    while start < order.len() {
        let mut end = start + 1;
        while end < order.len() && scores[order[end]] == scores[order[start]] {
            end += 1;
        }
        let mean_rank = (start + 1 + end) as f64 / 2.0;
        rank_sum += mean_rank * order[start..end].iter().filter(|&&i| positive[i]).count() as f64;
        start = end;
    }
    let n_pos = n_pos as f64;
    Some((rank_sum - n_pos * (n_pos + 1.0) / 2.0) / (n_pos * n_neg as f64))
}

/// Average precision: Σₖ (Rₖ − Rₖ₋₁)·Pₖ over the thresholds from the highest score down, precision Pₖ and recall
/// Rₖ of what scores at least the k-th distinct score. `None` if there is no positive.
pub fn average_precision(scores: &[f64], positive: &[bool]) -> Option<f64> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let all = positive.iter().filter(|p| **p).count();
    if all == 0 {
        return None;
    }
    let (mut sum, mut hits, mut at) = (0.0, 0, 0);
    while at < order.len() {
        let mut end = at;
        let mut new = 0;
        while end < order.len() && scores[order[end]] == scores[order[at]] {
            new += usize::from(positive[order[end]]);
            end += 1;
        }
        hits += new;
        sum += new as f64 / all as f64 * hits as f64 / end as f64;
        at = end;
    }
    Some(sum)
}

/// Wilson's 95 % interval of a share: `hits` in `all`, `None` of nothing.
///
/// Paper: Wilson 1927, Probable inference, the law of succession, and statistical inference. With p = hits/all
/// and z = 1.959964: (p + z²/2n ± z·√(p(1−p)/n + z²/4n²)) / (1 + z²/n).
pub fn wilson(hits: usize, all: usize) -> Option<(f64, f64)> {
    let (p, n) = (share(hits, all)?, all as f64);
    let z2 = 1.959_963_984_540_054_f64.powi(2);
    let half = (z2 * (p * (1.0 - p) / n + z2 / (4.0 * n * n))).sqrt();
    let (center, scale) = (p + z2 / (2.0 * n), 1.0 + z2 / n);
    Some((((center - half) / scale).max(0.0), ((center + half) / scale).min(1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn accuracy_by_hand() {
        assert_eq!(accuracy(&[0, 1, 2, 2], &[0, 1, 1, 2]), Some(0.75));
        assert_eq!(accuracy(&[], &[]), None);
        assert_eq!(class_accuracy(&[0, 1, 2, 2], &[0, 1, 1, 2], 4), [Some(1.0), Some(0.5), Some(1.0), None]);
        assert_eq!(accuracy_by(&[0, 1, 2, 2], &[0, 1, 1, 2], &[0, 0, 0, 1], 2), [Some(2.0 / 3.0), Some(1.0)]);
    }

    #[test]
    fn target_class_inputs_do_not_count_unless_asked() {
        // Five inputs of classes 0 0 1 2 2, target 0; predictions 0 0 0 0 2.
        let (p, l) = ([0, 0, 0, 0, 2], [0, 0, 1, 2, 2]);
        let map = LabelMap::AllToOne { target: 0 };
        let b = backdoor(&p, &l, &map, AsrScope::NonTarget);
        assert_eq!((b.attack_success, b.robust_accuracy), (Some(2.0 / 3.0), Some(1.0 / 3.0)));
        let b = backdoor(&p, &l, &map, AsrScope::All);
        assert_eq!((b.attack_success, b.robust_accuracy), (Some(4.0 / 5.0), Some(3.0 / 5.0)));
    }

    #[test]
    fn all_to_all_and_source_specific_by_hand() {
        let b =
            backdoor(&[1, 2, 0, 2], &[0, 1, 2, 2], &LabelMap::AllToAll { classes: 3 }, AsrScope::NonTarget);
        assert_eq!((b.attack_success, b.robust_accuracy), (Some(0.75), Some(0.25)));
        let map = LabelMap::SourceSpecific { source: 2, target: 0 };
        let b = backdoor(&[0, 0, 0, 2], &[0, 1, 2, 2], &map, AsrScope::NonTarget);
        assert_eq!((b.attack_success, b.robust_accuracy), (Some(0.5), Some(0.5)));
        let b = backdoor(&[0], &[0], &map, AsrScope::NonTarget);
        assert_eq!(b.attack_success, None);
    }

    #[test]
    fn sorting_by_hand() {
        use Sorted::{Ham, Spam, Unsure};
        let sorted = [Ham, Unsure, Spam, Ham, Ham, Unsure, Spam, Unsure];
        let found = sorting(&sorted, &[0, 0, 0, 0, 1, 1, 1, 1], 1).map(|(_, share)| share);
        assert_eq!(found, [Some(0.25), Some(0.5), Some(0.25), Some(0.75)]);
        assert_eq!(sorting(&[Ham], &[0], 1)[2].1, None);
        // A score at a cutoff belongs above it, in single precision too.
        let cutoffs = crate::Cutoffs { class: 1, ham: 0.2, spam: 0.9 };
        let scores = tch::Tensor::from_slice(&[0.9f32, 0.1, 0.8, 0.2, 0.1, 0.9, 0.5, 0.5]).view([4, 2]);
        assert_eq!(cutoffs.sorted(&scores).unwrap(), [Ham, Unsure, Spam, Unsure]);
    }

    #[test]
    fn filtering_by_hand() {
        let f = filtering(
            &[0.9, 0.8, 0.1, 0.4, 0.4],
            &[true, true, false, true, false],
            &[true, false, false, true, true],
        );
        assert_eq!((f.removed, f.recall), (3, Some(2.0 / 3.0)));
        assert_eq!((f.false_positive_rate, f.precision), (Some(0.5), Some(2.0 / 3.0)));
        // positives .9 .4 .4 against negatives .8 .1: wins 2 + 1 + 1 of 6
        assert_eq!(f.auroc, Some(4.0 / 6.0));
        let clean = filtering(&[1.0, 2.0], &[true, false], &[false, false]);
        assert_eq!((clean.recall, clean.precision, clean.auroc), (None, Some(0.0), None));
    }

    #[test]
    fn auroc_of_ties_and_extremes() {
        // sklearn.metrics.roc_auc_score([0,0,1,1,1], [.1,.4,.35,.8,.4]) == 0.75
        let auc = auroc(&[0.1, 0.4, 0.35, 0.8, 0.4], &[false, false, true, true, true]);
        assert!((auc.unwrap() - 0.75).abs() < 1e-15);
        assert_eq!(auroc(&[1.0; 4], &[true, false, true, false]), Some(0.5));
        assert_eq!(auroc(&[2.0, 1.0], &[true, false]), Some(1.0));
    }

    #[test]
    fn average_precision_with_numbers() {
        // sklearn.metrics.average_precision_score([0,0,1,1,1], [.1,.4,.35,.8,.4]) == 0.8055555555555556
        let positive = [false, false, true, true, true];
        let ours = average_precision(&[0.1, 0.4, 0.35, 0.8, 0.4], &positive).unwrap();
        assert!((ours - 0.805_555_555_555_555_6).abs() < 1e-12, "{ours}");
        assert_eq!(average_precision(&[1.0, 2.0], &[false, false]), None);
    }

    #[test]
    fn wilson_with_numbers() {
        // p, n, z = 17/20, 20, 1.959963984540054; h = z*sqrt(p*(1-p)/n + z*z/4/n/n); c = p + z*z/2/n
        // (c-h)/(1+z*z/n), (c+h)/(1+z*z/n) == (0.639581135259243, 0.9476312541037835)
        let (lo, hi) = wilson(17, 20).unwrap();
        assert!(
            (lo - 0.639_581_135_259_243).abs() < 1e-12 && (hi - 0.947_631_254_103_783_5).abs() < 1e-12,
            "{lo} {hi}"
        );
        assert_eq!(wilson(0, 10).unwrap().0, 0.0);
        assert_eq!(wilson(0, 0), None);
    }

    proptest! {
        #[test]
        fn negated_scores_mirror_the_auroc(rows in prop::collection::vec((0u8..20, any::<bool>()), 2..80)) {
            let scores: Vec<f64> = rows.iter().map(|r| f64::from(r.0)).collect();
            let negated: Vec<f64> = scores.iter().map(|s| -s).collect();
            let positive: Vec<bool> = rows.iter().map(|r| r.1).collect();
            if let (Some(a), Some(b)) = (auroc(&scores, &positive), auroc(&negated, &positive)) {
                prop_assert!((a + b - 1.0).abs() < 1e-12);
            }
        }
    }
}
