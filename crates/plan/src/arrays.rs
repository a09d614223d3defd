//! Arrays: tasks with the same needs of the machine, submitted at once, and what each array waits for.
//!
//! Level by level with a barrier between would leave a cluster idle at the end of every level: all wait for the slowest.
//! So a task waits for the one task it reads from, where arrays can say that: task *i* of an array for task *i* of an
//! earlier one (`aftercorr`), or a whole array for one task (`afterok`). A level fans out from its tasks, so either way
//! takes several arrays; the one that takes fewer is chosen, and where both take too many, the barrier.

use std::collections::{BTreeMap, BTreeSet};

use crate::pack::{Task, class_mb};

/// More arrays than this for the readers of one array, and they wait for all of it instead.
const MANY: usize = 64;

/// What an array waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wait {
    /// Each of its tasks for the task with the same index of an array.
    Same(usize),
    /// All of it for one task, by array and index, to end well.
    One(usize, usize),
    /// All of it for all of an array to end, well or not.
    All(usize),
}

/// Tasks that are submitted at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Positions of tasks by their index in the array. Indexes need not be consecutive.
    pub tasks: BTreeMap<usize, usize>,
    /// What it waits for; all of them are earlier arrays.
    pub waits: Vec<Wait>,
    /// Memory of each task, in MB.
    pub memory_mb: u64,
    /// Threads of each task.
    pub threads: usize,
}

/// Sorts tasks (ordered by level) into arrays with indexes below `size`.
pub fn arrays(tasks: &[Task], size: usize) -> Vec<Array> {
    let mut sorting =
        Sorting { tasks, size: size.max(1), arrays: Vec::new(), place: vec![(0, 0); tasks.len()] };
    let mut level: Vec<usize> = Vec::new();
    for at in 0..tasks.len() {
        level.push(at);
        if tasks.get(at + 1).is_none_or(|next| next.level != tasks[at].level) {
            sorting.level(&level);
            level.clear();
        }
    }
    sorting.arrays
}

/// Memory and threads: one array, one request.
type Class = (u64, usize);

struct Sorting<'a> {
    tasks: &'a [Task],
    size: usize,
    arrays: Vec<Array>,
    /// Array and index of each task.
    place: Vec<(usize, usize)>,
}

impl Sorting<'_> {
    fn level(&mut self, level: &[usize]) {
        let mut groups: BTreeMap<(Class, Option<usize>), Vec<usize>> = BTreeMap::new();
        for &at in level {
            let task = &self.tasks[at];
            let main = self.main(task).map(|main| self.place[main].0);
            groups.entry(((class_mb(task.memory_mb), task.threads), main)).or_default().push(at);
        }
        for ((class, main), group) in groups {
            match main {
                None => self.row(class, &group, None),
                Some(array) => self.readers(class, array, &group),
            }
        }
    }

    /// What a task waits for longest, by all that is known: the latest level, of that the longest task.
    fn main(&self, task: &Task) -> Option<usize> {
        let key = |&at: &usize| (self.tasks[at].level, self.tasks[at].seconds);
        task.needs.iter().copied().max_by(|a, b| {
            let (a, b) = (key(a), key(b));
            a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
        })
    }

    /// Arrays of tasks with indexes in a row.
    fn row(&mut self, class: Class, group: &[usize], wait: Option<Wait>) {
        for part in group.chunks(self.size) {
            self.array(class, part.iter().copied().enumerate().collect(), wait);
        }
    }

    /// Arrays of tasks that wait for tasks of one array.
    fn readers(&mut self, class: Class, array: usize, group: &[usize]) {
        let mut by_main: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for &at in group {
            if let Some(main) = self.main(&self.tasks[at]) {
                by_main.entry(self.place[main].1).or_default().push(at);
            }
        }
        let widest = by_main.values().map(Vec::len).max().unwrap_or(0);
        match (by_main.len() <= widest, by_main.len().min(widest) <= MANY) {
            (_, false) => self.row(class, group, Some(Wait::All(array))),
            (true, _) => {
                for (index, readers) in by_main {
                    self.row(class, &readers, Some(Wait::One(array, index)));
                }
            }
            (false, _) => {
                for branch in 0..widest {
                    let tasks =
                        by_main.iter().filter_map(|(&i, readers)| Some((i, *readers.get(branch)?))).collect();
                    self.array(class, tasks, Some(Wait::Same(array)));
                }
            }
        }
    }

    fn array(&mut self, (memory_mb, threads): Class, tasks: BTreeMap<usize, usize>, wait: Option<Wait>) {
        let here = self.arrays.len();
        tasks.iter().for_each(|(&index, &task)| self.place[task] = (here, index));
        let covered = |need: usize, index: usize| match wait {
            Some(Wait::Same(array)) => self.place[need] == (array, index),
            Some(Wait::One(array, one)) => self.place[need] == (array, one),
            Some(Wait::All(array)) => self.place[need].0 == array,
            None => false,
        };
        // What else its tasks read from is there earlier as a rule; then it costs nothing to wait for all of it.
        let others: BTreeSet<usize> = tasks
            .iter()
            .flat_map(|(&index, &task)| self.tasks[task].needs.iter().map(move |&need| (need, index)))
            .filter(|&(need, index)| !covered(need, index))
            .map(|(need, _)| self.place[need].0)
            .collect();
        let waits = wait.into_iter().chain(others.into_iter().map(Wait::All)).collect();
        self.arrays.push(Array { tasks, waits, memory_mb, threads });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn task(level: usize, needs: &[usize]) -> Task {
        Task { stages: vec![], needs: needs.to_vec(), level, seconds: 1.0, memory_mb: 500.0, threads: 1 }
    }

    fn shape(arrays: &[Array]) -> Vec<(Vec<usize>, Vec<Wait>)> {
        arrays.iter().map(|a| (a.tasks.values().copied().collect(), a.waits.clone())).collect()
    }

    #[test]
    fn chains_side_by_side_wait_task_for_task() {
        // Three models, two defenses on each.
        let mut tasks = vec![task(0, &[]), task(0, &[]), task(0, &[])];
        tasks.extend((0..6).map(|i| task(1, &[i / 2])));
        let expected = vec![
            (vec![0, 1, 2], vec![]),
            (vec![3, 5, 7], vec![Wait::Same(0)]),
            (vec![4, 6, 8], vec![Wait::Same(0)]),
        ];
        assert_eq!(shape(&arrays(&tasks, 1000)), expected);
    }

    #[test]
    fn many_readers_of_one_task_wait_for_that_one() {
        let mut tasks = vec![task(0, &[]), task(0, &[])];
        tasks.extend((0..5).map(|_| task(1, &[1])));
        let made = arrays(&tasks, 3);
        let expected = vec![
            (vec![0, 1], vec![]),
            (vec![2, 3, 4], vec![Wait::One(0, 1)]),
            (vec![5, 6], vec![Wait::One(0, 1)]),
        ];
        assert_eq!(shape(&made), expected);
        assert_eq!((made[0].memory_mb, made[0].threads), (512, 1));
    }

    #[test]
    fn what_fans_out_from_many_waits_for_all() {
        let mut tasks: Vec<Task> = (0..100).map(|_| task(0, &[])).collect();
        tasks.extend((0..10_000).map(|i| task(1, &[i / 100])));
        let made = arrays(&tasks, 1000);
        assert_eq!(made.len(), 11);
        assert!(made[1..].iter().all(|a| a.waits == [Wait::All(0)]));
    }

    proptest! {
        #[test]
        fn every_task_is_in_one_array_and_waits_for_all_that_it_reads(
            raw in prop::collection::vec((0usize..4, prop::collection::vec(0usize..1000, 0..3)), 1..80),
            size in 1usize..20,
        ) {
            let mut levels: Vec<usize> = raw.iter().map(|r| r.0).collect();
            levels.sort_unstable();
            let tasks: Vec<Task> = raw.iter().zip(&levels).map(|((_, needs), &level)| {
                let lower = levels.iter().filter(|&&l| l < level).count();
                let needs: BTreeSet<usize> = needs.iter().filter(|_| lower > 0).map(|n| n % lower.max(1)).collect();
                task(level, &needs.into_iter().collect::<Vec<_>>())
            }).collect();
            let made = arrays(&tasks, size);
            let mut place = vec![None; tasks.len()];
            for (at, array) in made.iter().enumerate() {
                prop_assert!(array.tasks.keys().all(|&i| i < size));
                for (&index, &task) in &array.tasks {
                    prop_assert!(place[task].replace((at, index)).is_none());
                    for &need in &tasks[task].needs {
                        let (there, i) = place[need].unwrap();
                        prop_assert!(there < at);
                        let waited = array.waits.iter().any(|wait| match *wait {
                            Wait::Same(a) => (a, index) == (there, i),
                            Wait::One(a, one) => (a, one) == (there, i),
                            Wait::All(a) => a == there,
                        });
                        prop_assert!(waited);
                    }
                }
            }
            prop_assert!(place.iter().all(Option::is_some));
        }
    }
}
