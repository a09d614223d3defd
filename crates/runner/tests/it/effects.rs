//! Every algorithm once, end to end, on embedded data: the attack works, the defense does what it can.

use crate::program::{Row, Sandbox};

const EXPERIMENT: &str = "\
seeds = 1
[dataset]
kind = 'fashion_mnist_mini'
train_size = 2000
[train]
epochs = 5
batch_size = 64
[grid]
attack = [
  { kind = 'random_flip', rate = 0.3 },
  { kind = 'random_flip', rate = 0.05, source = 1, target = 3 },
  { kind = 'badnets', rate = 0.05, fill = 'checkerboard' },
  { kind = 'sig', rate = 0.08, delta = 80 },
]
defense = [
  'none',
  { kind = 'spectral_signatures', scope = 'target_class' },
  'deep_knn',
  'random_filter',
  'perfect_filter',
]
";

#[test]
fn attacks_work_and_defenses_lower_what_they_can() {
    let sandbox = Sandbox::new();
    sandbox.write("e.toml", EXPERIMENT);
    sandbox.ok(&["run", "e.toml"]);
    let rows = sandbox.rows("results/e/cells.csv");
    assert_eq!(rows.len(), 20);
    let at = |attack: &str, pair: bool, defense: &str, metric: &str| -> f64 {
        let found: Vec<&Row> = rows
            .iter()
            .filter(|r| r["attack.kind"] == attack && r["defense.kind"] == defense)
            .filter(|r| r["attack.source"].is_empty() != pair)
            .collect();
        assert_eq!(found.len(), 1, "{attack} {defense}");
        found[0][metric].parse().unwrap_or_else(|_| panic!("{attack} {defense}: no {metric}"))
    };
    let success = |attack, defense| at(attack, false, defense, "attack_success");

    // The attacks without a defense. What was seen stands behind; the bounds leave room for another
    // processor's last bits.
    assert!(success("badnets", "none") > 0.9); // 0.987
    assert!(at("badnets", false, "none", "accuracy_drop") < 0.05); // -0.010
    assert!(success("sig", "none") > 0.4); // 0.734, clean-label, 80 % of the target class
    assert!(success("random_flip", "none") > 0.005); // 0.028, availability: accuracy is lost
    // Half of the trousers are called dresses.
    assert!(at("random_flip", true, "none", "attack_success") > 0.2); // 0.405
    assert_eq!(at("random_flip", true, "none", "poisons"), 100.0);

    // The control arms frame what a filter can do.
    for attack in ["badnets", "sig"] {
        assert_eq!(at(attack, false, "perfect_filter", "recall"), 1.0);
        assert_eq!(at(attack, false, "perfect_filter", "false_positive_rate"), 0.0);
        assert!(success(attack, "perfect_filter") < 0.15); // 0.013, 0.001
        let chance = at(attack, false, "random_filter", "auroc");
        assert!((0.35..0.65).contains(&chance), "a random filter knows nothing: {chance}");
        assert!(success(attack, "random_filter") > 0.35); // 0.988, 0.623
    }
    assert!(at("random_flip", true, "perfect_filter", "attack_success") < 0.15); // 0.04

    // Each filter where it is meant to work, and deep k-NN where it is not: poisons are each other's neighbours.
    for attack in ["badnets", "sig"] {
        assert!(at(attack, false, "spectral_signatures", "recall") > 0.6); // 0.82, 1.00
        assert!(success(attack, "spectral_signatures") < success(attack, "none") - 0.3); // 0.012, 0.000
    }
    assert!(at("random_flip", false, "deep_knn", "auroc") > 0.9); // 0.974
    assert!(at("random_flip", false, "deep_knn", "recall") > 0.8); // 0.958
    assert!(at("badnets", false, "deep_knn", "recall") < 0.5); // 0.26

    for file in ["summary.csv", "provenance.json", "experiment.toml", "report.html", "report.md"] {
        assert!(sandbox.path("results/e").join(file).is_file(), "{file}");
    }
    for folder in ["figures", "tables", "ledger", "samples"] {
        assert!(std::fs::read_dir(sandbox.path("results/e").join(folder)).unwrap().count() > 0, "{folder}");
    }
}

/// What the quickstart has not: the other shapes of attack and defense, each once.
const SHAPES: &str = "\
seeds = 1
[dataset]
kind = 'fashion_mnist_mini'
train_size = 2000
[train]
epochs = 6
batch_size = 64
[attack]
kind = 'badnets'
rate = 0.1
[grid]
defense = [
  'none',
  'activation_clustering',
  'spectre',
  'confident_learning',
  'slab',
  'mixup',
  { kind = 'fine_prune', epochs = 5, lr = 0.05 },
  { kind = 'strip', inputs = 200, n = 20 },
  { kind = 'neural_cleanse', steps = 40 },
  { kind = 'dpa', k = 5 },
  { kind = 'chain', steps = [{ kind = 'spectral_signatures' }, { kind = 'mixup' }, { kind = 'fine_tune', epochs = 2 }] },
]
";

#[test]
fn every_shape_of_defense_leaves_its_numbers() {
    let sandbox = Sandbox::new();
    sandbox.write("e.toml", SHAPES);
    sandbox.ok(&["run", "e.toml"]);
    let rows = sandbox.rows("results/e/cells.csv");
    assert_eq!(rows.len(), 11);
    let at = |defense: &str, metric: &str| -> f64 {
        let row = rows.iter().find(|r| r["defense.kind"] == defense).unwrap();
        row[metric].parse().unwrap_or_else(|_| panic!("{defense}: no {metric}"))
    };
    assert!(at("none", "attack_success") > 0.9);
    for filter in ["activation_clustering", "spectre", "confident_learning", "slab", "chain"] {
        for metric in ["auroc", "recall", "false_positive_rate", "precision", "removed", "average_precision"]
        {
            assert!(at(filter, metric) >= 0.0, "{filter} {metric}");
        }
        // The control arms stand beside it: a random filter of the same size, the perfect one, the clean twin.
        for arm in ["random_filter_attack_success", "perfect_filter_attack_success", "twin_clean_accuracy"] {
            assert!((0.0..=1.0).contains(&at(filter, arm)), "{filter} {arm}");
        }
        assert!(at(filter, "perfect_filter_attack_success") < 0.15, "{filter}");
    }
    assert!(at("strip", "tpr") > at("strip", "fpr"));
    let anomalies: Vec<f64> = (0..10).map(|c| at("neural_cleanse", &format!("anomaly_index_{c}"))).collect();
    assert!(anomalies[1..].iter().all(|other| *other < anomalies[0]), "the target stands out: {anomalies:?}");
    let certified = at("dpa", "certified_accuracy_at_1");
    assert!(certified > 0.4 && certified <= at("dpa", "clean_accuracy"), "{certified}");
    for defense in ["mixup", "fine_prune", "dpa"] {
        assert!(at(defense, "clean_accuracy") > 0.5, "{defense}");
    }
    for folder in ["detections", "certificates"] {
        assert!(std::fs::read_dir(sandbox.path("results/e").join(folder)).unwrap().count() > 0, "{folder}");
    }
}

#[test]
fn chosen_inputs_are_misread_by_victims_that_learn_from_frozen_features() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "e.toml",
        "[dataset]\nkind = 'fashion_mnist_mini'\nclasses = [7, 9]\ntrain_size = 200\n[victim]\nkind = 'mlp'\n\
         hidden = [1024]\n[train]\ntransfer = 'head'\nepochs = 40\nbatch_size = 64\nprecision = 'bf16'\noptimizer = { kind = 'adam', lr = \
         0.01 }\nschedule = { kind = 'constant' }\n[attack]\nkind = 'feature_collision'\npoisons = 8\ntrials = 5\n\
         watermark = 0.3\nbeta = 1e-5\n",
    );
    sandbox.ok(&["run", "e.toml"]);
    let row = &sandbox.rows("results/e/cells.csv")[0];
    let number = |metric: &str| row[metric].parse::<f64>().unwrap();
    assert!(number("attack_success") >= 0.6, "{}", row["attack_success"]);
    // Wilson's interval over the trials of the seed.
    assert!(number("attack_success_wilson_lo") < number("attack_success"));
}

/// The spam filter, with what belongs to it and with what does not.
const SPAM: &str = "\
seeds = 1
[dataset]
kind = 'sms_spam'
folds = 10
[victim]
kind = 'spambayes'
[evaluate]
controls = false
predictions = true
[grid]
attack = [
  'none',
  { kind = 'dictionary', rate = 0.05 },
  { kind = 'optimal', rate = 0.01 },
  { kind = 'focused', p = 0.9, trials = 2 },
  { kind = 'random_flip', rate = 0.05, source = 1, target = 0 },
]
defense = ['none', { kind = 'roni', threshold = 3.0 }, 'dynamic_threshold', { kind = 'l2', space = 'features' }]
";

#[test]
fn a_dictionary_harms_the_spam_filter_and_its_defenses_mend_it() {
    let sandbox = Sandbox::new();
    sandbox.write("e.toml", SPAM);
    sandbox.ok(&["run", "e.toml"]);
    let rows = sandbox.rows("results/e/cells.csv");
    assert_eq!(rows.len(), 20);
    let at = |attack: &str, defense: &str, metric: &str| -> f64 {
        let row = rows.iter().find(|r| r["attack.kind"] == attack && r["defense.kind"] == defense).unwrap();
        row[metric].parse().unwrap_or_else(|_| panic!("{attack} {defense}: no {metric}"))
    };
    // Seen: 0.008 and 0.18 clean, 0.98 and 1.00 attacked.
    assert!(at("none", "none", "ham_as_spam") < 0.02 && at("none", "none", "ham_not_delivered") < 0.3);
    assert!(at("dictionary", "none", "ham_as_spam") > 0.8);
    assert!(at("dictionary", "none", "ham_not_delivered") > 0.95);
    assert!(at("optimal", "none", "ham_not_delivered") > 0.95);
    assert_eq!(at("dictionary", "none", "poisons"), 264.0); // round(0.05/0.95·5017)
    assert_eq!(at("dictionary", "roni", "recall"), 1.0);
    assert!(at("dictionary", "roni", "false_positive_rate") < 0.005); // 0.0004, two messages
    assert!(at("dictionary", "roni", "ham_as_spam") < 0.02);
    assert!(at("dictionary", "dynamic_threshold", "ham_as_spam") < 0.2);
    for metric in ["target_as_spam", "target_not_delivered", "attack_success"] {
        assert!(at("focused", "none", metric) > 0.4, "{metric}");
    }
    assert!(at("random_flip", "none", "spam_not_caught") > at("none", "none", "spam_not_caught"));
    // 5 % of each class go: of the spam, of which the 264 dictionaries lie farthest from the mean, 46 dictionaries.
    assert_eq!(at("dictionary", "l2", "removed"), 263.0); // 217 of the ham
    assert_eq!((at("dictionary", "l2", "recall") * 264.0).round(), 46.0);
    assert!(std::fs::read_dir(sandbox.path("results/e/predictions")).unwrap().count() >= 20);

    // Other victims on the same texts, and what does not fit.
    sandbox.write(
        "f.toml",
        "[dataset]\nkind = 'sms_spam'\ntrain_size = 400\n[attack]\nkind = 'dictionary'\nrate = 0.05\n[grid]\n\
         victim = ['naive_bayes', { kind = 'logistic', words = { size = 300 } }, { kind = 'svm', words = { size = 300 } }]\n\
         defense = ['none', 'deep_knn', { kind = 'roni', trusted = 0, draws = 1, train = 10, validate = 20, threshold = 8 }]\n",
    );
    sandbox.ok(&["run", "f.toml", "--only", "victim.kind=naive_bayes"]);
    sandbox.ok(&["run", "f.toml", "--only", "defense.kind=none"]);
    let rows = sandbox.rows("results/f/cells.csv");
    assert!(rows.iter().all(|r| r["status"] == "done" && r["clean_accuracy"].parse::<f64>().unwrap() > 0.4));
    sandbox.write(
        "g.toml",
        "[dataset]\nkind = 'sms_spam'\n[victim]\nkind = 'naive_bayes'\n[defense]\nkind = 'dynamic_threshold'\n",
    );
    let ran = sandbox.run(&["check", "g.toml"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("has none") && ran.err.contains("spambayes"), "{}", ran.err);
}
