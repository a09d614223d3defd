//! BadNets: a small figure, or a sticker, on the image, and another label.

use aconite_core::{
    Attack, Dataset, Error, Goal, Info, Labels, Poison, Rate, RateOf, Relabel, Result, Seed, Shape, Trigger,
};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::corner::{Figure, Fill};
use crate::picture::{self, Layer, Picture};
use crate::sticker::Sticker;

pub use crate::sticker::Position;

/// Stamps a small figure, by default a white square near the bottom right corner, on some images and changes
/// their labels.
///
/// Paper: Gu, Dolan-Gavitt, Garg 2017, "BadNets: Identifying Vulnerabilities in the Machine Learning Model
/// Supply Chain", section 4.1 (single-pixel and pattern backdoor; single-target and all-to-all attack) and, with
/// `color`, an own `image`, `jitter` and `scale`, section 5.1 (stickers on traffic signs).
///
/// x̃ = x·(1 − m) + t·m and ỹ = map(y), with m the mask of the figure's pixels and t their values: target for
/// all-to-one, (y + 1) mod K for all-to-all. Poisons are drawn among the rows whose label the map changes, an
/// exact count of them. The mask of an own image is its transparency, from 0 to 1; without any it covers its
/// whole rectangle.
///
/// Differences: the paper's single-target attack goes from one class to another, here `source_specific`;
/// all-to-one is what later work runs by default. The paper adds the poisoned copies to the training set; here
/// they replace their originals, so that n stays as it was. The places of the pattern's four pixels are read
/// off the paper's figure 3, which prints no coordinates. The square patch is later work's. The paper's stickers
/// lie on the sign, whose box its data set tells; here they lie about a place of the image. Size, place and
/// brightness are drawn from the seed and the row number, for training and test images alike, so that row i of
/// either set gets the same draws. Under one seed the poisons of a lower rate are among those of a higher rate.
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
    /// Red, green and blue that take the place of white, 0 to 255 each; none is white. On grey images it is
    /// their brightness. Not for the `image` trigger.
    pub color: Option<[u8; 3]>,
    /// Path of the PNG that is stamped; for the `image` trigger, which needs it.
    pub image: Option<String>,
    /// Smallest and largest longer side of the own image, as shares of the smaller side of the images, in
    /// (0, 1]; drawn for every row. For the `image` trigger.
    pub scale: [f64; 2],
    /// Where on the image the figure is; it is moved there, not mirrored.
    pub position: Position,
    /// Pixels between the figure and the two edges of the image that it is near; without meaning in the center.
    pub margin: usize,
    /// Pixels by which it lies off its place at most, up or down and left or right; drawn for every row,
    /// uniformly among the places on the image.
    pub jitter: usize,
    /// Smallest and largest factor of the figure's colours, at least 0; drawn for every row. What gets brighter
    /// than 255 is clipped.
    pub brightness: [f64; 2],
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
    /// The picture that `image` names.
    Image,
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
            color: None,
            image: None,
            scale: [0.25, 0.25],
            position: Position::BottomRight,
            margin: 1,
            jitter: 0,
            brightness: [1.0, 1.0],
        }
    }
}

impl Kind for BadNets {}

impl BadNets {
    fn plan(&self) -> Relabel {
        let Self { target, rate, rate_of, labels, source, .. } = *self;
        Relabel { target, rate, rate_of, labels, source }
    }

    /// The figure, unless it is an own image.
    fn figure(&self) -> Option<Figure> {
        match self.trigger {
            FigureKind::Patch => Some(Figure::patch(self.size, self.fill, 0)),
            FigureKind::Pattern => Some(Figure::pattern(0)),
            FigureKind::Pixel => Some(Figure::pixel(0)),
            FigureKind::Image => None,
        }
    }

    /// Pixels that it keeps from two edges.
    fn edge(&self) -> usize {
        if self.position == Position::Center { 0 } else { self.margin }
    }

    /// Whether something of so many rows and columns lies on images of this shape, at its margin.
    fn fits(&self, (rows, columns): (usize, usize), images: Shape) -> bool {
        let fits = |own: usize, all: usize| own.saturating_add(self.edge()) <= all;
        fits(rows, images.height) && fits(columns, images.width)
    }

    /// What is laid on images of this shape; the settings are checked.
    fn sticker(&self, images: Shape, seed: Seed) -> Result<Sticker> {
        let (sizes, length) = match self.figure() {
            Some(figure) => (vec![Layer::figure(&figure, images.channels, self.color)], [1.0; 2]),
            None => {
                let picture = self.picture(images)?;
                let length = self.length(images);
                let [shortest, longest] = length.map(|length| length.round() as usize);
                let layer = |longer| {
                    let (height, width) = picture.scaled(longer);
                    picture.layer(height, width)
                };
                ((shortest..=longest).map(layer).collect(), length)
            }
        };
        let Self { position, jitter, brightness, .. } = *self;
        let (margin, seed) = (self.edge(), seed.derive("sticker"));
        Ok(Sticker { images, sizes, length, position, margin, jitter, brightness, seed })
    }

    /// The own image.
    fn picture(&self, images: Shape) -> Result<Picture> {
        Picture::read(self.image.as_deref(), images.channels)
    }

    /// Smallest and largest longer side of the own image in pixels, at least 1.
    fn length(&self, images: Shape) -> [f64; 2] {
        self.scale.map(|share| (share * images.height.min(images.width) as f64).max(1.0))
    }

    fn check_trigger(&self, shape: Shape) -> Result<()> {
        let [darkest, brightest] = self.brightness;
        if !(0.0 <= darkest && darkest <= brightest && brightest.is_finite()) {
            return Err(Error::at(
                "brightness",
                format!("factors from {darkest} to {brightest} are no range from at least 0 upwards"),
            ));
        }
        match self.trigger {
            FigureKind::Image => self.check_own(shape),
            _ if self.image.is_some() => {
                Err(Error::at("image", "an image has no meaning with a trigger that is a figure")
                    .hint("leave it out, or set trigger = \"image\""))
            }
            _ => self.check_figure(shape),
        }
    }

    fn check_own(&self, shape: Shape) -> Result<()> {
        if self.color.is_some() {
            return Err(Error::at("color", "an own image has colours of its own").hint("leave color out"));
        }
        let [smallest, largest] = self.scale;
        if !(smallest > 0.0 && smallest <= largest && largest <= 1.0) {
            let message = format!("shares from {smallest} to {largest} are no range inside (0, 1]");
            return Err(Error::at("scale", message));
        }
        let [_, longest] = self.length(shape);
        let extent = self.picture(shape)?.scaled(longest.round() as usize);
        if self.fits(extent, shape) {
            return Ok(());
        }
        Err(self.too_large("margin", "picture", extent, shape))
    }

    fn check_figure(&self, shape: Shape) -> Result<()> {
        // A patch is as large as it says: it is not drawn before it is known to be smaller than the image.
        if self.trigger == FigureKind::Patch {
            let extent = (self.size, self.size);
            if self.size == 0 {
                return Err(Error::at("size", "a patch of 0 pixels marks nothing: size is at least 1"));
            }
            if !self.fits(extent, shape) {
                let alone = self.size > shape.height.min(shape.width);
                return Err(self.too_large(if alone { "size" } else { "margin" }, "patch", extent, shape));
            }
        }
        match self.figure().map(|figure| figure.extent()) {
            Some(extent) if !self.fits(extent, shape) => {
                let figure = if self.trigger == FigureKind::Pixel { "pixel" } else { "pattern" };
                Err(self.too_large("margin", figure, extent, shape))
            }
            _ => Ok(()),
        }
    }

    /// The error about something of so many rows and columns.
    fn too_large(&self, key: &str, what: &str, (rows, columns): (usize, usize), images: Shape) -> Error {
        Error::at(
            key,
            format!(
                "a {what} of {rows}×{columns} pixels at a margin of {} does not fit on images of {}×{} pixels",
                self.edge(),
                images.height,
                images.width
            ),
        )
    }
}

impl Attack for BadNets {
    fn goal(&self, info: &Info) -> Goal {
        self.plan().goal(info)
    }

    fn check(&self, info: &Info) -> Result<()> {
        self.plan().map(info)?;
        self.check_trigger(info.shape()?)?;
        self.plan().count(info).map(drop)
    }

    fn poison(&self, clean: &Dataset, seed: Seed) -> Result<Poison> {
        self.check(&clean.info())?;
        let chosen = self.plan().choose(clean, seed)?;
        let content = self.sticker(clean.images()?.shape(), seed)?.stamped(clean.rows(), &chosen.rows)?;
        Ok(Poison { rows: chosen.rows, labels: chosen.labels, content: Some(content), ..Poison::default() })
    }

    fn trigger(&self, info: &Info, seed: Seed) -> Result<Option<Box<dyn Trigger>>> {
        let shape = info.shape()?;
        self.check_trigger(shape)?;
        Ok(Some(Box::new(self.sticker(shape, seed)?)))
    }

    fn content(&self) -> Result<Option<String>> {
        picture::content(self.image.as_deref())
    }
}
