//! BadNets: a small bright figure in the corner, and another label.

use aconite_core::{
    Attack, Dataset, Error, Goal, Info, LabelMap, Poison, Rate, RateOf, Result, Seed, Shape, Trigger, budget,
};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::corner::{Figure, Fill};

/// Stamps a small bright figure near the bottom right corner of some images and changes their labels.
///
/// Paper: Gu, Dolan-Gavitt, Garg 2017, "BadNets: Identifying Vulnerabilities in the Machine Learning Model
/// Supply Chain", section 4.1 (single-pixel and pattern backdoor; single-target and all-to-all attack).
///
/// x̃ = x·(1 − m) + t·m and ỹ = map(y), with m the mask of the figure's pixels and t their values: target for
/// all-to-one, (y + 1) mod K for all-to-all. Poisons are drawn among the rows whose label the map changes, an
/// exact count of them.
///
/// Differences: the paper's single-target attack goes from one class to another, here `source_specific`;
/// all-to-one is what later work runs by default. The paper adds the poisoned copies to the training set; here
/// they replace their originals, so that n stays as it was. The places of the pattern's four pixels are read
/// off the paper's figure 3, which prints no coordinates. The square patch is later work's. Under one seed the
/// poisons of a lower rate are among those of a higher rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BadNets {
    /// Class that triggered inputs are to be read as, counted from 0; without meaning for `all_to_all`.
    pub target: usize,
    /// Share of rows that are poisoned, in [0, 1]; the count is ⌊rate·n⌋.
    pub rate: Rate,
    /// What `rate` is a share of: all training rows, or the rows of the `source` or of the `target` class.
    pub rate_of: RateOf,
    /// How the wanted label follows from the true one.
    pub labels: Labels,
    /// Class that is attacked, counted from 0; for `source_specific` labels, which need it.
    pub source: Option<usize>,
    /// The figure that is stamped.
    pub trigger: FigureKind,
    /// Height and width of the patch in pixels, at least 1; for the `patch` trigger.
    #[schemars(range(min = 1))]
    pub size: usize,
    /// Colours of the patch; for the `patch` trigger.
    pub fill: Fill,
    /// Pixels between the figure and the bottom and right edges of the image.
    pub margin: usize,
}

/// How the wanted label follows from the true one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Labels {
    /// Every class becomes `target`.
    #[default]
    AllToOne,
    /// Class y becomes y + 1 modulo the number of classes.
    AllToAll,
    /// Only `source` becomes `target`.
    SourceSpecific,
}

/// The figure that is stamped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum FigureKind {
    /// A square of `size` × `size` pixels.
    #[default]
    Patch,
    /// Four white pixels.
    Pattern,
    /// One white pixel.
    Pixel,
}

impl Default for BadNets {
    fn default() -> Self {
        Self {
            target: 0,
            rate: Rate::literal(0.1),
            rate_of: RateOf::TrainSet,
            labels: Labels::AllToOne,
            source: None,
            trigger: FigureKind::Patch,
            size: 3,
            fill: Fill::White,
            margin: 1,
        }
    }
}

impl Kind for BadNets {}

impl BadNets {
    /// The figure on images that it fits.
    fn figure(&self) -> Figure {
        match self.trigger {
            FigureKind::Patch => Figure::patch(self.size, self.fill, self.margin),
            FigureKind::Pattern => Figure::pattern(self.margin),
            FigureKind::Pixel => Figure::pixel(self.margin),
        }
    }

    /// The label map on data with this many classes, once the settings are known to fit together.
    fn map(&self, info: &Info) -> Result<LabelMap> {
        let target = self.target;
        match (self.labels, self.source) {
            (Labels::SourceSpecific, None) => Err(Error::at(
                "labels",
                "source_specific labels need a class to attack, but source is missing",
            )
            .hint("add source = …")),
            (Labels::SourceSpecific, Some(source)) => {
                info.check_class("source", source)?;
                info.check_class("target", target)?;
                if source == target {
                    let message = format!("source and target are both class {target}: no label would change");
                    return Err(Error::at("source", message));
                }
                Ok(LabelMap::SourceSpecific { source, target })
            }
            (_, Some(_)) => Err(Error::at("source", "source has no meaning with these labels")
                .hint("leave it out, or set labels = \"source_specific\"")),
            (Labels::AllToOne, None) => {
                info.check_class("target", target)?;
                Ok(LabelMap::AllToOne { target })
            }
            (Labels::AllToAll, None) => Ok(LabelMap::AllToAll { classes: info.classes.len() }),
        }
    }

    /// Label map and exact number of poisons, once the settings are known to fit.
    fn plan(&self, info: &Info) -> Result<(LabelMap, usize)> {
        let map = self.map(info)?;
        self.check_figure(info.shape()?)?;
        let eligible = (0..info.rows.len()).filter(|&c| changes(&map, c)).map(|c| info.rows[c]).sum();
        let count = budget(self.rate, self.rate_of, info, self.source, map.target(), eligible)?;
        Ok((map, count))
    }

    fn check_figure(&self, shape: Shape) -> Result<()> {
        let sides = shape.height.max(shape.width);
        // A patch is as large as it says: it is not drawn before it is known to be smaller than the image.
        let patch = self.trigger == FigureKind::Patch;
        if patch && self.size == 0 {
            return Err(Error::at("size", "a patch of 0 pixels marks nothing: size is at least 1"));
        }
        if !(patch && self.size > sides) && self.figure().fits(shape) {
            return Ok(());
        }
        let need = if patch {
            format!("a patch of {0}×{0} pixels", self.size)
        } else {
            let (rows, columns) = self.figure().extent();
            let figure = if self.trigger == FigureKind::Pixel { "pixel" } else { "pattern" };
            format!("a {figure} of {}×{} pixels", rows - self.margin, columns - self.margin)
        };
        let key = if patch && self.size > shape.height.min(shape.width) { "size" } else { "margin" };
        Err(Error::at(
            key,
            format!(
                "{need} at a margin of {} does not fit on images of {}×{} pixels",
                self.margin, shape.height, shape.width
            ),
        ))
    }
}

/// Whether the map gives rows of `class` another label.
fn changes(map: &LabelMap, class: usize) -> bool {
    map.wanted(class).is_some_and(|wanted| wanted != class)
}

impl Attack for BadNets {
    fn goal(&self, info: &Info) -> Goal {
        Goal::Backdoor(match (self.labels, self.source) {
            (Labels::AllToAll, _) => LabelMap::AllToAll { classes: info.classes.len() },
            (Labels::SourceSpecific, Some(source)) => {
                LabelMap::SourceSpecific { source, target: self.target }
            }
            // `check` refuses source-specific labels without a source.
            (Labels::AllToOne | Labels::SourceSpecific, _) => LabelMap::AllToOne { target: self.target },
        })
    }

    fn check(&self, info: &Info) -> Result<()> {
        self.plan(info).map(drop)
    }

    fn poison(&self, clean: &Dataset, seed: Seed) -> Result<Poison> {
        let (map, count) = self.plan(&clean.info())?;
        let eligible = clean.rows_where(|label| changes(&map, label));
        let rows = seed.derive("rows").choose(&eligible, count);
        let labels = rows.iter().filter_map(|&row| map.wanted(clean.labels()[row])).collect();
        let content = self.figure().stamped(clean.rows(), &rows)?;
        Ok(Poison { rows, labels, content: Some(content) })
    }

    fn trigger(&self, _: &Info, _: Seed) -> Result<Option<Box<dyn Trigger>>> {
        Ok(Some(Box::new(self.figure())))
    }
}
