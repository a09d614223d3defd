//! From what is missing to arrays in the queue.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use aconite_grid::Error;
use aconite_plan::{Array, Cut, Load, Task, Wait, arrays, pack};
use anyhow::Result;

use super::client::{self, JobTask};
use super::folder::{Batch, Folder, Submission, Work};
use super::site::Site;
use super::{Slurm, program};
use crate::scheduler::Scheduler;
use crate::system;

/// Of the memory that a stage is expected to need, so much is asked for, and so many MB for what watches it.
const MARGIN: (f64, f64) = (1.25, 150.0);
/// More single tasks than this, and an array waits for their whole arrays instead.
const SINGLE: usize = 20;

/// How far a submission came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Took {
    /// All of it is in the queue.
    All,
    /// The rest must come later: why.
    Part(String),
}

/// Packs the wanted stages and puts them into the queue. `flying` says in which task a stage is that is there already.
///
/// # Errors
/// The store cannot be written, or Slurm refuses what is asked for.
pub(super) fn submit(
    slurm: &Slurm,
    work: &Scheduler<'_>,
    wanted: &[bool],
    flying: &BTreeMap<usize, JobTask>,
) -> Result<(Folder, Took)> {
    let plan = work.plan;
    let site = &slurm.site;
    let loads: Vec<Load> = (0..plan.stages.len())
        .map(|at| {
            let cost = work.cost(at);
            let threads = plan.stages[at].settings.pointer("/environment/threads").and_then(|t| t.as_u64());
            Load {
                seconds: cost.seconds,
                memory_mb: cost.memory_mb * MARGIN.0 + MARGIN.1,
                threads: threads.unwrap_or(1) as usize,
                inputs: plan.stages[at].inputs.iter().filter_map(|(_, key)| plan.find(key)).collect(),
                wanted: wanted[at],
            }
        })
        .collect();
    let cut = Cut { least_seconds: site.task_seconds, most_seconds: site.most_seconds() };
    let tasks = pack(&loads, cut);
    let made = arrays(&tasks, slurm.cluster.array_size);
    check(site, &made)?;
    let program = program(site)?;
    let mut folder = write(slurm, work, &tasks, &made)?;
    for (at, array) in made.iter().enumerate() {
        let mut options = request(site, array.threads, array.memory_mb);
        options.push(format!("--array={}", indexes(array, site.array_limit)));
        options.push(format!("--job-name={}", folder.job_name(at)));
        for (option, ending) in [("output", "out"), ("error", "err")] {
            options.push(format!("--{option}={}", folder.out_pattern(at, ending)));
        }
        // What a requeued task tells comes behind what it told before.
        options.push("--open-mode=append".into());
        options.push(if site.retries > 0 { "--requeue" } else { "--no-requeue" }.into());
        let waits = waits(array, &folder, &tasks, &loads, flying);
        if !waits.is_empty() {
            options.push(format!("--dependency={}", waits.join(",")));
            options.push("--kill-on-invalid-dep=yes".into());
        }
        let script = format!(
            "#!/bin/sh\nexec {} task {} {at} --retries {}\n",
            quote(&program),
            quote(&folder.path),
            site.retries
        );
        match client::sbatch(&options, &script) {
            Ok(job) => folder.took(at, job)?,
            Err(why) if at == 0 && !is_passing(&why) => {
                folder.end();
                return Err(Error::new(format!("the cluster refuses the stages: {why}")).into());
            }
            Err(why) => return Ok((folder, Took::Part(why))),
        }
    }
    Ok((folder, Took::All))
}

/// Checks for each kind of request that there is a node for it at all, busy or not, before anything is in the queue.
fn check(site: &Site, made: &[Array]) -> Result<(), Error> {
    let nodes = client::nodes(site.partition.as_deref());
    // Whoever asks for memory in words of his own knows what he does.
    let counts = site.memory && !site.sbatch.iter().any(|option| option.starts_with("--mem"));
    let fits = |memory_mb: u64, threads: usize| {
        nodes.iter().any(|node| node.threads >= threads && (!counts || node.memory_mb >= memory_mb))
    };
    match made.iter().find(|a| !nodes.is_empty() && !fits(a.memory_mb, a.threads)) {
        Some(array) => Err(Error::new(format!(
            "no node can run a task of {} threads and {} MB",
            array.threads, array.memory_mb
        ))
        .hint("choose another partition; memory = false in the site file asks for no memory")),
        None => Ok(()),
    }
}

/// Whether what Slurm has against a job may be over later. Too long a time or too much of something for an account will
/// not be, though Slurm says of it too that it may be a job submit limit: then it names the other limit before.
fn is_passing(why: &str) -> bool {
    let other = |word: &str| word.ends_with("Limit") && !word.contains("SubmitJob");
    [
        "MaxSubmitJob",
        "GrpSubmitJob",
        "Unable to contact slurm controller",
        "Socket timed out",
        "temporarily un",
    ]
    .iter()
    .any(|part| why.contains(part))
        || why.contains("job submit limit") && !why.split([' ', ';', ':']).any(other)
}

/// The options that say what a task needs.
pub(super) fn request(site: &Site, threads: usize, memory_mb: u64) -> Vec<String> {
    let mut options = vec!["--nodes=1".to_owned(), "--ntasks=1".into(), format!("--cpus-per-task={threads}")];
    if site.memory {
        options.push(format!("--mem={memory_mb}M"));
    }
    let named = [("partition", &site.partition), ("time", &site.time), ("gres", &site.gres)];
    options
        .extend(named.into_iter().filter_map(|(name, value)| Some(format!("--{name}={}", value.as_ref()?))));
    options.extend(site.sbatch.iter().cloned());
    options
}

/// The indexes of an array, runs of them as ranges.
fn indexes(array: &Array, limit: Option<u32>) -> String {
    let mut parts: Vec<(usize, usize)> = Vec::new();
    for &index in array.tasks.keys() {
        match parts.last_mut() {
            Some((_, last)) if *last + 1 == index => *last = index,
            _ => parts.push((index, index)),
        }
    }
    let shown = |(first, last): &(usize, usize)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    let list: Vec<String> = parts.iter().map(shown).collect();
    format!("{}{}", list.join(","), limit.map(|l| format!("%{l}")).unwrap_or_default())
}

/// What an array waits for, in Slurm's words.
fn waits(
    array: &Array,
    folder: &Folder,
    tasks: &[Task],
    loads: &[Load],
    flying: &BTreeMap<usize, JobTask>,
) -> Vec<String> {
    let own = array.waits.iter().filter_map(|wait| {
        let (at, word) = match *wait {
            Wait::Same(at) => (at, format!("aftercorr:{}", folder.jobs.get(&at)?)),
            Wait::One(at, index) => (at, format!("afterok:{}_{index}", folder.jobs.get(&at)?)),
            Wait::All(at) => (at, format!("afterany:{}", folder.jobs.get(&at)?)),
        };
        folder.jobs.contains_key(&at).then_some(word)
    });
    let inputs = array.tasks.values().flat_map(|&t| &tasks[t].stages).flat_map(|&s| &loads[s].inputs);
    let others: BTreeSet<JobTask> = inputs.filter_map(|input| flying.get(input).copied()).collect();
    let others: BTreeSet<String> = match others.len() <= SINGLE {
        true => others.iter().map(|(job, index)| format!("afterany:{job}_{index}")).collect(),
        false => others.iter().map(|(job, _)| format!("afterany:{job}")).collect(),
    };
    own.chain(others).collect()
}

fn write(slurm: &Slurm, work: &Scheduler<'_>, tasks: &[Task], made: &[Array]) -> Result<Folder> {
    let plan = work.plan;
    let batch = |array: &Array| Batch {
        memory_mb: array.memory_mb,
        threads: array.threads,
        tasks: array
            .tasks
            .iter()
            .map(|(&index, &t)| {
                (index, tasks[t].stages.iter().map(|&s| plan.stages[s].key.clone()).collect())
            })
            .collect(),
    };
    let of_task = |t: usize| Work {
        stages: tasks[t].stages.iter().map(|&s| plan.stages[s].clone()).collect(),
        costs: tasks[t].stages.iter().map(|&s| (work.cost(s).seconds, work.cost(s).memory_mb)).collect(),
    };
    let lines: Vec<BTreeMap<usize, Work>> =
        made.iter().map(|a| a.tasks.iter().map(|(&index, &t)| (index, of_task(t))).collect()).collect();
    let submission = Submission {
        cluster: slurm.cluster.name.clone(),
        origin: slurm.origin.clone(),
        created: system::now(),
        site: slurm.site.clone(),
        arrays: made.iter().map(batch).collect(),
    };
    Folder::create(work.store, submission, &lines)
}

/// A path as the shell reads it.
pub(super) fn quote(path: &Path) -> String {
    format!("'{}'", path.to_string_lossy().replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_and_paths_are_written_as_they_are_read() {
        let array = |list: &[usize]| Array {
            tasks: list.iter().map(|&i| (i, 0)).collect(),
            waits: vec![],
            memory_mb: 64,
            threads: 1,
        };
        assert_eq!(indexes(&array(&[0, 1, 2, 5, 7, 8]), None), "0-2,5,7-8");
        assert_eq!(indexes(&array(&[3]), Some(10)), "3%10");
        assert_eq!(quote(Path::new("/a b/it's")), r"'/a b/it'\''s'");
    }

    #[test]
    fn only_what_may_be_over_later_is_waited_for() {
        let failed = "Batch job submission failed: ";
        let policy = "Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)";
        for (why, passes) in [
            (format!("AssocMaxSubmitJobLimit; {failed}{policy}"), true),
            (format!("QOSMaxSubmitJobPerUserLimit; {failed}{policy}"), true),
            (format!("{failed}{policy}"), true),
            (format!("{failed}Unable to contact slurm controller (connect failure)"), true),
            (format!("{failed}Socket timed out on send/recv operation"), true),
            (format!("{failed}Resource temporarily unavailable"), true),
            ("Slurm temporarily unable to accept job, sleeping and retrying".into(), true),
            (format!("{failed}Requested node configuration is not available"), false),
            ("the lua plugin: the account's grant timed out".into(), false),
            (format!("QOSMaxWallDurationPerJobLimit; {failed}{policy}"), false),
            (format!("{failed}Requested time limit is invalid (missing or exceeds some limit)"), false),
            (format!("{failed}Memory required by task is not available"), false),
            (format!("{failed}Invalid account or account/partition combination specified"), false),
        ] {
            assert_eq!(is_passing(&why), passes, "{why}");
        }
    }

    #[test]
    fn a_request_has_what_the_site_says() {
        let site = Site {
            partition: Some("cpu".into()),
            gres: Some("gpu:1".into()),
            sbatch: vec!["--account=x".into()],
            ..Site::default()
        };
        let options = request(&site, 2, 640).join(" ");
        assert_eq!(
            options,
            "--nodes=1 --ntasks=1 --cpus-per-task=2 --mem=640M --partition=cpu --gres=gpu:1 --account=x"
        );
        assert!(!request(&Site { memory: false, ..site }, 1, 64).join(" ").contains("--mem"));
    }
}
