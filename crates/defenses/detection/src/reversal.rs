//! The search for the smallest mask and pattern that turn images into a class, for many classes at once.

use aconite_core::{Mode, Network, Result, Seed};
use aconite_train::input;
use rand::RngExt;
use tch::{Kind, Reduction, Tensor, no_grad};

/// Keeps tanh⁻¹ finite.
const EPSILON: f64 = 1e-7;
/// Decay of Adam's two averages, and what keeps its quotient finite.
const BETAS: [f64; 2] = [0.5, 0.9];
const ADAM_EPSILON: f64 = 1e-8;

/// Masks and patterns under optimisation, one of each per class. A mask m and a pattern p are tanh(·)/2 + ½ of
/// free numbers, the pattern times 255.
#[derive(Debug)]
pub(crate) struct Reversal {
    /// The classes that are searched for, i64 A.
    classes: Tensor,
    /// Free numbers of masks A×H×W×1 and patterns A×H×W×C.
    free: [Tensor; 2],
    /// Adam's averages of gradients and of their squares.
    first: [Tensor; 2],
    second: [Tensor; 2],
    time: i32,
}

/// What a batch said of each class's trigger, before the trigger was changed.
#[derive(Debug)]
pub(crate) struct Tried {
    /// Images that it turned.
    pub turned: Vec<f64>,
    /// Σ m.
    pub sizes: Vec<f64>,
    /// Masks, f32 A×H×W×1.
    pub masks: Tensor,
    /// Patterns, f32 A×H×W×C in 0–255.
    pub patterns: Tensor,
}

impl Reversal {
    /// Starts with uniform masks and patterns for `classes` classes of images H×W×C.
    pub fn start(classes: usize, [height, width, channels]: [i64; 3], seed: Seed) -> Result<Self> {
        let draw = |name: &str, channels: i64| -> Result<Tensor> {
            let size = height * width * channels;
            let mut values: Vec<f32> = Vec::with_capacity(classes * size as usize);
            for class in 0..classes {
                let mut draws = seed.derive(name).derive(&class.to_string()).rng();
                values.extend((0..size).map(|_| free(draws.random::<f64>()) as f32));
            }
            Ok(Tensor::from_slice(&values).f_view([classes as i64, height, width, channels])?)
        };
        let all: Vec<i64> = (0..classes as i64).collect();
        Self::at(&all, [draw("mask", 1)?, draw("pattern", channels)?])
    }

    /// Starts at given free numbers.
    fn at(classes: &[i64], free: [Tensor; 2]) -> Result<Self> {
        let zeros = || -> Result<[Tensor; 2]> { Ok([free[0].f_zeros_like()?, free[1].f_zeros_like()?]) };
        let (first, second) = (zeros()?, zeros()?);
        let free = free.map(|numbers| numbers.set_requires_grad(true));
        Ok(Self { classes: Tensor::from_slice(classes), free, first, second, time: 0 })
    }

    /// Tries the triggers on a batch of pixels B×H×W×C, and takes a step of Adam down the mean cross-entropy of
    /// the classes plus `weights` times the sizes.
    pub fn step(&mut self, net: &dyn Network, batch: &Tensor, weights: &[f64], lr: f64) -> Result<Tried> {
        let mode = Mode { train: false, kind: Kind::Float };
        let (active, rows) = (self.classes.size()[0], batch.size()[0]);
        let [masks, patterns] = [unit(&self.free[0])?, unit(&self.free[1])?.f_mul_scalar(255.0)?];
        // (1 − m)·x + m·p, A×B×H×W×C
        let stays = masks.f_neg()?.f_add_scalar(1.0)?.f_unsqueeze(1)?;
        let stamped = batch.f_unsqueeze(0)?.f_mul(&stays)?.f_add(&masks.f_mul(&patterns)?.f_unsqueeze(1)?)?;
        let logits = net.logits(&input(&stamped.f_flatten(0, 1)?, mode.kind), mode);
        let labels = self.classes.f_unsqueeze(1)?.f_expand([active, rows], false)?.f_reshape([-1])?;
        // Summed, not averaged: the classes do not know of each other.
        let loss = logits
            .f_cross_entropy_loss(&labels, None::<&Tensor>, Reduction::Sum, -100, 0.0)?
            .f_div_scalar(rows as f64)?;
        let sizes = masks.f_sum_dim_intlist([1i64, 2, 3].as_slice(), false, Kind::Float)?;
        let weights = Tensor::from_slice(weights).f_to_kind(Kind::Float)?;
        let loss = loss.f_add(&sizes.f_dot(&weights)?)?;
        // Gradients of these alone: those of the network's weights are not computed.
        let gradients = Tensor::f_run_backward(&[loss], &self.free, false, false)?;
        self.descend(&gradients, lr)?;
        let turned = logits.detach().f_argmax(-1, false)?.f_eq_tensor(&labels)?.f_view([active, rows])?;
        let turned = turned.f_sum_dim_intlist([1i64].as_slice(), false, Kind::Double)?;
        Ok(Tried {
            turned: Vec::try_from(turned)?,
            sizes: Vec::try_from(sizes.detach().f_to_kind(Kind::Double)?)?,
            masks: masks.detach(),
            patterns: patterns.detach(),
        })
    }

    fn descend(&mut self, gradients: &[Tensor], lr: f64) -> Result<()> {
        self.time += 1;
        let [bias_1, bias_2] = BETAS.map(|beta| 1.0 - beta.powi(self.time));
        no_grad(|| {
            for (i, gradient) in gradients.iter().enumerate() {
                let first = self.first[i].f_lerp_(gradient, 1.0 - BETAS[0])?;
                let second = self.second[i].f_lerp_(&gradient.f_square()?, 1.0 - BETAS[1])?;
                let spread = second.f_div_scalar(bias_2)?.f_sqrt()?.f_add_scalar(ADAM_EPSILON)?;
                let _ = self.free[i].f_sub_(&first.f_div(&spread)?.f_mul_scalar(lr / bias_1)?)?;
            }
            Ok(())
        })
    }

    /// Goes on with the classes at these places alone.
    pub fn keep(&mut self, places: &[i64]) -> Result<()> {
        let places = Tensor::from_slice(places);
        let pick = |tensor: &mut Tensor| -> Result<()> {
            *tensor = tensor.detach().f_index_select(0, &places)?;
            Ok(())
        };
        pick(&mut self.classes)?;
        for group in [&mut self.free, &mut self.first, &mut self.second] {
            group.iter_mut().try_for_each(pick)?;
        }
        for numbers in &mut self.free {
            *numbers = numbers.set_requires_grad(true);
        }
        Ok(())
    }
}

/// Free numbers as numbers in (0, 1).
fn unit(free: &Tensor) -> Result<Tensor> {
    Ok(free.f_tanh()?.f_div_scalar(2.0 - EPSILON)?.f_add_scalar(0.5)?)
}

/// The free number of a number in [0, 1].
fn free(unit: f64) -> f64 {
    ((unit - 0.5) * (2.0 - EPSILON)).atanh()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aconite_core::Shape;
    use aconite_nets::{Net, Params, linear::Linear};
    use tch::Device;

    fn a(n: i64) -> Tensor {
        Tensor::arange(n, (Kind::Double, Device::Cpu))
    }

    fn net() -> Box<dyn Network> {
        let shape = Shape { channels: 1, height: 2, width: 2 };
        let weight = (a(12) * 0.7).sin().view([3, 4]);
        let weights = [("head.weight".to_owned(), weight), ("head.bias".to_owned(), a(3) * 0.1)].into();
        Linear {}.build(&mut Params::stored(weights), shape, 3).unwrap()
    }

    /// Free numbers of three masks and patterns, and a batch of two images.
    fn start() -> (Reversal, Tensor) {
        let stack = |of: &dyn Fn(f64) -> Tensor| {
            Tensor::stack(&[of(0.0), of(1.0), of(2.0)], 0).view([3, 2, 2, 1]).to_kind(Kind::Float)
        };
        let free = [stack(&|c| (a(4) + c).cos()), stack(&|c| (a(4) * 2.0 + c).sin())];
        let images = (a(8) * 37).remainder(256).view([2, 2, 2, 1]).to_kind(Kind::Float);
        (Reversal::at(&[0, 1, 2], free).unwrap(), images)
    }

    // a = lambda n: torch.arange(n, dtype=torch.float64); unit = lambda t: torch.tanh(t)/(2-1e-7) + .5
    // W, b, x = (a(12)*.7).sin().view(3,4), a(3)*.1, ((a(8)*37) % 256).view(2,2,2,1)
    // fm = [torch.cos(a(4)+c).view(2,2,1).clone().requires_grad_() for c in range(3)]
    // fp = [torch.sin(a(4)*2+c).view(2,2,1).clone().requires_grad_() for c in range(3)]
    // opt = torch.optim.Adam(fm+fp, lr=.1, betas=(.5,.9), eps=1e-8)
    // four times: loss = sum over c of, with m, p = unit(fm[c]), unit(fp[c])*255,
    //     cross_entropy((((1-m)*x + m*p).flatten(1)/127.5 - 1) @ W.T + b, [c, c]) + [0, .05, .2][c]*m.sum()
    //     opt.zero_grad(); loss.backward(); opt.step()
    // The numbers are of the fourth pass, before its step. Ours are f32.
    #[test]
    fn four_steps_are_pytorchs() {
        let (mut reversal, images) = start();
        let mut tried = None;
        for _ in 0..4 {
            tried = Some(reversal.step(&*net(), &images, &[0.0, 0.05, 0.2], 0.1).unwrap());
        }
        let tried = tried.unwrap();
        assert_eq!(tried.turned, [1.0, 2.0, 1.0]);
        for (ours, size) in tried.sizes.iter().zip([2.142_584_8, 1.384_954_9, 1.162_673_8]) {
            assert!((ours - size).abs() < 1e-5, "{:?}", tried.sizes);
        }
        let close = |ours: &Tensor, golden: [f32; 12], tolerance: f32| {
            let ours = Vec::<f32>::try_from(ours.flatten(0, -1)).unwrap();
            assert!(ours.iter().zip(golden).all(|(a, b)| (a - b).abs() < tolerance), "{ours:?}");
        };
        let masks = [
            0.898_584, 0.841_335, 0.198_416, 0.204_25, 0.839_753, 0.209_886, 0.202_053, 0.133_263, 0.196_079,
            0.076_914, 0.133_884, 0.755_797,
        ];
        let patterns = [
            121.3021, 233.7848, 72.3119, 130.6763, 230.8466, 109.1344, 19.2049, 172.2625, 197.196, 28.0152,
            126.405, 236.5004,
        ];
        close(&tried.masks, masks, 1e-5);
        close(&tried.patterns, patterns, 2e-3);
    }

    #[test]
    fn a_class_does_not_know_of_the_others() {
        let (mut all, images) = start();
        let (mut part, _) = start();
        let weights = [0.1, 0.02, 0.3];
        for reversal in [&mut all, &mut part] {
            reversal.step(&*net(), &images, &weights, 0.1).unwrap();
        }
        part.keep(&[2, 0]).unwrap();
        let of_all = all.step(&*net(), &images, &weights, 0.1).unwrap();
        let of_part = part.step(&*net(), &images, &[0.3, 0.1], 0.1).unwrap();
        for (place, class) in [(0, 2), (1, 0)] {
            assert_eq!(of_part.turned[place], of_all.turned[class]);
            // Another number of rows may sum in another order.
            let apart = of_part.patterns.get(place as i64) - of_all.patterns.get(class as i64);
            assert!(apart.abs().max().double_value(&[]) < 1e-4);
        }
    }

    #[test]
    fn it_starts_uniform_and_finite() {
        for unit_number in [0.0, 1e-9, 0.5, 1.0 - 1e-16] {
            assert!(free(unit_number).is_finite());
            assert!(
                (f64::try_from(unit(&Tensor::from(free(unit_number))).unwrap()).unwrap() - unit_number).abs()
                    < 1e-7
            );
        }
        let tried = |seed| {
            let mut reversal = Reversal::start(3, [2, 2, 1], Seed(seed)).unwrap();
            reversal.step(&*net(), &start().1, &[0.0; 3], 0.1).unwrap()
        };
        assert_eq!(tried(1).masks, tried(1).masks);
        assert_ne!(tried(1).masks, tried(2).masks);
        assert!(
            tried(1).masks.min().double_value(&[]) >= 0.0
                && tried(1).patterns.max().double_value(&[]) <= 255.0
        );
    }
}
