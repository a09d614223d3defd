//! A whole pipeline on the whole of Fashion-MNIST against IBM's Adversarial Robustness Toolbox (ART).

use std::path::Path;

use anyhow::{Result, bail};
use serde_json::Value;

use super::child::{Ended, number};
use super::outcome::{Findings, Goal, Row};
use super::{Bench, set};

const EXPERIMENT: &str = "experiments/bench/pipeline.toml";

pub(super) fn measure(bench: &Bench<'_>) -> Result<Findings> {
    let binary = bench.workspace.build_aconite()?;
    let mut found = Findings::default();
    let (mut full, mut half, mut art) = (Vec::new(), Vec::new(), Vec::new());
    let (mut full_alone, mut half_alone) = (Vec::new(), Vec::new());
    let (mut our_peak, mut their_peak) = (Vec::new(), Vec::new());
    let rounds = bench.repeats(3);
    for round in 1..=rounds {
        eprintln!("pipeline, round {round} of {rounds}");
        let ours = [("f32", &mut full, &mut full_alone), ("bf16", &mut half, &mut half_alone)];
        for (precision, seconds, alone) in ours {
            let (ended, cells) = own(bench, &binary, precision)?;
            seconds.push(ended.seconds);
            let without = without_twin(bench, &binary, precision)?;
            alone.push(without.seconds);
            found.others.extend(without.others);
            our_peak.push(ended.peak_rss_mb);
            found.others.extend(ended.others);
            if round == 1 {
                found.notes.push(format!("Aconite in {precision}: {}.", in_words(&cells)?));
            }
            if precision == "f32" {
                let ended = peer(bench)?;
                art.push(ended.seconds);
                their_peak.push(ended.peak_rss_mb);
                found.others.extend(ended.others);
                if round == 1 {
                    found.notes.push(peer_in_words(&ended.json()?)?);
                }
            }
        }
    }
    found.rows = vec![
        Row::pair("the same work, f32", "s", Goal::Ratio(0.50), &full_alone, &art)?,
        Row::pair("the same work, bf16", "s", Goal::Ratio(0.35), &half_alone, &art)?,
        Row::pair("with the clean twin, f32", "s", Goal::None, &full, &art)?,
        Row::pair("with the clean twin, bf16", "s", Goal::None, &half, &art)?,
    ];
    // Two of our runs stand beside each of ART's.
    let their_peak: Vec<f64> = their_peak.iter().flat_map(|&mb| [mb, mb]).collect();
    found.rows.push(Row::pair(
        "peak memory of any process",
        "MB",
        Goal::Ours(1000.0),
        &our_peak,
        &their_peak,
    )?);
    found.notes.push(format!(
        "Threads on each side: {}. Wall time of the whole command, from its start to its end, the ledger and the report \
         included. Aconite adds a clean twin, a third training, which ART does not do; for the same work the twin lies \
         in the store before the run.",
        bench.threads
    ));
    Ok(found)
}

/// ART's run of the same work.
pub(super) fn peer(bench: &Bench<'_>) -> Result<Ended> {
    bench.peer("art_pipeline.py", &["--threads".into(), bench.threads.to_string()])
}

fn own(bench: &Bench<'_>, binary: &Path, precision: &str) -> Result<(Ended, Vec<Value>)> {
    bench.experiment(binary, EXPERIMENT, &args(bench, precision))
}

/// The run of a pipeline whose clean twin is in the store, and nothing else.
fn without_twin(bench: &Bench<'_>, binary: &Path, precision: &str) -> Result<Ended> {
    let args = args(bench, precision);
    let mut clean = args.clone();
    clean.extend(set("attack", "{ kind = \"none\" }"));
    clean.extend(["--only".to_owned(), "defense=none".into()]);
    bench.experiment(binary, EXPERIMENT, &clean)?;
    Ok(bench.again(binary, EXPERIMENT, &args)?.0)
}

/// One stage after the other on all threads: the chain is longer than it is wide.
fn args(bench: &Bench<'_>, precision: &str) -> Vec<String> {
    let mut args = vec!["--jobs".to_owned(), "1".into()];
    args.extend(set("train.threads", bench.threads));
    args.extend(set("train.precision", precision));
    args
}

/// Accuracy and success of both cells, and the seconds of each stage.
fn in_words(cells: &[Value]) -> Result<String> {
    let of = |kind: &str| cells.iter().find(|cell| cell["settings"]["defense"]["kind"] == kind);
    let (Some(before), Some(after)) = (of("none"), of("spectral_signatures")) else {
        bail!("the results lack a cell");
    };
    let metric = |cell: &Value, name: &str| number(&cell["metrics"], name);
    // What both cells share is told once.
    let own = after["seconds"].as_object().into_iter().flatten();
    let own = own.filter(|(name, seconds)| before["seconds"].get(name) != Some(seconds));
    let stages = before["seconds"].as_object().into_iter().flatten().chain(own);
    Ok(format!(
        "clean accuracy {:.3} → {:.3}, attack success {:.3} → {:.3}; stages of both cells: {}",
        metric(before, "clean_accuracy")?,
        metric(after, "clean_accuracy")?,
        metric(before, "attack_success")?,
        metric(after, "attack_success")?,
        in_seconds(stages.map(|(name, seconds)| (name, seconds.as_f64().unwrap_or(f64::NAN))))
    ))
}

fn peer_in_words(art: &Value) -> Result<String> {
    let stages = art["seconds"].as_object().into_iter().flatten();
    Ok(format!(
        "ART: clean accuracy {:.3} → {:.3}, attack success {:.3} → {:.3}; stages: {}.",
        number(art, "clean_accuracy_before")?,
        number(art, "clean_accuracy_after")?,
        number(art, "attack_success_before")?,
        number(art, "attack_success_after")?,
        in_seconds(stages.map(|(name, seconds)| (name, seconds.as_f64().unwrap_or(f64::NAN))))
    ))
}

/// Stages with their seconds.
pub(super) fn in_seconds<'a>(stages: impl Iterator<Item = (&'a String, f64)>) -> String {
    let words: Vec<String> = stages.map(|(name, seconds)| format!("{name} {seconds:.1} s")).collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_sides_tell_what_they_reached() {
        let cell = |kind: &str, asr: f64| {
            json!({
                "settings": { "defense": { "kind": kind } },
                "metrics": { "clean_accuracy": 0.9, "attack_success": asr },
                "seconds": { "fit": 12.34, "evaluate": if kind == "none" { 1.0 } else { 2.0 } },
            })
        };
        let words = in_words(&[cell("spectral_signatures", 0.25), cell("none", 0.99)]).unwrap();
        assert!(
            words.contains("attack success 0.990 → 0.250")
                && words.ends_with("stages of both cells: fit 12.3 s, evaluate 1.0 s, evaluate 2.0 s"),
            "{words}"
        );
        assert!(in_words(&[cell("none", 0.9)]).is_err());
        let art = json!({
            "clean_accuracy_before": 0.9, "clean_accuracy_after": 0.8,
            "attack_success_before": 1.0, "attack_success_after": 0.5, "seconds": { "fit": 60.0 },
        });
        assert!(peer_in_words(&art).unwrap().contains("0.900 → 0.800"));
        assert!(peer_in_words(&json!({})).is_err());
    }
}
