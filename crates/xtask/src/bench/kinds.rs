//! What single attacks and defenses take, against the goals of the project: the examples of their crates, and the
//! poison stages of two experiments.

use std::path::Path;

use anyhow::{Context as _, Result, bail};

use super::child::{self, number};
use super::outcome::{Findings, Goal, Row};
use super::{Bench, set};

/// What an example prints about itself: the name of a number, what to call it, its unit and its goal.
type Line = (&'static str, &'static str, &'static str, Goal);

struct Example {
    package: &'static str,
    name: &'static str,
    args: &'static [&'static str],
    lines: &'static [Line],
}

const DEFENSES: [Example; 5] = [
    Example {
        package: "aconite-spectral-signatures",
        name: "spectral_speed",
        args: &["2"],
        lines: &[
            ("spectral_signatures", "`spectral_signatures` on 60,000 × 128 features", "s", Goal::Ours(0.5)),
            (
                "activation_clustering",
                "`activation_clustering` on 60,000 × 128 features",
                "s",
                Goal::Ours(0.5),
            ),
        ],
    },
    Example {
        package: "aconite-sanitization",
        name: "knn_speed",
        args: &[],
        lines: &[("deep_knn", "`deep_knn` on 60,000 × 128 features", "s", Goal::Ours(20.0))],
    },
    Example {
        package: "aconite-detection",
        name: "detection_speed",
        args: &["threads=2"],
        lines: &[
            ("strip", "`strip`, 2,000 inputs × 100 blends, and its fit", "s", Goal::Ours(20.0)),
            ("neural_cleanse", "`neural_cleanse`, 10 classes, `small_cnn`", "s", Goal::Ours(180.0)),
        ],
    },
    Example {
        package: "aconite-detection",
        name: "detection_speed",
        args: &["threads=1"],
        lines: &[
            ("strip", "the same `strip`, on one thread", "s", Goal::None),
            ("neural_cleanse", "the same `neural_cleanse`, on one thread", "s", Goal::None),
        ],
    },
    Example {
        package: "aconite-certified",
        name: "dpa_speed",
        args: &[],
        lines: &[("dpa", "`dpa`, 200 linear bases on MNIST", "s", Goal::Ours(300.0))],
    },
];

const RULES: Example = Example {
    package: "aconite-aggregation",
    name: "rules_speed",
    args: &["2"],
    lines: &[
        ("krum", "Krum", "s", Goal::Ours(0.35)),
        ("median", "median", "s", Goal::Ours(0.7)),
        ("trimmed mean", "trimmed mean", "s", Goal::Ours(0.7)),
        ("geometric median", "geometric median to 1e-6", "s", Goal::Ours(0.6)),
        ("bulyan", "Bulyan", "s", Goal::Ours(3.0)),
        ("nnm", "NNM", "s", Goal::Ours(1.0)),
        ("memory", "peak memory over the matrix", "×", Goal::Ours(1.3)),
    ],
};

const TOGETHER: Example = Example {
    package: "aconite-train",
    name: "together_speed",
    args: &["1"],
    lines: &[
        ("together", "one step of 100 linear clients on 32 images, as one batch", "ms", Goal::None),
        ("alone", "the same, one after another", "ms", Goal::None),
    ],
};

pub(super) fn measure(bench: &Bench<'_>) -> Result<Findings> {
    let mut found = Findings::default();
    for example in &DEFENSES {
        example.measure(bench, &mut found)?;
    }
    let binary = bench.workspace.build_aconite()?;
    for (file, what, goal) in [
        ("feature_collision", "`feature_collision`, 20 targets with 20 poisons each", 60.0),
        ("gradient_matching", "`gradient_matching`, 100 poisons of 10,000 images", 600.0),
    ] {
        eprintln!("{file}");
        let file = format!("experiments/bench/{file}.toml");
        let args =
            [vec!["--jobs".to_owned(), "1".into()], set("train.threads", bench.threads).to_vec()].concat();
        let mut seconds = Vec::new();
        for _ in 0..bench.repeats(1) {
            let (ended, cells) = bench.experiment(&binary, &file, &args)?;
            found.others.extend(ended.others);
            let cell = cells.first().context("the experiment has no cell")?;
            seconds.push(number(&cell["seconds"], "poison")?);
        }
        found.rows.push(Row::alone(what, "s", Goal::Ours(goal), &seconds)?);
    }
    found.notes = vec![format!(
        "The filters' seconds are without the forward pass that makes the features; each is the second call. Spectral \
         signatures, activation clustering and the detectors run on two threads, `deep_knn` and `dpa` on one, crafting on \
         {}, `small_cnn` in bf16 with the surrogate's training left out.",
        bench.threads
    )];
    Ok(found)
}

/// Rules on a large matrix, and whole rounds.
pub(super) fn federated(bench: &Bench<'_>) -> Result<Findings> {
    let mut found = Findings::default();
    RULES.measure(bench, &mut found)?;
    TOGETHER.measure(bench, &mut found)?;
    let binary = bench.workspace.build_aconite()?;
    let mut rounds = [("ipm", "krum", Vec::new()), ("alie", "median", Vec::new())];
    for round in 0..bench.repeats(3) {
        eprintln!("rounds, {}", round + 1);
        let args =
            [vec!["--jobs".to_owned(), "1".into()], set("train.threads", bench.threads).to_vec()].concat();
        let (ended, cells) = bench.experiment(&binary, "experiments/bench/rounds.toml", &args)?;
        found.others.extend(ended.others);
        for (attack, rule, seconds) in &mut rounds {
            let of = |cell: &&serde_json::Value| {
                cell["settings"]["attack"]["kind"] == *attack && cell["settings"]["defense"]["kind"] == *rule
            };
            let cell =
                cells.iter().find(of).with_context(|| format!("no cell has {attack} against {rule}"))?;
            let rounds = number(&cell["settings"]["federation"], "rounds")?;
            seconds.push(number(&cell["seconds"], "fit")? / rounds);
        }
    }
    for (attack, rule, seconds) in &rounds {
        let what = format!("a round of 50 LeNet clients, {attack} against {rule}, 10,000 test images");
        found.rows.push(Row::alone(what, "s", Goal::Ours(0.35), seconds)?);
    }
    found.notes = vec![format!(
        "Rules: 100 × 1,200,000 f32, 20 clients malicious, the second call, on 2 threads. Rounds: one local step of batch 64 \
         a client, 24 of 50 malicious, {} threads, the look at the test set after each round included. Linear clients: one \
         thread, f32.",
        bench.threads
    )];
    Ok(found)
}

impl Example {
    fn measure(&self, bench: &Bench<'_>, found: &mut Findings) -> Result<()> {
        let example = bench.workspace.build_example(self.package, self.name)?;
        let mut all: Vec<Vec<f64>> = vec![Vec::new(); self.lines.len()];
        for _ in 0..bench.repeats(3) {
            eprintln!("{}", self.package);
            let json = self.run(bench, &example, found)?;
            for (values, (name, ..)) in all.iter_mut().zip(self.lines) {
                values.push(number(&json, name)?);
            }
        }
        for (values, (_, what, unit, goal)) in all.iter().zip(self.lines) {
            found.rows.push(Row::alone(*what, unit, *goal, values)?);
        }
        Ok(())
    }

    fn run(&self, bench: &Bench<'_>, example: &Path, found: &mut Findings) -> Result<serde_json::Value> {
        let mut command = bench.workspace.program(example);
        command.args(self.args);
        let ended = child::run(&mut command, &bench.empty("example")?)?;
        found.others.extend(ended.others);
        let json = ended.json()?;
        if json.as_object().is_none_or(serde_json::Map::is_empty) {
            bail!("{} printed no numbers", self.package);
        }
        Ok(json)
    }
}
