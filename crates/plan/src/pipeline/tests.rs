//! Cells and the stages that they need.

use super::*;
use crate::cell::AttackFacts;

fn facts(steps: &[(&str, StepRole)]) -> CellFacts {
    let step = |(kind, role): &(&str, StepRole)| Step {
        settings: json!({ "kind": kind }),
        version: 1,
        role: *role,
        told: false,
    };
    CellFacts {
        fingerprint: "f".into(),
        versions: json!({"attack": 1}),
        steps: steps.iter().map(step).collect(),
        ..CellFacts::default()
    }
}

const READS: StepRole = StepRole::Filter { model: true, folds: None, victim: false, control: false };
const LOOKS: StepRole = StepRole::Filter { model: false, folds: None, victim: false, control: false };

fn env() -> Environment {
    Environment { libtorch: "2".into(), isa: "avx2".into() }
}

fn settings(attack: &str, defense: &str) -> Value {
    json!({
        "dataset": {"kind": "d"}, "victim": {"kind": "v"}, "train": {"epochs": 1, "threads": 1},
        "attack": {"kind": attack}, "defense": {"kind": defense}, "evaluate": {}
    })
}

fn names(plan: &Plan) -> Vec<&'static str> {
    plan.stages.iter().map(|s| s.name.as_str()).collect()
}

#[test]
fn an_undefended_clean_cell_is_its_own_twin() {
    let mut plan = Plan::new();
    plan.add(&settings("none", "none"), 0, &facts(&[]), &env());
    assert_eq!(names(&plan), ["fit", "evaluate"]);
    assert_eq!(plan.cells[0].twin, plan.cells[0].lines[0].evaluate);
}

#[test]
fn the_attacked_model_is_trained_once_and_serves_every_defense() {
    let mut plan = Plan::new();
    plan.add(&settings("a", "none"), 0, &facts(&[]), &env());
    plan.add(&settings("a", "f"), 0, &facts(&[("f", READS)]), &env());
    plan.add(&settings("a", "g"), 0, &facts(&[("g", READS)]), &env());
    plan.add(&settings("a", "r"), 0, &facts(&[("r", LOOKS)]), &env());
    // twin: fit, evaluate; poison, fit, evaluate; features once; three filters with refit and evaluate.
    assert_eq!(plan.stages.len(), 2 + 3 + 1 + 9);
    assert_eq!(plan.cells[1].stage("features"), plan.cells[2].stage("features"));
    assert_eq!(plan.cells[0].stage("fit"), plan.cells[1].stage("fit"));
    // The last filter looks at no model: only what it left is trained on.
    assert_eq!(plan.unshared(), 5 + 8 + 8 + 6);
    for (i, stage) in plan.stages.iter().enumerate() {
        assert!(stage.inputs.iter().all(|(_, key)| plan.find(key).unwrap() < i));
    }
}

#[test]
fn chains_share_their_beginning_and_repairs_follow_the_refit() {
    let (regime, repair) = (("g", StepRole::Regime), ("p", StepRole::Repair));
    let mut plan = Plan::new();
    let mut add = |steps: &[(&str, StepRole)]| {
        plan.add(&settings("a", "chain"), 0, &facts(steps), &env());
        plan.cells.last().unwrap().lines[0].stages.iter().map(|(name, _)| *name).collect::<Vec<_>>()
    };
    assert_eq!(add(&[("f", READS), repair]), ["fit", "features", "filter", "refit", "repair", "evaluate"]);
    let before = plan.stages.len();
    let mut add = |steps: &[(&str, StepRole)]| {
        plan.add(&settings("a", "chain"), 0, &facts(steps), &env());
        plan.cells.last().unwrap().lines[0].stages.iter().map(|(name, _)| *name).collect::<Vec<_>>()
    };
    // Regime and repair on what the same filter left: its stages are there already.
    let all = add(&[("f", READS), regime, repair]);
    assert_eq!(all, ["fit", "features", "filter", "refit", "repair", "evaluate"]);
    assert_eq!(plan.stages.len() - before, 3);
    // A second filter looks at the model that was trained on what the first left.
    plan.add(&settings("a", "chain"), 0, &facts(&[("f", READS), ("h", READS)]), &env());
    let names: Vec<&str> = plan.cells[2].lines[0].stages.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["fit", "features", "filter", "refit", "features", "filter", "refit", "evaluate"]);
    plan.add(&settings("a", "d"), 0, &facts(&[("d", StepRole::Detector)]), &env());
    let names: Vec<&str> = plan.cells[3].lines[0].stages.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["fit", "detect", "evaluate"]);
    plan.add(&settings("a", "c"), 0, &facts(&[("c", StepRole::Certificate)]), &env());
    let names: Vec<&str> = plan.cells[4].lines[0].stages.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["fit", "certify", "evaluate"]);
}

#[test]
fn trials_share_the_poison_stage_and_nothing_else() {
    let mut plan = Plan::new();
    let attack = AttackFacts { trials: 3, surrogate: true, targets: true, ..AttackFacts::default() };
    plan.add(&settings("a", "none"), 0, &CellFacts { attack, ..facts(&[]) }, &env());
    // The twin's fit and evaluation; surrogate and poison; three times fit and evaluation.
    assert_eq!(plan.stages.len(), 2 + 2 + 6);
    assert_eq!(plan.cells[0].lines.len(), 3);
    assert_eq!(plan.stages[plan.cells[0].lines[2].evaluate].settings["trial"], 2);
}

#[test]
fn a_victim_that_transfers_starts_where_the_attack_looks() {
    let mut transfer = settings("a", "none");
    transfer["train"]["transfer"] = "head".into();
    let mut plan = Plan::new();
    let attack = AttackFacts { surrogate: true, ..AttackFacts::default() };
    plan.add(&transfer, 0, &CellFacts { attack, ..facts(&[]) }, &env());
    let surrogate = &plan.stages[plan.cells[0].surrogate.unwrap()];
    assert_eq!(surrogate.settings["train"]["transfer"], "none");
    let fit = &plan.stages[plan.cells[0].stage("fit").unwrap()];
    assert_eq!(fit.input("start"), Some(&surrogate.key));
    let twin = plan.stages[plan.cells[0].twin].input("model").unwrap();
    assert_eq!(plan.stages[plan.find(twin).unwrap()].input("start"), Some(&surrogate.key));
}

#[test]
fn control_arms_frame_a_filter_and_the_twin_s_is_shared_between_attacks() {
    let mut plan = Plan::new();
    let with = |steps| CellFacts { controls: true, ..facts(steps) };
    plan.add(&settings("a", "f"), 0, &with(&[("f", READS)]), &env());
    let controls = |cell: usize, plan: &Plan| {
        plan.cells[cell].controls.iter().map(|(c, line)| (*c, line.evaluate)).collect::<Vec<_>>()
    };
    let first = controls(0, &plan);
    assert_eq!(
        first.iter().map(|c| c.0.prefix()).collect::<Vec<_>>(),
        ["twin", "random_filter", "perfect_filter"]
    );
    plan.add(&settings("b", "f"), 0, &with(&[("f", READS)]), &env());
    let second = controls(1, &plan);
    assert_eq!(first[0], second[0], "it is told nothing: the clean twin's line is the same");
    assert!(first[1] != second[1] && first[2] != second[2]);
    let all = plan.cells[0].all();
    assert!(first.iter().all(|(_, evaluate)| all.contains(evaluate)));
    plan.add(&settings("a", "g"), 0, &with(&[("g", READS)]), &env());
    let third = controls(2, &plan);
    assert!(third[1] != first[1] && third[2] == first[2], "chance depends on the size, truth does not");
}

#[test]
fn attacks_of_different_versions_share_the_twin_of_a_federation() {
    let mut plan = Plan::new();
    let mut add = |version: Value| {
        let versions = json!({ "attack": version });
        let facts = CellFacts { federated: true, versions, ..facts(&[]) };
        let federated = json!({ "kind": "fed_avg", "attack_from": 0 });
        let mut settings = settings("a", "none");
        settings["federation"] = federated;
        plan.add(&settings, 0, &facts, &env());
        let cell = plan.cells.last().unwrap();
        (cell.twin_fit.unwrap(), cell.stage("fit").unwrap())
    };
    let (first, other) = (add(1.into()), add(json!({ "code": 2, "content": "words" })));
    assert_eq!(first.0, other.0, "nobody attacks the clean twin");
    assert_ne!(first.1, other.1);
}

#[test]
fn what_came_later_and_is_not_set_counts_for_nothing() {
    let before = settings("a", "none");
    let mut now = before.clone();
    now["dataset"]["folds"] = Value::Null;
    now["evaluate"]["groups"] = Value::Null;
    now["stream"] = json!({ "kind": "none", "windows": 10 });
    assert_eq!(as_before(&now), before);
    let mut set = now.clone();
    set["dataset"]["folds"] = 5.into();
    set["evaluate"]["groups"] = "region".into();
    set["stream"]["kind"] = "every".into();
    assert_eq!(as_before(&set), set);
}

#[test]
fn who_is_told_depends_on_the_attack() {
    let mut plan = Plan::new();
    let mut told = CellFacts { controls: true, ..facts(&[("f", READS)]) };
    told.steps[0].told = true;
    plan.add(&settings("a", "f"), 0, &told, &env());
    let (_, twin) = &plan.cells[0].controls[0];
    let filter = &plan.stages[twin.filter.unwrap()];
    let poison = &plan.stages[plan.cells[0].poison.unwrap()];
    assert_eq!(filter.input("poison"), None, "the twin is clean");
    assert_eq!(filter.input("believed"), Some(&poison.key), "but the defense believes what it is told");
}

#[test]
fn out_of_sample_scores_are_a_fit_and_a_pass_per_fold() {
    let mut plan = Plan::new();
    let role = StepRole::Filter { model: false, folds: Some(3), victim: false, control: false };
    plan.add(&settings("a", "f"), 0, &facts(&[("f", role)]), &env());
    let filter = &plan.stages[plan.cells[0].filter().unwrap()];
    assert!((0..3).all(|fold| filter.input(&format!("fold{fold}")).is_some()));
    assert_eq!(plan.cells[0].lines[0].stages.iter().filter(|(name, _)| *name == "folds").count(), 6);
}

#[test]
fn a_part_of_a_plan_holds_what_it_needs_and_no_more() {
    let mut plan = Plan::new();
    plan.add(&settings("a", "f"), 0, &facts(&[("f", READS)]), &env());
    plan.add(&settings("b", "none"), 0, &facts(&[]), &env());
    let part = plan.upto(&[plan.cells[0].filter().unwrap()]);
    assert_eq!(names(&part), ["poison", "fit", "features", "filter"]);
    assert!(part.cells.is_empty() && part.sizes.len() == 4);
    assert_eq!(part.find(&part.stages[2].key), Some(2));
}

#[test]
fn everything_that_matters_changes_the_key_and_nothing_else_does() {
    let base = |change: &dyn Fn(&mut Value, &mut CellFacts, &mut Environment, &mut u64)| {
        let (mut s, mut f, mut e, mut seed) = (settings("a", "none"), facts(&[]), env(), 0);
        change(&mut s, &mut f, &mut e, &mut seed);
        let mut plan = Plan::new();
        plan.add(&s, seed, &f, &e);
        let cell = &plan.cells[0];
        (plan.stages[cell.stage("fit").unwrap()].key.clone(), plan.stages[cell.lines[0].evaluate].key.clone())
    };
    let (fit, evaluate) = base(&|_, _, _, _| ());
    let same = base(&|s, _, _, _| {
        // The order of sections is not part of a result.
        let reversed: serde_json::Map<String, Value> =
            s.as_object().unwrap().clone().into_iter().rev().collect();
        *s = Value::Object(reversed);
    });
    assert_eq!((fit.clone(), evaluate.clone()), same);
    type Change = &'static dyn Fn(&mut Value, &mut CellFacts, &mut Environment, &mut u64);
    let fits: [Change; 8] = [
        &|s, _, _, _| s["train"]["epochs"] = 2.into(),
        &|s, _, _, _| s["train"]["threads"] = 2.into(),
        &|s, _, _, _| s["attack"]["rate"] = 2.into(),
        &|s, _, _, _| s["dataset"]["kind"] = "e".into(),
        &|_, f, _, _| f.fingerprint = "g".into(),
        &|_, _, e, _| e.libtorch = "3".into(),
        &|_, _, e, _| e.isa = "avx512".into(),
        &|_, _, _, seed| *seed = 1,
    ];
    for change in fits {
        let changed = base(change);
        assert!(changed.0 != fit && changed.1 != evaluate);
    }
    let changed = base(&|_, f, _, _| f.versions["attack"] = 2.into());
    assert_ne!(changed.0, fit, "the poison's key is an input of the fit");
    let changed = base(&|s, _, _, _| s["evaluate"]["asr_scope"] = "all".into());
    assert!(changed.0 == fit && changed.1 != evaluate, "evaluation does not touch training");
}
