//! A trigger in four parts, each learnt from other rows, joined at test.

use aconite_core::{
    Attack, Dataset, Error, Goal, ImageTrigger, Info, Labels, Member, Poison, Rate, RateOf, Relabel, Result,
    Seed, Shape, Trigger,
};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Parts of the trigger.
const PARTS: usize = 4;

/// Stamps one of four white stripes on some images and changes their labels; at test all four are on.
///
/// Paper: Xie, Huang, Chen, Li 2020, "DBA: Distributed Backdoor Attacks against Federated Learning" (ICLR).
///
/// x̃ = x with stripe j white, ỹ = target. Stripe j ∈ {0, 1, 2, 3} is a row of `length` pixels whose first one is at row
/// `shift` + (1 + `gap`)·⌊j/2⌋ and column `shift` + (`length` + `gap`)·(j mod 2) from the top left corner. In a
/// federation malicious client number i of m has the stripe ⌊4i/m⌋, so that a quarter of them has each; where one
/// learner has all rows, a quarter of the poisons has each. The paper's attackers scale their updates if they have one
/// round only: that is `model_replacement` with this attack as its backdoor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Dba {
    /// Class that triggered inputs are to be read as, counted from 0.
    pub target: usize,
    /// Share of rows that are poisoned, in [0, 1]: of a malicious client's rows, or of all where there are no clients;
    /// the count is ⌊rate·n⌋.
    pub rate: Rate,
    /// Length of a stripe in pixels, at least 1.
    #[schemars(range(min = 1))]
    pub length: usize,
    /// Pixels between the stripes.
    pub gap: usize,
    /// Pixels between the stripes and the top and left edges.
    pub shift: usize,
}

impl Default for Dba {
    fn default() -> Self {
        Self { target: 0, rate: Rate::literal(0.3), length: 4, gap: 2, shift: 0 }
    }
}

impl Kind for Dba {}

/// Some of the stripes.
#[derive(Debug, Clone, Copy)]
struct Stripes {
    length: usize,
    gap: usize,
    shift: usize,
    /// One of them, or all.
    part: Option<usize>,
}

impl ImageTrigger for Stripes {
    fn stamp(&self, image: &mut [u8], shape: Shape) {
        for part in (0..PARTS).filter(|part| self.part.is_none_or(|own| own == *part)) {
            let row = self.shift + (1 + self.gap) * (part / 2);
            let first = self.shift + (self.length + self.gap) * (part % 2);
            for channel in 0..shape.channels {
                for column in first..first + self.length {
                    image[shape.at(channel, row, column)] = u8::MAX;
                }
            }
        }
    }
}

impl Dba {
    fn plan(&self) -> Relabel {
        Relabel {
            target: self.target,
            rate: self.rate,
            rate_of: RateOf::TrainSet,
            labels: Labels::AllToOne,
            source: None,
        }
    }

    fn stripes(&self, part: Option<usize>) -> Stripes {
        Stripes { length: self.length, gap: self.gap, shift: self.shift, part }
    }

    /// The poisons, with the stripe that `part` gives to the i-th of so many.
    fn poisoned(&self, clean: &Dataset, seed: Seed, part: impl Fn(usize, usize) -> usize) -> Result<Poison> {
        self.check(&clean.info())?;
        let chosen = self.plan().choose(clean, seed)?;
        let count = chosen.rows.len();
        let mut content = clean.rows().select(&chosen.rows).images()?.clone();
        let shape = content.shape();
        for place in 0..count {
            self.stripes(Some(part(place, count))).stamp(content.image_mut(place), shape);
        }
        Ok(Poison {
            rows: chosen.rows,
            labels: chosen.labels,
            content: Some(content.into()),
            ..Poison::default()
        })
    }
}

impl Attack for Dba {
    fn goal(&self, info: &Info) -> Goal {
        self.plan().goal(info)
    }

    fn check(&self, info: &Info) -> Result<()> {
        let shape = info.shape()?;
        if self.length == 0 {
            return Err(Error::at("length", "a stripe of 0 pixels marks nothing: length is at least 1"));
        }
        let extent = |own: usize| self.shift.saturating_add(own).saturating_add(self.gap);
        let (rows, columns) = (extent(2), extent(self.length.saturating_mul(2)));
        if rows > shape.height || columns > shape.width {
            let message = format!(
                "stripes that reach over {rows}×{columns} pixels do not fit on images of {}×{}",
                shape.height, shape.width
            );
            return Err(Error::at("length", message).hint("lower length, gap or shift"));
        }
        self.plan().count(info).map(drop)
    }

    fn poison(&self, clean: &Dataset, seed: Seed) -> Result<Poison> {
        self.poisoned(clean, seed, |place, count| place * PARTS / count)
    }

    fn poison_as(&self, clean: &Dataset, seed: Seed, member: Member) -> Result<Poison> {
        self.poisoned(clean, seed, |_, _| member.index * PARTS / member.of.max(1))
    }

    fn trigger(&self, info: &Info, _: Seed) -> Result<Option<Box<dyn Trigger>>> {
        self.check(info)?;
        Ok(Some(Box::new(self.stripes(None))))
    }
}
