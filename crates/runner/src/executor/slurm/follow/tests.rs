//! Followers against files as tasks write them.

use std::time::SystemTime;

use aconite_plan::{Environment, Key, Manifest, Plan, Store};
use serde_json::{Value, json};

use super::*;
use crate::executor::slurm::folder::{Batch, Origin, Submission};
use crate::executor::slurm::site::Site;
use crate::progress::Progress;

/// A store, and a plan of a fit and an evaluation for each of two seeds.
struct Bench {
    dir: tempfile::TempDir,
    store: Store,
    plan: Plan,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let settings = json!({ "attack": { "kind": "none" }, "defense": { "kind": "none" } });
        let mut plan = Plan::new();
        for seed in 0..2 {
            let environment = Environment { libtorch: "2".into(), isa: "i".into() };
            plan.add(&settings, seed, &aconite_plan::CellFacts::default(), &environment);
        }
        Self { dir, store, plan }
    }

    fn work(&self) -> Scheduler<'_> {
        Scheduler::to_follow(&self.plan, &self.store, false).unwrap()
    }

    fn publish(&self, stage: usize) {
        let stage = &self.plan.stages[stage];
        self.store.put(&stage.key, Manifest::of(stage, json!({})), &[]).unwrap();
    }

    /// A follower of one task of all stages, which has told this some minutes ago.
    fn follow(&self, retries: u32, told: &[Value]) -> Follow {
        let path = self.dir.path().join("slurm/s");
        std::fs::create_dir_all(path.join("out")).unwrap();
        let out = path.join("out/0-0.out");
        std::fs::write(&out, told.iter().map(|event| format!("{event}\n")).collect::<String>()).unwrap();
        let ago = SystemTime::now() - Duration::from_secs(300);
        std::fs::File::options().append(true).open(out).unwrap().set_modified(ago).unwrap();
        let keys: Vec<Key> = self.plan.stages.iter().map(|stage| stage.key.clone()).collect();
        let submission = Submission {
            cluster: "c".into(),
            origin: Origin { results: "r".into(), isa: "i".into(), only: vec![], set: vec![] },
            created: "t".into(),
            site: Site::default(),
            arrays: vec![Batch { memory_mb: 1, threads: 1, tasks: [(0, keys)].into() }],
        };
        let folder = Folder { path, submission, jobs: [(0, 7)].into() };
        Follow::new(vec![folder], "r".into(), retries)
    }

    fn ended(&self, stage: usize, more: Value) -> Value {
        let mut event = json!({ "event": "stage_ended", "key": self.plan.stages[stage].key, "done": false });
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event
    }
}

fn through() -> Value {
    json!({ "event": "task_ended" })
}

fn read(follow: &mut Follow, work: &mut Scheduler<'_>) {
    follow.adopt(work);
    follow.read_task(0, work, &mut Progress::silent()).unwrap();
}

#[test]
fn what_a_task_tells_of_a_damaged_input_takes_nothing_out_of_the_store() {
    let bench = Bench::new();
    let fit = &bench.plan.stages[0].key;
    let told = bench.ended(1, json!({ "error": "is damaged", "input": fit }));
    bench.publish(0);
    let (mut follow, mut work) = (bench.follow(1, &[told.clone(), through()]), bench.work());
    read(&mut follow, &mut work);
    assert!(bench.store.get(fit).unwrap().is_some(), "it was computed again since");
    assert!(matches!(work.state(0), State::Done(_)) && matches!(work.state(1), State::Waiting));
    // Damaged when we come, and when we are told of it: it is the task's to remove that computes it again.
    let damaged = |key: &Key| {
        let folder = bench.store.root().join("objects").join(&key.as_str()[..2]).join(key.as_str());
        std::fs::write(folder.join("stage.json"), "{").unwrap();
        assert!(bench.store.get(key).is_err());
        folder
    };
    bench.publish(1);
    let other = damaged(&bench.plan.stages[1].key);
    let told_well = bench.ended(1, json!({ "done": true }));
    let (mut follow, mut work) = (bench.follow(1, &[told_well, through()]), bench.work());
    read(&mut follow, &mut work);
    assert!(other.exists() && matches!(work.state(1), State::Waiting));
    bench.store.remove(&bench.plan.stages[1].key).unwrap();
    // Gone while we look: both are to be computed again.
    let (mut follow, mut work) = (bench.follow(1, &[told, through()]), bench.work());
    bench.store.remove(fit).unwrap();
    read(&mut follow, &mut work);
    assert!([0, 1].iter().all(|&stage| matches!(work.state(stage), State::Waiting)));
}

#[test]
fn a_stage_that_is_started_again_and_then_lost_is_not_running_for_ever() {
    let bench = Bench::new();
    let stage = &bench.plan.stages[1].key;
    let started = json!({ "event": "stage_started", "key": stage });
    let damaged = bench.ended(1, json!({ "error": "is damaged", "input": bench.plan.stages[0].key }));
    bench.publish(0);
    let told = [started.clone(), damaged.clone(), started, through()];
    let (mut follow, mut work) = (bench.follow(1, &told), bench.work());
    read(&mut follow, &mut work);
    assert!(matches!(work.state(1), State::Waiting), "{:?}", work.state(1));
    // What the task mends by itself is not lost by chance, even where nothing may be.
    let told = [damaged, bench.ended(1, json!({ "done": true })), through()];
    let (mut follow, mut work) = (bench.follow(0, &told), bench.work());
    bench.publish(1);
    read(&mut follow, &mut work);
    assert!(matches!(work.state(1), State::Done(_)), "{:?}", work.state(1));
}

#[test]
fn stages_that_a_task_forgets_are_found_or_lost_and_not_lost_for_ever() {
    let bench = Bench::new();
    assert_eq!(bench.plan.stages.len(), 4);
    let (mut follow, mut work) = (bench.follow(1, &[through()]), bench.work());
    bench.publish(0);
    read(&mut follow, &mut work);
    assert!(matches!(work.state(0), State::Done(_)), "it is there, though nobody said so");
    assert!((1..4).all(|stage| matches!(work.state(stage), State::Waiting)), "to be tried again");
    assert!(follow.tasks[0].over);
    // The next task forgets them too.
    follow.track(0, &work);
    follow.read_task(1, &mut work, &mut Progress::silent()).unwrap();
    let State::Failed(why) = work.state(2) else { panic!("{:?}", work.state(2)) };
    assert!(why.contains("did not say what became of the stage (task 7_0)"), "{why}");
    assert!(matches!(work.state(3), State::Failed(_)), "it reads from that");
}

#[test]
fn what_was_computed_while_nobody_watched_is_written_down_once() {
    let bench = Bench::new();
    let told = [bench.ended(0, json!({ "done": true })), bench.ended(1, json!({ "done": true })), through()];
    (0..4).for_each(|stage| bench.publish(stage));
    let lines = || {
        let text = std::fs::read_to_string(bench.dir.path().join("costs.jsonl"));
        text.unwrap_or_default().lines().count()
    };
    let (mut follow, mut work) = (bench.follow(1, &told), bench.work());
    read(&mut follow, &mut work);
    assert_eq!(lines(), 0, "tasks may still run: who comes next reads it again");
    follow.end(&work);
    assert_eq!(lines(), 2, "the others were there before");
    assert!(bench.dir.path().join("slurm/s/ended").exists());
}
