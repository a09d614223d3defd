use std::sync::Arc;

use aconite_core::{
    Attack, Dataset, Goal, LabelMap, Learner, Observer, Poison, Poisoned, Rate, Scene, Seed, Silent, Table,
};
use aconite_log_poisoning::greedy_centroid::GreedyCentroid;
use aconite_train::victims::centroid::{Accepts, Centroid, Removal};
use proptest::prelude::*;

/// Normal rows about 0, each number a sum of uniform ones, and two anomalies far out on the first axis.
fn cloud(normal: usize, seed: Seed) -> Dataset {
    let pool: Vec<usize> = (0..10_000).collect();
    let mut values = Vec::new();
    for row in 0..normal {
        let seed = seed.derive(&row.to_string());
        let uniform = |draw: &usize| *draw as f32 / 5_000.0 - 1.0;
        let drawn: Vec<f32> = seed.shuffled(&pool)[..12].iter().map(uniform).collect();
        // Narrow along the first axis, so that the benign rows hide little of what the others do.
        let narrow = |(j, c): (usize, &[f32])| c.iter().sum::<f32>() * if j == 0 { 0.2 } else { 1.0 };
        values.extend(drawn.chunks(3).enumerate().map(narrow));
    }
    values.extend([[50.0, 0.0, 0.0, 0.0], [60.0, 0.0, 0.0, 0.0]].concat());
    let columns = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
    let labels = (0..normal + 2).map(|row| usize::from(row >= normal)).collect();
    let names = Arc::new(vec!["normal".into(), "attack".into()]);
    Dataset::new(Table::new(Arc::new(columns), values).unwrap(), labels, names).unwrap()
}

fn craft(victim: &Centroid, rate: f64, clean: &Dataset, seed: Seed) -> Poison {
    let scene =
        Scene { victim: Some(victim), victim_seed: Some(seed), ..Scene::new(clean, seed.derive("attack")) };
    let attack = GreedyCentroid { rate: Rate::try_from(rate).unwrap(), normal: None };
    attack.craft(&scene, &mut Silent).unwrap().remove(0)
}

fn displacement(victim: &Centroid, rate: f64, clean: &Dataset, seed: Seed) -> f64 {
    let poisoned = Poisoned::new(clean, &craft(victim, rate, clean, seed)).unwrap();
    victim.fit(poisoned.data(), seed, &mut Silent).unwrap().measures()[0].1
}

const N: u32 = 30;
const ARRIVALS: usize = 90;

fn victim(removal: Removal) -> Centroid {
    Centroid { window: N, removal, quantile: 1.0, accepts: Accepts::All, normal: None }
}

// n, i = 30, 90; average_out and random_out: i/n if nu == 1 else (1 - (1 - (1 - nu)/n)**i)*nu/(1 - nu)
// none: np.sum(1/(n + k)) if nu == 1 else nu/(1 - nu)*(1 - np.prod((n + k - 1 + nu)/(n + k))), k = 1 … i
// oldest_out: D = [0]; y = [0]*n; i times: y_new = nu*(1 + D[-1]); D.append(D[-1] + (y_new - y.pop(0))/n); y.append(y_new)
#[test]
fn displacements_follow_the_closed_forms() {
    let forms = [
        (Removal::AverageOut, FORMS[0]),
        (Removal::RandomOut, FORMS[0]),
        (Removal::OldestOut, FORMS[1]),
        (Removal::None, FORMS[2]),
    ];
    const SEEDS: usize = 24;
    let clouds: Vec<Dataset> =
        (0..SEEDS).map(|s| cloud(N as usize + ARRIVALS, Seed(s as u64).derive("cloud"))).collect();
    for (removal, wanted) in forms {
        for (share, want) in [0.1, 0.5, 1.0].into_iter().zip(wanted) {
            let all: Vec<f64> = clouds
                .iter()
                .enumerate()
                .map(|(s, clean)| displacement(&victim(removal), share, clean, Seed(s as u64)))
                .collect();
            let mean = all.iter().sum::<f64>() / SEEDS as f64;
            let sd = (all.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / (SEEDS - 1) as f64).sqrt();
            // Four standard errors, and what f32 and the distance to the edge cost.
            let room = 4.0 * sd / (SEEDS as f64).sqrt() + 1e-3;
            assert!((mean - want).abs() < room, "{removal:?} at {share}: {mean} ± {sd}, {want} by the form");
            // The room must be able to tell the forms apart.
            assert!(room < 0.6 * want, "{removal:?} at {share}: {room} of {want}");
        }
    }
}
const FORMS: [[f64; 3]; 3] = [
    [0.103_946_154_339_274_2, 0.779_672_598_109_051_9, 3.0],
    [0.111_102_860_166_860_2, 0.966_799_472_342_281_4, 5.494_672_855_623_431],
    [0.079_166_707_613_111_2, 0.498_435_151_257_168_1, 1.373_881_156_433_003_8],
];

#[test]
fn each_step_with_full_control_is_an_nth_of_the_radius() {
    let clean = cloud(100, Seed(1));
    for (arrivals, want) in [(1usize, 1.0 / 30.0), (10, 10.0 / 30.0), (70, 70.0 / 30.0)] {
        let rows: Vec<usize> = (0..30 + arrivals).chain([100, 101]).collect();
        let part = clean.select(&rows).unwrap();
        let got = displacement(&victim(Removal::AverageOut), 1.0, &part, Seed(0));
        assert!((got - want).abs() < 1e-4, "{got} {want}");
    }
}

#[test]
fn where_the_nearest_leaves_rays_gain_and_edges_would_not() {
    let clean = cloud(N as usize + ARRIVALS, Seed(2));
    let got = displacement(&victim(Removal::NearestOut), 1.0, &clean, Seed(0));
    // A row at the edge drives out its predecessor there: a first step of at most r + r, then an n-th of it each time.
    let edges = 2.0 / 30.0 / (1.0 - 1.0 / 30.0);
    assert!(got > edges, "{got}");
    assert!(got < ARRIVALS as f64 / 30.0, "but less than where an n-th of the mean leaves: {got}");
}

#[test]
fn a_detector_that_rejects_takes_every_crafted_row() {
    let clean = cloud(N as usize + ARRIVALS, Seed(3));
    for removal in
        [Removal::AverageOut, Removal::RandomOut, Removal::NearestOut, Removal::OldestOut, Removal::None]
    {
        let victim = Centroid { accepts: Accepts::Inside, quantile: 0.9, ..victim(removal) };
        let poison = craft(&victim, 0.5, &clean, Seed(0));
        let poisoned = Poisoned::new(&clean, &poison).unwrap();
        let mut followed = victim.online(poisoned.data(), Seed(0)).unwrap();
        for &row in &followed.arrivals {
            let taken = followed.state.arrives(poisoned.data().rows().table().unwrap().row(row));
            assert!(taken || poison.rows.binary_search(&row).is_err(), "{removal:?}: row {row} was rejected");
        }
    }
}

struct Steps(usize);

impl Observer for Steps {
    fn step(&mut self, done: usize, total: usize) {
        assert!(done <= total);
        self.0 = total;
    }
}

#[test]
fn it_says_what_it_is_after_and_what_does_not_fit() {
    let clean = cloud(40, Seed(0));
    let attack = GreedyCentroid { normal: Some(0), ..GreedyCentroid::default() };
    assert_eq!(attack.goal(&clean.info()), Goal::Targeted(LabelMap::SourceSpecific { source: 1, target: 0 }));
    assert!(attack.needs().victim && attack.needs().online);
    let scene = |victim: &'static dyn Learner| Scene {
        victim: Some(victim),
        victim_seed: Some(Seed(0)),
        ..Scene::new(&clean, Seed(0))
    };
    let turned: &'static Centroid =
        Box::leak(Box::new(Centroid { normal: Some(1), window: 2, ..victim(Removal::None) }));
    let error = attack.craft(&scene(turned), &mut Silent).unwrap_err();
    assert_eq!(error.setting.as_deref(), Some("normal"), "{error}");
    let offline: &'static dyn Learner =
        Box::leak(Box::new(aconite_train::victims::logistic::Logistic::default()));
    assert!(attack.craft(&scene(offline), &mut Silent).unwrap_err().message.contains("row by row"));
    let fits: &'static Centroid = Box::leak(Box::new(victim(Removal::None)));
    let mut steps = Steps(0);
    attack.craft(&scene(fits), &mut steps).unwrap();
    assert_eq!(steps.0, 10);
    let normal_only = clean.select(&(0..40).collect::<Vec<_>>()).unwrap();
    assert!(attack.check(&normal_only.info()).unwrap_err().message.contains("anomalous"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]
    #[test]
    fn exactly_the_share_of_the_arrivals_is_replaced(rate in 0f64..=1.0, seed in 0u64..50) {
        let clean = cloud(60, Seed(9));
        let poison = craft(&victim(Removal::AverageOut), rate, &clean, Seed(seed));
        prop_assert_eq!(poison.rows.len(), Rate::try_from(rate).unwrap().count(30));
        // Neither the window nor an anomaly is touched, and what is, is called normal.
        prop_assert!(poison.rows.iter().all(|row| (30..60).contains(row)));
        prop_assert!(poison.labels.iter().all(|label| *label == 0));
        let again = craft(&victim(Removal::AverageOut), rate, &clean, Seed(seed));
        prop_assert_eq!(poison, again);
    }
}
