//! Files that change between the plan and the stage.

use aconite_plan::StageName;
use serde_json::json;

use super::*;

const CHANGED: &str = "changed since the run began (hint: run the experiment again)";

fn stage(settings: Value) -> Stage {
    Stage { key: Key::of(&settings), name: StageName::Poison, settings, inputs: Vec::new() }
}

fn write(path: &std::path::Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

#[test]
fn a_data_set_that_changed_is_an_error_of_the_stage() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("own.csv");
    let table = |value: u8| format!("x,y,label\n{}", format!("1,2,a\n3,{value},b\n").repeat(10));
    write(&path, &table(4));
    let settings = json!({ "kind": "csv", "path": path, "standardise": false });
    let places = Places::from_env();
    let content = families::source(&settings).unwrap().fingerprint(&places).unwrap();
    let planned = stage(json!({ "seed": 0, "data": { "settings": settings, "content": content } }));
    let shop = || Workshop::new(Store::open(&dir.path().join("store")).unwrap());
    let mut early = shop();
    early.split(&planned).unwrap();
    write(&path, &table(5));
    early.split(&planned).expect("what was read before the change is what the plan was made for");
    let failure = shop().split(&planned).unwrap_err();
    assert_eq!(failure.to_string(), format!("the data set's files have {CHANGED}"));
    // And who plans now reads what is there now, in whatever worker.
    let content = families::source(&settings).unwrap().fingerprint(&places).unwrap();
    let anew = stage(json!({ "seed": 0, "data": { "settings": settings, "content": content } }));
    assert_ne!(early.split(&anew).unwrap().train.rows(), early.split(&planned).unwrap().train.rows());
}

#[test]
fn an_attack_s_file_that_changed_is_an_error_of_the_stage() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("words");
    write(&path, "one\ntwo\n");
    let settings = json!({ "kind": "dictionary", "list": path });
    let content = families::attack(&settings).unwrap().content().unwrap().unwrap();
    let versions = json!({ "attack": { "code": 1, "content": content } });
    let attacked = stage(json!({ "attack": settings, "versions": versions }));
    // The clean line of the same cell reads no list.
    let clean = stage(json!({ "attack": { "kind": "none" }, "versions": versions }));
    assert!(attack(&attacked).is_ok() && attack(&clean).is_ok());
    write(&path, "one\nthree\n");
    let failure = Failure::from(attack(&attacked).err().unwrap());
    assert_eq!(failure.to_string(), format!("the attack's file has {CHANGED}"));
    assert!(attack(&clean).is_ok());
    std::fs::remove_file(&path).unwrap();
    assert!(attack(&attacked).is_err());
}
