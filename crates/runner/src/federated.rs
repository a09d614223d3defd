//! What fits into a federation, checked before anything runs.

use aconite_core::{Attack, Defense, Error, Info, Learner, Role, UpdateAttack};
use aconite_federated::{Sees, check_rule};
use serde_json::{Value, json};

use crate::families::{self, Federated};
use crate::prepare::Refusal;
use crate::stages::Server;

/// Checks a cell's federation, and that attack and defense live where they can: in a federation or outside.
///
/// # Errors
/// The section that the error concerns, and what does not fit.
pub(crate) fn check(
    federation: Option<&Federated>,
    attack: &dyn Attack,
    defenses: &[Box<dyn Defense>],
    info: &Info,
    learner: &dyn Learner,
    settings: &Value,
) -> Result<(), Refusal> {
    let kind = |section: &str| settings[section]["kind"].as_str().unwrap_or_default().to_owned();
    let rules = || defenses.iter().filter(|d| matches!(d.role(), Role::Aggregator(_) | Role::Mixing(_)));
    let Some(federation) = federation else {
        if attack.updates().is_some() {
            let message =
                format!("{} falsifies the updates of a federation, and this cell is none", kind("attack"));
            return Err(("attack", Error::new(message).hint("add a table [federation]")));
        }
        if rules().next().is_some() {
            let message = format!("{} is a rule of a federation, and this cell is none", kind("defense"));
            return Err(("defense", Error::new(message).hint("add a table [federation]")));
        }
        return Ok(());
    };
    let common = &federation.common;
    common.check().map_err(|e| ("federation", e))?;
    federation.local.check().map_err(|e| ("federation", e))?;
    federation.partition.check(info.total(), info.classes.len(), common.clients).map_err(|e| {
        match e.setting.as_deref() {
            Some("partition") => ("federation", e),
            _ => ("federation.partition", e),
        }
    })?;
    if !learner.takes_steps() {
        let message =
            format!("{} is not trained in gradient steps: it has no updates to send", kind("victim"));
        return Err(("victim", Error::new(message).hint("choose a net as victim")));
    }
    if info.kind.are_documents() {
        let message =
            format!("clients share no vocabulary: the words of {} cannot be numbered alike", info.kind);
        return Err(("federation", Error::new(message).hint("choose images or a table")));
    }
    if !matches!(settings["train"]["transfer"].as_str(), None | Some("none")) {
        let error = Error::at("transfer", "a federation starts from fresh weights");
        return Err(("train", error.hint("leave transfer out")));
    }
    let needs = attack.needs();
    if needs.surrogate || needs.victim || needs.targets || attack.feeds() {
        let message = format!(
            "{} cannot be made inside a client: it needs more than the client's rows",
            kind("attack")
        );
        return Err((
            "attack",
            Error::new(message).hint("badnets, blended, random_flip and the attacks on updates can"),
        ));
    }
    if matches!(attack.updates(), Some(UpdateAttack::All(_))) && common.attackers_see == Sees::Own {
        let message = format!("{} must see the honest clients' updates", kind("attack"));
        let error = Error::at("attackers_see", message).hint("attackers_see = \"all_updates\"");
        return Err(("federation", error));
    }
    for defense in defenses {
        if !matches!(
            defense.role(),
            Role::Aggregator(_)
                | Role::Mixing(_)
                | Role::Repair(_)
                | Role::InputDetector(_)
                | Role::ModelDetector(_)
        ) {
            let message = format!(
                "{} works on the rows of one learner, and a federation's are spread over clients",
                kind("defense")
            );
            return Err(("defense", Error::new(message).hint("take a rule, a repair or a detector")));
        }
    }
    let mean = families::defense(&json!({ "kind": "mean" })).map_err(|e| ("defense", e))?;
    let server = server(defenses, mean.as_ref()).map_err(|e| ("defense", e))?;
    if let Some(count) = server.samples().filter(|&count| count > info.total() || count == 0) {
        let message = format!("the server cannot have {count} clean samples of {} rows", info.total());
        return Err(("defense", Error::new(message)));
    }
    check_rule(common, &server.mixings, server.rule, server.told).map_err(|e| ("defense", e))
}

/// Forward passes of single rows in all rounds, a backward pass counting as two.
pub(crate) fn passes(federation: &Federated, info: &Info, test_rows: usize, train: &Value) -> f64 {
    let common = &federation.common;
    let batch = train["batch_size"].as_u64().unwrap_or(1) as usize;
    let rows = federation.local.rows(info.total() / common.clients.max(1), batch);
    let trained = 3.0 * common.present() as f64 * rows as f64 * federation.local.epochs() as f64;
    // Untouched and triggered inputs.
    let looks = (common.rounds / common.evaluate_every.max(1)) as f64 + 1.0;
    common.rounds as f64 * trained + looks * 2.0 * test_rows as f64
}

/// The server's part of a cell's defenses.
fn server<'a>(defenses: &'a [Box<dyn Defense>], mean: &'a dyn Defense) -> aconite_core::Result<Server<'a>> {
    let rules: Vec<&dyn Defense> = defenses
        .iter()
        .map(AsRef::as_ref)
        .filter(|d| matches!(d.role(), Role::Aggregator(_) | Role::Mixing(_)))
        .collect();
    Server::of(&rules, mean)
}
