//! `boiling_frog`: chaff that grows from one retraining to the next.

use aconite_core::{Attack, Dataset, Error, Goal, Info, Poison, Rate, Result, Retraining, Seed, Trigger};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::aim::{check, goal};
use crate::chaffed::{Target, check_strength};

pub use crate::chaffed::Informed;

/// Chaff that grows by a rate from one retraining of the detector to the next, too slowly for it to notice.
///
/// Paper: Rubinstein et al. 2009, "ANTIDOTE: Understanding and Defending against Poisoning of Anomaly Detectors",
/// section 4 (boiling frog attacks).
///
/// The training rows labelled normal are periods of `period` rows, in their order. The last `weeks` of them hold `chaff`
/// (its paper, its equations, its differences), of strength·growth^(w − 1) standard deviations in the w-th: the detector
/// of one period judges the rows of the next, and what it rejects is lost. The victim must retrain, `victim.period` and
/// the normal class as here. Standard deviation and direction are those of the whole clean training set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BoilingFrog {
    /// Periods with chaff, the last ones; at least one comes before them. 0 adds nothing.
    pub weeks: u32,
    /// Rows labelled normal per period, at least 1: a week of 2,016 bins of five minutes.
    #[schemars(range(min = 1))]
    pub period: u32,
    /// Mean length of the first period's chaff, in standard deviations of the normal rows along its way, 0 to 10⁶.
    #[schemars(range(min = 0.0, max = 1e6))]
    pub strength: f64,
    /// Factor of the strength from one period to the next, 1 to 10.
    #[schemars(range(min = 1.0, max = 10.0))]
    pub growth: f64,
    /// Share of a period's normal rows that get chaff, in [0, 1].
    pub rate: Rate,
    /// What the adversary sees of the traffic.
    pub informed: Informed,
    /// The normal class, 0 or 1; none is the class called `normal`, else 0.
    pub normal: Option<usize>,
}

impl Default for BoilingFrog {
    fn default() -> Self {
        Self {
            weeks: 5,
            period: 2016,
            strength: 0.2,
            growth: 1.5,
            rate: Rate::literal(0.5),
            informed: Informed::Locally,
            normal: None,
        }
    }
}

impl Kind for BoilingFrog {}

impl Attack for BoilingFrog {
    fn goal(&self, info: &Info) -> Goal {
        goal(info, self.normal)
    }

    fn check(&self, info: &Info) -> Result<()> {
        let normal = check(info, self.normal)?;
        check_strength(self.strength)?;
        if !(1.0..=10.0).contains(&self.growth) {
            return Err(Error::at("growth", format!("a factor of {} is outside [1, 10]", self.growth)));
        }
        check_strength(self.strength * self.growth.powf(f64::from(self.weeks.saturating_sub(1)))).map_err(
            |_| {
                Error::at(
                    "growth",
                    format!("after {} weeks the chaff would be beyond all bounds", self.weeks),
                )
            },
        )?;
        if self.period == 0 {
            return Err(Error::at("period", "a period of 0 rows never ends: 1 or more"));
        }
        let periods = info.rows[normal] / self.period as usize;
        if self.weeks as usize >= periods.max(1) && self.weeks > 0 {
            let message = format!(
                "{} weeks of chaff behind one without need {} normal rows, but there are {}",
                self.weeks,
                (u64::from(self.weeks) + 1) * u64::from(self.period),
                info.rows[normal]
            );
            return Err(Error::at("weeks", message).hint("lower weeks or period"));
        }
        let (rate, period) = (self.rate, self.period as usize);
        match self.weeks > 0 && rate.get() > 0.0 && rate.count(period) == 0 {
            true => {
                let message = format!("{} of a period's {period} rows are no row", rate.get());
                Err(Error::at("rate", message).hint("raise rate or period"))
            }
            false => Ok(()),
        }
    }

    fn timed_by(&self, info: &Info) -> Result<Option<Retraining>> {
        let normal = info.normal_class(self.normal)?;
        Ok((self.weeks > 0).then_some(Retraining { period: self.period, normal }))
    }

    fn poison(&self, clean: &Dataset, seed: Seed) -> Result<Poison> {
        self.check(&clean.info())?;
        let normal = clean.info().normal_class(self.normal)?;
        let target = Target::of(clean, normal)?;
        let rows = clean.rows_of(normal);
        let periods: Vec<&[usize]> = rows.chunks_exact(self.period as usize).collect();
        let first = periods.len() - self.weeks as usize;
        let mut chaff = Vec::new();
        let mut length = self.strength * target.sd;
        for (week, rows) in periods.iter().enumerate().skip(first) {
            // A week's draws do not depend on how many weeks there are.
            let seed = seed.derive(&week.to_string());
            chaff.extend(target.chaff(rows, self.rate, self.informed, length, seed));
            length *= self.growth;
        }
        let content = target.laden(clean.rows().table()?, &chaff)?.into();
        let labels = vec![normal; chaff.len()];
        let rows = chaff.into_iter().map(|(row, _)| row).collect();
        Ok(Poison { rows, labels, content: Some(content), ..Poison::default() })
    }

    fn trigger(&self, _: &Info, _: Seed) -> Result<Option<Box<dyn Trigger>>> {
        Ok(None)
    }
}
