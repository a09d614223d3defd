//! `centroid`: an anomaly detector that follows the mean of what it accepts.

mod state;

use aconite_core::points::{self, distance, mean, points, quantile};
use aconite_core::{
    Dataset, Error, Followed, Info, Learner, Model, NamedTensors, Observer, Online, Result, Rows, Seed, Work,
};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::anomaly::{check, check_rows, scores};
use super::decision::{inputs, stored, width};
use state::State;

/// An online detector of anomalies: what lies farther than a radius from the mean of the last n normal points.
///
/// Paper: Kloft, Laskov 2010, "Online Anomaly Detection under Adversarial Impact"; 2012, "Security Analysis of
/// Online Centroid Anomaly Detection".
///
/// The first `window` rows labelled normal, in the order of the training set, are the window: c is their mean, r the
/// ⌈quantile·n⌉-th smallest of their distances ‖x − c‖. Each later row x labelled normal, in order, is learnt if
/// ‖x − c‖ ≤ r·(1 + 10⁻⁶), which leaves room for the last bits of the inputs: it enters, another point leaves, and r
/// stays. By `removal`, c becomes c + (x − c)/n (`average_out`: an n-th of the mean itself leaves), c + (x − x_j)/n with
/// j drawn (`random_out`), the nearest point to x (`nearest_out`) or the oldest (`oldest_out`), or c + (x − c)/(m + 1)
/// after m points (`none`: nothing ever leaves). The scores are r − ‖x − c‖ for the normal class and ‖x − c‖ − r for the
/// other; features are the inputs. Rows labelled anomalous are not learnt.
///
/// `displacement` is (c − c₀)·a/r, c₀ the window's mean and a the direction from c₀ to the mean of the training rows
/// that are labelled anomalies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Centroid {
    /// Points n of the window, at least 2.
    #[schemars(range(min = 2))]
    pub window: u32,
    /// Which point leaves when one enters.
    pub removal: Removal,
    /// Share of the window's distances that the radius covers, in (0, 1].
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    pub quantile: f64,
    /// Which of the later rows labelled normal are learnt.
    pub accepts: Accepts,
    /// The normal class, 0 or 1; none is the class called `normal`, else 0.
    pub normal: Option<usize>,
}

/// Which point leaves the window when one enters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Removal {
    /// No point, but an n-th of the mean.
    #[default]
    AverageOut,
    /// A point drawn uniformly.
    RandomOut,
    /// The point nearest to the new one.
    NearestOut,
    /// The point that has been there longest.
    OldestOut,
    /// None: the horizon is infinite.
    None,
}

/// Which rows labelled normal are learnt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Accepts {
    /// Those within the radius.
    #[default]
    Inside,
    /// All of them: the assumption under which the papers' closed forms hold.
    All,
}

impl Default for Centroid {
    fn default() -> Self {
        Self {
            window: 100,
            removal: Removal::AverageOut,
            quantile: 0.99,
            accepts: Accepts::Inside,
            normal: None,
        }
    }
}

impl Kind for Centroid {}

impl Centroid {
    /// The state after the window, the rows that arrive then, and the normal class.
    fn begin(&self, data: &Dataset, seed: Seed) -> Result<(State, Vec<usize>, usize)> {
        let normal = check(&data.info(), self.normal)?;
        let mut rows = data.rows_of(normal);
        let n = self.window as usize;
        check_rows(Some("window"), n, rows.len())?;
        let arrivals = rows.split_off(n);
        let window = points(data, &rows)?;
        let centre = mean(&window);
        let radius = quantile(window.iter().map(|x| distance(x, &centre)).collect(), self.quantile);
        let rng = seed.derive("removal").rng();
        Ok((State::new(self.removal, self.accepts, window, centre, radius, rng), arrivals, normal))
    }
}

/// The direction from `from` to the mean of the rows labelled anomalies, of length 1; none if there is none.
fn direction(data: &Dataset, normal: usize, from: &[f64]) -> Result<Option<Vec<f64>>> {
    let rows = points(data, &data.rows_where(|label| label != normal))?;
    Ok(if rows.is_empty() { None } else { points::direction(from, &mean(&rows)) })
}

impl Learner for Centroid {
    fn check(&self, info: &Info) -> Result<()> {
        let normal = check(info, self.normal)?;
        if self.window < 2 {
            return Err(Error::at(
                "window",
                format!("a window of {} points is too short: 2 or more", self.window),
            ));
        }
        if !(self.quantile > 0.0 && self.quantile <= 1.0) {
            return Err(Error::at("quantile", format!("{} is outside (0, 1]", self.quantile)));
        }
        check_rows(Some("window"), self.window as usize, info.rows[normal])
    }

    fn fit(&self, data: &Dataset, seed: Seed, watch: &mut dyn Observer) -> Result<Box<dyn Model>> {
        let (mut state, arrivals, normal) = self.begin(data, seed)?;
        let (first, table) = (state.centre().to_vec(), data.rows().table()?);
        for (i, &row) in arrivals.iter().enumerate() {
            state.arrives(table.row(row));
            watch.step(i + 1, arrivals.len());
        }
        let (centre, radius) = (state.centre().to_vec(), state.radius());
        let moved: Option<f64> = match direction(data, normal, &first)? {
            Some(a) if radius > 0.0 => {
                Some(centre.iter().zip(&first).zip(&a).map(|((c, f), a)| (c - f) * a).sum::<f64>() / radius)
            }
            _ => None,
        };
        Ok(Box::new(Ball { centre: Tensor::from_slice(&centre), radius, moved, normal }))
    }

    fn is_online(&self) -> bool {
        true
    }

    fn online(&self, data: &Dataset, seed: Seed) -> Result<Followed> {
        let (state, arrivals, normal) = self.begin(data, seed)?;
        Ok(Followed { state: Box::new(state), arrivals, normal })
    }

    fn work(&self, info: &Info) -> Work {
        let inputs = width(info).unwrap_or(0) as f64;
        let each = if self.removal == Removal::NearestOut { f64::from(self.window) } else { 1.0 };
        Work { macs: inputs * each, weights: inputs + 1.0, features: inputs }
    }

    fn restore(&self, info: &Info, tensors: &NamedTensors) -> Result<Box<dyn Model>> {
        let moved = Vec::<f64>::try_from(stored(tensors, "displacement", &[-1])?)?;
        Ok(Box::new(Ball {
            centre: stored(tensors, "centre", &[width(info)? as i64])?,
            radius: f64::try_from(stored(tensors, "radius", &[1])?)?,
            moved: moved.first().copied(),
            normal: check(info, self.normal)?,
        }))
    }
}

/// What was learnt: a ball, and how far it moved.
struct Ball {
    /// f64, D.
    centre: Tensor,
    radius: f64,
    /// In radii; none where there is no direction or no radius.
    moved: Option<f64>,
    normal: usize,
}

impl Model for Ball {
    fn scores(&self, rows: &Rows) -> Result<Tensor> {
        let centre = Vec::<f64>::try_from(&self.centre)?;
        let table = rows.table()?;
        let far = |row| {
            let point: Vec<f64> = table.row(row).iter().map(|&v| f64::from(v)).collect();
            distance(&point, &centre)
        };
        let distances: Vec<f64> = (0..table.len()).map(far).collect();
        scores(&distances, self.radius, self.normal)
    }

    fn features(&self, rows: &Rows) -> Result<Tensor> {
        inputs(rows)
    }

    fn measures(&self) -> Vec<(&'static str, f64)> {
        self.moved.map(|moved| ("displacement", moved)).into_iter().collect()
    }

    fn tensors(&self) -> NamedTensors {
        let moved: Vec<f64> = self.moved.into_iter().collect();
        [
            ("centre", self.centre.shallow_clone()),
            ("radius", Tensor::from_slice(&[self.radius])),
            ("displacement", Tensor::from_slice(&moved)),
        ]
        .map(|(name, tensor)| (name.to_owned(), tensor))
        .into()
    }
}
