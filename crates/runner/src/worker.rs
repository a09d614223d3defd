//! A worker: a process that computes stages, one at a time, and publishes them in the store.
//!
//! It reads a request per line from standard input and writes an event per line to standard output. Whatever
//! libtorch prints goes to standard error, which the scheduler keeps for the error of a failed cell.

use std::any::Any;
use std::io::{BufRead, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use aconite_core::Observer;
use aconite_plan::{Key, Manifest, Stage, Store};
use serde::{Deserialize, Serialize};

use crate::stages::{Failure, Workshop, compute};
use crate::system;

/// A line from the scheduler: compute this stage.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) stage: Stage,
}

/// A line from a worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Event {
    /// Steps of the running stage.
    Progress { done: usize, total: usize },
    /// The stage is in the store.
    Done,
    /// The stage failed and would fail again.
    Failed { error: String },
    /// An input was damaged or gone.
    Input { key: Key, error: String },
}

/// Serves requests until standard input closes. The scheduler's death closes it too, and a thread that waits
/// for that ends the process even in the middle of a stage.
pub(crate) fn serve(store: PathBuf) -> anyhow::Result<()> {
    let (sender, requests) = std::sync::mpsc::channel::<String>();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
        std::process::exit(0);
    });
    let mut shop = Workshop::new(Store::open(&store)?);
    for line in requests {
        let request: Request = serde_json::from_str(&line)?;
        emit(&serve_one(&request.stage, &mut shop));
    }
    Ok(())
}

fn serve_one(stage: &Stage, shop: &mut Workshop) -> Event {
    if let Some(error) = foreign(stage) {
        return Event::Failed { error };
    }
    aconite_train::release_memory();
    system::reset_peak_rss();
    let start = Instant::now();
    let mut watch = Reporter { last: Instant::now() };
    // tch panics where libtorch throws. The same stage would panic again, so it is a failure of the stage and
    // not a death of the worker.
    let computed = catch_unwind(AssertUnwindSafe(|| compute(stage, shop, &mut watch)));
    let output = match computed {
        Ok(Ok(output)) => output,
        Ok(Err(Failure::Failed(error))) => return Event::Failed { error },
        Ok(Err(Failure::Input(key, error))) => return Event::Input { key, error },
        Err(panic) => return Event::Failed { error: message(panic.as_ref()) },
    };
    let manifest = Manifest {
        seconds: start.elapsed().as_secs_f64(),
        peak_rss_mb: system::peak_rss_mb(),
        host: system::host(),
        ..Manifest::of(stage, output.value)
    };
    match shop.store.put(&stage.key, manifest, &output.files) {
        Ok(()) => Event::Done,
        Err(e) => Event::Failed { error: e.to_string() },
    }
}

/// Whether a stage was planned for another class of processor: what this one would compute is not what its key says.
fn foreign(stage: &Stage) -> Option<String> {
    let planned = stage.settings.pointer("/environment/isa")?.as_str()?;
    let here = system::isa();
    (planned != here).then(|| {
        format!(
            "it was planned for processors of class {planned}, and {} has {here}; ask for nodes of one class, e.g. with \
            --sbatch=--constraint=…",
            system::host()
        )
    })
}

/// The first line of what a panic said: libtorch appends its C++ stack.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    let first = text.lines().next().unwrap_or(text);
    // Inside a debug-printed error the line breaks are escaped.
    format!("panicked: {}", first.split("\\n").next().unwrap_or(first))
}

fn emit(event: &Event) {
    let mut out = std::io::stdout().lock();
    let line = serde_json::to_string(event).unwrap_or_default();
    // A closed pipe means that the scheduler is gone; the thread on standard input ends the process.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Tells the scheduler about steps, a few times a second.
struct Reporter {
    last: Instant,
}

impl Observer for Reporter {
    fn step(&mut self, done: usize, total: usize) {
        if self.last.elapsed() > Duration::from_millis(200) || done == total {
            self.last = Instant::now();
            emit(&Event::Progress { done, total });
        }
    }
}
