//! What fits into a stream, checked before anything runs.

use aconite_core::{Attack, Defense, Error, Info, Knowledge, Learner, Role, Seed};
use aconite_stream::{Training, Windows};
use serde_json::Value;

use crate::families::Streamed;
use crate::prepare::Refusal;

/// Checks a cell's stream, and that attack, victim and defense can live in it. `labels` are those of the training rows,
/// in their order.
///
/// # Errors
/// The section that the error concerns, and what does not fit.
pub(crate) fn check(
    stream: &Streamed,
    attack: &dyn Attack,
    defenses: &[Box<dyn Defense>],
    (info, labels): (&Info, &[usize]),
    learner: &dyn Learner,
    settings: &Value,
) -> Result<(), Refusal> {
    let kind = |section: &str| settings[section]["kind"].as_str().unwrap_or_default().to_owned();
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
    stream.watch.check().map_err(|e| ("stream.monitor", e))?;
    for (at, watched) in stream.monitors.iter().enumerate() {
        let place = |mut e: Error| {
            // Of several monitors it is said which.
            if let (true, Some(key)) = (stream.several, &e.setting) {
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
    if stream.schedule.needs_steps() && !learner.takes_steps() {
        let message = format!(
            "{} goes on from the last weights, and {} is not trained in gradient steps",
            kind("stream"),
            kind("victim")
        );
        return Err(("stream", Error::new(message).hint("choose a net as victim, or every or sliding")));
    }
    if !matches!(settings["train"]["transfer"].as_str(), None | Some("none")) {
        let error = Error::at("transfer", "a stream starts from fresh weights");
        return Err(("train", error.hint("leave transfer out")));
    }
    check_attack(stream, attack, (info, labels), &kind("attack"))?;
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

/// Checks that an attack can be made from the rows of every window that it is on in.
fn check_attack(
    stream: &Streamed,
    attack: &dyn Attack,
    (info, labels): (&Info, &[usize]),
    kind: &str,
) -> Result<(), Refusal> {
    let needs = attack.needs();
    if needs.surrogate || needs.victim || needs.targets || attack.feeds() || attack.updates().is_some() {
        let message = format!("{kind} cannot be made inside a window: it needs more than the window's rows");
        return Err(("attack", Error::new(message).hint("badnets, blended and random_flip can")));
    }
    if kind == "none" {
        return Ok(());
    }
    // Which rows are drawn differs between seeds, hardly how many of a class: one stands for all.
    let cut = Windows::cut(labels.len(), &stream.common, Seed(0));
    for (window, rows) in cut.windows.iter().enumerate().filter(|(w, _)| stream.common.attacked(*w)) {
        let mut counts = vec![0; info.classes.len()];
        rows.iter().for_each(|&row| counts[labels[row]] += 1);
        let own = Info { rows: counts, ..info.clone() };
        attack.check(&own).map_err(|mut e| {
            e.message = format!("in window {window}, with {} rows: {}", rows.len(), e.message);
            ("attack", e)
        })?;
    }
    Ok(())
}

/// What the operator of a stream has beyond the rows as they came, in the words of the results.
pub(crate) fn knowledge(stream: &Streamed) -> Vec<&'static str> {
    let holdout = stream.monitors.iter().any(|m| m.monitor.sees().holdout);
    let words =
        [(holdout, Knowledge::CleanSamples.name()), (stream.policy.labels_by_hand(), "labels by hand")];
    words.into_iter().filter(|(known, _)| *known).map(|(_, word)| word).collect()
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
