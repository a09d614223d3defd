//! Which stage comes next: the longest chain keeps moving, quick stages go first, memory is not overdrawn.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashSet};

use crate::{Cost, Plan};

/// A stage that takes less than this share of the longest chain goes before all others: it costs the chain
/// next to nothing, and it ends cells and lets go of what it reads.
const QUICK: f64 = 0.02;
/// How often stages that fit may overtake one that waits for memory, before they wait for it.
const OVERTAKES: usize = 16;

/// The stages that may start, the most urgent first.
#[derive(Debug)]
pub struct Queue {
    costs: Vec<Cost>,
    inputs: Vec<Vec<usize>>,
    readers: Vec<Vec<usize>>,
    /// Stages by falling urgency, and the place of each in that order.
    order: Vec<usize>,
    place: Vec<usize>,
    done: Vec<bool>,
    /// Places of stages whose inputs are done and that are neither done nor running.
    ready: BTreeSet<usize>,
    budget_mb: f64,
    held_mb: f64,
    running: usize,
    /// How often each stage was overtaken while it waited for memory.
    overtaken: Vec<usize>,
}

impl Queue {
    /// For the stages of a plan with what each costs, of which some are done already.
    pub fn new(plan: &Plan, costs: Vec<Cost>, done: Vec<bool>, budget_mb: f64) -> Self {
        let n = plan.stages.len();
        let inputs: Vec<Vec<usize>> = plan
            .stages
            .iter()
            .map(|stage| stage.inputs.iter().filter_map(|(_, key)| plan.find(key)).collect())
            .collect();
        let mut readers = vec![Vec::new(); n];
        for (i, inputs) in inputs.iter().enumerate() {
            for &input in inputs {
                readers[input].push(i);
            }
        }
        let chain = chains(&costs, &readers);
        let quick = QUICK * chain.iter().copied().fold(0.0, f64::max);
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&a, &b| {
            let late = |i: usize| costs[i].seconds > quick;
            late(a).cmp(&late(b)).then(chain[b].total_cmp(&chain[a])).then(a.cmp(&b))
        });
        let mut place = vec![0; n];
        for (at, &stage) in order.iter().enumerate() {
            place[stage] = at;
        }
        let mut queue = Self {
            costs,
            inputs,
            readers,
            order,
            place,
            done,
            ready: BTreeSet::new(),
            budget_mb,
            held_mb: 0.0,
            running: 0,
            overtaken: vec![0; n],
        };
        (0..n).for_each(|i| queue.offer(i));
        queue
    }

    /// Puts a stage among the ready ones if it is.
    fn offer(&mut self, stage: usize) {
        if !self.done[stage] && self.inputs[stage].iter().all(|&i| self.done[i]) {
            self.ready.insert(self.place[stage]);
        }
    }

    /// What a stage is taken to cost.
    pub fn cost(&self, stage: usize) -> &Cost {
        &self.costs[stage]
    }

    /// Stages that read the output of a stage.
    pub fn readers(&self, stage: usize) -> &[usize] {
        &self.readers[stage]
    }

    /// The most urgent ready stage for which there is memory and that is not in `pass_over`. A stage that
    /// needs more than the whole budget runs alone.
    pub fn next(&self, pass_over: &HashSet<usize>) -> Option<usize> {
        for &at in &self.ready {
            let stage = self.order[at];
            if pass_over.contains(&stage) {
                continue;
            }
            if self.running == 0 || self.fits(stage) {
                return Some(stage);
            }
            if self.overtaken[stage] >= OVERTAKES {
                return None;
            }
        }
        None
    }

    fn fits(&self, stage: usize) -> bool {
        self.held_mb + self.costs[stage].memory_mb <= self.budget_mb
    }

    /// A stage that [`Queue::next`] gave has started.
    pub fn started(&mut self, stage: usize) {
        for &at in self.ready.range(..self.place[stage]) {
            if !self.fits(self.order[at]) {
                self.overtaken[self.order[at]] += 1;
            }
        }
        self.ready.remove(&self.place[stage]);
        self.held_mb += self.costs[stage].memory_mb;
        self.running += 1;
    }

    /// A running stage is over, one way or the other.
    pub fn ended(&mut self, stage: usize) {
        self.running -= 1;
        self.held_mb = if self.running == 0 { 0.0 } else { self.held_mb - self.costs[stage].memory_mb };
    }

    /// The output of a stage is there.
    pub fn done(&mut self, stage: usize) {
        self.done[stage] = true;
        self.ready.remove(&self.place[stage]);
        for reader in std::mem::take(&mut self.readers[stage]) {
            self.offer(reader);
            self.readers[stage].push(reader);
        }
    }

    /// The output of a stage is not there (any more) and must be computed.
    pub fn again(&mut self, stage: usize) {
        self.done[stage] = false;
        for reader in &self.readers[stage] {
            self.ready.remove(&self.place[*reader]);
        }
        self.offer(stage);
    }

    /// A stage shall not be computed.
    pub fn give_up(&mut self, stage: usize) {
        self.ready.remove(&self.place[stage]);
    }

    /// From now on nothing runs beside this stage.
    pub fn alone(&mut self, stage: usize) {
        self.costs[stage].memory_mb = self.costs[stage].memory_mb.max(self.budget_mb);
    }

    /// Seconds until all is done if every stage takes what it is taken to cost, in `slots` workers. The queue
    /// is used up.
    pub fn forecast(mut self, slots: usize) -> f64 {
        let nothing = HashSet::new();
        let mut now = 0.0;
        // Ends of running stages; in nanoseconds, since floats have no total order.
        let mut running: BinaryHeap<Reverse<(u64, usize)>> = BinaryHeap::new();
        loop {
            while running.len() < slots.max(1)
                && let Some(stage) = self.next(&nothing)
            {
                self.started(stage);
                running.push(Reverse((((now + self.costs[stage].seconds) * 1e9) as u64, stage)));
            }
            let Some(Reverse((end, stage))) = running.pop() else { return now };
            now = end as f64 / 1e9;
            self.ended(stage);
            self.done(stage);
        }
    }
}

/// Seconds of the longest chain of stages from each stage to the end. Inputs stand before their readers.
fn chains(costs: &[Cost], readers: &[Vec<usize>]) -> Vec<f64> {
    let mut chain = vec![0.0; costs.len()];
    for i in (0..costs.len()).rev() {
        chain[i] = costs[i].seconds + readers[i].iter().map(|&r| chain[r]).fold(0.0, f64::max);
    }
    chain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Basis, CellFacts, Environment, StageName, Step, StepRole};
    use proptest::prelude::*;
    use serde_json::json;

    /// Cells with and without a filter, each with its own twin.
    fn plan(cells: u64) -> Plan {
        let mut plan = Plan::new();
        for seed in 0..cells {
            let settings = json!({
                "dataset": {"kind": "d"}, "victim": {"kind": "v"}, "attack": {"kind": "a"},
                "train": {}, "defense": {"kind": "f"}, "evaluate": {}
            });
            let role = StepRole::Filter { model: true, folds: None, victim: false, control: false };
            let filter = Step { settings: json!({"kind": "f"}), version: 1, role, told: false };
            let facts = CellFacts {
                fingerprint: "f".into(),
                versions: json!({}),
                steps: if seed % 2 == 0 { Vec::new() } else { vec![filter] },
                ..CellFacts::default()
            };
            plan.add(&settings, seed, &facts, &Environment { libtorch: "2".into(), isa: "i".into() });
        }
        plan
    }

    fn costs(plan: &Plan, seconds: impl Fn(StageName) -> f64, memory_mb: f64) -> Vec<Cost> {
        let cost = |name| Cost { seconds: seconds(name), memory_mb, bytes: 0.0, basis: Basis::Guess };
        plan.stages.iter().map(|s| cost(s.name)).collect()
    }

    fn by_name(name: StageName) -> f64 {
        match name {
            StageName::Fit => 10.0,
            StageName::Evaluate => 0.1,
            _ => 1.0,
        }
    }

    #[test]
    fn the_longest_chain_first_and_quick_stages_before_it() {
        let plan = plan(2);
        let mut queue = Queue::new(&plan, costs(&plan, by_name, 1.0), vec![false; plan.stages.len()], 100.0);
        let nothing = HashSet::new();
        let mut names = Vec::new();
        while let Some(stage) = queue.next(&nothing) {
            queue.started(stage);
            queue.ended(stage);
            queue.done(stage);
            names.push((
                plan.stages[stage].settings["seed"].as_u64().unwrap(),
                plan.stages[stage].name.as_str(),
            ));
        }
        assert_eq!(names.len(), plan.stages.len());
        assert_eq!(names[0], (1, "poison"), "the filtered cell has the longest chain: {names:?}");
        for (at, (seed, name)) in names.iter().enumerate() {
            if *name == "evaluate" {
                assert_eq!(names[at - 1], (*seed, "fit"), "a quick stage does not wait");
            }
        }
    }

    #[test]
    fn a_forecast_is_the_work_over_the_workers_where_it_divides() {
        let plan = plan(4);
        let forecast = |slots, memory, budget| {
            let costs = costs(&plan, by_name, memory);
            Queue::new(&plan, costs, vec![false; plan.stages.len()], budget).forecast(slots)
        };
        // Per seed a twin (10.1) and a cell (11.1), in two of four 12 more for features, filter and refit.
        let work = 4.0 * 21.2 + 2.0 * 12.0;
        assert!((forecast(1, 1.0, 100.0) - work).abs() < 1e-6);
        assert!((work / 2.0..work / 2.0 + 11.0).contains(&forecast(2, 1.0, 100.0)));
        assert!((forecast(100, 1.0, 100.0) - 23.1).abs() < 1e-6, "the longest chain");
        assert!((forecast(2, 60.0, 100.0) - work).abs() < 1e-6, "no memory for two at once");
        assert!((forecast(2, 300.0, 100.0) - work).abs() < 1e-6, "what never fits runs alone");
    }

    #[test]
    fn a_stage_that_waits_for_memory_is_not_overtaken_for_ever() {
        let plan = plan(40);
        let mut costs = costs(&plan, by_name, 40.0);
        let large = (0..plan.stages.len()).find(|&i| plan.stages[i].inputs.is_empty()).unwrap();
        costs[large] = Cost { seconds: 100.0, memory_mb: 100.0, ..costs[large] };
        let mut queue = Queue::new(&plan, costs, vec![false; plan.stages.len()], 100.0);
        let nothing = HashSet::new();
        let mut running = Vec::new();
        // Two workers; something small is running whenever the large one is looked at.
        let mut started = 0;
        let mut next = queue.next(&HashSet::from([large]));
        while next != Some(large) {
            if let Some(small) = next {
                queue.started(small);
                running.push(small);
                started += usize::from(plan.stages[small].name == StageName::Fit);
            }
            if running.len() == 2 || next.is_none() {
                let ended = running.remove(0);
                queue.ended(ended);
                queue.done(ended);
            }
            next = queue.next(&nothing);
        }
        // Quick stages go first by right; of the others so many may overtake, of 100.
        assert!((OVERTAKES..OVERTAKES + 3).contains(&started), "{started} fits went before");
        assert!(running.is_empty(), "it runs alone");
    }

    #[test]
    fn what_was_lost_is_offered_again_before_its_readers() {
        let plan = plan(1);
        let mut queue = Queue::new(&plan, costs(&plan, by_name, 1.0), vec![true; plan.stages.len()], 100.0);
        let nothing = HashSet::new();
        assert_eq!(queue.next(&nothing), None);
        let (fit, evaluate) = (plan.cells[0].stage("fit").unwrap(), plan.cells[0].lines[0].evaluate);
        queue.again(evaluate);
        queue.again(fit);
        assert_eq!(queue.next(&nothing), Some(fit));
        queue.started(fit);
        assert_eq!(queue.next(&nothing), None);
        queue.ended(fit);
        queue.done(fit);
        assert_eq!(queue.next(&nothing), Some(evaluate));
    }

    proptest! {
        #[test]
        fn every_stage_runs_once_after_its_inputs(cells in 1u64..6, slots in 1usize..5, budget in 1f64..300.0) {
            let plan = plan(cells);
            let mut queue = Queue::new(&plan, costs(&plan, by_name, 50.0), vec![false; plan.stages.len()], budget);
            let nothing = HashSet::new();
            let (mut running, mut over) = (Vec::new(), HashSet::new());
            loop {
                while running.len() < slots && let Some(stage) = queue.next(&nothing) {
                    for (_, key) in &plan.stages[stage].inputs {
                        prop_assert!(over.contains(&plan.find(key).unwrap()));
                    }
                    prop_assert!(!over.contains(&stage) && !running.contains(&stage));
                    queue.started(stage);
                    running.push(stage);
                }
                prop_assert!(running.len() as f64 * 50.0 <= budget || running.len() <= 1);
                if running.is_empty() {
                    break;
                }
                let stage = running.remove(0);
                queue.ended(stage);
                queue.done(stage);
                over.insert(stage);
            }
            prop_assert_eq!(over.len(), plan.stages.len());
        }
    }
}
