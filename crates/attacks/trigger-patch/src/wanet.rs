//! WaNet: a smooth warping of the image as trigger, and another label.

use aconite_core::{
    Attack, Batch, Dataset, Error, Feed, Goal, Images, Info, LabelMap, Labels, Poison, Rate, RateOf, Relabel,
    Result, Seed, Shape, Trigger,
};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::warp::{Warp, control_points, each_row};

/// Warps some images by a smooth random field, the same for all, and changes their labels; warps others by a
/// disturbed field and leaves their labels right.
///
/// Paper: Nguyen and Tran 2021, "WaNet – Imperceptible Warping-based Backdoor Attack" (ICLR).
///
/// x̃ is x read, with bilinear interpolation, at the points M = clip((G + s·P/H)·r, −1, 1), and ỹ = map(y). G is the
/// identity grid from −1 to 1; P is a field of k×k random offsets, uniform in [−1, 1], divided by their mean
/// absolute value and upsampled to H×W by bicubic interpolation; r is `grid_rescale`. Rows in *noise mode* are read
/// at clip(M + U(−1, 1)/H, −1, 1), other offsets in every pixel of every row, and keep their true label, so that
/// the victim learns this warping and not any.
///
/// **The paper's adversary controls training**: poisons and noise rows are drawn anew in every batch. That is
/// `mode = "in_batch"`: the training set stays clean, and the attacker sits in the victim's input pipeline
/// (before augmentation), so that no filter of rows can find anything. `mode = "fixed_rows"` is the form for an
/// adversary who poisons data alone: poisons and noise rows are chosen and replaced once.
///
/// What counts as poisoned, with fixed rows: all rows that the attack changed, hence the noise rows too, although
/// their labels are right; `rate` is the share of the others, and there are 1 + `cross_ratio` times as many. In
/// the mode `in_batch` the ledger shows no poison.
///
/// Differences: poisons are drawn among the rows whose label the map changes (the original takes any, and with
/// all-to-one a tenth of them are of the target class already); pixels are rounded to bytes, as at test; on
/// oblong images offsets are divided by the side of their own axis. Under one seed the poisons of a lower rate
/// are, with fixed rows, among those of a higher rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WaNet {
    /// Class that triggered inputs are to be read as, counted from 0; without meaning for `all_to_all`.
    pub target: usize,
    /// Share of rows that are poisoned, in [0, 1]: with fixed rows ⌊rate·n⌋, in the mode `in_batch` ⌊rate·B⌋ of
    /// each batch of B rows, or all in it whose label the map changes, if they are fewer.
    pub rate: Rate,
    /// What `rate` is a share of: all training rows, or the rows of the `source` or of the `target` class.
    pub rate_of: RateOf,
    /// How the wanted label follows from the true one.
    pub labels: Labels,
    /// Class that is attacked, counted from 0; for `source_specific` labels, which need it.
    pub source: Option<usize>,
    /// Control points of the field along a side, at least 1 and at most as many as the image has pixels.
    #[schemars(range(min = 1))]
    pub k: usize,
    /// Strength s of the warping, above 0: a mean offset of the control points of about s/2 pixels.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub s: f64,
    /// Factor r of the grid, above 0.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub grid_rescale: f64,
    /// Rows in noise mode per poison, at least 0.
    #[schemars(range(min = 0))]
    pub cross_ratio: f64,
    /// Whether rows of the training set are replaced, or rows of each batch by an adversary who controls training.
    pub mode: Mode,
}

/// When rows are poisoned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Mode {
    /// Once, in the training set.
    #[default]
    FixedRows,
    /// In every batch anew: the adversary controls training.
    InBatch,
}

impl Default for WaNet {
    fn default() -> Self {
        Self {
            target: 0,
            rate: Rate::literal(0.1),
            rate_of: RateOf::TrainSet,
            labels: Labels::AllToOne,
            source: None,
            k: 4,
            s: 0.5,
            grid_rescale: 1.0,
            cross_ratio: 2.0,
            mode: Mode::FixedRows,
        }
    }
}

impl Kind for WaNet {}

impl WaNet {
    fn plan(&self) -> Relabel {
        let Self { target, rate, rate_of, labels, source, .. } = *self;
        Relabel { target, rate, rate_of, labels, source }
    }

    fn warp(&self, shape: Shape, seed: Seed) -> Result<Warp> {
        Warp::new(&control_points(self.k, seed.derive("field")), self.k, shape, self.s, self.grid_rescale)
    }

    /// The label map, once the settings are known to fit.
    fn checked(&self, info: &Info) -> Result<LabelMap> {
        let shape = info.shape()?;
        let most = shape.height.min(shape.width);
        if !(1..=most).contains(&self.k) {
            let message = format!("{} control points a side, images of {shape} take 1 to {most}", self.k);
            return Err(Error::at("k", message));
        }
        for (key, value) in [("s", self.s), ("grid_rescale", self.grid_rescale)] {
            if !(value.is_finite() && value > 0.0) {
                return Err(Error::at(key, format!("{value} is no finite number above 0")));
            }
        }
        let ratio = self.cross_ratio;
        if !(ratio.is_finite() && ratio >= 0.0) {
            return Err(Error::at(
                "cross_ratio",
                format!("{ratio} noise rows per poison, expected 0 or more"),
            ));
        }
        let (map, count) = self.plan().count(info)?;
        let too_many = |message: String| Err(Error::at("cross_ratio", message).hint("lower it, or the rate"));
        match self.mode {
            Mode::FixedRows => {
                let (n, noise) = (info.total(), noise_rows(ratio, count));
                if noise > n - count {
                    return too_many(format!(
                        "{count} poisons and {noise} noise rows are more than the {n} training rows"
                    ));
                }
            }
            Mode::InBatch => {
                if self.rate_of != RateOf::TrainSet {
                    return Err(Error::at("rate_of", "in each batch the rate is a share of the batch")
                        .hint("use rate_of = \"train_set\", or mode = \"fixed_rows\""));
                }
                let share = self.rate.get() * (1.0 + ratio);
                if share > 1.0 + 1e-9 {
                    return too_many(format!("poisons and noise rows are {share} of a batch"));
                }
            }
        }
        Ok(map)
    }
}

/// The number of rows in noise mode beside `poisons` poisons: ⌊ratio·poisons⌋.
fn noise_rows(ratio: f64, poisons: usize) -> usize {
    (ratio * poisons as f64 + 1e-9).floor() as usize
}

/// Draws `count` of `0..n` that are not among `taken` (ascending); all of them if there are fewer.
fn others(n: usize, taken: &[usize], count: usize, seed: Seed) -> Vec<usize> {
    let rest: Vec<usize> = (0..n).filter(|row| taken.binary_search(row).is_err()).collect();
    seed.choose(&rest, count)
}

impl Attack for WaNet {
    fn goal(&self, info: &Info) -> Goal {
        self.plan().goal(info)
    }

    fn check(&self, info: &Info) -> Result<()> {
        self.checked(info).map(drop)
    }

    fn poison(&self, clean: &Dataset, seed: Seed) -> Result<Poison> {
        self.checked(&clean.info())?;
        if self.mode == Mode::InBatch {
            return Ok(Poison::default());
        }
        let poisons = self.plan().choose(clean, seed)?;
        let count = noise_rows(self.cross_ratio, poisons.rows.len());
        let noise = others(clean.len(), &poisons.rows, count, seed.derive("noise_rows"));
        let warp = self.warp(clean.images()?.shape(), seed)?;
        let warped = warp.images(clean.rows(), &poisons.rows, None)?;
        let noisy = warp.images(clean.rows(), &noise, Some(seed.derive("noise")))?;
        let poisons = poisons.rows.into_iter().zip(poisons.labels).enumerate();
        let poisons = poisons.map(|(i, (row, label))| (row, label, warped.image(i)));
        let noise = noise.into_iter().enumerate().map(|(i, row)| (row, clean.labels()[row], noisy.image(i)));
        let mut all: Vec<_> = poisons.chain(noise).collect();
        all.sort_unstable_by_key(|&(row, ..)| row);
        let bytes = all.iter().flat_map(|&(.., image)| image).copied().collect();
        Ok(Poison {
            rows: all.iter().map(|&(row, ..)| row).collect(),
            labels: all.iter().map(|&(_, label, _)| label).collect(),
            content: Some(Images::new(warped.shape(), bytes)?.into()),
            ..Poison::default()
        })
    }

    fn trigger(&self, info: &Info, seed: Seed) -> Result<Option<Box<dyn Trigger>>> {
        Ok(Some(Box::new(self.warp(info.shape()?, seed)?)))
    }

    fn feed(&self, info: &Info, seed: Seed) -> Result<Option<Box<dyn Feed>>> {
        if self.mode != Mode::InBatch {
            return Ok(None);
        }
        Ok(Some(Box::new(InBatch {
            map: self.checked(info)?,
            warp: self.warp(info.shape()?, seed)?,
            rate: self.rate,
            cross_ratio: self.cross_ratio,
            seed: seed.derive("batches"),
        })))
    }

    fn feeds(&self) -> bool {
        self.mode == Mode::InBatch
    }
}

/// The attacker in the victim's input pipeline.
#[derive(Debug)]
struct InBatch {
    map: LabelMap,
    warp: Warp,
    rate: Rate,
    cross_ratio: f64,
    seed: Seed,
}

impl InBatch {
    /// The batch with some of its rows (B×H×W×C in 0–255) warped.
    fn replaced(&self, inputs: &Tensor, rows: &[usize], noise: Option<&[Seed]>) -> Result<Tensor> {
        if rows.is_empty() {
            return Ok(inputs.shallow_clone());
        }
        let index = Tensor::from_slice(&rows.iter().map(|&row| row as i64).collect::<Vec<_>>());
        let warped = self.warp.warped(&inputs.f_index_select(0, &index)?, noise)?;
        let bytes = warped.f_round()?.f_clamp(0.0, 255.0)?.f_to_kind(inputs.kind())?;
        Ok(inputs.f_index_copy(0, &index, &bytes)?)
    }
}

impl Feed for InBatch {
    fn feed(&self, batch: Batch, step: usize) -> Result<Batch> {
        let mut labels = Vec::<i64>::try_from(&batch.labels)?;
        let seed = self.seed.derive(&step.to_string());
        let eligible: Vec<usize> =
            (0..labels.len()).filter(|&i| self.map.changes(labels[i] as usize)).collect();
        let poisons = seed.derive("rows").choose(&eligible, self.rate.count(labels.len()));
        let count = noise_rows(self.cross_ratio, poisons.len());
        let noise = others(labels.len(), &poisons, count, seed.derive("noise_rows"));
        for &i in &poisons {
            if let Some(wanted) = self.map.wanted(labels[i] as usize) {
                labels[i] = wanted as i64;
            }
        }
        let inputs = self.replaced(&batch.inputs, &poisons, None)?;
        let streams = each_row(seed.derive("noise"), &noise);
        let inputs = self.replaced(&inputs, &noise, Some(&streams))?;
        Ok(Batch { inputs, labels: Tensor::from_slice(&labels), rows: batch.rows })
    }
}
