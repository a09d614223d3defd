//! `greedy_centroid`: points at the edge of what a centroid detector accepts, each the one that moves it farthest.

use aconite_core::points::dot;
use aconite_core::{
    Attack, Error, Goal, Info, Needs, Observer, Online, Poison, Rate, Result, Scene, Seed, Table, Trigger,
};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::aim::{check, direction, goal};

/// Points at the edge of what the `centroid` detector accepts, each the one that moves its centre most towards the
/// anomalies.
///
/// Paper: Kloft, Laskov 2010, "Online Anomaly Detection under Adversarial Impact"; 2012, "Security Analysis of
/// Online Centroid Anomaly Detection" (greedy-optimal attack, full and limited control).
///
/// Of the rows labelled normal that arrive behind the detector's window, ⌊rate·n⌋ are the adversary's, at places drawn
/// by the seed: they are replaced. It knows the detector to its last draw and aims from its first centre at the mean of
/// the rows labelled anomalies, a direction a of length 1. Its row is x = c + r·a, c and r the centre and the radius at
/// that moment. Where the nearest point leaves (`removal = "nearest_out"`), that row would drive out its predecessor
/// and gain nothing: there it is the best x = p + t·a over the window's points p that keeps p the nearest and stays
/// within r. The papers solve a quadratic program per point instead, which finds at least as much.
///
/// With share ν = rate of i rows, n points in the window and every row learnt (`accepts = "all"`), the expected
/// displacement in radii is (1 − (1 − (1 − ν)/n)ⁱ)·ν/(1 − ν) for `average_out` and `random_out`, i/n at ν = 1;
/// (1 + ν/n)ⁱ − 1 for `oldest_out` while i ≤ n; ν/(1 − ν)·(1 − Π (n + k − 1 + ν)/(n + k) over k = 1 … i) for `none`,
/// at most ln(1 + i/n) at ν = 1. `nearest_out` has no form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GreedyCentroid {
    /// Share of the rows arriving behind the window that are the adversary's, in [0, 1]; 1 is full control.
    pub rate: Rate,
    /// The normal class, 0 or 1; none is the class called `normal`, else 0.
    pub normal: Option<usize>,
}

impl Default for GreedyCentroid {
    fn default() -> Self {
        Self { rate: Rate::literal(0.1), normal: None }
    }
}

impl Kind for GreedyCentroid {}

/// Shares of the radius at which a row is tried: as f32 it may lie a little farther out than it should.
const EDGES: [f64; 3] = [1.0, 1.0 - 1e-5, 1.0 - 1e-3];

/// The row within `radius` of the centre that moves it farthest along `a`.
fn farthest(state: &dyn Online, a: &[f64], radius: f64) -> Vec<f64> {
    let centre = state.centre();
    let step = |from: &[f64], t: f64| from.iter().zip(a).map(|(c, a)| c + t * a).collect::<Vec<f64>>();
    let points = state.nearest_leaves();
    let reach = |(at, point): (usize, &Vec<f64>)| {
        let from: Vec<f64> = point.iter().zip(centre).map(|(p, c)| p - c).collect();
        let (along, square) = (dot(&from, a), dot(&from, &from));
        let inside = along * along - square + radius * radius;
        let mut t = if inside > 0.0 { inside.sqrt() - along } else { 0.0 };
        for other in points.iter().take(at).chain(points.iter().skip(at + 1)) {
            let way: Vec<f64> = other.iter().zip(point).map(|(o, p)| o - p).collect();
            let ahead = dot(&way, a);
            if ahead > 0.0 {
                t = t.min(dot(&way, &way) / (2.0 * ahead));
            }
        }
        (at, t)
    };
    let best = points.iter().enumerate().map(reach).max_by(|x, y| x.1.total_cmp(&y.1));
    match best {
        Some((at, t)) if t > 0.0 => points.get(at).map_or_else(Vec::new, |point| step(point, t)),
        _ => step(centre, radius),
    }
}

impl Attack for GreedyCentroid {
    fn goal(&self, info: &Info) -> Goal {
        goal(info, self.normal)
    }

    fn check(&self, info: &Info) -> Result<()> {
        check(info, self.normal).map(drop)
    }

    fn needs(&self) -> Needs {
        Needs { victim: true, online: true, ..Needs::default() }
    }

    fn craft(&self, scene: &Scene<'_>, watch: &mut dyn Observer) -> Result<Vec<Poison>> {
        let normal = check(&scene.clean.info(), self.normal)?;
        let mut followed = scene.follow()?;
        if followed.normal != normal {
            let message =
                format!("the victim takes class {} for the normal one, not {normal}", followed.normal);
            return Err(
                Error::at("normal", message).hint("give attack.normal and victim.normal the same class")
            );
        }
        let (table, state) = (scene.clean.rows().table()?, followed.state.as_mut());
        let a = direction(scene.clean, normal, state.centre())?;
        let total = followed.arrivals.len();
        let places: Vec<usize> = (0..total).collect();
        let own = scene.seed.derive("places").choose(&places, self.rate.count(total));
        let mut poison = Poison::default();
        let mut values = Vec::with_capacity(own.len() * a.len());
        for (place, &row) in followed.arrivals.iter().enumerate() {
            watch.step(place + 1, total);
            if own.binary_search(&place).is_err() {
                state.arrives(table.row(row));
                continue;
            }
            let mut crafted = Vec::new();
            for edge in EDGES {
                let exact = farthest(state, &a, edge * state.radius());
                crafted = exact.iter().map(|&v| v as f32).collect();
                if state.arrives(&crafted) {
                    break;
                }
            }
            poison.rows.push(row);
            poison.labels.push(normal);
            values.append(&mut crafted);
        }
        poison.content = Some(Table::new(table.columns().clone(), values)?.into());
        Ok(vec![poison])
    }

    fn trigger(&self, _: &Info, _: Seed) -> Result<Option<Box<dyn Trigger>>> {
        Ok(None)
    }
}
