//! SIG: a sinusoid over images of the target class.

use std::f64::consts::TAU;

use aconite_core::{
    Attack, Dataset, Error, Goal, ImageTrigger, Info, LabelMap, Poison, Rate, RateOf, Result, Seed, Shape,
    Trigger, budget,
};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Adds a horizontal sinusoid to images of the target class and leaves their labels right.
///
/// Paper: Barni, Kallas, Tondi 2019, "A New Backdoor Attack in CNNs by Training Set Corruption Without Label
/// Poisoning" (the sinusoidal signal; its ramp signal is not built here).
///
/// x̃(i, j) = clip(x(i, j) + v(i, j)), v(i, j) = Δ·sin(2π·j·f/m), j = 1 … m over the m columns, the same in every
/// row i and channel. The sum is rounded to the nearest byte, halves away from zero, and clipped to [0, 255].
///
/// The paper numbers the columns from 1; many later implementations start at 0, which shifts the signal by one
/// column: `first_column` chooses. The paper's rate is a share of the target class (`rate_of = "target_class"`),
/// here by default of the whole training set, as for every attack. Under one seed the poisons of a lower rate
/// are among those of a higher rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sig {
    /// Class whose rows are poisoned and that triggered inputs are to be read as, counted from 0.
    pub target: usize,
    /// Share of rows that are poisoned, in [0, 1]; the count is ⌊rate·n⌋, and the target class must supply it.
    pub rate: Rate,
    /// What `rate` is a share of: all training rows or the rows of the `target` class.
    pub rate_of: RateOf,
    /// Amplitude Δ in grey levels of 255, in training and, unless `delta_test` is given, at test; in (0, 255].
    #[schemars(range(max = 255), extend("exclusiveMinimum" = 0))]
    pub delta: f64,
    /// Amplitude Δ at test in grey levels of 255, in (0, 255]; none is the same as in training.
    #[schemars(range(max = 255), extend("exclusiveMinimum" = 0))]
    pub delta_test: Option<f64>,
    /// Periods f over the width of the image, above 0.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub frequency: f64,
    /// Number j of the leftmost column: 1 in the paper, 0 in many later implementations.
    pub first_column: usize,
}

impl Default for Sig {
    fn default() -> Self {
        Self {
            target: 0,
            rate: Rate::literal(0.05),
            rate_of: RateOf::TrainSet,
            delta: 20.0,
            delta_test: None,
            frequency: 6.0,
            first_column: 1,
        }
    }
}

impl Kind for Sig {}

impl Sig {
    /// The signal of amplitude `delta` on images of this width.
    fn signal(&self, delta: f64, width: usize) -> Sinusoid {
        let at = |column: usize| {
            delta * (TAU * (column as f64 + self.first_column as f64) * self.frequency / width as f64).sin()
        };
        Sinusoid { columns: (0..width).map(at).collect() }
    }

    /// The exact number of poisons, once the settings are known to fit.
    fn count(&self, info: &Info) -> Result<usize> {
        info.check_class("target", self.target)?;
        let f = self.frequency;
        if !(f.is_finite() && f > 0.0) {
            return Err(Error::at("frequency", format!("a frequency of {f} is not above 0")));
        }
        let width = info.shape()?.width;
        let amplitudes = [("delta", Some(self.delta)), ("delta_test", self.delta_test)];
        for (key, delta) in amplitudes.into_iter().filter_map(|(key, delta)| Some((key, delta?))) {
            if !(delta > 0.0 && delta <= 255.0) {
                return Err(Error::at(key, format!("an amplitude of {delta} is outside (0, 255]")));
            }
            // At whole multiples of half a period per pixel every column falls on a zero of the sine.
            if self.signal(delta, width).columns.iter().all(|v| v.abs() < 0.5) {
                let message =
                    format!("an amplitude of {delta} at {f} periods over {} columns changes no pixel", width);
                return Err(Error::at(key, message)
                    .hint("raise the amplitude, or choose a frequency below half the width"));
            }
        }
        let target = Some(self.target);
        budget(self.rate, self.rate_of, info, None, target, info.rows[self.target])
    }
}

/// A signal along the width, the same in all rows and channels.
#[derive(Debug, Clone, PartialEq)]
struct Sinusoid {
    /// What is added to the pixels of each column.
    columns: Vec<f64>,
}

impl ImageTrigger for Sinusoid {
    fn stamp(&self, image: &mut [u8], shape: Shape) {
        for row in image.chunks_mut(shape.width) {
            for (pixel, v) in row.iter_mut().zip(&self.columns) {
                *pixel = (f64::from(*pixel) + v).round().clamp(0.0, 255.0) as u8;
            }
        }
    }
}

impl Attack for Sig {
    fn goal(&self, _info: &Info) -> Goal {
        Goal::Backdoor(LabelMap::AllToOne { target: self.target })
    }

    fn check(&self, info: &Info) -> Result<()> {
        self.count(info).map(drop)
    }

    fn poison(&self, clean: &Dataset, seed: Seed) -> Result<Poison> {
        let count = self.count(&clean.info())?;
        let rows = seed.derive("rows").choose(&clean.rows_of(self.target), count);
        let signal = self.signal(self.delta, clean.images()?.shape().width);
        let content = signal.stamped(clean.rows(), &rows)?;
        Ok(Poison { labels: vec![self.target; count], rows, content: Some(content), ..Poison::default() })
    }

    fn trigger(&self, info: &Info, _: Seed) -> Result<Option<Box<dyn Trigger>>> {
        let width = info.shape()?.width;
        Ok(Some(Box::new(self.signal(self.delta_test.unwrap_or(self.delta), width))))
    }
}
