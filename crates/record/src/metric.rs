//! The catalogue of metrics: one line each; tables, figures, claims and `aconite schema` iterate over it.

/// Which way is better for the one who defends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// A higher value is better.
    Higher,
    /// A lower value is better.
    Lower,
    /// Neither: a description.
    Neither,
}

/// What a metric is.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Name in `cells.csv`, in `[[expect]]` and everywhere else.
    pub name: &'static str,
    /// Short label of an axis.
    pub label: &'static str,
    /// What it measures, exactly.
    pub about: &'static str,
    /// Which way is better for the defender.
    pub better: Better,
    /// Whether it is a share in [0, 1], drawn in percent.
    pub share: bool,
}

const fn metric(
    name: &'static str,
    label: &'static str,
    better: Better,
    share: bool,
    about: &'static str,
) -> Metric {
    Metric { name, label, about, better, share }
}

use Better::{Higher, Lower, Neither};

/// Every metric, in the order of the columns. `class_accuracy_*` stands for one column per class.
#[rustfmt::skip]
pub const CATALOGUE: &[Metric] = &[
    metric("clean_accuracy", "clean accuracy", Higher, true, "accuracy on the untouched test set"),
    metric("accuracy_drop", "accuracy drop", Lower, true, "clean accuracy of the clean twin (no attack, no defense, same seed) minus this cell's"),
    metric("attack_success", "attack success", Lower, true, "backdoor: share of triggered test inputs whose true class is not the target that are classified as the target; targeted: share of the chosen targets classified as the adversary wants; availability: accuracy_drop"),
    metric("attack_success_wilson_lo", "attack success, lower end", Neither, true, "lower end of Wilson's 95 % interval of attack success over the trials"),
    metric("attack_success_wilson_hi", "attack success, upper end", Neither, true, "upper end of Wilson's 95 % interval of attack success over the trials"),
    metric("trials", "trials", Neither, false, "attempts with newly drawn targets; attack success is the share of them that succeeded"),
    metric("robust_accuracy", "robust accuracy", Higher, true, "share of triggered test inputs still given their true class"),
    metric("ham_as_spam", "ham as spam", Lower, true, "spam filters: share of the untouched test ham that scores at least the spam cutoff"),
    metric("ham_not_delivered", "ham not delivered", Lower, true, "spam filters: share of the untouched test ham that is taken for spam or unsure, at or above the ham cutoff"),
    metric("spam_as_ham", "spam as ham", Lower, true, "spam filters: share of the test spam that scores below the ham cutoff"),
    metric("spam_not_caught", "spam not caught", Lower, true, "spam filters: share of the test spam that is taken for ham or unsure, below the spam cutoff"),
    metric("target_as_spam", "target as spam", Lower, true, "spam filters: share of the chosen targets that score at least the spam cutoff"),
    metric("target_not_delivered", "target not delivered", Lower, true, "spam filters: share of the chosen targets that are taken for spam or unsure"),
    metric("poisons", "poisoned rows", Neither, false, "training rows that the attack changed"),
    metric("target_class_share", "share of the target class", Neither, true, "poisoned rows carrying the target label, over all rows carrying it"),
    metric("linf", "largest pixel change", Neither, false, "largest change of a pixel value in a poisoned training image, of 0–255, mean over the poisoned images"),
    metric("l2", "Euclidean change", Neither, false, "Euclidean length of the change of a poisoned training image, pixel values 0–255, mean over the poisoned images"),
    metric("psnr", "PSNR (dB)", Neither, false, "peak signal-to-noise ratio of the poisoned training images to their originals, in decibel, mean over the images; higher is harder to see"),
    metric("ssim", "SSIM", Neither, false, "structural similarity of the poisoned training images to their originals, mean over the images; 1 is identical"),
    metric("removed", "rows removed", Neither, false, "training rows that the filter removed"),
    metric("relabelled", "rows relabelled", Neither, false, "training rows that the filter kept under another label"),
    metric("recall", "recall", Higher, true, "poisoned rows removed, over all poisoned rows"),
    metric("false_positive_rate", "false positive rate", Lower, true, "clean rows removed, over all clean rows"),
    metric("precision", "precision", Higher, true, "poisoned rows removed, over all rows removed"),
    metric("auroc", "AUROC", Higher, true, "area under the ROC curve of the scores: a filter's on poisoned against clean rows, a detector's on triggered against untouched inputs or on the target class against the others; ties count half"),
    metric("average_precision", "average precision", Higher, false, "precision at each distinct score of a poisoned row, weighted by the recall gained there: the area under the precision-recall steps"),
    metric("tpr", "true positive rate", Higher, true, "detectors: share of triggered inputs, or of the backdoor's target classes, flagged at the stated threshold"),
    metric("fpr", "false positive rate", Lower, true, "detectors: share of untouched inputs, or of classes that are no target, flagged at the stated threshold"),
    metric("threshold", "threshold", Neither, false, "detectors of inputs: the score above which an input is flagged"),
    metric("flagged_classes", "classes flagged", Neither, false, "model detectors: classes taken for the target of a backdoor"),
    metric("anomaly_index_*", "anomaly index", Neither, false, "model detectors: how far the size of the trigger reversed for one class lies from the median of the classes, in units of 1.4826 median absolute deviations; above 2 it stands out"),
    metric("certified_accuracy_at_*", "certified accuracy at radius", Higher, true, "share of test rows predicted rightly with a certified radius of at least this many training rows inserted or removed"),
    metric("certified_radius_median", "median certified radius", Higher, false, "median over the test rows of the number of training rows that may be inserted or removed without changing the prediction"),
    metric("random_filter_clean_accuracy", "random filter: clean accuracy", Neither, true, "control arm: clean accuracy when as many rows as the filter removed are removed at random"),
    metric("random_filter_attack_success", "random filter: attack success", Neither, true, "control arm: attack success when as many rows as the filter removed are removed at random"),
    metric("perfect_filter_clean_accuracy", "perfect filter: clean accuracy", Neither, true, "control arm: clean accuracy when exactly the poisoned rows are removed"),
    metric("perfect_filter_attack_success", "perfect filter: attack success", Neither, true, "control arm: attack success when exactly the poisoned rows are removed"),
    metric("twin_clean_accuracy", "defended twin: clean accuracy", Higher, true, "control arm: clean accuracy of the clean twin (no attack, same seed) under this defense"),
    metric("twin_removed", "defended twin: rows removed", Lower, false, "control arm: rows that the filter removes from the clean training set, where every one is a false positive"),
    metric("twin_fpr", "defended twin: false positive rate", Lower, true, "control arm: share of inputs or classes that the detector flags although there is no attack"),
    metric("clean_samples", "clean samples", Neither, false, "rows known to be clean that a repair was given"),
    metric("clean_accuracy_best", "best clean accuracy", Higher, true, "federations: highest clean accuracy after any round that was looked at"),
    metric("clean_accuracy_last10", "clean accuracy, last 10", Higher, true, "federations: mean clean accuracy over the last ten rounds that were looked at"),
    metric("attack_success_best", "best attack success", Lower, true, "federations: highest attack success after any round that was looked at; streams: after any window from the attack's first on"),
    metric("attack_success_last10", "attack success, last 10", Lower, true, "federations: mean attack success over the last ten rounds that were looked at"),
    metric("malicious_weight", "weight of the malicious", Lower, true, "federations: share of the aggregate's weight that attacking clients held, mean over the rounds with an attack; for rules that weigh clients"),
    metric("malicious_rejected", "malicious updates rejected", Higher, true, "federations: share of attacking clients' updates that the rule gave no weight"),
    metric("honest_rejected", "honest updates rejected", Lower, true, "federations: share of honest clients' updates that the rule gave no weight, in rounds with an attack"),
    metric("seconds_round", "seconds per round", Neither, false, "federations: wall-clock seconds of a round's training, attack and rule, mean over rounds"),
    metric("damage", "damage (accuracy × windows)", Lower, false, "streams: accuracy of the clean twin (same stream, no attack, no operator) minus this stream's, summed over the windows from the attack's first to the last, without an attack over all: 1 is the loss of all accuracy for one window, or of a tenth for ten"),
    metric("clean_accuracy_worst", "worst clean accuracy", Higher, true, "streams: lowest clean accuracy after any window from the attack's first on"),
    metric("class_accuracy_worst", "worst class accuracy", Higher, true, "streams: lowest accuracy on the untouched test inputs of any class after any window from the attack's first on"),
    metric("group_accuracy_worst", "worst group accuracy", Higher, true, "streams with `evaluate.groups`: lowest accuracy on the untouched test inputs of any group after any window from the attack's first on"),
    metric("group_gap_worst", "widest gap of groups", Lower, true, "streams with `evaluate.groups`: largest difference between the accuracies of two groups after one window, from the attack's first on"),
    metric("attack_success_mean", "attack success, mean", Lower, true, "streams: mean attack success over the windows from the attack's first to the last"),
    metric("detected", "detected", Higher, true, "streams: 1 if an alarm was raised in a window in which the attack is on, otherwise 0"),
    metric("time_to_detection", "windows to detection", Lower, false, "streams: windows from the attack's first to the first with an alarm while the attack is on; 0 is an alarm in the same window; none where it was not detected"),
    metric("alarms", "windows with alarms", Neither, false, "streams: windows in which a monitor raised an alarm"),
    metric("false_alarms", "false alarms", Lower, false, "streams: windows with an alarm before the attack's first; without an attack all windows with an alarm"),
    metric("late_alarms", "late alarms", Neither, false, "streams: windows with an alarm after the attack is over, where the model may still be poisoned"),
    metric("repairs", "repairs", Lower, false, "streams: windows in which the operator acted"),
    metric("repair_rows", "labelled rows spent", Lower, false, "streams: labelled rows that the operator's repairs cost: dropped, or labelled by hand"),
    metric("repair_seconds", "seconds of repairs", Lower, false, "streams: wall-clock seconds of the operator's repairs"),
    metric("seconds_window", "seconds per window", Neither, false, "streams: wall-clock seconds of a window's training, watching and repair, mean over windows"),
    metric("displacement", "displacement (radii)", Lower, false, "anomaly detectors with a centre: how far the centre moved from its first place towards the mean of the training rows that are labelled anomalies, in radii"),
    metric("group_accuracy_gap", "gap of groups", Lower, true, "with `evaluate.groups`: highest minus lowest accuracy of a group of test inputs: how unevenly the model serves them"),
    metric("group_accuracy_*", "group accuracy", Higher, true, "with `evaluate.groups`: accuracy on the untouched test inputs of one group"),
    metric("class_accuracy_*", "class accuracy", Higher, true, "accuracy on the untouched test inputs of one class"),
    metric("train_loss", "training loss", Neither, false, "mean cross-entropy over the last epoch of the victim's training"),
    metric("seconds", "seconds", Neither, false, "wall-clock seconds of the cell's stages, computed alone"),
    metric("seconds_*", "seconds", Neither, false, "wall-clock seconds of one stage"),
    metric("peak_rss_mb", "peak memory (MB)", Neither, false, "largest resident memory of a worker while it computed the cell's stages"),
];

/// The catalogue's entry for a metric's name; `class_accuracy_3` finds `class_accuracy_*`.
pub fn find(name: &str) -> Option<&'static Metric> {
    CATALOGUE.iter().find(|m| match m.name.strip_suffix('*') {
        Some(stem) => name.strip_prefix(stem).is_some_and(|rest| !rest.is_empty()),
        None => m.name == name,
    })
}

/// Position of a metric's column; unknown names go last.
pub fn rank(name: &str) -> usize {
    find(name).and_then(|m| CATALOGUE.iter().position(|c| c.name == m.name)).unwrap_or(CATALOGUE.len())
}

/// Whether a metric depends on the clock or the memory and so differs between identical runs.
pub fn is_cost(name: &str) -> bool {
    matches!(name, "peak_rss_mb" | "seconds" | "repair_seconds") || name.starts_with("seconds_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        for (i, m) in CATALOGUE.iter().enumerate() {
            assert_eq!(rank(&m.name.replace('*', "x")), i, "{}", m.name);
            assert!(!m.about.is_empty() && !m.label.is_empty());
        }
        assert!(find("class_accuracy_").is_none() && find("nonsense").is_none());
    }
}
