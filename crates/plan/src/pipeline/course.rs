//! What the one fit of a federation or of a stream is made of: its rounds or windows, who attacks in them, and how they
//! are looked at on the way.

use serde_json::{Value, json};

use super::{Parts, Route, attack};
use crate::cell::{Step, StepRole};

/// Adds it to the settings of a fit; nothing where the victim is trained once.
pub(super) fn add(settings: &mut Value, parts: &Parts<'_>, route: Route<'_>) {
    if parts.facts.federated {
        federation(settings, parts, route);
    }
    if parts.facts.streamed {
        stream(settings, parts, route);
    }
    if parts.facts.federated || parts.facts.streamed {
        settings["attack"] = attack(parts, route);
        if let Some(version) = parts.attack_version(route) {
            settings["versions"]["attack"] = version;
        }
        let evaluate = parts.part("evaluate");
        settings["evaluate"] = json!({ "asr_scope": evaluate["asr_scope"] });
        // A stream tells its groups after every window.
        if let (true, Some(groups)) = (parts.facts.streamed, evaluate.get("groups")) {
            settings["evaluate"]["groups"] = groups.clone();
        }
    }
}

fn federation(settings: &mut Value, parts: &Parts<'_>, route: Route<'_>) {
    let rules: Vec<&Step> = route.steps.iter().filter(|s| s.role == StepRole::Rule).collect();
    settings["federation"] = parts.part("federation");
    // Who is malicious means nothing where nobody attacks and no rule is told how many there are.
    if !route.attacked
        && rules.is_empty()
        && let Some(federation) = settings["federation"].as_object_mut()
    {
        for key in ["malicious", "malicious_share", "attackers_see", "attack_from", "attack_until"] {
            federation.shift_remove(key);
        }
    }
    // Rounds take the place of epochs.
    if let Some(train) = settings["train"].as_object_mut() {
        train.shift_remove("epochs");
    }
    for section in ["federation", "federation.partition"] {
        settings["versions"][section] = parts.version(section);
    }
    settings["rule"] = rules.iter().map(|rule| rule.settings.clone()).collect();
    settings["versions"]["rule"] = rules.iter().map(|rule| Value::from(rule.version)).collect();
}

fn stream(settings: &mut Value, parts: &Parts<'_>, route: Route<'_>) {
    let mut stream = parts.part("stream");
    if let Some(table) = stream.as_object_mut() {
        if route.twin {
            // Nobody watches the clean twin, so that one serves all operators.
            for key in ["monitor", "policy"] {
                table.insert(key.to_owned(), json!({ "kind": "none" }));
            }
        }
        if !route.attacked {
            table.shift_remove("attack_from");
            table.shift_remove("attack_until");
        }
        if table.get("monitor").is_none_or(|monitor| monitor["kind"] == "none") {
            table.shift_remove("reference");
            table.shift_remove("calibrate");
        }
    }
    settings["versions"]["stream"] = parts.version("stream");
    for (key, section) in [("monitor", "stream.monitor"), ("policy", "stream.policy")] {
        if stream[key]["kind"] != "none" {
            settings["versions"][section] = parts.version(section);
        }
    }
    settings["stream"] = stream;
}
