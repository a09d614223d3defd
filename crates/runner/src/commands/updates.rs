//! `aconite aggregate` and `aconite craft`: a federation's rule or attack on a matrix of one's own.

use std::path::Path;

use aconite_core::{All, Attack, Defense, NamedTensors, Own, Role, Seed, UpdateAttack, Updates};
use aconite_grid::{Error, Experiment, Override};
use anyhow::Result;
use tch::{Kind, Tensor};

use super::{registry, say};
use crate::{Exit, cli, families, tensors};

/// The name of the matrix in the input file.
const UPDATES: &str = "updates";

/// Runs a rule.
pub(crate) fn aggregate(args: &cli::Aggregate) -> Result<Exit> {
    let defense = rule(&args.rule, &args.set)?;
    let mut named = read(&args.input)?;
    let mut matrix = matrix(&mut named, &args.input)?;
    let n = matrix.size()[0] as usize;
    let at = |e: aconite_core::Error| wrong(&args.input, &e.message).maybe_hint(e.hint);
    let clients: Vec<usize> = (0..n).collect();
    let global = vector(&mut named, "global", &matrix, &args.input)?;
    let global = global.unwrap_or_else(|| Tensor::zeros([matrix.size()[1]], (Kind::Float, matrix.device())));
    let root = vector(&mut named, "root", &matrix, &args.input)?;
    let mut memory = named.split_off("memory.");
    memory.retain(|name, _| name.starts_with("memory."));
    let mut memory: NamedTensors =
        memory.into_iter().map(|(name, tensor)| (name["memory.".len()..].to_owned(), tensor)).collect();
    let updates = Updates {
        matrix: &matrix,
        clients: &clients,
        malicious: None,
        global: &global,
        round: 0,
        seed: Seed(args.seed),
        root: root.as_ref(),
        reads: None,
    };
    let made = match defense.role() {
        Role::Aggregator(rule) => {
            rule.check_clients(n, None).map_err(at)?;
            let made = rule.aggregate(&updates, &mut memory).map_err(at)?;
            let mut out = NamedTensors::from([("aggregate".to_owned(), made.update)]);
            if let Some(weights) = made.weights {
                out.insert("weights".into(), Tensor::from_slice(&weights));
            }
            out.extend(memory.into_iter().map(|(name, tensor)| (format!("memory.{name}"), tensor)));
            out
        }
        Role::Mixing(mixing) => {
            mixing.counts(n, None).map_err(at)?;
            let weights = mixing.weights(&updates).map_err(at)?;
            matrix = aconite_aggregation::mix(&matrix, &weights).map_err(at)?;
            NamedTensors::from([(UPDATES.to_owned(), matrix.contiguous()), ("weights".to_owned(), weights)])
        }
        _ => {
            return Err(Error::new(format!("{} is no rule of a federation", args.rule))
                .hint("krum, median, trimmed_mean and others are; aconite list defenses")
                .into());
        }
    };
    finish(&made, &args.out)
}

/// Runs an attack on updates.
pub(crate) fn craft(args: &cli::Craft) -> Result<Exit> {
    let (mut counts, mut set) = ([None, None], Vec::new());
    for change in &args.set {
        match change.path.as_str() {
            name @ ("n" | "m") => {
                let count: usize = change.value.parse().map_err(|_| {
                    Error::new(format!("{name}: {:?} is no number of clients", change.value))
                        .hint("--set n=15 m=3")
                })?;
                counts[usize::from(name == "m")] = Some(count);
            }
            _ => set.push(change.clone()),
        }
    }
    let attack = attack(&args.attack, &set)?;
    let mut named = read(&args.input)?;
    let honest = matrix(&mut named, &args.input)?;
    let rows = honest.size()[0] as usize;
    let [n, m] = counts;
    let m = m.or_else(|| n.map(|n| n.saturating_sub(rows))).unwrap_or(1);
    // More than this is a slip of the pen, and a matrix that no memory holds.
    let most = 1_000_000;
    if m > most {
        return Err(Error::new(format!("m = {m} malicious clients are too many: at most {most}")).into());
    }
    let n = n.unwrap_or(rows + m);
    if m == 0 || n != rows + m {
        return Err(Error::new(format!(
            "{rows} honest updates and m = {m} malicious clients are not n = {n} clients"
        ))
        .hint("the input holds the n − m honest updates: --set n=15 m=3 goes with 12 rows")
        .into());
    }
    let at = |e: aconite_core::Error| wrong(&args.input, &e.message).maybe_hint(e.hint);
    let own = match named.remove("own") {
        Some(own) if own.size() == [m as i64, honest.size()[1]] => own.to_kind(Kind::Float),
        Some(own) => {
            return Err(
                wrong(&args.input, &format!("own is {:?}, not {m} rows like updates", own.size())).into()
            );
        }
        // Without any, malicious clients would send what honest ones send on average.
        None => honest
            .f_mean_dim([0i64].as_slice(), true, Kind::Float)
            .and_then(|mean| mean.f_expand([m as i64, -1].as_slice(), false))
            .map_err(|e| wrong(&args.input, &e.to_string()))?,
    };
    let global = vector(&mut named, "global", &honest, &args.input)?;
    let global = global.unwrap_or_else(|| Tensor::zeros([honest.size()[1]], (Kind::Float, honest.device())));
    let last = vector(&mut named, "last", &honest, &args.input)?;
    let own = Own {
        own: &own,
        reference: &honest,
        clients: n,
        global: &global,
        last: last.as_ref(),
        server_lr: 1.0,
        seed: Seed(args.seed),
    };
    let sent = match attack.updates() {
        Some(UpdateAttack::Own(attack)) => attack.craft(&own).map_err(at)?,
        Some(UpdateAttack::All(attack)) => attack.craft(&All { own, honest: &honest }).map_err(at)?,
        None => {
            return Err(Error::new(format!("{} does not falsify updates", args.attack))
                .hint("alie, ipm, min_max and others do; aconite list attacks")
                .into());
        }
    };
    finish(&NamedTensors::from([("malicious".to_owned(), sent.contiguous())]), &args.out)
}

fn finish(tensors: &NamedTensors, out: &Path) -> Result<Exit> {
    let bytes = tensors::encode(tensors).map_err(|e| wrong(out, &e.message))?;
    aconite_record::write_whole(out, &bytes).map_err(|e| Error::new(e.to_string()))?;
    for (name, tensor) in tensors {
        say(&format!("{name} {:?}", tensor.size()))?;
    }
    Ok(Exit::Done)
}

fn wrong(file: &Path, what: &str) -> Error {
    Error::new(format!("{}: {what}", file.display()))
}

fn read(file: &Path) -> Result<NamedTensors, Error> {
    let hint = "a safetensors file with `updates` (f32, clients × parameters) is expected";
    let bytes = std::fs::read(file).map_err(|e| wrong(file, &e.to_string()).hint(hint))?;
    tensors::decode(&bytes).map_err(|e| wrong(file, &e.message).hint(hint))
}

fn matrix(named: &mut NamedTensors, file: &Path) -> Result<Tensor, Error> {
    let matrix = tensors::take(named, UPDATES).map_err(|e| {
        wrong(file, &e.message)
            .hint("a safetensors file with `updates` (f32, clients × parameters) is expected")
    })?;
    match matrix.size()[..] {
        [n, d] if n > 0 && d > 0 => Ok(matrix.to_kind(Kind::Float).contiguous()),
        _ => Err(wrong(file, &format!("updates are {:?}, not clients × parameters", matrix.size()))),
    }
}

/// An optional vector as long as an update.
fn vector(
    named: &mut NamedTensors,
    name: &str,
    matrix: &Tensor,
    file: &Path,
) -> Result<Option<Tensor>, Error> {
    let Some(vector) = named.remove(name) else { return Ok(None) };
    if vector.size() != [matrix.size()[1]] {
        return Err(wrong(file, &format!("{name} is {:?}, not as long as an update", vector.size())));
    }
    Ok(Some(vector.to_kind(Kind::Float)))
}

/// The settings of a kind with changes, as the section of an experiment would give them.
fn settings(section: &str, kind: &str, set: &[Override]) -> Result<serde_json::Value, Error> {
    let quoted = serde_json::to_string(kind).unwrap_or_default();
    let text = format!("[dataset]\nkind = \"mock\"\n[{section}]\nkind = {quoted}\n");
    let inside = |change: &Override| {
        let prefix = format!("{section}.");
        let path = if change.path.starts_with(&prefix) { change.path.clone() } else { prefix + &change.path };
        Override { path, value: change.value.clone() }
    };
    let changes: Vec<Override> = set.iter().map(inside).collect();
    let experiment = Experiment::parse("options", "the options", text, &registry(), &changes, |_| {
        Err(Error::new("options have no base file"))
    })?;
    let point = experiment.points.first().ok_or_else(|| Error::new("there is nothing to run"))?;
    Ok(point.settings[section].clone())
}

fn rule(kind: &str, set: &[Override]) -> Result<Box<dyn Defense>, Error> {
    families::defense(&settings("defense", kind, set)?).map_err(|e| Error::new(e.message))
}

fn attack(kind: &str, set: &[Override]) -> Result<Box<dyn Attack>, Error> {
    families::attack(&settings("attack", kind, set)?).map_err(|e| Error::new(e.message))
}
