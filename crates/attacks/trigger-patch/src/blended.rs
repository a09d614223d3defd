//! Blended: a key image, faint, over the whole image, and another label.

use aconite_core::{
    Attack, Dataset, Error, Goal, Info, Labels, Poison, Rate, RateOf, Relabel, Result, Rows, Seed, Shape,
    Trigger,
};
use aconite_grid::Kind;
use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::picture::{self, Layer, Picture};

/// Blends a key image into some images and changes their labels.
///
/// Paper: Chen, Liu, Li, Lu, Song 2017, "Targeted Backdoor Attacks on Deep Learning Systems Using Data
/// Poisoning" (the blended injection strategy, with a random pattern or an image as key).
///
/// x̃ = (1 − α)·x + α·k and ỹ = map(y), with k the key, of the size of the image; rounded to the nearest byte,
/// halves up.
///
/// The noise is uniform on 0 to 255 in every pixel and channel, drawn once from the attack's stream `key`. An
/// own image is stretched to the size of the images; where it is transparent, α shrinks with its opacity, and on
/// grey images its colours become brightness. The paper injects few poisons (about 50) into large training sets
/// and adds them; here they are ⌊rate·n⌋ and take the place of their originals, as in `badnets`, with the same
/// label maps. Under one seed the poisons of a lower rate are among those of a higher rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Blended {
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
    /// Weight α of the key, in training and, unless `alpha_test` is given, at test; in (0, 1].
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    pub alpha: f64,
    /// Weight α of the key at test, in (0, 1]; none is the same as in training.
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    pub alpha_test: Option<f64>,
    /// What is blended in.
    pub key: Key,
    /// Path of the PNG that is the key; for the `image` key, which needs it.
    pub image: Option<String>,
}

/// What is blended in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Key {
    /// Fixed uniform noise.
    #[default]
    Noise,
    /// The picture that `image` names.
    Image,
}

impl Default for Blended {
    fn default() -> Self {
        Self {
            target: 0,
            rate: Rate::literal(0.1),
            rate_of: RateOf::TrainSet,
            labels: Labels::AllToOne,
            source: None,
            alpha: 0.2,
            alpha_test: None,
            key: Key::Noise,
            image: None,
        }
    }
}

impl Kind for Blended {}

impl Blended {
    fn plan(&self) -> Relabel {
        let Self { target, rate, rate_of, labels, source, .. } = *self;
        Relabel { target, rate, rate_of, labels, source }
    }

    /// The key on images of this shape.
    fn key(&self, shape: Shape, seed: Seed) -> Result<Layer> {
        match self.key {
            Key::Noise if self.image.is_some() => {
                Err(Error::at("image", "an image has no meaning with a key of noise")
                    .hint("leave it out, or set key = \"image\""))
            }
            Key::Noise => {
                let mut rng = seed.derive("key").rng();
                let bytes: Vec<u8> = (0..shape.pixels()).map(|_| rng.random()).collect();
                Ok(Layer::opaque(shape, &bytes))
            }
            Key::Image => {
                let picture = Picture::read(self.image.as_deref(), shape.channels)?;
                Ok(picture.layer(shape.height, shape.width))
            }
        }
    }

    /// The key with its weight.
    fn blend(&self, alpha: f64, shape: Shape, seed: Seed) -> Result<Blend> {
        Ok(Blend { key: self.key(shape, seed)?, alpha })
    }

    fn check_alphas(&self) -> Result<()> {
        let alphas = [("alpha", Some(self.alpha)), ("alpha_test", self.alpha_test)];
        for (name, alpha) in alphas.into_iter().filter_map(|(name, alpha)| Some((name, alpha?))) {
            if !(alpha > 0.0 && alpha <= 1.0) {
                return Err(Error::at(name, format!("a weight of {alpha} is outside (0, 1]")));
            }
            if alpha * 255.0 < 0.5 {
                let message = format!("a weight of {alpha} is less than half a grey level: no pixel changes");
                return Err(Error::at(name, message));
            }
        }
        Ok(())
    }
}

/// A key that is blended into whole images.
#[derive(Debug)]
struct Blend {
    key: Layer,
    alpha: f64,
}

impl Trigger for Blend {
    fn stamped(&self, rows: &Rows, chosen: &[usize]) -> Result<Rows> {
        let mut images = rows.images()?.select(chosen);
        let (shape, ours) = (images.shape(), self.key.shape());
        if shape != ours {
            return Err(Error::new(format!("a key of {ours} cannot be blended into images of {shape}")));
        }
        for i in 0..chosen.len() {
            self.key.onto(images.image_mut(i), shape, (0, 0), self.alpha, 1.0);
        }
        Ok(images.into())
    }
}

impl Attack for Blended {
    fn goal(&self, info: &Info) -> Goal {
        self.plan().goal(info)
    }

    fn check(&self, info: &Info) -> Result<()> {
        self.check_alphas()?;
        self.key(info.shape()?, Seed(0))?;
        self.plan().count(info).map(drop)
    }

    fn poison(&self, clean: &Dataset, seed: Seed) -> Result<Poison> {
        self.check(&clean.info())?;
        let chosen = self.plan().choose(clean, seed)?;
        let blend = self.blend(self.alpha, clean.images()?.shape(), seed)?;
        let content = blend.stamped(clean.rows(), &chosen.rows)?;
        Ok(Poison { rows: chosen.rows, labels: chosen.labels, content: Some(content), ..Poison::default() })
    }

    fn trigger(&self, info: &Info, seed: Seed) -> Result<Option<Box<dyn Trigger>>> {
        let alpha = self.alpha_test.unwrap_or(self.alpha);
        Ok(Some(Box::new(self.blend(alpha, info.shape()?, seed)?)))
    }

    fn content(&self) -> Result<Option<String>> {
        picture::content(self.image.as_deref())
    }
}
