//! `chaff`: extra traffic along the way that an attack will take.

use aconite_core::{Added, Attack, Dataset, Error, Goal, Info, Poison, Rate, Result, Seed, Trigger};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::aim::{check, goal};
use crate::chaffed::{Target, check_strength};

pub use crate::chaffed::Informed;

/// Extra traffic on normal rows along the way that an attack will take, so that the detector learns to expect it.
///
/// Paper: Rubinstein et al. 2009, "ANTIDOTE: Understanding and Defending against Poisoning of Anomaly Detectors",
/// section 4 (uninformed and locally informed chaff).
///
/// a is the direction of length 1 from the mean of the rows labelled normal to that of the anomalies, σ the standard
/// deviation of the normal rows along it. Of n normal rows, m = ⌊rate·n⌋ become x + ℓ·a, with a mean ℓ of `strength`·σ.
/// `uninformed`: the rows are drawn and ℓ = strength·σ. `locally`: they are the m rows with the largest ⟨a, x⟩, and ℓ is
/// proportional to ⟨a, x⟩ less that of the first row without chaff. Labels stay.
///
/// Differences: the paper's uninformed adversary tosses a coin for every time bin, here the count is exact; its locally
/// informed one adds a power of the traffic that it sees on its link, here the excess itself. It measures chaff as a share of
/// the flow's traffic; a table of any columns has no such thing, but a standard deviation. In logs, where an adversary
/// adds rows and changes none, `form = "added"` leaves the originals and puts their laden copies behind all rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Chaff {
    /// Share of the training rows labelled normal that get chaff, in [0, 1].
    pub rate: Rate,
    /// Mean length of the chaff on those rows, in standard deviations of the normal rows along its way, 0 to 10⁶.
    #[schemars(range(min = 0.0, max = 1e6))]
    pub strength: f64,
    /// What the adversary sees of the traffic.
    pub informed: Informed,
    /// Whether rows are changed or added.
    pub form: Form,
    /// The normal class, 0 or 1; none is the class called `normal`, else 0.
    pub normal: Option<usize>,
}

/// How chaff gets into the training set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Form {
    /// It joins the traffic of rows that are there.
    #[default]
    Changed,
    /// In rows of its own, which are added.
    Added,
}

impl Default for Chaff {
    fn default() -> Self {
        Self {
            rate: Rate::literal(0.5),
            strength: 1.0,
            informed: Informed::Locally,
            form: Form::Changed,
            normal: None,
        }
    }
}

impl Kind for Chaff {}

impl Attack for Chaff {
    fn goal(&self, info: &Info) -> Goal {
        goal(info, self.normal)
    }

    fn check(&self, info: &Info) -> Result<()> {
        check_strength(self.strength)?;
        let normal = check(info, self.normal)?;
        match self.rate.get() > 0.0 && self.rate.count(info.rows[normal]) == 0 {
            true => {
                let message = format!("{} of {} normal rows are no row", self.rate.get(), info.rows[normal]);
                Err(Error::at("rate", message))
            }
            false => Ok(()),
        }
    }

    fn poison(&self, clean: &Dataset, seed: Seed) -> Result<Poison> {
        self.check(&clean.info())?;
        let normal = clean.info().normal_class(self.normal)?;
        let target = Target::of(clean, normal)?;
        let length = self.strength * target.sd;
        let chaff = target.chaff(&clean.rows_of(normal), self.rate, self.informed, length, seed);
        let laden = target.laden(clean.rows().table()?, &chaff)?.into();
        let labels = vec![normal; chaff.len()];
        Ok(match self.form {
            Form::Added => Poison { added: Some(Added { rows: laden, labels }), ..Poison::default() },
            Form::Changed => {
                let rows = chaff.into_iter().map(|(row, _)| row).collect();
                Poison { rows, labels, content: Some(laden), ..Poison::default() }
            }
        })
    }

    fn trigger(&self, _: &Info, _: Seed) -> Result<Option<Box<dyn Trigger>>> {
        Ok(None)
    }
}
