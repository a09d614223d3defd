//! What fits into a stream, checked before anything runs.

use aconite_core::{Attack, Defense, Error, Info, Knowledge, Learner, Rate, Role, Seed};
use aconite_stream::{Threshold, Training, Windows};
use serde_json::Value;

use crate::families::Streamed;
use crate::prepare::{Refusal, victim_section};

/// Checks a cell's stream, and that attack, victim and defense can live in it. `labels` are those of the training rows,
/// in their order; where each seed draws its own, those of one stand for all.
///
/// # Errors
/// The section that the error concerns, and what does not fit.
pub(crate) fn check(
    stream: &Streamed,
    attack: &dyn Attack,
    defenses: &[Box<dyn Defense>],
    (info, labels): (&Info, &[usize]),
    learner: &dyn Learner,
    (settings, seeds): (&Value, &[u64]),
) -> Result<(), Refusal> {
    let kind = |section: &str| kind_of(&settings[section]).to_owned();
    let common = &stream.common;
    if !matches!(settings["federation"]["kind"].as_str(), None | Some("none")) {
        let error = Error::new("a cell is a federation or a stream, not both");
        return Err(("stream", error.hint("leave [federation] or [stream] out")));
    }
    let attacked = kind("attack") != "none";
    let calibrated = stream.monitors.iter().any(|m| m.threshold.threshold.is_none());
    common
        .check(labels.len(), attacked, !stream.monitors.is_empty(), calibrated)
        .map_err(|e| ("stream", e))?;
    stream.schedule.check(common.windows).map_err(|e| ("stream", e))?;
    let (watch, threshold) = &stream.watch;
    watch.check().map_err(|e| ("stream.monitor", e))?;
    let several = watch.parts().is_some_and(|parts| !parts.is_empty());
    if let Some(key) = several.then(|| beside(threshold)).flatten() {
        let message = format!("it means nothing beside {:?}", kind_of(&settings["stream"]["monitor"]));
        let error = Error::at(key, message).hint("state it in a monitor's own table");
        return Err(("stream.monitor", error));
    }
    for (at, watched) in stream.monitors.iter().enumerate() {
        let place = |mut e: Error| {
            // Of several monitors it is said which.
            if let (true, Some(key)) = (several, &e.setting) {
                e.setting = Some(format!("monitors.{at}.{key}"));
            }
            ("stream.monitor", e)
        };
        watched.monitor.check().and_then(|()| watched.threshold.check()).map_err(place)?;
        let sees = watched.monitor.sees();
        if sees.holdout && common.held(labels.len()) == 0 {
            let message = format!("{} needs a trusted holdout, and no row is held out", watched.name);
            return Err(("stream", Error::at("holdout", message).hint("holdout = 0.05")));
        }
        if sees.features && !learner.has_features() {
            let message = format!("{} reads features, and {} shows none", watched.name, kind("victim"));
            return Err(("stream.monitor", Error::new(message).hint("watch scores: of = \"margin\"")));
        }
    }
    stream.policy.check(common.windows).map_err(|e| ("stream.policy", e))?;
    if stream.policy.acts() && stream.monitors.is_empty() {
        let message = "the operator waits for an alarm, and no monitor raises one";
        return Err(("stream.policy", Error::new(message).hint("add [stream.monitor]")));
    }
    if stream.schedule.goes_on() && !learner.learns_on() {
        let message =
            format!("{} goes on from the last model, and {} cannot", kind("stream"), kind("victim"));
        return Err((
            "stream",
            Error::new(message).hint("choose a net or spambayes as victim, or every or sliding"),
        ));
    }
    if !matches!(settings["train"]["transfer"].as_str(), None | Some("none")) {
        let error = Error::at("transfer", "a stream starts from fresh weights");
        return Err(("train", error.hint("leave transfer out")));
    }
    check_attack(attack, &kind("attack"))?;
    for &seed in seeds {
        let cut = Windows::cut(labels.len(), common, Seed(seed));
        let counts: Vec<Vec<usize>> = cut.windows.iter().map(|rows| per_class(rows, labels, info)).collect();
        check_training(stream, learner, info, &counts)?;
        if attacked {
            check_poison(stream, attack, info, &counts)?;
            check_rate(stream, attack, (info, &settings["attack"]), &counts)?;
        }
    }
    for defense in defenses {
        if !matches!(defense.role(), Role::Repair(_) | Role::InputDetector(_) | Role::ModelDetector(_)) {
            let message = format!(
                "{} works on one training set, and a stream trains on another in every window",
                kind("defense")
            );
            let hint =
                "take a repair or a detector of the last model, or [stream.monitor] and [stream.policy]";
            return Err(("defense", Error::new(message).hint(hint)));
        }
    }
    Ok(())
}

fn kind_of(table: &Value) -> &str {
    table["kind"].as_str().unwrap_or_default()
}

/// The key of a threshold that was set.
fn beside(threshold: &Threshold) -> Option<&'static str> {
    let plain = Threshold::default();
    [("threshold", threshold.threshold != plain.threshold), ("sigmas", threshold.sigmas != plain.sigmas)]
        .into_iter()
        .find_map(|(key, set)| set.then_some(key))
}

/// How many of these rows are of each class.
fn per_class(rows: &[usize], labels: &[usize], info: &Info) -> Vec<usize> {
    let mut counts = vec![0; info.classes.len()];
    rows.iter().for_each(|&row| counts[labels[row]] += 1);
    counts
}

/// Checks a seed's windows: that the victim can learn from the rows that each fresh model is trained on.
fn check_training(
    stream: &Streamed,
    learner: &dyn Learner,
    info: &Info,
    counts: &[Vec<usize>],
) -> Result<(), Refusal> {
    for window in 0..counts.len() {
        if window > 0 && stream.schedule.training(window) != Training::Fresh {
            continue;
        }
        let first = stream.schedule.span().map_or(0, |span| (window + 1).saturating_sub(span));
        let mut rows = vec![0; info.classes.len()];
        counts[first..=window].iter().flat_map(|own| own.iter().enumerate()).for_each(|(c, n)| rows[c] += n);
        let own = Info { rows, ..info.clone() };
        let place = |mut e: Error| {
            e.message =
                format!("after window {window}, on the {} rows of its training: {}", own.total(), e.message);
            (victim_section(&e), e)
        };
        learner.check(&own).map_err(place)?;
    }
    Ok(())
}

/// Checks that an attack needs nothing but the rows of a window.
fn check_attack(attack: &dyn Attack, kind: &str) -> Result<(), Refusal> {
    let needs = attack.needs();
    if needs.surrogate || needs.victim || needs.targets || attack.feeds() || attack.updates().is_some() {
        let message = format!("{kind} cannot be made inside a window: it needs more than the window's rows");
        return Err(("attack", Error::new(message).hint("badnets, blended and random_flip can")));
    }
    Ok(())
}

/// Checks a seed's windows: that the attack can be made from the rows of every one that it is on in.
fn check_poison(
    stream: &Streamed,
    attack: &dyn Attack,
    info: &Info,
    counts: &[Vec<usize>],
) -> Result<(), Refusal> {
    for (window, rows) in counts.iter().enumerate().filter(|(w, _)| stream.common.attacked(*w)) {
        let own = Info { rows: rows.clone(), ..info.clone() };
        attack.check(&own).map_err(|mut e| {
            e.message = format!("in window {window}, with {} rows: {}", own.total(), e.message);
            ("attack", e)
        })?;
    }
    Ok(())
}

/// Refuses a rate above 0 that is less than one row of every window: whatever rows the attack takes its share of, there
/// are no more.
fn check_rate(
    stream: &Streamed,
    attack: &dyn Attack,
    (info, given): (&Info, &Value),
    counts: &[Vec<usize>],
) -> Result<(), Refusal> {
    let Some(given) = given["rate"].as_f64().filter(|&rate| rate > 0.0) else { return Ok(()) };
    let Ok(rate) = Rate::try_from(given) else { return Ok(()) };
    let attacked = counts.iter().enumerate().filter(|(w, _)| stream.common.attacked(*w));
    let infos = attacked.map(|(_, rows)| Info { rows: rows.clone(), ..info.clone() });
    let Some(most) = infos.max_by_key(Info::total) else { return Ok(()) };
    match attack.rows(&most).unwrap_or_else(|| rate.count(most.total())) {
        0 => {
            let message =
                format!("{given} of a window of {} rows is no row, and so in every window", most.total());
            Err(("attack", Error::at("rate", message).hint("raise it, or take fewer windows")))
        }
        _ => Ok(()),
    }
}

/// What the operator of a stream has beyond the rows as they came, in the words of the results.
pub(crate) fn knowledge(stream: &Streamed) -> Vec<&'static str> {
    let holdout = stream.monitors.iter().any(|m| m.monitor.sees().holdout);
    let words =
        [(holdout, Knowledge::CleanSamples), (stream.policy.labels_by_hand(), Knowledge::LabelsByHand)];
    words.into_iter().filter(|(known, _)| *known).map(|(_, word)| word.name()).collect()
}

/// Forward passes of single rows in all windows, a backward pass counting as two; repairs, which nobody can foresee,
/// are not counted.
pub(crate) fn passes(stream: &Streamed, rows: usize, test_rows: usize, train: &Value) -> f64 {
    let common = &stream.common;
    let epochs = train["epochs"].as_f64().unwrap_or(1.0);
    let each = rows.saturating_sub(common.held(rows)) as f64 / common.windows.max(1) as f64;
    let windows = |window: usize| match stream.schedule.training(window) {
        Training::Fresh => stream.schedule.span().map_or(window + 1, |span| span.min(window + 1)),
        Training::Continue => 1,
        Training::Keep => 0,
    };
    let trained: usize = (0..common.windows).map(windows).sum();
    // Untouched and triggered inputs after every window.
    3.0 * epochs * each * trained as f64 + common.windows as f64 * 2.0 * test_rows as f64
}
