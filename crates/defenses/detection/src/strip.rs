//! STRIP: an input whose label survives every blend with other images carries a trigger.

use std::f64::consts::LN_2;

use aconite_core::{
    Defense, Error, Flags, Info, InputDetector, Knowledge, Mode, Network, Observer, Rate, Result, Role, Rows,
    Seed, Subject,
};
use aconite_grid::Kind;
use aconite_train::{input, pixels};
use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::{Kind as Element, Tensor, no_grad};

/// Blends in a forward pass. Fixed: it is part of no setting and must not change results.
const BLENDS: usize = 1000;

/// Blends each input with clean images and flags it when the model's prediction hardly wavers.
///
/// Paper: Gao, Xu, Wang, Chen, Ranasinghe, Nepal 2019, "STRIP: A Defence Against Trojan Attacks on Deep Neural
/// Networks".
///
/// The entropy of an input x is H(x) = (1/n)·Σ_j −Σ_c p_c(x ⊕ o_j)·log2 p_c(x ⊕ o_j) over n clean images o_j
/// drawn for it with replacement, p the softmax of the model's logits. With μ and σ the mean and the standard
/// deviation (of the maximum likelihood fit: divided by the count) of clean inputs' entropies, x is flagged when
/// H(x) < μ + σ·Φ⁻¹(frr). Its score is −H(x).
///
/// The clean samples are split at random: one half serves as overlays, the other fits μ and σ, so that no
/// clean input is blended with itself. The paper superimposes images without saying what becomes of sums beyond
/// white; the authors' code adds numbers in [0, 1] and does not clip (`blend = "unclipped"`), where adding the
/// images themselves does (`"add"`, our default: the model sees an image). The paper's entropies come
/// from 2,000 clean inputs; here from half of `clean`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Strip {
    /// Clean samples that it is given, as a share of the training set; they must be 4 or more.
    pub clean: Rate,
    /// Blends n per input, at least 1.
    #[schemars(range(min = 1))]
    pub n: usize,
    /// How an overlay is blended with the input.
    pub blend: Blend,
    /// Share of clean inputs that may be flagged (false rejection rate), in (0, 1); the paper reports 0.01, 0.02 and 0.03.
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub frr: f64,
    /// Inputs of each sort, untouched and triggered, that are looked at, at least 1; the paper takes 2,000.
    #[schemars(range(min = 1))]
    pub inputs: usize,
}

/// How an overlay is blended with an input.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Blend {
    /// The sum of the grey levels, at most 255.
    #[default]
    Add,
    /// The sum of the grey levels, up to 510, as the authors' code has it.
    Unclipped,
    /// The mean of the grey levels.
    Mean,
}

impl Default for Strip {
    fn default() -> Self {
        Self { clean: Rate::literal(0.05), n: 100, blend: Blend::Add, frr: 0.01, inputs: 1000 }
    }
}

impl Kind for Strip {}

impl Defense for Strip {
    fn role(&self) -> Role<'_> {
        Role::InputDetector(self)
    }

    fn knowledge(&self) -> Vec<Knowledge> {
        vec![Knowledge::CleanSamples]
    }

    fn check(&self, info: &Info) -> Result<()> {
        info.shape()?;
        // The blends of an input are looked at in one pass.
        if self.n > BLENDS {
            return Err(Error::at(
                "n",
                format!("{} blends of an input are too many: at most {BLENDS}", self.n),
            ));
        }
        for (key, count) in [("n", self.n), ("inputs", self.inputs)] {
            if count == 0 {
                return Err(Error::at(key, format!("{count} is out of range: at least 1")));
            }
        }
        if !(self.frr > 0.0 && self.frr < 1.0) {
            return Err(Error::at(
                "frr",
                format!("a false rejection rate of {} is outside (0, 1)", self.frr),
            ));
        }
        enough(self.clean.count(info.total()))
            .map_err(|error| Error { setting: Some("clean".into()), ..error })
    }

    fn passes(&self, info: &Info, _: f64, _: f64) -> f64 {
        let fitted = self.clean.count(info.total()) / 2;
        (fitted + 2 * self.inputs) as f64 * self.n as f64
    }
}

/// Two overlays, and two entropies with a spread.
fn enough(clean: usize) -> Result<()> {
    match clean {
        0..4 => Err(Error::new(format!(
            "{clean} clean samples are too few: strip needs 4, half of them overlays"
        ))
        .hint("raise clean")),
        _ => Ok(()),
    }
}

impl InputDetector for Strip {
    fn clean(&self) -> Rate {
        self.clean
    }

    fn inputs(&self) -> usize {
        self.inputs
    }

    fn judge(&self, subject: &Subject<'_>, inputs: &Rows, watch: &mut dyn Observer) -> Result<Flags> {
        enough(subject.clean.len())?;
        let all: Vec<usize> = (0..subject.clean.len()).collect();
        let order = subject.seed.derive("halves").shuffled(&all);
        let (overlays, fitted) = order.split_at(order.len() / 2);
        let clean = subject.clean.images()?;
        let overlays = pixels(&clean.select(overlays).into())?;
        let fitted = pixels(&clean.select(fitted).into())?;
        let inputs = pixels(&inputs.images()?.clone().into())?;

        let total = (fitted.size()[0] + inputs.size()[0]) as usize;
        let mut done = 0;
        let mut entropies = |images: &Tensor, stream: &str| {
            let seed = subject.seed.derive(stream);
            self.entropies(subject.model.net()?, images, &overlays, seed, &mut |rows| {
                done += rows;
                watch.step(done, total);
            })
        };
        let threshold = threshold(&entropies(&fitted, "fit")?, self.frr)?;
        let scores: Vec<f64> = entropies(&inputs, "inputs")?.into_iter().map(|entropy| -entropy).collect();
        if let Some(row) = scores.iter().position(|score| !score.is_finite()) {
            return Err(Error::new(format!(
                "the entropy of input {row} is not finite: the model's training diverged"
            ))
            .hint("lower train.optimizer.lr"));
        }
        Ok(Flags { scores, threshold: -threshold })
    }
}

impl Strip {
    /// The mean entropy in bits of each image's blends, u8 N×H×W×C; `seen` is told how many are done.
    fn entropies(
        &self,
        net: &dyn Network,
        images: &Tensor,
        overlays: &Tensor,
        seed: Seed,
        seen: &mut dyn FnMut(usize),
    ) -> Result<Vec<f64>> {
        let mut draws = seed.rng();
        let pool = overlays.size()[0];
        let mode = Mode { train: false, kind: Element::Float };
        let mut entropies = Vec::with_capacity(images.size()[0] as usize);
        for part in images.f_split((BLENDS / self.n).max(1) as i64, 0)? {
            let rows = part.size()[0] as usize;
            let drawn: Vec<i64> = (0..rows * self.n).map(|_| draws.random_range(0..pool)).collect();
            let of_part = no_grad(|| -> Result<Tensor> {
                let others =
                    overlays.f_index_select(0, &Tensor::from_slice(&drawn))?.f_to_kind(Element::Float)?;
                let others = others.f_unflatten(0, [rows as i64, self.n as i64].as_slice())?;
                let blends = self.blend.of(&part.f_to_kind(Element::Float)?.f_unsqueeze(1)?, others)?;
                let logits = net.logits(&input(&blends.f_flatten(0, 1)?, mode.kind), mode);
                bits(&logits)?
                    .f_view([rows as i64, self.n as i64])?
                    .f_mean_dim([1i64].as_slice(), false, Element::Double)
                    .map_err(Error::from)
            })?;
            entropies.extend(Vec::<f64>::try_from(of_part)?);
            seen(rows);
        }
        Ok(entropies)
    }
}

impl Blend {
    /// Images and their overlays, f32 in 0–255, blended in the overlays' memory.
    fn of(self, images: &Tensor, mut overlays: Tensor) -> Result<Tensor> {
        let mut sum = overlays.f_add_(images)?;
        Ok(match self {
            Self::Add => sum.f_clamp_max_(255.0)?,
            Self::Unclipped => sum,
            Self::Mean => sum.f_mul_scalar_(0.5)?,
        })
    }
}

/// The entropy in bits of the softmax of each row of logits, f64.
fn bits(logits: &Tensor) -> Result<Tensor> {
    let log_p = logits.f_log_softmax(-1, Element::Double)?;
    // exp(−∞)·−∞ would not be 0 but not a number.
    let products = log_p.f_exp()?.f_mul(&log_p.f_clamp_min(-1e300)?)?;
    Ok(products.f_sum_dim_intlist([-1i64].as_slice(), false, Element::Double)?.f_mul_scalar(-1.0 / LN_2)?)
}

/// The entropy below which inputs are flagged: the `frr` quantile of the normal distribution fitted to `clean`.
fn threshold(clean: &[f64], frr: f64) -> Result<f64> {
    let n = clean.len() as f64;
    let mean = clean.iter().sum::<f64>() / n;
    let deviation = (clean.iter().map(|h| (h - mean).powi(2)).sum::<f64>() / n).sqrt();
    let quantile = f64::try_from(Tensor::from(frr).f_to_kind(Element::Double)?.f_special_ndtri()?)?;
    Ok(mean + deviation * quantile)
}

#[cfg(test)]
mod tests {
    use super::*;

    // h = [0.31, 0.9, 1.42, 0.77, 0.05]
    // [scipy.stats.norm.ppf(q, *scipy.stats.norm.fit(h)) for q in (0.01, 0.03, 0.5)]
    #[test]
    fn the_threshold_is_scipys_normal_fit() {
        let clean = [0.31, 0.9, 1.42, 0.77, 0.05];
        let golden = [(0.01, -0.419_548_442_014_246_1), (0.03, -0.207_041_943_279_862_8), (0.5, 0.69)];
        for (frr, expected) in golden {
            let ours = threshold(&clean, frr).unwrap();
            assert!((ours - expected).abs() < 1e-12, "{ours} {expected}");
        }
        assert_eq!(threshold(&[0.5; 4], 0.01).unwrap(), 0.5);
    }

    // scipy.stats.norm.ppf([1e-12, 0.0025, 0.01, 0.03, 0.3, 0.5, 0.999])
    #[test]
    fn quantiles_are_scipys() {
        let golden = [
            (1e-12, -7.034_483_825_301_131),
            (0.0025, -2.807_033_768_343_804_2),
            (0.01, -2.326_347_874_040_840_8),
            (0.03, -1.880_793_608_151_251),
            (0.3, -0.524_400_512_708_040_9),
            (0.5, 0.0),
            (0.999, 3.090_232_306_167_813),
        ];
        for (share, expected) in golden {
            // Mean 0 and standard deviation 1.
            let ours = threshold(&[-1.0, 1.0], share).unwrap();
            assert!((ours - expected).abs() < 1e-9, "{share}: {ours} {expected}");
        }
    }

    // scipy.stats.entropy(scipy.special.softmax(L, axis=1), base=2, axis=1)
    #[test]
    fn entropies_are_scipys() {
        let logits = Tensor::from_slice2(&[
            [1f32, 2.0, 3.0],
            [0.0, 0.0, 0.0],
            [100.0, -100.0, 0.0],
            [-3.0, 0.5, 0.25],
            [f32::NEG_INFINITY, 0.0, 0.0],
        ]);
        let ours = Vec::<f64>::try_from(bits(&logits).unwrap()).unwrap();
        for (ours, expected) in ours.iter().zip([1.200_892_98, 1.584_962_50, 0.0, 1.094_755_95, 1.0]) {
            assert!((ours - expected).abs() < 1e-8, "{ours} {expected}");
        }
    }
}
