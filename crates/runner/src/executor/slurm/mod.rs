//! Slurm: the stages of a plan as job arrays over a shared file system.
//!
//! There is no scheduler of our own on the cluster and no daemon. All that is missing is packed into tasks
//! ([`aconite_plan::pack`]), sorted into arrays that wait for each other ([`aconite_plan::arrays`]) and submitted at once;
//! after that nobody is needed. What became of a stage is in the store if it ended well, and else in the file that its
//! task writes; Slurm itself is asked for what a dead task cannot say. So the process that submitted may go away, and
//! another may pick the submission up from [`folder`] at any time.
//!
//! # Why task for task
//!
//! Stages of one cell form a chain, and a level of the plan may be long: with a barrier after each level (`afterany`) the
//! cluster idles while the slowest task of the level runs. So a task waits for the task that it reads from (`aftercorr`,
//! or `afterok` on one task), and the barrier is left for what fans out too widely ([`aconite_plan::arrays`]). With
//! `--kill-on-invalid-dep`, what waits for a task that died leaves the queue by itself, and `--requeue` makes Slurm start
//! a task again whose node failed or that was preempted, still before those that wait for it.
//!
//! # What it costs
//!
//! Measured on one machine of two cores that had other work (load 7 to 9), Slurm 22.05 with one node of two processors, a
//! victim that learns nothing, 34 stages, n = 3: on this machine alone 1.1 to 1.4 s; packed into one task 2.0 to 2.6 s,
//! from the command to the report; as 34 tasks 30 to 34 s, which is 1.8 s of a processor per task, 0.3 s of it for two
//! processes that load libtorch and the rest for the controller's and the node's ways. A task of 60 seconds
//! (`task_seconds`) spends 3 % on that.
//!
//! # 10,000 stages on 200 nodes
//!
//! *Submissions.* 9,930 stages, each a task, went out as 15 arrays in 0.4 s (a call of `sbatch` takes 10 to 20 ms however
//! many tasks it has; one job per stage would take minutes and as many locks of the controller); the command took 8 s,
//! most of it to prepare 3,600 cells and to write 10 MB. Packed to 60 s at an expected second each, they are 160 tasks of
//! one array. `status` took 5 s, and `squeue` 0.1 s for 9,928 tasks: one call for all jobs every `poll_seconds`.
//!
//! *File system, per stage*, counted with strace over a task of 34 stages: 14.6 calls with a path (8 opens, 2 each of
//! `stat` and `mkdir`, one rename, one unlink, and inputs) and 2.6 `fsync`; no lock of any kind. Per task: two output
//! files, one line read out of its array's file. At 20 s per stage and one task on each of 200 nodes, 10 stages end per
//! second: 146 calls and 26 `fsync` per second on the file server, and 20 refreshed claims. With 32 tasks on each node it
//! is 32 times that: 4,700 calls and 830 `fsync`, which a small server does not like.
//!
//! *The bottleneck* for small stages is the 1.8 s of starting a task, and with it the controller, which starts tasks in
//! rounds; for many tasks on many nodes it is the file server's `fsync`. So: small stages are packed, claims are refreshed
//! every 10 s and not every 3 s, costs are written down by whoever collects and not by 200 nodes at the end of one file,
//! only running tasks' files are read, and a task reads one line of its array's file. What was not tried: any of this on
//! more than one node or on a network file system.

pub(crate) mod client;
mod fate;
pub(crate) mod folder;
mod follow;
pub(crate) mod probe;
pub(crate) mod site;
mod submit;
pub(crate) mod task;

use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use aconite_grid::Error;
use aconite_plan::Store;
use anyhow::Result;

use self::client::{Cluster, JobTask};
use self::folder::{Folder, Origin};
use self::follow::Follow;
use self::site::Site;
use self::submit::{Took, submit};
use super::Executor;
use crate::scheduler::{End, Scheduler, State, Watch};

/// How long to rest between two looks at what running tasks tell.
const TICK: Duration = Duration::from_millis(200);
/// After the cluster took no more, this long until it is asked again.
const LATER: Duration = Duration::from_secs(60);

/// The program as nodes start it: where the site says it lies, else where it lies here.
fn program(site: &Site) -> Result<PathBuf> {
    Ok(match &site.program {
        Some(path) => path.clone(),
        None => std::env::current_exe()?,
    })
}

/// Checks that there is a cluster that takes jobs.
///
/// # Errors
/// A command is missing, the controller does not answer, or there is no such partition.
pub(crate) fn connect(site: &Site) -> Result<Cluster, Error> {
    let cluster = client::cluster()?;
    if let Some(partition) = &site.partition {
        // Several may be named, of which Slurm takes the first that is free.
        partition.split(',').try_for_each(client::check_partition)?;
    }
    Ok(cluster)
}

/// The executor.
pub(crate) struct Slurm {
    site: Site,
    cluster: Cluster,
    /// The run.
    origin: Origin,
    /// Whether to stay until all is over.
    wait: bool,
    follow: Follow,
    /// When the cluster may be asked to take the rest.
    not_before: Instant,
}

impl Slurm {
    /// For a run, with what earlier ones left in the queue.
    pub(crate) fn open(site: Site, cluster: Cluster, origin: Origin, wait: bool, store: &Store) -> Self {
        let earlier = Folder::open_ones(store, &cluster.name);
        let follow = Follow::new(earlier, origin.results.clone(), site.retries);
        Self { site, cluster, origin, wait, follow, not_before: Instant::now() }
    }

    /// Looks once at where everything stands and changes nothing in the queue.
    ///
    /// # Errors
    /// The store or the results cannot be written.
    pub(crate) fn look(&mut self, work: &mut Scheduler<'_>, watch: &mut dyn Watch) -> Result<()> {
        self.follow.adopt(work);
        self.follow.ask(work, watch)?;
        self.follow.read(work, watch)
    }

    /// The tasks.
    pub(crate) fn follow(&self) -> &Follow {
        &self.follow
    }

    /// Puts what is missing and in no task into the queue.
    fn submit(&mut self, work: &Scheduler<'_>, watch: &mut dyn Watch) -> Result<()> {
        if self.not_before > Instant::now() {
            return Ok(());
        }
        let flying: BTreeMap<usize, JobTask> = self.follow.flying();
        let is_wanted = |at: usize| matches!(work.state(at), State::Waiting) && !flying.contains_key(&at);
        let wanted: Vec<bool> = (0..work.plan.stages.len()).map(is_wanted).collect();
        if !wanted.contains(&true) {
            return Ok(());
        }
        let (folder, took) = submit(self, work, &wanted, &flying)?;
        let taken: Vec<_> =
            folder.jobs.keys().flat_map(|&array| folder.submission.arrays[array].tasks.values()).collect();
        if !taken.is_empty() {
            let (stages, tasks) = (taken.iter().map(|keys| keys.len()).sum::<usize>(), taken.len());
            let jobs: Vec<String> = folder.jobs.values().map(u64::to_string).collect();
            let line = format!("submitted {stages} stages as {tasks} tasks of jobs {}", jobs.join(", "));
            watch.progress().note(&line);
        }
        if let Took::Part(why) = took {
            let then =
                if self.wait { "the rest follows later" } else { "run the same command later for the rest" };
            watch.progress().note(&format!("the cluster takes no more now ({why}); {then}"));
            self.not_before = Instant::now() + LATER;
        }
        self.follow.add(folder, work);
        Ok(())
    }

    /// Ctrl-C: what is in the queue stays there, unless somebody at a terminal wants it gone.
    fn interrupted(&self, watch: &mut dyn Watch) {
        let jobs = self.follow.jobs();
        if jobs.is_empty() {
            return;
        }
        if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() {
            watch.progress().finish();
            eprint!("\n{} jobs are in the queue: leave them running? [Y/n] ", jobs.len());
            let _ = std::io::stderr().flush();
            let mut answer = String::new();
            let _ = std::io::stdin().lock().read_line(&mut answer);
            if answer.trim().to_ascii_lowercase().starts_with('n') {
                match client::scancel(&jobs) {
                    Ok(()) => eprintln!("cancelled"),
                    Err(why) => eprintln!("scancel: {why}"),
                }
                return;
            }
        }
        let text = format!("{} jobs stay in the queue; run the same command to pick them up", jobs.len());
        watch.progress().note(&text);
    }
}

impl Executor for Slurm {
    fn run(
        &mut self,
        work: &mut Scheduler<'_>,
        watch: &mut dyn Watch,
        interrupted: &AtomicBool,
    ) -> Result<End> {
        folder::sweep(work.store);
        self.follow.adopt(work);
        let poll = Duration::from_secs_f64(self.site.poll_seconds);
        let mut asked: Option<Instant> = None;
        loop {
            if interrupted.load(Ordering::Relaxed) {
                self.interrupted(watch);
                return Ok(End::Interrupted);
            }
            if asked.is_none_or(|at| at.elapsed() >= poll) {
                self.follow.ask(work, watch)?;
                asked = Some(Instant::now());
            }
            self.follow.read(work, watch)?;
            self.submit(work, watch)?;
            work.tell(watch)?;
            let over = (0..work.plan.stages.len())
                .all(|s| matches!(work.state(s), State::Done(_) | State::Failed(_)));
            if over || !self.wait {
                self.follow.end(work);
                return Ok(if over { End::Complete } else { End::Submitted });
            }
            std::thread::sleep(TICK.min(poll));
        }
    }
}
