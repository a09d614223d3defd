//! Training steps: the real loop on random images against plain PyTorch.

use std::path::Path;

use anyhow::{Result, bail};
use serde_json::Value;

use super::Bench;
use super::child::{self, Ended, number};
use super::outcome::{Findings, Goal, Row};

/// A net, how many steps a run times, and how much of eager f32 PyTorch's time ours may take.
struct Case {
    net: &'static str,
    steps: usize,
    f32_goal: f64,
    bf16_goal: f64,
}

const CASES: [Case; 3] = [
    Case { net: "small_cnn", steps: 60, f32_goal: 0.55, bf16_goal: 0.36 },
    Case { net: "resnet9", steps: 20, f32_goal: 0.85, bf16_goal: 0.42 },
    Case { net: "preact_resnet18", steps: 8, f32_goal: 0.75, bf16_goal: 0.38 },
];

pub(super) fn measure(bench: &Bench<'_>) -> Result<Findings> {
    let example = bench.workspace.build_example("aconite-train", "step")?;
    let mut found = Findings::default();
    for case in CASES {
        eprintln!("steps of {}", case.net);
        if let Err(error) = compare(bench, &example, &case, &mut found) {
            eprintln!("{}: {error:#}", case.net);
            // Not the whole error in a file that is committed: it names paths of this machine.
            let reason = format!("{error:#}").lines().last().unwrap_or_default().to_owned();
            found.failures.push(format!("{}: {reason}", case.net));
        }
    }
    found.notes = vec![
        format!(
            "Threads on each side: {}. The peer is eager PyTorch in f32 as people write it: NCHW, ReLU then pool.",
            bench.threads
        ),
        "A step gathers a random batch of u8 images, normalises, runs forward and backward, and updates by SGD \
         with momentum and weight decay. Both sides have the same number of parameters."
            .into(),
        "The share is the step's GFLOP/s (three times the forward pass's) of those of a forward 3×3 convolution \
         from 64 to 64 channels on 128 images of 32×32, channels-last, of the same precision in the same process."
            .into(),
    ];
    Ok(found)
}

/// What the runs of one side and precision gave.
#[derive(Default)]
struct Side {
    step_ms: Vec<f64>,
    share: Vec<f64>,
    conv_gflops: Vec<f64>,
}

fn compare(bench: &Bench<'_>, example: &Path, case: &Case, found: &mut Findings) -> Result<()> {
    let (mut f32_side, mut bf16_side, mut eager, mut autocast) =
        (Side::default(), Side::default(), Side::default(), Side::default());
    for _ in 0..bench.repeats(5) {
        for (precision, ours, peer) in
            [("f32", &mut f32_side, &mut eager), ("bf16", &mut bf16_side, &mut autocast)]
        {
            let our = own(bench, example, case, precision)?;
            let their = theirs(bench, case, precision)?;
            found.others.extend([our.others, their.others].into_iter().flatten());
            let (our, their) = (our.json()?, their.json()?);
            same_net(&our, &their)?;
            ours.step_ms.push(number(&our, "step_ms")?);
            ours.share.push(100.0 * number(&our, "step_gflops")? / number(&our, "conv_gflops")?);
            ours.conv_gflops.push(number(&our, "conv_gflops")?);
            peer.step_ms.push(number(&their, "step_ms")?);
        }
    }
    let net = case.net;
    let (full, half) = (Goal::Ratio(case.f32_goal), Goal::Ratio(case.bf16_goal));
    found.rows.extend([
        Row::pair(format!("{net}, f32"), "ms", full, &f32_side.step_ms, &eager.step_ms)?,
        Row::pair(format!("{net}, bf16"), "ms", half, &bf16_side.step_ms, &eager.step_ms)?,
        Row::pair(
            format!("{net}, bf16 against PyTorch's autocast"),
            "ms",
            Goal::None,
            &bf16_side.step_ms,
            &autocast.step_ms,
        )?,
    ]);
    for (precision, side) in [("f32", &f32_side), ("bf16", &bf16_side)] {
        found.rows.extend([
            Row::alone(
                format!("{net}, {precision}: share of the convolution rate"),
                "%",
                Goal::None,
                &side.share,
            )?,
            Row::alone(
                format!("{net}, {precision}: convolution rate"),
                "GFLOP/s",
                Goal::None,
                &side.conv_gflops,
            )?,
        ]);
    }
    Ok(())
}

fn own(bench: &Bench<'_>, example: &Path, case: &Case, precision: &str) -> Result<Ended> {
    let mut command = bench.workspace.program(example);
    command.args([
        format!("net={}", case.net),
        format!("precision={precision}"),
        format!("threads={}", bench.threads),
        format!("warm_up={}", warm_up(case)),
        format!("steps={}", case.steps),
    ]);
    child::run(&mut command, &bench.empty("example")?)
}

fn theirs(bench: &Bench<'_>, case: &Case, precision: &str) -> Result<Ended> {
    let args = [
        ("--net", case.net.to_owned()),
        ("--precision", precision.to_owned()),
        ("--threads", bench.threads.to_string()),
        ("--warm-up", warm_up(case).to_string()),
        ("--steps", case.steps.to_string()),
    ];
    let args: Vec<String> = args.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect();
    bench.peer("step.py", &args)
}

/// The first steps allocate and let oneDNN pick and compile its kernels.
fn warm_up(case: &Case) -> usize {
    (case.steps / 4).max(3)
}

/// Times of different nets cannot be compared.
fn same_net(ours: &Value, theirs: &Value) -> Result<()> {
    let (ours, theirs) = (number(ours, "parameters")?, number(theirs, "parameters")?);
    if ours != theirs {
        bail!("the nets differ: {ours} parameters in Aconite, {theirs} in the peer");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nets_with_other_parameters_are_not_compared() {
        let of = |parameters: u64| json!({ "parameters": parameters });
        assert!(same_net(&of(421_642), &of(421_642)).is_ok());
        let error = same_net(&of(1), &of(2)).unwrap_err().to_string();
        assert!(error.contains("1 parameters") && error.contains("2 in the peer"), "{error}");
        assert!(same_net(&json!({}), &of(2)).is_err());
    }
}
