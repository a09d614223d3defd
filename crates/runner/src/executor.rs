//! Executors: where stages run. Stage in, stage out, through the store alone.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aconite_plan::{Key, Stage};

use crate::worker::{Event, Request};

/// How glibc's allocator treats a worker's memory: it keeps what was freed, and asks for large pages.
const MALLOC: &str = "glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=17179869184:glibc.malloc.hugetlb=1";

/// What an executor reports of the stage in a slot.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Report {
    /// Steps done, of how many.
    Progress(usize, usize),
    /// It is in the store.
    Done,
    /// It failed and would fail again.
    Failed(String),
    /// An input was damaged or gone.
    Input(Key, String),
    /// Whoever computed it died, which says nothing about the stage: how, and its last words.
    Died(String),
}

/// A place where stages run, one per slot.
pub(crate) trait Executor {
    /// Stages that may run at once.
    fn slots(&self) -> usize;

    /// Starts a stage in a free slot.
    ///
    /// # Errors
    /// It cannot be started at all.
    fn start(&mut self, slot: usize, stage: &Stage) -> Result<(), String>;

    /// The next report, or `None` when none came in time.
    fn next(&mut self, timeout: Duration) -> Option<(usize, Report)>;

    /// Drops all running stages.
    fn stop(&mut self);
}

/// Lines of a worker's standard error that are kept.
const TAIL: usize = 12;

/// Worker processes on this machine, kept from stage to stage. Each has its own libtorch: a crash costs one
/// stage, and no two stages share a generator or a thread pool.
pub(crate) struct Local {
    store: PathBuf,
    slots: Vec<Option<Worker>>,
    events: Receiver<(usize, u64, Option<Event>)>,
    sender: Sender<(usize, u64, Option<Event>)>,
    /// Counts workers, so that the end of a worker that was replaced is told from that of its successor.
    generation: u64,
}

struct Worker {
    child: Child,
    stdin: ChildStdin,
    generation: u64,
    errors: Arc<Mutex<VecDeque<String>>>,
}

impl Local {
    /// `jobs` workers, started when they are needed, on the store at `store`.
    pub(crate) fn new(store: PathBuf, jobs: usize) -> Self {
        let (sender, events) = channel();
        Self { store, slots: (0..jobs).map(|_| None).collect(), events, sender, generation: 0 }
    }

    fn spawn(&mut self, slot: usize) -> Result<Worker, String> {
        let cannot = |e: std::io::Error| format!("cannot start a worker process: {e}");
        let program = std::env::current_exe().map_err(cannot)?;
        let mut command = Command::new(program);
        command.arg("worker").arg(&self.store);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // libtorch and its OpenMP would otherwise start as many threads as there are cores.
        command.env("OMP_NUM_THREADS", "1").env("MKL_NUM_THREADS", "1");
        // A step frees tensors of many megabytes and asks for them again. glibc would hand them back to the
        // system in between and pay for every page anew, a fourth of a training step of resnet9.
        if std::env::var_os("GLIBC_TUNABLES").is_none() {
            command.env("GLIBC_TUNABLES", MALLOC);
        }
        #[cfg(unix)]
        {
            // Ctrl-C is for the scheduler, which decides what happens to its workers.
            use std::os::unix::process::CommandExt;
            command.process_group(0);
        }
        let mut child = command.spawn().map_err(cannot)?;
        self.generation += 1;
        let generation = self.generation;
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err("cannot start a worker process: no pipes".into());
        };
        let sender = self.sender.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // A line that is no event was printed by libtorch and means nothing to us.
                if let Ok(event) = serde_json::from_str(&line)
                    && sender.send((slot, generation, Some(event))).is_err()
                {
                    return;
                }
            }
            let _ = sender.send((slot, generation, None));
        });
        let errors = Arc::new(Mutex::new(VecDeque::new()));
        let kept = errors.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if let Ok(mut kept) = kept.lock() {
                    if kept.len() == TAIL {
                        kept.pop_front();
                    }
                    kept.push_back(line);
                }
            }
        });
        Ok(Worker { child, stdin, generation, errors })
    }

    /// How a worker ended, and its last words.
    fn last_words(worker: &mut Worker) -> String {
        let how = match worker.child.wait() {
            Ok(status) => status.to_string(),
            Err(e) => e.to_string(),
        };
        let tail: Vec<String> = worker.errors.lock().map(|e| e.iter().cloned().collect()).unwrap_or_default();
        match tail.is_empty() {
            true => format!("the worker process ended by itself ({how})"),
            false => {
                format!("the worker process ended by itself ({how}); its last words:\n{}", tail.join("\n"))
            }
        }
    }
}

impl Executor for Local {
    fn slots(&self) -> usize {
        self.slots.len()
    }

    fn start(&mut self, slot: usize, stage: &Stage) -> Result<(), String> {
        if self.slots[slot].is_none() {
            let worker = self.spawn(slot)?;
            self.slots[slot] = Some(worker);
        }
        let line = serde_json::to_string(&Request { stage: stage.clone() }).map_err(|e| e.to_string())?;
        if let Some(worker) = &mut self.slots[slot] {
            // A worker that just died shows up as the end of its output.
            let _ = writeln!(worker.stdin, "{line}").and_then(|()| worker.stdin.flush());
        }
        Ok(())
    }

    fn next(&mut self, timeout: Duration) -> Option<(usize, Report)> {
        let (slot, generation, event) = match self.events.recv_timeout(timeout) {
            Ok(event) => event,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return None,
        };
        if self.slots[slot].as_ref().is_none_or(|w| w.generation != generation) {
            return None;
        }
        let report = match event {
            Some(Event::Progress { done, total }) => Report::Progress(done, total),
            Some(Event::Done) => Report::Done,
            Some(Event::Failed { error }) => Report::Failed(error),
            Some(Event::Input { key, error }) => Report::Input(key, error),
            None => Report::Died(
                self.slots[slot].take().map(|mut w| Self::last_words(&mut w)).unwrap_or_default(),
            ),
        };
        Some((slot, report))
    }

    fn stop(&mut self) {
        for worker in self.slots.iter_mut().filter_map(Option::take) {
            let mut worker = worker;
            let _ = worker.child.kill();
            let _ = worker.child.wait();
        }
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.stop();
    }
}
