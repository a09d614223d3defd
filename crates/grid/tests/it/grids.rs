use serde_json::json;

use crate::mock::{parse, parse_with};

const HEAD: &str = "[dataset]\nkind = 'mini'\n";

fn with(rest: &str) -> String {
    format!("{HEAD}{rest}")
}

#[test]
fn defaults_are_filled_in_and_no_grid_is_one_point() {
    let e = parse(&with("")).unwrap();
    assert_eq!((e.points.len(), e.seeds.as_slice(), e.cells()), (1, &[0][..], 1));
    assert_eq!(
        e.points[0].settings,
        json!({
            "dataset": {"kind": "mini", "epochs": 1},
            "train": {"epochs": 1, "optimizer": {"kind": "sgd", "lr": 0.0}},
            "attack": {"kind": "none"}, "defense": {"kind": "none"}
        })
    );
}

#[test]
fn the_grid_is_the_product_with_outer_axes_first() {
    let e = parse(&with(
        "[attack]\nkind = 'badnets'\nrate = 0.5\n[grid]\n'attack.rate' = [0.1, 0.2]\nattack = [{kind = 'badnets', target = 3}, {kind = 'random_flip'}]\n'train.epochs' = [1, 2, 3]\n",
    ))
    .unwrap();
    assert_eq!(e.points.len(), 12);
    assert_eq!(e.axes, ["attack", "attack.rate", "train.epochs"]);
    let first = &e.points[0].settings;
    assert_eq!(first["attack"], json!({"kind": "badnets", "rate": 0.1, "target": 3}));
    assert_eq!(e.points[11].settings["attack"], json!({"kind": "random_flip", "rate": 0.2, "target": null}));
    assert_eq!(e.points[1].settings["train"]["epochs"], 2);
}

#[test]
fn an_axis_over_a_setting_does_not_multiply_none() {
    let e = parse(&with("[grid]\nattack = ['none', 'badnets']\n'attack.rate' = [0.1, 0.2, 0.3]\n")).unwrap();
    assert_eq!((e.points.len(), e.collapsed), (4, 2));
}

#[test]
fn unquoted_axes_short_kinds_aliases_and_nested_sections() {
    let e =
        parse(&with("[grid]\nattack.kind = ['badnets', 'label_flip']\ntrain.optimizer.lr = [0.1, 0.2]\n"))
            .unwrap();
    assert_eq!(e.points.len(), 4);
    assert_eq!(e.points[3].settings["attack"]["kind"], "random_flip");
    assert_eq!(e.points[3].settings["train"]["optimizer"], json!({"kind": "sgd", "lr": 0.2}));
    let e = parse(&with("[train]\noptimizer = 'adam'\n")).unwrap();
    assert_eq!(e.points[0].settings["train"]["optimizer"]["kind"], "adam");
}

#[test]
fn the_base_supplies_defaults_and_another_kind_drops_its_keys() {
    let e = parse("base = 'base.toml'\n[train]\n[attack]\ntarget = 1\n").unwrap();
    assert_eq!(e.seeds, [0, 1]);
    assert!(e.portable.starts_with("base = \"base.toml\"\n[train]"), "{}", e.portable);
    assert_eq!(e.points[0].settings["attack"], json!({"kind": "badnets", "rate": 0.3, "target": 1}));
    assert_eq!(e.points[0].settings["train"]["epochs"], 7);
    let e = parse("base = 'base.toml'\nseeds = [4, 2]\n[attack]\nkind = 'random_flip'\n").unwrap();
    assert_eq!(e.seeds, [4, 2]);
    assert_eq!(e.points[0].settings["attack"]["rate"], 0.1);
}

#[test]
fn the_command_line_wins_and_replaces_an_axis() {
    let text = with("[grid]\nattack = ['none', 'badnets']\n'attack.rate' = [0.1, 0.2]\n");
    let e = parse_with(&text, &["attack.rate=0.4", "defense.kind=filter"]).unwrap();
    assert_eq!(e.points.len(), 2);
    assert_eq!(e.points[1].settings["attack"]["rate"], 0.4);
    assert_eq!(e.points[1].settings["defense"]["kind"], "filter");
    assert_eq!(e.axes, ["attack"]);
}

#[test]
fn only_keeps_points_and_seeds() {
    let all =
        || parse(&format!("seeds = 3\n{}", with("[grid]\n'attack.kind' = ['badnets', 'none']\n"))).unwrap();
    assert!(all().keep_only(&["seed=5".parse().unwrap()]).is_err());
    // A kind by its path, or by its name alone.
    for kind in ["attack.kind", "attack"] {
        let mut e = all();
        e.keep_only(&[format!("{kind}=badnets").parse().unwrap(), "seed=2".parse().unwrap()]).unwrap();
        assert_eq!((e.points.len(), e.seeds.as_slice(), e.points[0].index), (1, &[2][..], 0));
        let error = e.keep_only(&[format!("{kind}=badnet").parse().unwrap()]).unwrap_err();
        assert!(error.hint.unwrap().contains("\"badnets\""));
    }
}

#[test]
fn claims_are_read_with_their_bounds() {
    let e = parse(&with(
        "[attack]\nkind = 'random_flip'\n[grid]\n'attack.rate' = [0.1, 0.2]\n\
         [[expect]]\nclaim = 'a'\nwhere = {attack.kind = 'label_flip', 'attack.rate' = 0.1}\nmetric = 'clean_accuracy'\nat_least = 0\n\
         [[expect]]\nclaim = 'b'\nmetric = 'class_accuracy_3'\npaper = 0.5\nwithin = 0.1\n\
         [[expect]]\nclaim = 'c'\nmetric = 'clean_accuracy'\nless_than = {where = {'attack.rate' = 0.2}, metric = 'recall'}\n",
    ))
    .unwrap();
    assert_eq!(e.expects.len(), 3);
    assert_eq!(e.matching(&e.expects[0].filter).count(), 1);
    assert_eq!(e.expects[1].bound.to_string(), "0.5 ± 0.1");
}

#[test]
fn a_setting_is_found_again_under_its_own_element() {
    let text =
        with("[grid]\nattack = [{kind = 'badnets', target = 3}, {kind = 'random_flip', target = 44}]\n");
    let e = parse(&text).unwrap();
    let place = e.place(&e.points[1], "attack.target").unwrap();
    assert_eq!((place.line, place.width), (4, 2));
    assert_eq!(&place.text[place.column - 1..][..2], "44");
    // A default has no place of its own: the kind that it belongs to is shown.
    let place = e.place(&e.points[1], "attack.rate").unwrap();
    assert_eq!(&place.text[place.column - 1..][..place.width], "'random_flip'");
    assert_eq!(e.place(&e.points[0], "defense.rate"), None);
}

#[test]
fn ten_thousand_points_are_quick_to_build() {
    let list = |n: usize| (0..n).map(|i| (i as f64 / 1000.0).to_string()).collect::<Vec<_>>().join(", ");
    let e = parse(&with(&format!(
        "[attack]\nkind = 'badnets'\n[grid]\n'attack.rate' = [{}]\n'train.optimizer.lr' = [{}]\n",
        list(100),
        list(100)
    )))
    .unwrap();
    assert_eq!(e.points.len(), 10_000);
}
