//! `svm`: the support vector machine with hinge loss.

mod solver;

use aconite_core::{
    Dataset, Error, Info, Learner, Machine, Model, NamedTensors, Observer, Relearns, Result, Rows, Seed,
    Support, Work,
};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::{Kind as Number, Tensor};

use super::decision::{
    LinearModel, check, check_c, columns, in_slices, inputs, is_one_of_columns, stored, width,
};
use super::words::{Words, within_words};
use solver::{Space, State, solve};

/// Most training rows with the `rbf` kernel: their kernel matrix takes 800 MB.
const KERNEL_ROWS: usize = 10_000;
/// Rows of the kernel matrix made at a time.
const BLOCK: usize = 1_000;

/// A support vector machine with hinge loss, linear or with a Gaussian kernel.
///
/// Paper: Cortes, Vapnik 1995, "Support-vector networks"; the names of the settings are scikit-learn's `SVC`.
///
/// min over w, b: ½‖w‖² + C·Σᵢ max(0, 1 − yᵢ(⟨w, φ(xᵢ)⟩ + b)), yᵢ = ±1, the bias not regularised (as libsvm, not
/// as liblinear). Kernel ⟨φ(x), φ(z)⟩: `linear` x·z, `rbf` exp(−γ‖x − z‖²). Inputs are the numbers of a table as
/// they are (data sets standardise them), pixels as x/127.5 − 1, and texts and messages as `words` says. With two
/// classes the scores are −f and f, f the decision value; with more, one machine per class against the rest (libsvm
/// votes between pairs) and its decision value. Features are the inputs.
///
/// Solved by an augmented Lagrangian with Newton steps in f64 to a duality gap of 10⁻¹⁰ of the objective, without
/// a random draw; where rounding ends it earlier, a gap of 10⁻⁵ is accepted and a larger one is an error. `rbf` holds
/// its kernel matrix and takes at most 10,000 rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Svm {
    /// Kernel.
    pub kernel: Kernel,
    /// Factor C of the summed hinge loss, above 0.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub c: f64,
    /// Width γ of the `rbf` kernel, above 0; none is 1/(D·Var) over all D inputs of the training rows, which
    /// scikit-learn calls "scale". Without meaning for `linear`.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub gamma: Option<f64>,
    /// How texts and messages become numbers; without meaning for other rows.
    pub words: Words,
}

/// Kernel of a support vector machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Kernel {
    /// x·z.
    #[default]
    Linear,
    /// exp(−γ‖x − z‖²).
    Rbf,
}

impl Default for Svm {
    fn default() -> Self {
        Self { kernel: Kernel::Linear, c: 1.0, gamma: None, words: Words::default() }
    }
}

impl Kind for Svm {}

impl Svm {
    fn machines(&self, rows: &Rows, classes: usize) -> Result<Machines> {
        let inputs = inputs(rows)?.f_to_kind(Number::Double)?;
        let mut last = Vec::new();
        last.resize_with(columns(classes), || None);
        let (space, gaussian) = match self.kernel {
            Kernel::Linear => (Space::Linear(inputs), None),
            Kernel::Rbf => {
                let gamma = match self.gamma {
                    Some(gamma) => gamma,
                    None => scale(&inputs)?,
                };
                (Space::Kernel(kernel_matrix(&inputs, gamma)?), Some((inputs, gamma)))
            }
        };
        Ok(Machines { space, gaussian, c: self.c, last })
    }

    fn restored(&self, info: &Info, tensors: &NamedTensors) -> Result<Box<dyn Model>> {
        if self.kernel == Kernel::Linear {
            return Ok(Box::new(LinearModel::restore(info, tensors)?));
        }
        let columns = columns(info.classes.len()) as i64;
        let supports = stored(tensors, "supports", &[-1, width(info)? as i64])?;
        Ok(Box::new(Gaussian {
            weight: stored(tensors, "weight", &[supports.size()[0], columns])?,
            supports,
            bias: stored(tensors, "bias", &[columns])?,
            gamma: f64::try_from(stored(tensors, "gamma", &[1])?)?,
        }))
    }

    fn check_rows(&self, rows: usize) -> Result<()> {
        match self.kernel {
            Kernel::Rbf if rows > KERNEL_ROWS => Err(Error::at(
                "kernel",
                format!(
                    "{rows} training rows are too many for the rbf kernel, which takes at most {KERNEL_ROWS}"
                ),
            )
            .hint("set dataset.train_size, or take kernel = \"linear\"")),
            _ => Ok(()),
        }
    }
}

impl Learner for Svm {
    fn check(&self, info: &Info) -> Result<()> {
        check(info)?;
        check_c(self.c)?;
        if let Some(gamma) = self.gamma.filter(|gamma| !(gamma.is_finite() && *gamma > 0.0)) {
            return Err(Error::at("gamma", format!("a width of {gamma} is not above 0")));
        }
        self.words.check().map_err(within_words)?;
        self.check_rows(info.total())
    }

    fn fit(&self, data: &Dataset, _: Seed, watch: &mut dyn Observer) -> Result<Box<dyn Model>> {
        self.check_rows(data.len())?;
        self.words
            .fit(data, |data| self.machines(data.rows(), data.num_classes())?.train(data.labels(), watch))
    }

    fn relearns(&self, rows: &Rows, classes: usize) -> Result<Option<Box<dyn Relearns>>> {
        self.check_rows(rows.len())?;
        let machines = |rows: &Rows| Ok(Box::new(self.machines(rows, classes)?) as Box<dyn Relearns>);
        self.words.relearns(rows, machines).map(Some)
    }

    fn is_linear(&self, info: &Info) -> bool {
        self.kernel == Kernel::Linear && is_one_of_columns(info)
    }

    fn machine(&self, info: &Info) -> Option<&dyn Machine> {
        is_one_of_columns(info).then_some(self)
    }

    fn work(&self, info: &Info) -> Work {
        let inputs = self.words.width(info).unwrap_or(0) as f64;
        // All rows may become support vectors.
        let supports = if self.kernel == Kernel::Rbf { info.total() as f64 } else { 0.0 };
        let outputs = columns(info.classes.len()) as f64;
        let macs = if self.kernel == Kernel::Rbf { supports * (inputs + outputs) } else { inputs * outputs };
        Work { macs, weights: macs + outputs, features: inputs }
    }

    fn restore(&self, info: &Info, tensors: &NamedTensors) -> Result<Box<dyn Model>> {
        self.words.restore(info, tensors, |info| self.restored(info, tensors))
    }
}

impl Machine for Svm {
    fn support(&self, data: &Dataset) -> Result<Support> {
        self.check_rows(data.len())?;
        let mut machines = self.machines(data.rows(), data.num_classes())?;
        machines.train(data.labels(), &mut aconite_core::Silent)?;
        let gamma = machines.gaussian.map(|(_, gamma)| gamma);
        match machines.last.pop().flatten() {
            Some(State { alpha, bias, .. }) if machines.last.is_empty() => {
                Ok(Support { alpha, bias, c: self.c, gamma })
            }
            _ => Err(Error::new("it is one machine per class, not one of two classes")),
        }
    }
}

/// One machine per decision function over the same rows.
struct Machines {
    space: Space,
    /// The inputs and γ of the `rbf` kernel.
    gaussian: Option<(Tensor, f64)>,
    c: f64,
    last: Vec<Option<State>>,
}

impl Machines {
    fn train(&mut self, labels: &[usize], watch: &mut dyn Observer) -> Result<Box<dyn Model>> {
        let total = self.last.len();
        for (column, last) in self.last.iter_mut().enumerate() {
            let positive = if total == 1 { 1 } else { column };
            let signs: Vec<f64> = labels.iter().map(|&l| if l == positive { 1.0 } else { -1.0 }).collect();
            *last = Some(solve(&self.space, &signs, self.c, last.take())?);
            watch.step(column + 1, total);
        }
        let states: Vec<&State> = self.last.iter().flatten().collect();
        let loss: f64 = states.iter().map(|state| state.hinge()).sum();
        watch.epoch(1, loss / (labels.len() * total) as f64);
        let weight: Vec<Tensor> = states.iter().map(|state| state.w.shallow_clone()).collect();
        let weight = Tensor::f_stack(&weight, 1)?.f_contiguous()?;
        let bias: Vec<f64> = states.iter().map(|state| state.bias).collect();
        let bias = Tensor::from_slice(&bias);
        let Some((inputs, gamma)) = &self.gaussian else {
            return Ok(Box::new(LinearModel { weight, bias }));
        };
        let supports = |row: &usize| states.iter().any(|state| state.alpha[*row] > 0.0);
        let rows: Vec<i64> = (0..labels.len()).filter(supports).map(|row| row as i64).collect();
        let rows = Tensor::from_slice(&rows);
        Ok(Box::new(Gaussian {
            supports: inputs.f_index_select(0, &rows)?,
            weight: weight.f_index_select(0, &rows)?,
            bias,
            gamma: *gamma,
        }))
    }
}

impl Relearns for Machines {
    fn relearn(&mut self, labels: &[usize]) -> Result<Box<dyn Model>> {
        self.train(labels, &mut aconite_core::Silent)
    }
}

/// 1/(D·Var), the variance over all numbers.
fn scale(inputs: &Tensor) -> Result<f64> {
    let variance = f64::try_from(inputs.f_var(false)?)?;
    let scale = 1.0 / (inputs.size()[1] as f64 * variance);
    Ok(if scale.is_finite() { scale } else { 1.0 })
}

/// exp(−γ‖x − z‖²) for the rows of two tensors.
fn gaussian(x: &Tensor, z: &Tensor, gamma: f64) -> Result<Tensor> {
    let square = |t: &Tensor| t.f_square()?.f_sum_dim_intlist([1i64].as_slice(), true, Number::Double);
    let distances = x.f_matmul(&z.f_tr()?)?.f_mul_scalar_(-2.0)?;
    let distances = distances.shallow_clone().f_add_(&square(x)?)?.f_add_(&square(z)?.f_tr()?)?;
    Ok(distances.shallow_clone().f_clamp_min_(0.0)?.f_mul_scalar_(-gamma)?.f_exp_()?)
}

fn kernel_matrix(inputs: &Tensor, gamma: f64) -> Result<Tensor> {
    let n = inputs.size()[0];
    let all = Tensor::f_empty([n, n], (Number::Double, inputs.device()))?;
    for from in (0..n).step_by(BLOCK) {
        let count = (BLOCK as i64).min(n - from);
        all.f_narrow(0, from, count)?.f_copy_(&gaussian(
            &inputs.f_narrow(0, from, count)?,
            inputs,
            gamma,
        )?)?;
    }
    Ok(all)
}

/// A machine with the `rbf` kernel: decision values Σ weightᵢ·exp(−γ‖x − supportᵢ‖²) + bias.
struct Gaussian {
    supports: Tensor,
    weight: Tensor,
    bias: Tensor,
    gamma: f64,
}

impl Model for Gaussian {
    fn scores(&self, rows: &Rows) -> Result<Tensor> {
        in_slices(rows, |inputs| {
            let kernel = gaussian(inputs, &self.supports, self.gamma)?;
            Ok(kernel.f_matmul(&self.weight)?.f_add(&self.bias)?)
        })
    }

    fn features(&self, rows: &Rows) -> Result<Tensor> {
        inputs(rows)
    }

    fn tensors(&self) -> NamedTensors {
        [
            ("supports", self.supports.shallow_clone()),
            ("weight", self.weight.shallow_clone()),
            ("bias", self.bias.shallow_clone()),
            ("gamma", Tensor::from_slice(&[self.gamma])),
        ]
        .map(|(name, tensor)| (name.to_owned(), tensor))
        .into()
    }
}
