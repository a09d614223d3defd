//! Federations through the program: attacks and rules work, a killed run goes on, what does not fit is refused, and
//! rules and attacks on updates run on matrices of one's own.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

use crate::program::{Sandbox, timeless};

/// Ten clients with 200 rows each and a linear victim.
fn federation(rest: &str) -> String {
    format!(
        "[dataset]\nkind = 'fashion_mnist_mini'\ntrain_size = 2000\n[victim]\nkind = 'linear'\n[train]\n\
         batch_size = 20\noptimizer = {{ kind = 'sgd', lr = 0.02, momentum = 0.0 }}\nschedule = {{ kind = \
         'constant' }}\n[evaluate]\ncontrols = false\n[federation]\nkind = 'fed_avg'\nclients = 10\nmalicious = 2\n{rest}"
    )
}

#[test]
fn updates_turn_the_mean_and_robust_rules_hold() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "e.toml",
        &federation(
            "rounds = 10\n[grid]\nattack = [{ kind = 'ipm', epsilon = 10 }, { kind = 'badnets', rate = 0.8, size = 5 }]\n\
             defense = ['none', 'median', 'krum', { kind = 'chain', steps = [{ kind = 'nnm' }, { kind = 'mean' }] }]\n",
        ),
    );
    sandbox.ok(&["run", "e.toml"]);
    let rows = sandbox.rows("results/e/cells.csv");
    let at = |attack: &str, defense: &str, metric: &str| -> f64 {
        let row = rows.iter().find(|r| r["attack.kind"] == attack && r["defense.kind"] == defense).unwrap();
        row[metric].parse().unwrap_or_else(|_| panic!("{attack} {defense}: no {metric}"))
    };
    // Seen: 0.100, and 0.737, 0.723, 0.727 under the rules.
    assert!(at("ipm", "none", "clean_accuracy") < 0.3);
    for rule in ["median", "krum", "chain"] {
        assert!(at("ipm", rule, "clean_accuracy") > 0.6, "{rule}");
    }
    assert_eq!(at("ipm", "krum", "malicious_rejected"), 1.0);
    assert!((at("ipm", "none", "malicious_weight") - 0.2).abs() < 1e-6);
    // A patch of 5×5 on four fifths of the rows of two clients. Seen: 0.476, under the rules 0.036 to 0.089.
    let backdoor = at("badnets", "none", "attack_success");
    assert!(backdoor > 0.3, "{backdoor}");
    assert!(at("badnets", "krum", "attack_success") < 0.15);
    let rounds = std::fs::read_dir(sandbox.path("results/e/rounds")).unwrap();
    assert_eq!(rounds.count(), rows.len());
    for figure in ["rounds", "clients", "heatmap"] {
        assert!(sandbox.path(&format!("results/e/figures/{figure}.png")).is_file(), "{figure}");
    }
}

/// The files of this name in the store.
fn entries(sandbox: &Sandbox, name: &str) -> Vec<PathBuf> {
    let below = |path: PathBuf| {
        std::fs::read_dir(path).into_iter().flatten().map(|entry| entry.unwrap().path()).collect::<Vec<_>>()
    };
    let shelves = below(sandbox.path("results/.store/objects"));
    let files = shelves.into_iter().flat_map(below).map(|entry| entry.join(name));
    files.filter(|file| file.is_file()).collect()
}

/// The seconds of each round of a list of rounds.
fn seconds(rounds: &serde_json::Value) -> Vec<f64> {
    rounds.as_array().unwrap().iter().map(|round| round["seconds"].as_f64().unwrap()).collect()
}

#[cfg(target_os = "linux")]
#[test]
fn a_killed_federation_goes_on_from_its_last_state_to_the_same_numbers() {
    let text = federation(
        "rounds = 60\ncheckpoint_every = 5\n[attack]\nkind = 'alie'\n[defense]\nkind = 'centered_clipping'\n",
    );
    let undisturbed = Sandbox::new();
    undisturbed.write("e.toml", &text);
    undisturbed.ok(&["run", "e.toml", "--jobs", "1"]);

    let sandbox = Sandbox::new();
    sandbox.write("e.toml", &text);
    let mut child = sandbox.command(&["run", "e.toml", "--jobs", "1"]).stderr(Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    let kept = loop {
        assert!(child.try_wait().unwrap().is_none(), "it ended before anything was kept");
        assert!(began.elapsed() < Duration::from_secs(60), "nothing was kept");
        // The rounds until a kept state of the attacked fit; those of its clean twin vanish when it is through.
        let mut manifests = entries(&sandbox, "state.safetensors").into_iter().filter_map(|state| {
            let text = std::fs::read_to_string(state.with_file_name("stage.json")).ok()?;
            Some(serde_json::from_str::<serde_json::Value>(&text).unwrap())
        });
        match manifests.find(|m| m["settings"]["attack"]["kind"] == "alie") {
            Some(manifest) => break seconds(&manifest["output"]["rows"]),
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    };
    let _ = std::process::Command::new("kill").args(["-9", &child.id().to_string()]).status();
    let _ = child.wait();
    sandbox.ok(&["run", "e.toml", "--jobs", "1"]);
    // Its rounds were not computed again: they have the seconds that they took before the kill.
    let goes_on = entries(&sandbox, "rounds.json").iter().any(|file| {
        let text = std::fs::read_to_string(file).unwrap();
        let whole: serde_json::Value = serde_json::from_str(&text).unwrap();
        seconds(&whole["rounds"]).starts_with(&kept)
    });
    assert!(kept.len() >= 5 && goes_on, "{kept:?}");
    let rows = |sandbox: &Sandbox| timeless(&sandbox.rows("results/e/cells.csv"));
    assert_eq!(rows(&sandbox), rows(&undisturbed));
    // What was kept on the way is gone.
    let stages = |sandbox: &Sandbox| {
        let told = sandbox.ok(&["store", "info", "--json"]).out;
        serde_json::from_str::<serde_json::Value>(&told).unwrap()["stages"].as_u64()
    };
    assert_eq!(stages(&sandbox), stages(&undisturbed));
}

#[test]
fn what_does_not_fit_a_federation_is_refused() {
    let refused = |text: &str, says: &[&str]| {
        let sandbox = Sandbox::new();
        sandbox.write("e.toml", text);
        let ran = sandbox.run(&["run", "e.toml"]);
        assert_eq!(ran.code, Some(2), "{}\n{}", ran.out, ran.err);
        for text in says.iter().chain(&["e.toml:"]) {
            assert!(ran.err.contains(text), "should say {text:?}:\n{}", ran.err);
        }
        assert!(!sandbox.path("results/e/cells.csv").exists(), "nothing was run");
    };
    let plain = "[dataset]\nkind = 'fashion_mnist_mini'\n";
    refused(&format!("{plain}[attack]\nkind = 'alie'\n"), &["alie", "[federation]"]);
    refused(&format!("{plain}[defense]\nkind = 'krum'\n"), &["krum", "[federation]"]);
    refused(&federation("rounds = 0\n"), &["rounds", "at least 1"]);
    refused(&federation("partition = { kind = 'label_skew', p = 1.5 }\n"), &["1.5"]);
    refused(
        &federation("attackers_see = 'own'\n[attack]\nkind = 'fang_trim'\n"),
        &["fang_trim", "all_updates"],
    );
    refused(&federation("[attack]\nkind = 'gradient_matching'\n"), &["inside a client"]);
    refused(&federation("[defense]\nkind = 'deep_knn'\n"), &["deep_knn", "spread over clients"]);
    refused(&federation("[defense]\nkind = 'bulyan'\nf = 2\n"), &["bulyan", "11", "10"]);
    refused(&federation("[attack]\nkind = 'model_replacement'\n"), &["a backdoor is missing", "badnets"]);
    let many = federation("[defense]\nkind = 'krum'\n").replace("malicious = 2", "malicious = 10");
    refused(&many, &["10 of 10 clients", "malicious"]);
    let other = federation("").replace("kind = 'linear'", "kind = 'svm'");
    refused(&other, &["svm"]);
}

/// A safetensors file with a matrix `updates`.
fn write(sandbox: &Sandbox, name: &str, rows: &[&[f32]]) {
    let bytes: Vec<u8> = rows.iter().flat_map(|row| row.iter()).flat_map(|v| v.to_le_bytes()).collect();
    let view = TensorView::new(Dtype::F32, vec![rows.len(), rows[0].len()], &bytes).unwrap();
    let file = safetensors::serialize([("updates", view)], None).unwrap();
    std::fs::write(sandbox.path(name), file).unwrap();
}

fn read(sandbox: &Sandbox, name: &str, tensor: &str) -> (Vec<usize>, Vec<f32>) {
    let bytes = std::fs::read(sandbox.path(name)).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let view = file.tensor(tensor).unwrap();
    let four = view.data().chunks_exact(4);
    (view.shape().to_vec(), four.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
}

#[test]
fn rules_and_attacks_run_on_matrices_of_ones_own() {
    let sandbox = Sandbox::new();
    write(&sandbox, "u.safetensors", &[&[0.0, 1.0], &[1.0, 3.0], &[2.0, 2.0], &[3.0, 2.0], &[90.0, -90.0]]);
    let aggregate = |rule: &[&str]| {
        let args = [&["aggregate", "--rule"], rule, &["--input", "u.safetensors", "--out", "v.safetensors"]];
        sandbox.run(&args.concat())
    };
    // numpy.median(u, axis=0)
    assert_eq!(aggregate(&["median"]).code, Some(0));
    assert_eq!(read(&sandbox, "v.safetensors", "aggregate"), (vec![2], vec![2.0, 2.0]));
    // Sums over the 5 − 1 − 2 = 2 nearest: 5 + 5, 2 + 5, 1 + 2, 1 + 5, …
    assert_eq!(aggregate(&["krum", "--set", "f=1"]).code, Some(0));
    assert_eq!(read(&sandbox, "v.safetensors", "aggregate").1, [2.0, 2.0]);
    let ran = aggregate(&["krum", "--set", "f=2"]);
    assert!(ran.code == Some(2) && ran.err.contains("u.safetensors") && ran.err.contains('7'), "{}", ran.err);
    let ran = aggregate(&["krumm"]);
    assert!(ran.code == Some(2) && ran.err.contains("did you mean \"krum\""), "{}", ran.err);
    assert_eq!(aggregate(&["deep_knn"]).code, Some(2));

    // Three honest clients and one malicious: IPM sends −ε times their mean.
    write(&sandbox, "u.safetensors", &[&[1.0, 2.0], &[2.0, 2.0], &[3.0, 5.0]]);
    let craft = |set: &[&str]| {
        let args = [
            &["craft", "--attack", "ipm", "--input", "u.safetensors", "--out", "m.safetensors", "--set"],
            set,
        ];
        sandbox.run(&args.concat())
    };
    assert_eq!(craft(&["n=4", "m=1", "epsilon=0.5"]).code, Some(0));
    assert_eq!(read(&sandbox, "m.safetensors", "malicious"), (vec![1, 2], vec![-1.0, -1.5]));
    let ran = craft(&["n=9", "m=1"]);
    assert!(ran.code == Some(2) && ran.err.contains("3 honest updates"), "{}", ran.err);
    sandbox.write("u.safetensors", "not tensors");
    let ran = craft(&["m=1"]);
    assert!(ran.code == Some(2) && ran.err.contains("u.safetensors"), "{}", ran.err);
}
