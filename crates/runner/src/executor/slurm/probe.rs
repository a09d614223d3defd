//! The first tiny job: whether a node can run the program and sees the store, and what processor it has.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use aconite_grid::Error;
use aconite_plan::{Key, Store};
use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::client::{self, Cluster};
use super::fate::Fate;
use super::site::Site;
use super::submit::{quote, request};
use super::{folder, program};
use crate::system;

/// An answer is believed for this long.
const FRESH: Duration = Duration::from_secs(86_400);
/// What the job ends with where the node does not see the store.
const NO_STORE: i32 = 81;
/// What it ends with where it cannot run the program.
const NO_PROGRAM: i32 = 82;

/// What a node says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answer {
    /// Its name.
    pub(crate) node: String,
    /// Its processor's name.
    pub(crate) cpu: String,
    /// Vector instruction class.
    pub(crate) isa: String,
    /// libtorch's version.
    pub(crate) libtorch: String,
    /// The program's version and revision.
    pub(crate) version: String,
}

impl Answer {
    /// That of this machine.
    pub(crate) fn here() -> Self {
        Self {
            node: system::host(),
            cpu: system::cpu(),
            isa: system::isa().into(),
            libtorch: system::LIBTORCH.into(),
            version: format!("{} {}", env!("CARGO_PKG_VERSION"), env!("ACONITE_REVISION")),
        }
    }
}

/// Asks a node, unless one answered lately to the same question.
///
/// # Errors
/// Slurm does not take the job, no node runs it in time, or the node cannot do what it must.
pub(crate) fn probe(site: &Site, store: &Store, cluster: &Cluster) -> Result<Answer> {
    let root = folder::root(store)?;
    std::fs::create_dir_all(&root)?;
    let program = program(site)?;
    let us = Answer::here();
    let question = json!([
        cluster.name,
        site.partition,
        site.time,
        site.gres,
        site.memory,
        site.sbatch,
        program,
        us.version
    ]);
    let kept = root.join(format!("probe-{}.json", Key::of(&question).short()));
    let age = std::fs::metadata(&kept)
        .and_then(|m| m.modified())
        .ok()
        .and_then(|t| SystemTime::now().duration_since(t).ok());
    if age.is_some_and(|age| age < FRESH)
        && let Some(answer) = read(&kept)
    {
        return Ok(answer);
    }
    let place = tempfile::Builder::new().prefix(".probe-").tempdir_in(&root)?;
    let there = place.path().join("answer.json");
    let script = format!(
        "#!/bin/sh\ntest -d {folder} || exit {NO_STORE}\ntest -x {program} || exit {NO_PROGRAM}\n\
        {program} task --probe >{folder}/aside 2>{folder}/errors || exit {NO_PROGRAM}\n\
        mv {folder}/aside {folder}/answer.json\n",
        folder = quote(place.path()),
        program = quote(&program),
    );
    let mut options = request(site, 1, 256);
    // Nothing is known yet of what nodes see: no folder but the root is sure to be there.
    options.extend(
        ["--job-name=aconite-probe", "--chdir=/", "--output=/dev/null", "--error=/dev/null"]
            .map(String::from),
    );
    let job = client::sbatch(&options, &script)
        .map_err(|why| Error::new(format!("the cluster refuses the first tiny job: {why}")))?;
    let fate = end(job, site)?;
    let shown = root.display();
    match fate {
        Fate::Well => {}
        Fate::Exit(NO_STORE) => {
            return Err(Error::new(format!("the nodes do not see the store: there is no {shown} on them"))
                .hint("move it to a folder that this machine and the nodes share, with ACONITE_STORE=DIR")
                .into());
        }
        Fate::Exit(NO_PROGRAM) => {
            let said = std::fs::read_to_string(place.path().join("errors")).unwrap_or_default();
            let said = said.lines().last().map(|line| format!(": {line}")).unwrap_or_default();
            return Err(Error::new(format!("the nodes cannot run {}{said}", program.display()))
                .hint("put the program and its libtorch where the nodes see them, and name it in the site file: program = …")
                .into());
        }
        other => {
            let why = other.words(site.time.as_deref(), 256);
            return Err(Error::new(format!("the first tiny job ({job}) did not end well: {why}")).into());
        }
    }
    let start = Instant::now();
    let answer = loop {
        match read(&there) {
            Some(answer) => break answer,
            None if start.elapsed() > super::task::VISIBLE => {
                return Err(Error::new(format!("what the nodes write into {shown} is not seen here"))
                    .hint("is it the same file system on this machine and on the nodes?")
                    .into());
            }
            None => std::thread::sleep(Duration::from_millis(50)),
        }
    };
    if (&answer.version, &answer.libtorch) != (&us.version, &us.libtorch) {
        let message = format!(
            "the program on the nodes is {} with libtorch {}, and this one {} with {}",
            answer.version, answer.libtorch, us.version, us.libtorch
        );
        return Err(Error::new(message).hint("use the same on both").into());
    }
    // Without it the next run asks again.
    let _ = aconite_record::write_whole(&kept, serde_json::to_string(&answer)?.as_bytes());
    Ok(answer)
}

fn read(path: &Path) -> Option<Answer> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

/// Waits until the job is over.
fn end(job: u64, site: &Site) -> Result<Fate, Error> {
    let start = Instant::now();
    let mut pause = Duration::from_millis(100);
    let mut said = false;
    loop {
        let queue = client::squeue(&[job]).map_err(|why| {
            Error::new(format!("the cluster does not say what became of the first tiny job: {why}"))
        })?;
        let Some(standing) = queue.into_values().find(|s| s.is_alive()) else {
            return Ok(client::fate_of_job(job));
        };
        if start.elapsed().as_secs_f64() > site.probe_seconds {
            let _ = client::scancel(&[job]);
            let message = format!(
                "no node ran the first tiny job within {} s: it is {} ({})",
                site.probe_seconds, standing.state, standing.reason
            );
            return Err(
                Error::new(message).hint("try another partition, or raise probe_seconds in the site file")
            );
        }
        if !said && start.elapsed() > Duration::from_secs(5) {
            eprintln!(
                "waiting for the first tiny job ({job}), which checks that nodes see the store: {}",
                standing.reason
            );
            said = true;
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_secs_f64(site.poll_seconds));
    }
}
