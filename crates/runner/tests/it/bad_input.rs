//! Bad input: exit 2 before anything is computed, with the file, the place and what to do.

use crate::program::{Ran, Sandbox};

fn refused(text: &str, says: &[&str]) {
    let sandbox = Sandbox::new();
    sandbox.write("e.toml", text);
    for command in ["check", "run"] {
        let ran = sandbox.run(&[command, "e.toml"]);
        expect(&ran, says);
        assert!(!sandbox.path("results/e/cells.csv").exists(), "nothing was run");
    }
}

fn expect(ran: &Ran, says: &[&str]) {
    assert_eq!(ran.code, Some(2), "{}\n{}", ran.out, ran.err);
    for text in says {
        assert!(ran.err.contains(text), "should say {text:?}:\n{}", ran.err);
    }
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
}

const HEAD: &str = "[dataset]\nkind = 'fashion_mnist_mini'\n";

fn with(rest: &str) -> String {
    format!("{HEAD}{rest}\n")
}

#[test]
fn keys_kinds_types_and_ranges() {
    refused(
        &with("[attack]\nkind = 'badnets'\nratee = 0.1"),
        &["unknown key \"ratee\"", "e.toml:5:1", "^^^^^", "\"rate\""],
    );
    refused(
        &with("[attack]\nkind = 'badnet'"),
        &["unknown kind \"badnet\"", "e.toml:4:8", "did you mean \"badnets\""],
    );
    refused(&with("[attack]\nkind = 'badnets'\nrate = 1.5"), &["1.5 is outside [0, 1]", "e.toml:5:8"]);
    refused(&with("[attack]\nkind = 'badnets'\nrate = 'x'"), &["invalid type", "e.toml:5:8"]);
    refused(&with("[grid]\n'attack.rate' = []"), &["the grid is empty", "e.toml:4:1"]);
    refused("base = 'gone.toml'\n", &["gone.toml", "cannot be read", "e.toml:1:8"]);
}

#[test]
fn settings_that_do_not_fit_the_data() {
    refused(
        &with("[attack]\nkind = 'badnets'\ntarget = 10"),
        &["class 10 is out of range", "0 to 9", "e.toml:5:10", "ankle boot"],
    );
    refused(
        &with("[grid]\nattack = [{ kind = 'sig', rate = 0.05 }, { kind = 'sig', rate = 0.3 }]"),
        &["only 1000 rows", "e.toml:4:65", "hint:"],
    );
    refused(&with("[attack]\nkind = 'badnets'\nsize = 40"), &["attack.size", "28"]);
    refused(
        &with("[train]\nepochs = 2\nschedule = { kind = 'step', milestones = [3] }"),
        &["never comes", "train.schedule"],
    );
    refused(
        "[dataset]\nkind = 'fashion_mnist_mini'\ntrain_size = 20000",
        &["train_size", "at most 10000", "e.toml:3:14"],
    );
}

#[test]
fn a_data_set_that_is_missing_or_damaged() {
    refused(
        "[dataset]\nkind = 'mnist'",
        &["mnist is not on this machine", "looked in", "ACONITE_DATA", "e.toml:2:8"],
    );
    let sandbox = Sandbox::new();
    sandbox.write("e.toml", "[dataset]\nkind = 'mnist'");
    for file in ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte"] {
        sandbox.write(&format!("data/mnist/{file}"), "short");
    }
    expect(&sandbox.run(&["check", "e.toml"]), &["not complete", "lacks t10k-labels-idx1-ubyte"]);
    sandbox.write("data/mnist/t10k-labels-idx1-ubyte", "short");
    expect(&sandbox.run(&["run", "e.toml"]), &["data/mnist/", "not an IDX file", "[73 68 6f 72]"]);
    sandbox.write("data/mnist/train-labels-idx1-ubyte", "\0\0\u{8}\u{1}\0\0");
    expect(
        &sandbox.run(&["run", "e.toml"]),
        &["train-labels-idx1-ubyte", "byte 6: the header is cut off, expected 8 bytes"],
    );
}

#[test]
fn folders_and_files() {
    let sandbox = Sandbox::new();
    sandbox.write("e.toml", HEAD);
    expect(&sandbox.run(&["run", "gone.toml"]), &["gone.toml", "hint:"]);
    sandbox.write("plain", "a file, not a folder");
    expect(
        &sandbox.run(&["run", "e.toml", "--out", "plain/below"]),
        &["results folder cannot be written", "--out"],
    );
    let ran: Ran =
        sandbox.command(&["run", "e.toml"]).env("ACONITE_STORE", "plain/store").output().unwrap().into();
    expect(&ran, &["the store at plain/store", "ACONITE_STORE"]);
    expect(&sandbox.run(&["report", "nowhere"]), &["nowhere holds no results"]);
    expect(&sandbox.run(&["verify", "e.toml"]), &["no results in results/e", "aconite run e.toml"]);
    expect(&sandbox.run(&["show", "badnet"]), &["unknown kind", "badnets"]);
    expect(&sandbox.run(&["list", "atacks"]), &["unknown family", "attack"]);
    expect(&sandbox.run(&["run", "e.toml", "--set", "nonsense"]), &["PATH=VALUE"]);
    expect(&sandbox.run(&["run", "e.toml", "--only", "attack.kind=sig"]), &["leaves no point"]);
    assert_eq!(sandbox.run(&["frobnicate"]).code, Some(2));
}

#[test]
fn attacks_and_defenses_that_do_not_fit() {
    let attack = |table: &str| with(&format!("[attack]\n{table}"));
    let defense = |table: &str| with(&format!("[defense]\n{table}"));
    refused(&attack("kind = 'label_consistent'\nepsilon = -1"), &["-1", "e.toml:5:11"]);
    refused(&attack("kind = 'blended'\nalpha = 1.5"), &["1.5", "e.toml:5:9"]);
    refused(&attack("kind = 'feature_collision'\npoisons = 5000"), &["1 to 1000", "e.toml:5:11"]);
    refused(&attack("kind = 'wanet'\nk = 40"), &["40", "e.toml:5:5"]);
    refused(&defense("kind = 'fine_tune'\nclean = 0.0"), &["clean", "e.toml:5:9"]);
    refused(&defense("kind = 'dpa'\nk = 20000"), &["1 to 10000", "e.toml:5:5"]);
    // In an impossible order: a repair has no rows to give to a filter, and two regimes are one too many.
    let chain = |steps: &str| defense(&format!("kind = 'chain'\nsteps = [{steps}]"));
    refused(
        &chain("{ kind = 'fine_prune' }, { kind = 'deep_knn' }"),
        &["deep_knn", "cannot follow fine_prune", "e.toml:"],
    );
    refused(&chain("{ kind = 'mixup' }, { kind = 'abl' }"), &["abl", "e.toml:"]);
    refused(&chain(""), &["steps", "e.toml:"]);
    refused(&chain("{ kind = 'fine_prun' }"), &["fine_prune", "e.toml:5:"]);
    // Pictures' attacks and nets' defenses on tables and trees of no net.
    let table = "[dataset]\nkind = 'breast_cancer'\n[victim]\nkind = 'svm'\n";
    refused(&format!("{table}[attack]\nkind = 'badnets'"), &["badnets", "image"]);
    for kind in ["fine_prune", "neural_cleanse", "abl", "nad"] {
        refused(&format!("{table}[defense]\nkind = '{kind}'"), &[kind, "e.toml:6:8"]);
    }
    let curved = format!("{table}kernel = 'rbf'\n[attack]\nkind = 'min_max_svm'");
    let soft = format!("{table}[attack]\nkind = 'gradient_svm'").replace("'svm'", "'logistic'");
    refused(&soft, &["gradient_svm", "support vector machine", "this logistic", "hint:"]);
    refused(&curved, &["min_max_svm", "linear", "e.toml:7:8", "hint:", "logistic"]);
}

#[test]
fn a_frog_is_boiled_by_the_detectors_own_retraining() {
    let cell = |victim: &str, attack: &str| {
        format!(
            "[dataset]\nkind = 'traffic'\n[attack]\nkind = 'boiling_frog'\nweeks = 1\nperiod = 100\n{attack}\n\
             [victim]\n{victim}\n"
        )
    };
    let victim = "kind = 'pca_subspace'\nperiod = 100";
    let sandbox = Sandbox::new();
    sandbox.write("fits.toml", &cell(victim, ""));
    sandbox.ok(&["check", "fits.toml"]);
    refused(&cell("kind = 'pca_subspace'", ""), &["trained once", "e.toml:4:8", "victim.period = 100"]);
    refused(
        &cell("kind = 'robust_pca'\nperiod = 90", ""),
        &["100 rows here, but 90", "e.toml:6:10", "hint:"],
    );
    refused(&cell(victim, "normal = 1"), &["class 1 here, but class 0", "e.toml:7:10"]);
    refused(&cell(victim, "rate = 0.001"), &["attack.rate", "100 rows are no row", "e.toml:7:8"]);
}

#[test]
fn a_rule_that_remembers_clients_stands_behind_none_that_mixes_them() {
    let chain = |history: bool, mixing: &str| {
        with(&format!(
            "[federation]\nkind = 'fed_avg'\nclients = 10\n[defense]\nkind = 'chain'\n\
             steps = [{{ kind = '{mixing}' }}, {{ kind = 'fools_gold', history = {history} }}]"
        ))
    };
    refused(&chain(true, "bucketing"), &["remembers clients", "history = false", "e.toml:"]);
    let sandbox = Sandbox::new();
    for (history, mixing) in [(false, "bucketing"), (true, "nnm")] {
        sandbox.write("e.toml", &chain(history, mixing));
        sandbox.ok(&["check", "e.toml"]);
    }
}
