//! Sentences that the HTML and the Markdown report share.

use std::collections::BTreeSet;

use crate::format::seeds;
use crate::study::Study;

/// What is in the folder, in one sentence.
pub(crate) fn lead(study: &Study) -> String {
    let done = study.points.iter().map(|p| p.done.len()).sum::<usize>();
    let failed = study.failed().count();
    if study.rows.is_empty() {
        return "No cell has ended yet.".into();
    }
    let plural = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    let mut words =
        format!("{} of the grid, {} done", plural(study.points.len(), "point"), plural(done, "cell"));
    if failed > 0 {
        words.push_str(&format!(", {failed} failed"));
    }
    let counts: Vec<usize> = study.points.iter().map(|p| p.done.len()).filter(|n| *n > 0).collect();
    if !counts.is_empty() {
        words.push_str(&format!("; {} a point", seeds(counts.into_iter())));
    }
    words + "."
}

/// How the numbers of the tables are to be read.
pub(crate) fn numbers(study: &Study) -> String {
    let mut words =
        "Mean ± half of the 95 % t-interval over the seeds; a single seed has no interval. Differences to \
                     the undefended victim are paired by seed, in percentage points."
            .to_owned();
    if study.points.iter().any(|p| p.shown("attack_success").is_some_and(|s| s.is_wilson())) {
        words.push_str(
            " Attack success over the trials of a single seed stands with Wilson's 95 % interval over the trials in \
             brackets.",
        );
    }
    if study.points.iter().any(|p| p.availability()) {
        words.push_str(" For attacks on availability, attack success is the accuracy drop.");
    }
    words
}

/// Which inputs attack success counts.
pub(crate) fn scope(study: &Study) -> Option<String> {
    let scopes: BTreeSet<&str> =
        study.rows.iter().filter_map(|r| r.setting("evaluate.asr_scope")?.as_str()).collect();
    if scopes.is_empty() {
        return None;
    }
    let scopes: Vec<&str> = scopes.into_iter().collect();
    Some(match scopes[..] {
        ["all"] => {
            "Attack success here also counts inputs whose true class is the target (asr_scope = \"all\")."
                .into()
        }
        [one] => format!(
            "Attack success leaves out inputs whose true class is the target (asr_scope = \"{one}\")."
        ),
        _ => format!(
            "The cells differ in which inputs attack success counts (asr_scope: {}).",
            scopes.join(", ")
        ),
    })
}

/// What the control arms are.
pub(crate) const CONTROLS: &str = "The same victim on the same poisoned data, but as many rows removed at random as \
                                   the filter removed, or exactly the poisoned rows; and the defense on the clean \
                                   training set (the defended twin), where whatever it costs is cost alone. The \
                                   differences to the random filter are paired by seed.";

/// What certificates are.
pub(crate) const CERTIFICATES: &str = "Certified accuracy at a radius: the share of test rows that are predicted \
                                       rightly and provably stay so, whichever that many training rows an adversary \
                                       inserts or removes.";

/// How the table of federations is to be read.
pub(crate) const FEDERATIONS: &str = "Clean accuracy and attack success after the last round, then the best of all \
                                      rounds and the mean of the last ten, of those that were looked at. The weight \
                                      of the malicious is their share of what the server took in rounds with an \
                                      attack; rejected is an update without any weight. A rule that weighs no \
                                      client as a whole has neither.";

/// How the table of streams is to be read.
pub(crate) const STREAMS: &str = "Detection counts from the attack's first window: 0 windows is an alarm in the same one, \
                                  and only seeds that had an alarm while it was on are in the mean; alarms before it are \
                                  false, those after it are late. Damage is the accuracy that the clean \
                                  twin, the same stream without attack and operator, is ahead, summed over the windows \
                                  from the attack's first. The operator pays in labelled rows, dropped or labelled by \
                                  hand, and in seconds.";

/// The command that repeats the experiment.
pub(crate) const REPEAT: &str = "aconite run experiment.toml";
