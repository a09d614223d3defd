//! NAD: a fine-tuned teacher shows the damaged model where to look.

use aconite_core::{
    Course, Damaged, Defense, Error, Info, Knowledge, Mode, Model, Network, Observer, Pace, Rate, Repair,
    Result, Role, Steps,
};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::{Kind as Element, Tensor, no_grad};

use crate::maps::stages_with_maps;
use crate::samples;

/// Fine-tunes a copy of the damaged model, then trains the damaged model to attend where that teacher attends.
///
/// Paper: Li, Lyu, Koren, Lyu, Li, Ma 2021, "Neural Attention Distillation: Erasing Backdoor Triggers from Deep
/// Neural Networks", equations 1 to 5.
///
/// A(F) = Σ_c |F_c|^p, Q(F) = A(F)/‖A(F)‖₂ per sample; loss = CE(f_S(x), y) + Σ_l β_l·d(Q(F_T^l), Q(F_S^l)) over the
/// stages l whose outputs are maps. The teacher T is the damaged model after `teacher_epochs` on the clean samples
/// and computes as in inference; the student S starts from the damaged model and sees the same (augmented) batches.
///
/// The paper writes d as the norm ‖Q_T − Q_S‖₂; its authors' code, to which weights of that size belong, takes the
/// mean square over samples and places, ‖Q_T − Q_S‖₂²/(H·W): `distance` chooses, and that code's reading is the
/// default, since with the norm the same weights drown the cross-entropy. The last weight goes to the last stage
/// with maps, the one before to the one before, and so on: in a net with a stem and three groups each group has
/// its own, as in the paper; earlier stages have none, and spare weights are unused. The paper's rate falls from 0.1
/// to a tenth every two epochs; here it is constant, under the victim's own optimiser.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Nad {
    /// Clean samples as a share of the training set, in (0, 1].
    pub clean: Rate,
    /// Passes over the clean samples that make the teacher.
    pub teacher_epochs: usize,
    /// Passes over the clean samples of the student.
    pub epochs: usize,
    /// Constant learning rate of teacher and student, above 0.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub lr: f64,
    /// Rows per step, at least 1.
    #[schemars(range(min = 1))]
    pub batch_size: usize,
    /// Weights β of the last stages with maps, the last one last; at least one, each at least 0.
    pub beta: Vec<f64>,
    /// Power p of the activations in a place's attention, at least 1.
    #[schemars(range(min = 1))]
    pub power: f64,
    /// How far two attention maps are apart: `mean_square`, `norm` or `squared_norm`.
    pub distance: Distance,
}

/// How far two attention maps of length 1 are apart; the mean over the batch of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Distance {
    /// ‖Q_T − Q_S‖²/(H·W), as the authors' code computes it.
    #[default]
    MeanSquare,
    /// ‖Q_T − Q_S‖, as the paper writes it.
    Norm,
    /// ‖Q_T − Q_S‖².
    SquaredNorm,
}

impl Default for Nad {
    fn default() -> Self {
        Self {
            clean: Rate::literal(0.05),
            teacher_epochs: 10,
            epochs: 10,
            lr: 0.01,
            batch_size: 64,
            beta: vec![500.0, 1000.0, 1000.0],
            power: 2.0,
            distance: Distance::MeanSquare,
        }
    }
}

impl Kind for Nad {}

/// Keeps the length of a map that is zero everywhere from being divided by.
const EPS: f64 = 1e-6;

impl Nad {
    fn pace(&self, epochs: usize) -> Pace {
        Pace { epochs, batch_size: self.batch_size, lr: self.lr }
    }

    /// Q(F) of maps B×C×H×W: the attention of each place, B×(H·W), every row of length 1.
    pub fn attention(&self, maps: &Tensor) -> Tensor {
        let strength = maps.to_kind(Element::Float).abs().pow_tensor_scalar(self.power);
        let places = strength.sum_dim_intlist([1i64].as_slice(), false, Element::Float).flatten(1, -1);
        let length = places.norm_scalaropt_dim(2, [1i64].as_slice(), true);
        places / (length + EPS)
    }

    /// d(Q(F_T), Q(F_S)): how far the attention of two stacks of maps is apart.
    pub fn apart(&self, teacher: &Tensor, student: &Tensor) -> Tensor {
        let difference = self.attention(teacher) - self.attention(student);
        let squares = || difference.square().sum_dim_intlist([1i64].as_slice(), false, Element::Float);
        match self.distance {
            Distance::MeanSquare => difference.square().mean(Element::Float),
            Distance::SquaredNorm => squares().mean(Element::Float),
            // The root has no slope at 0; where both look at the same there is nothing to learn.
            Distance::Norm => (squares() + EPS * EPS).sqrt().mean(Element::Float),
        }
    }
}

impl Defense for Nad {
    fn role(&self) -> Role<'_> {
        Role::Repair(self)
    }

    fn knowledge(&self) -> Vec<Knowledge> {
        vec![Knowledge::CleanSamples]
    }

    fn check(&self, info: &Info) -> Result<()> {
        info.shape()?;
        samples::count(self.clean, info)?;
        samples::check(self.pace(self.epochs))?;
        if self.beta.is_empty() {
            return Err(Error::at("beta", "a list without weights distils nothing: at least one weight"));
        }
        if let Some(beta) = self.beta.iter().find(|beta| !(beta.is_finite() && **beta >= 0.0)) {
            return Err(Error::at("beta", format!("a weight of {beta} is not at least 0")));
        }
        if !(self.power.is_finite() && self.power >= 1.0) {
            return Err(Error::at("power", format!("a power of {} is not at least 1", self.power)));
        }
        Ok(())
    }

    /// The student's steps take a pass of the teacher each.
    fn passes(&self, info: &Info, _: f64, _: f64) -> f64 {
        let looks = self.clean.count(info.total()) * self.epochs;
        samples::steps(self.clean, info, self.teacher_epochs + self.epochs) + looks as f64
    }
}

impl Repair for Nad {
    fn reads_maps(&self) -> bool {
        true
    }

    fn clean(&self) -> Rate {
        self.clean
    }

    fn mend(&self, damaged: &Damaged<'_>, watch: &mut dyn Observer) -> Result<Box<dyn Model>> {
        let stages = stages_with_maps(damaged.model.net()?, damaged.clean.rows())?;
        let start = damaged.model.tensors();
        let plain =
            Course { start: Some(&start), pace: Some(self.pace(self.teacher_epochs)), ..Course::default() };
        let teacher =
            damaged.learner.fit_with(damaged.clean, damaged.seed.derive("teacher"), plain, watch)?;
        let beta = stages.into_iter().rev().zip(self.beta.iter().rev().copied()).collect();
        let mut steps = Distillation { nad: self, teacher: teacher.net()?, beta, apart: None };
        let (pace, steps) = (Some(self.pace(self.epochs)), Some(&mut steps as &mut dyn Steps));
        let taught = Course { start: Some(&start), pace, steps, ..Course::default() };
        damaged.learner.fit_with(damaged.clean, damaged.seed.derive("student"), taught, watch)
    }
}

/// Training under a teacher's eyes.
struct Distillation<'a> {
    nad: &'a Nad,
    teacher: &'a dyn Network,
    /// Stages and their weights.
    beta: Vec<(usize, f64)>,
    /// Σ_l β_l·d of the present batch.
    apart: Option<Tensor>,
}

impl Distillation<'_> {
    /// Penultimate activations, and the maps of the stages that count, in the network's order.
    fn look(&self, network: &dyn Network, input: &Tensor, mode: Mode) -> (Tensor, Vec<(f64, Tensor)>) {
        let mut maps = Vec::new();
        let features = network.features_with(input, mode, &mut |stage, out| {
            if let Some((_, beta)) = self.beta.iter().find(|(wanted, _)| *wanted == stage) {
                maps.push((*beta, out.shallow_clone()));
            }
            out
        });
        (features, maps)
    }
}

impl Steps for Distillation<'_> {
    fn logits(&mut self, network: &dyn Network, input: &Tensor, mode: Mode) -> Tensor {
        let (_, taught) = no_grad(|| self.look(self.teacher, input, Mode { train: false, ..mode }));
        let (features, own) = self.look(network, input, mode);
        let apart = taught.iter().zip(&own).map(|((beta, t), (_, s))| self.nad.apart(t, s) * *beta);
        self.apart = apart.reduce(|sum, next| sum + next);
        network.head(&features, mode)
    }

    fn loss(&mut self, logits: &Tensor, labels: &Tensor) -> Tensor {
        let loss = logits.cross_entropy_for_logits(labels);
        match self.apart.take() {
            Some(apart) => loss + apart,
            None => loss,
        }
    }
}
