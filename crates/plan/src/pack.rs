//! Packing: from missing stages to tasks for a cluster, and from tasks to arrays of them.
//!
//! A task is what a cluster starts at once, with a cost of its own (a queue, a process, libtorch to be loaded), so that
//! stages of a second each would be spent on starting. Small stages therefore go into the task of what they read, chains
//! of small ones into one task, and what is still small beside its neighbours.
//!
//! Every task has a level, and reads only from tasks of lower levels, so that tasks never wait for each other in a ring.

use std::collections::{BTreeMap, BTreeSet};

/// What packing must know of a stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// Seconds that it is expected to take.
    pub seconds: f64,
    /// Memory that it is expected to need, in MB.
    pub memory_mb: f64,
    /// Threads that it uses.
    pub threads: usize,
    /// The stages that it reads, all of them before it.
    pub inputs: Vec<usize>,
    /// Whether it is to be computed; what is not is there already.
    pub wanted: bool,
}

/// How tasks are cut.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cut {
    /// A task is filled up to this many seconds where there is something to fill it with, and `most_seconds` allow it.
    pub least_seconds: f64,
    /// No task is filled above this many seconds; a stage that takes longer by itself is a task of its own.
    pub most_seconds: f64,
}

/// Stages that one process on a node computes in a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// Positions of its stages, inputs first.
    pub stages: Vec<usize>,
    /// Positions of the tasks that it reads from; all have a lower level.
    pub needs: Vec<usize>,
    /// 0 for a task that reads from no other.
    pub level: usize,
    /// Seconds that its stages are expected to take in all.
    pub seconds: f64,
    /// Memory of its largest stage, in MB.
    pub memory_mb: f64,
    /// Threads that its stages use.
    pub threads: usize,
}

/// Packs the wanted stages into tasks, ordered by level. Each wanted stage is in exactly one.
pub fn pack(loads: &[Load], cut: Cut) -> Vec<Task> {
    let cut = Cut { least_seconds: cut.least_seconds.min(cut.most_seconds), ..cut };
    let mut packing = Packing { loads, cut, tasks: Vec::new(), of: vec![None; loads.len()] };
    for stage in (0..loads.len()).filter(|&s| loads[s].wanted) {
        packing.place(stage);
    }
    packing.join_neighbours();
    packing.finish()
}

#[derive(Debug, Default, Clone)]
struct Open {
    stages: Vec<usize>,
    level: usize,
    seconds: f64,
    /// Seconds of small stages that came after it was long enough.
    tail: f64,
    memory_mb: f64,
    threads: usize,
}

struct Packing<'a> {
    loads: &'a [Load],
    cut: Cut,
    /// `None` where a task went into another one.
    tasks: Vec<Option<Open>>,
    /// The task of each stage.
    of: Vec<Option<usize>>,
}

impl Packing<'_> {
    fn task(&self, at: usize) -> Option<&Open> {
        self.tasks.get(at).and_then(Option::as_ref)
    }

    /// Whether a task has room for so many more seconds.
    fn has_room(&self, open: &Open, seconds: f64) -> bool {
        let small = seconds < self.cut.least_seconds;
        let room =
            open.seconds < self.cut.least_seconds || small && open.tail + seconds <= self.cut.least_seconds;
        room && open.seconds + seconds <= self.cut.most_seconds
    }

    fn place(&mut self, stage: usize) {
        let load = &self.loads[stage];
        let read: BTreeSet<usize> = load.inputs.iter().filter_map(|&i| self.of[i]).collect();
        let levels = read.iter().filter_map(|&t| self.task(t).map(|open| open.level));
        let Some(top) = levels.max() else {
            self.open(stage, 0);
            return;
        };
        let highest: Vec<usize> =
            read.iter().copied().filter(|&t| self.task(t).is_some_and(|o| o.level == top)).collect();
        // What reads from several small tasks of one level makes one of them: tasks of one level never read from each
        // other.
        let seconds: f64 = highest.iter().filter_map(|&t| self.task(t)).map(|o| o.seconds).sum();
        let fits = match highest.as_slice() {
            [only] => self.task(*only).is_some_and(|open| self.has_room(open, load.seconds)),
            _ => seconds + load.seconds <= self.cut.least_seconds,
        };
        let alike = highest.iter().filter_map(|&t| self.task(t)).all(|open| open.threads == load.threads);
        match (highest.split_first(), fits && alike) {
            (Some((&first, others)), true) => {
                others.iter().for_each(|&other| self.merge(first, other));
                self.add(first, stage);
            }
            _ => self.open(stage, top + 1),
        }
    }

    fn open(&mut self, stage: usize, level: usize) {
        self.tasks.push(Some(Open { level, threads: self.loads[stage].threads, ..Open::default() }));
        self.add(self.tasks.len() - 1, stage);
    }

    fn add(&mut self, task: usize, stage: usize) {
        let load = &self.loads[stage];
        if let Some(open) = &mut self.tasks[task] {
            if open.seconds >= self.cut.least_seconds {
                open.tail += load.seconds;
            }
            open.seconds += load.seconds;
            open.memory_mb = open.memory_mb.max(load.memory_mb);
            open.stages.push(stage);
            self.of[stage] = Some(task);
        }
    }

    /// Moves all of a task into another one.
    fn merge(&mut self, into: usize, from: usize) {
        let Some(gone) = self.tasks[from].take() else { return };
        gone.stages.iter().for_each(|&stage| self.of[stage] = Some(into));
        if let Some(open) = &mut self.tasks[into] {
            open.seconds += gone.seconds;
            open.tail += gone.tail;
            open.memory_mb = open.memory_mb.max(gone.memory_mb);
            open.stages.extend(gone.stages);
        }
    }

    /// Puts small tasks of one level and with the same needs of the machine together.
    fn join_neighbours(&mut self) {
        let mut filling: BTreeMap<(usize, usize, u64), usize> = BTreeMap::new();
        for at in 0..self.tasks.len() {
            let Some(open) = self.task(at) else { continue };
            if open.seconds >= self.cut.least_seconds {
                continue;
            }
            let alike = (open.level, open.threads, class_mb(open.memory_mb));
            let (least, most) = (self.cut.least_seconds, self.cut.most_seconds);
            let has_room = |o: &Open| o.seconds < least && o.seconds + open.seconds <= most;
            match filling.get(&alike).copied().filter(|&other| self.task(other).is_some_and(has_room)) {
                Some(other) => self.merge(other, at),
                None => drop(filling.insert(alike, at)),
            }
        }
    }

    fn finish(mut self) -> Vec<Task> {
        let mut order: Vec<usize> = (0..self.tasks.len()).filter(|&t| self.tasks[t].is_some()).collect();
        order.sort_by_key(|&t| self.task(t).map(|o| o.level));
        let place: BTreeMap<usize, usize> = order.iter().enumerate().map(|(at, &t)| (t, at)).collect();
        let mut tasks = Vec::with_capacity(order.len());
        for &old in &order {
            let Some(mut open) = self.tasks[old].take() else { continue };
            open.stages.sort_unstable();
            let read = open.stages.iter().flat_map(|&s| &self.loads[s].inputs).filter_map(|&i| self.of[i]);
            let needs: BTreeSet<usize> =
                read.filter(|&t| t != old).filter_map(|t| place.get(&t).copied()).collect();
            tasks.push(Task {
                stages: open.stages,
                needs: needs.into_iter().collect(),
                level: open.level,
                seconds: open.seconds,
                memory_mb: open.memory_mb,
                threads: open.threads,
            });
        }
        tasks
    }
}

/// Memory in steps of a quarter of a power of two, so that tasks that need about the same can stand in one array: the
/// smallest such number that is not less.
pub fn class_mb(memory_mb: f64) -> u64 {
    let mut step = 64;
    while (8 * step) as f64 <= memory_mb {
        step *= 2;
    }
    ((memory_mb / step as f64).ceil() as u64).max(1) * step
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn load(seconds: f64, inputs: &[usize]) -> Load {
        Load { seconds, memory_mb: 100.0, threads: 1, inputs: inputs.to_vec(), wanted: true }
    }

    const CUT: Cut = Cut { least_seconds: 60.0, most_seconds: 600.0 };

    fn stages(tasks: &[Task]) -> Vec<Vec<usize>> {
        tasks.iter().map(|t| t.stages.clone()).collect()
    }

    #[test]
    fn small_stages_go_with_the_large_one_that_they_read_or_that_reads_them() {
        // poison → fit → evaluate, features → filter → refit → evaluate
        let loads = [
            load(1.0, &[]),
            load(100.0, &[0]),
            load(2.0, &[1]),
            load(3.0, &[1]),
            load(5.0, &[3]),
            load(100.0, &[0, 4]),
            load(2.0, &[5]),
        ];
        let tasks = pack(&loads, CUT);
        assert_eq!(stages(&tasks), [vec![0, 1, 2, 3, 4], vec![5, 6]]);
        assert_eq!((tasks[1].level, tasks[1].needs.as_slice()), (1, [0].as_slice()));
        // With nothing to wait for, two fits on one poison run beside each other.
        let tasks = pack(&[load(1.0, &[]), load(100.0, &[0]), load(100.0, &[0])], CUT);
        assert_eq!(stages(&tasks), [vec![0, 1], vec![2]]);
    }

    #[test]
    fn a_grid_of_little_stages_becomes_few_tasks() {
        let loads: Vec<Load> =
            (0..100).flat_map(|i| [load(0.5, &[]), load(1.0, &[3 * i]), load(0.5, &[3 * i + 1])]).collect();
        let tasks = pack(&loads, CUT);
        // 200 seconds of work in tasks of 60.
        assert_eq!(tasks.len(), 4);
        assert!(tasks[..3].iter().all(|t| t.seconds >= 60.0 && t.seconds < 64.0), "{tasks:?}");
    }

    #[test]
    fn what_is_there_and_what_needs_another_machine_is_kept_apart() {
        let mut loads = [load(1.0, &[]), load(100.0, &[0]), load(1.0, &[1]), load(1.0, &[])];
        loads[0].wanted = false;
        loads[2].threads = 2;
        loads[3].memory_mb = 3000.0;
        let tasks = pack(&loads, CUT);
        assert_eq!(stages(&tasks), [vec![1], vec![3], vec![2]]);
        assert!(tasks[0].needs.is_empty());
        assert_eq!([1.0, 64.0, 500.0, 512.0, 513.0, 1100.0].map(class_mb), [64, 64, 512, 512, 640, 1280]);
    }

    proptest! {
        #[test]
        fn each_stage_is_in_one_task_after_its_inputs(
            raw in prop::collection::vec((0.1f64..200.0, prop::collection::vec(0usize..1000, 0..3), 0u8..10), 1..60),
            least in 0.0f64..100.0,
            most in 10.0f64..400.0,
        ) {
            let loads: Vec<Load> = raw.iter().enumerate().map(|(at, (seconds, inputs, dice))| {
                let inputs = inputs.iter().filter(|_| at > 0).map(|i| i % at.max(1)).collect();
                let threads = 1 + usize::from(*dice == 0);
                Load { seconds: *seconds, memory_mb: 100.0 * f64::from(*dice), threads, inputs, wanted: *dice != 1 }
            }).collect();
            let cut = Cut { least_seconds: least, most_seconds: most };
            let tasks = pack(&loads, cut);
            let mut of = vec![None; loads.len()];
            for (at, task) in tasks.iter().enumerate() {
                prop_assert!(task.needs.iter().all(|&n| n < at && tasks[n].level < task.level));
                for &stage in &task.stages {
                    prop_assert!(of[stage].replace(at).is_none() && loads[stage].wanted);
                    prop_assert_eq!(loads[stage].threads, task.threads);
                    for &input in &loads[stage].inputs {
                        if loads[input].wanted {
                            let there = of[input].unwrap();
                            prop_assert!(there == at || task.needs.contains(&there));
                        }
                    }
                }
                let largest = task.stages.iter().map(|&s| loads[s].seconds).fold(0.0, f64::max);
                prop_assert!(task.seconds <= largest.max(most) + 1e-6);
            }
            prop_assert!((0..loads.len()).all(|s| of[s].is_some() == loads[s].wanted));
        }
    }
}
