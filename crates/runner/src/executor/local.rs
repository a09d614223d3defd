//! Worker processes on this machine.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aconite_plan::{Claim, Stage};

use super::{Executor, Report};
use crate::scheduler::{End, Scheduler, Watch};
use crate::system;
use crate::worker::{Event, Request};

/// How long to wait for a report before looking at other runs' stages and at Ctrl-C.
const TICK: Duration = Duration::from_millis(100);
/// Within this time a signal reaches all that it is sent to.
const TOGETHER: Duration = Duration::from_millis(200);
/// Lines of a worker's standard error that are kept.
pub(super) const TAIL: usize = 12;

/// Worker processes on this machine, kept from stage to stage. Each has its own libtorch: a crash costs one
/// stage, and no two stages share a generator or a thread pool.
pub(crate) struct Local {
    store: PathBuf,
    slots: Vec<Option<Worker>>,
    events: Receiver<(usize, u64, Option<Event>)>,
    sender: Sender<(usize, u64, Option<Event>)>,
    /// Counts workers, so that the end of a worker that was replaced is told from that of its successor.
    generation: u64,
    /// Whether what workers print to standard error goes to ours too.
    echo: bool,
}

struct Worker {
    child: Child,
    stdin: ChildStdin,
    generation: u64,
    errors: Arc<Mutex<VecDeque<String>>>,
    /// What the kernel had ended for want of memory when it began.
    kills: Option<u64>,
}

impl Local {
    /// `jobs` workers, started when they are needed, on the store at `store`.
    pub(crate) fn new(store: PathBuf, jobs: usize) -> Self {
        let (sender, events) = channel();
        let slots = (0..jobs).map(|_| None).collect();
        Self { store, slots, events, sender, generation: 0, echo: false }
    }

    /// One worker whose standard error goes to ours too, which outlives this process where that is a file.
    pub(crate) fn of_task(store: PathBuf) -> Self {
        let mut task = Self::new(store, 1);
        task.echo = true;
        task
    }

    fn spawn(&mut self, slot: usize) -> Result<Worker, String> {
        let cannot = |e: std::io::Error| format!("cannot start a worker process: {e}");
        let program = std::env::current_exe().map_err(cannot)?;
        let mut command = Command::new(program);
        command.arg("worker").arg(&self.store);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // libtorch and its OpenMP would otherwise start as many threads as there are cores.
        command.env("OMP_NUM_THREADS", "1").env("MKL_NUM_THREADS", "1");
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
        let echo = self.echo;
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if echo {
                    eprintln!("{line}");
                }
                if let Ok(mut kept) = kept.lock() {
                    if kept.len() == TAIL {
                        kept.pop_front();
                    }
                    kept.push_back(line);
                }
            }
        });
        Ok(Worker { child, stdin, generation, errors, kills: system::memory_kills() })
    }

    /// How a worker ended, and its last words.
    fn last_words(worker: &mut Worker) -> String {
        let how = match worker.child.wait() {
            Ok(status) => status.to_string(),
            Err(e) => e.to_string(),
        };
        let is_killed = how.starts_with("signal: 9");
        let tail: Vec<String> = worker.errors.lock().map(|e| e.iter().cloned().collect()).unwrap_or_default();
        let what = match is_killed && system::memory_kills() > worker.kills {
            true => "out of memory: the worker process was ended by the kernel",
            false => "the worker process ended by itself",
        };
        match tail.is_empty() {
            true => format!("{what} ({how})"),
            false => format!("{what} ({how}); its last words:\n{}", tail.join("\n")),
        }
    }
}

impl Executor for Local {
    fn run(
        &mut self,
        work: &mut Scheduler<'_>,
        watch: &mut dyn Watch,
        interrupted: &AtomicBool,
    ) -> anyhow::Result<End> {
        let mut running: HashMap<usize, (usize, Claim)> = HashMap::new();
        loop {
            work.tell(watch)?;
            if interrupted.load(Ordering::Relaxed) {
                self.stop();
                return Ok(End::Interrupted);
            }
            let elsewhere = self.fill(work, watch, &mut running)?;
            work.tell(watch)?;
            if running.is_empty() && !elsewhere {
                return Ok(End::Complete);
            }
            let Some((slot, report)) = self.next(TICK) else { continue };
            // A signal for all processes of a task ends the worker too, and that says nothing about its stage.
            if matches!(report, Report::Died(_)) && is_set_soon(interrupted) {
                self.stop();
                return Ok(End::Interrupted);
            }
            if let Report::Progress(done, total) = report {
                watch.progress().steps(slot, done, total);
                continue;
            }
            let Some((stage, claim)) = running.remove(&slot) else { continue };
            work.ended(stage, slot, report, watch)?;
            drop(claim);
        }
    }
}

impl Local {
    /// Starts stages in free slots. Returns whether something is left to look at again soon: another run on
    /// the store is computing one of our stages, or what can run changed.
    fn fill(
        &mut self,
        work: &mut Scheduler<'_>,
        watch: &mut dyn Watch,
        running: &mut HashMap<usize, (usize, Claim)>,
    ) -> anyhow::Result<bool> {
        let mut elsewhere = HashSet::new();
        let mut changed = false;
        while let Some(slot) = (0..self.slots.len()).find(|s| !running.contains_key(s))
            && let Some(i) = work.next(&elsewhere)
        {
            let stage = &work.plan.stages[i];
            let claim = Claim::take(work.store, &stage.key)?;
            // Another run may have finished it since we looked.
            if work.is_found(i, watch)? {
                changed = true;
                continue;
            }
            let Some(claim) = claim else {
                elsewhere.insert(i);
                continue;
            };
            match self.start(slot, stage) {
                Ok(()) => {
                    work.started(i, slot, watch);
                    running.insert(slot, (i, claim));
                }
                Err(why) => {
                    // Started all the same: who follows is told of its end like of any other.
                    work.started(i, slot, watch);
                    work.ended(i, slot, Report::Failed(why), watch)?;
                    changed = true;
                }
            }
        }
        Ok(changed || !elsewhere.is_empty())
    }

    /// Hands a stage to the worker of a free slot.
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

    /// The next report, or `None` when none came in time.
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

    /// Drops all running stages.
    fn stop(&mut self) {
        for worker in self.slots.iter_mut().filter_map(Option::take) {
            let mut worker = worker;
            let _ = worker.child.kill();
            let _ = worker.child.wait();
        }
    }
}

/// Whether the flag is set or will be in a moment: processes that get a signal together do not notice it together.
fn is_set_soon(flag: &AtomicBool) -> bool {
    let start = Instant::now();
    while !flag.load(Ordering::Relaxed) {
        if start.elapsed() > TOGETHER {
            return false;
        }
        std::thread::sleep(TOGETHER / 20);
    }
    true
}

impl Drop for Local {
    fn drop(&mut self) {
        self.stop();
    }
}
