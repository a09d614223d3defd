//! Victims: what is trained, and what comes out.

use std::collections::BTreeMap;

use tch::{Kind, Tensor};

use crate::{Course, Dataset, Error, Info, Network, Pace, Result, Rows, Seed};

/// Tensors by name, as they go into and come out of a safetensors file.
pub type NamedTensors = BTreeMap<String, Tensor>;

/// The same tensors under the same names; no number is copied.
pub fn shared(tensors: &NamedTensors) -> NamedTensors {
    tensors.iter().map(|(name, tensor)| (name.clone(), tensor.shallow_clone())).collect()
}

/// Something that learns from a data set.
pub trait Learner: Sync {
    /// Checks the settings against the data before anything runs.
    ///
    /// # Errors
    /// Names the setting, its value and the range.
    fn check(&self, info: &Info) -> Result<()>;

    /// Learns. The streams `init`, `batches`, `augment` and `removal` below `seed` are the only randomness.
    ///
    /// # Errors
    /// The numbers stopped being finite, or libtorch refused.
    fn fit(&self, data: &Dataset, seed: Seed, watch: &mut dyn Observer) -> Result<Box<dyn Model>>;

    /// Learns by another course than `[train]` says: from given weights, another number of epochs, other steps.
    ///
    /// # Errors
    /// As [`Learner::fit`]; and the victim is not trained in gradient steps.
    fn fit_with(
        &self,
        _data: &Dataset,
        _seed: Seed,
        _course: Course<'_>,
        _watch: &mut dyn Observer,
    ) -> Result<Box<dyn Model>> {
        Err(Error::new("this victim is not trained in gradient steps").hint("choose a net as victim"))
    }

    /// Whether it is trained in gradient steps, so that [`Learner::fit_with`] works and its models have a
    /// network.
    fn takes_steps(&self) -> bool {
        false
    }

    /// Goes on from a model of its own, as [`Model::tensors`] gave it, and learns further rows, of which the model may
    /// have seen none. A net takes the steps that `[train]` says from these weights; a victim that counts adds the
    /// rows to its counts, which is [`Learner::fit`] of all rows in their order.
    ///
    /// # Errors
    /// As [`Learner::fit`]; the tensors are not those of such a model; and the victim cannot go on.
    fn learn_on(
        &self,
        model: &NamedTensors,
        data: &Dataset,
        seed: Seed,
        watch: &mut dyn Observer,
    ) -> Result<Box<dyn Model>> {
        self.fit_with(data, seed, Course { start: Some(model), ..Course::default() }, watch)
    }

    /// Whether [`Learner::learn_on`] works.
    fn learns_on(&self) -> bool {
        self.takes_steps()
    }

    /// Whether [`Learner::fit_together`] on such data is faster than one training after another.
    fn fits_together(&self, _info: &Info) -> bool {
        false
    }

    /// Learns several data sets of one kind, each alone from its own seed: the [`Model::tensors`] of what
    /// [`Learner::fit_with`] by `start` and `pace` makes of each, up to rounding, or of what [`Learner::fit`] makes of it
    /// where neither is given. What becomes of one depends on no other, to the last bit. `watch` is told how many are
    /// done.
    fn fit_together(
        &self,
        fits: &[(Dataset, Seed)],
        start: Option<&NamedTensors>,
        pace: Option<Pace>,
        watch: &mut dyn Observer,
    ) -> Vec<Result<NamedTensors>> {
        fit_each(self, fits, start, pace, watch)
    }

    /// Learns these rows again and again under other labels, for an adversary who tries labels out; `None` if that
    /// is no faster than [`Learner::fit`].
    ///
    /// # Errors
    /// As [`Learner::fit`].
    fn relearns(&self, _rows: &Rows, _classes: usize) -> Result<Option<Box<dyn Relearns>>> {
        Ok(None)
    }

    /// Reads rows once, to learn from few of them again and again and judge others; `None` if that is no faster
    /// than [`Learner::fit`].
    ///
    /// # Errors
    /// As [`Learner::fit`].
    fn samples(&self, _data: &Dataset) -> Result<Option<Box<dyn Samples>>> {
        Ok(None)
    }

    /// The [`Model::cutoffs`] of its models of such data; `None` if they have none.
    ///
    /// # Errors
    /// As [`Learner::check`].
    fn cutoffs(&self, _info: &Info) -> Result<Option<Cutoffs>> {
        Ok(None)
    }

    /// Whether its models of such data are a weight per column and a bias, and nothing else: `weight` (D) and `bias` (1)
    /// are the names of their only tensors, and ⟨weight, x⟩ + bias above 0 reads x as class 1.
    fn is_linear(&self, _info: &Info) -> bool {
        false
    }

    /// The support vector machine that it is on such data; `None` if it is none, or several.
    fn machine(&self, _info: &Info) -> Option<&dyn Machine> {
        None
    }

    /// How it learns its rows anew from period to period; `None` if it learns them all at once.
    ///
    /// # Errors
    /// As [`Learner::check`].
    fn retraining(&self, _info: &Info) -> Result<Option<Retraining>> {
        Ok(None)
    }

    /// Whether it takes rows one after another, so that [`Learner::online`] works.
    fn is_online(&self) -> bool {
        false
    }

    /// Begins to learn row by row, for an adversary who follows it. `seed` is that of [`Learner::fit`], and taking the
    /// arrivals in their order gives the model of [`Learner::fit`].
    ///
    /// # Errors
    /// As [`Learner::fit`]; and it does not learn row by row.
    fn online(&self, _data: &Dataset, _seed: Seed) -> Result<Followed> {
        Err(Error::new("this victim does not learn row by row").hint("set victim.kind = \"centroid\""))
    }

    /// What identifies the content of a file that the victim is read from; nothing if it is all in the
    /// settings. It belongs into the key of whatever is computed with it.
    ///
    /// # Errors
    /// The file cannot be read.
    fn content(&self) -> Result<Option<String>> {
        Ok(None)
    }

    /// Whether its models have penultimate activations to show.
    fn has_features(&self) -> bool {
        true
    }

    /// Whether its models have stages whose output is a map of channels.
    fn has_maps(&self, _info: &Info) -> bool {
        false
    }

    /// How much its models compute and hold, for estimates of cost. Zeros where that is not what costs.
    fn work(&self, _info: &Info) -> Work {
        Work::default()
    }

    /// Rebuilds a model from what [`Model::tensors`] gave.
    ///
    /// # Errors
    /// A tensor is missing or has another shape.
    fn restore(&self, info: &Info, tensors: &NamedTensors) -> Result<Box<dyn Model>>;
}

/// [`Learner::fit_together`], one training after another.
pub fn fit_each<L: Learner + ?Sized>(
    learner: &L,
    fits: &[(Dataset, Seed)],
    start: Option<&NamedTensors>,
    pace: Option<Pace>,
    watch: &mut dyn Observer,
) -> Vec<Result<NamedTensors>> {
    let fit = |(done, (data, seed)): (usize, &(Dataset, Seed))| {
        let model = match (start, pace) {
            (None, None) => learner.fit(data, *seed, &mut Silent),
            _ => learner.fit_with(data, *seed, Course { start, pace, ..Course::default() }, &mut Silent),
        };
        watch.step(done + 1, fits.len());
        Ok(model?.tensors())
    };
    fits.iter().enumerate().map(fit).collect()
}

/// A learner that keeps what it computed of its rows and starts from its last model.
pub trait Relearns {
    /// The model of the rows under these labels: what [`Learner::fit`] gives, up to the solver's tolerance.
    ///
    /// # Errors
    /// As [`Learner::fit`].
    fn relearn(&mut self, labels: &[usize]) -> Result<Box<dyn Model>>;
}

/// A learner that has read rows and learns from any of them.
pub trait Samples {
    /// What a model of the rows `learnt`, which may repeat, makes of the rows `judged`: scores as
    /// [`Model::scores`] gives them, one row each.
    ///
    /// # Errors
    /// As [`Learner::fit`] and [`Model::scores`]; a row does not exist.
    fn scores(&mut self, learnt: &[usize], judged: &[usize]) -> Result<Tensor>;
}

/// A support vector machine over a table with two classes.
pub trait Machine {
    /// What it makes of these rows: the model that [`Learner::fit`] gives, by its dual variables.
    ///
    /// # Errors
    /// As [`Learner::fit`].
    fn support(&self, data: &Dataset) -> Result<Support>;
}

/// A trained support vector machine: f(x) = Σᵢ yᵢαᵢK(xᵢ, x) + b over its training rows, yᵢ = 1 for class 1 and −1 for
/// class 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Support {
    /// αᵢ of every row, in [0, C].
    pub alpha: Vec<f64>,
    /// b.
    pub bias: f64,
    /// C, above 0.
    pub c: f64,
    /// γ, above 0, where K(x, z) is exp(−γ‖x − z‖²); where there is none it is x·z.
    pub gamma: Option<f64>,
}

/// The periods of a detector that is retrained on each of them, in the order of its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retraining {
    /// Rows labelled normal in a period, at least 1.
    pub period: u32,
    /// The class that is called normal.
    pub normal: usize,
}

/// Where a filter of two classes is sure: what scores below `ham` for the class `spam` is delivered, what scores at
/// least `spam` is not, and of what lies between it is unsure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cutoffs {
    /// The class whose score is cut.
    pub class: usize,
    /// Scores below it are ham.
    pub ham: f64,
    /// Scores of at least this are spam; not below `ham`.
    pub spam: f64,
}

/// What a filter with cutoffs does with an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sorted {
    /// It is delivered.
    Ham,
    /// It is set aside.
    Unsure,
    /// It is kept away.
    Spam,
}

impl Cutoffs {
    /// What becomes of each row of scores (f32, rows × classes).
    ///
    /// # Errors
    /// There is no such class.
    pub fn sorted(&self, scores: &Tensor) -> Result<Vec<Sorted>> {
        let column = scores.f_select(1, self.class as i64)?.f_to_kind(Kind::Float)?.f_contiguous()?;
        // Scores are single precision, and one at a cutoff must stay there.
        let (ham, spam) = (self.ham as f32, self.spam as f32);
        let sort = |score: f32| match score {
            score if score < ham => Sorted::Ham,
            score if score < spam => Sorted::Unsure,
            _ => Sorted::Spam,
        };
        Ok(Vec::<f32>::try_from(column)?.into_iter().map(sort).collect())
    }
}

/// A learner that has begun with its first rows, and the rows that it takes next.
pub struct Followed {
    /// Its state after the first rows.
    pub state: Box<dyn Online>,
    /// Rows of the training set that arrive then, in their order.
    pub arrivals: Vec<usize>,
    /// Class of the rows that it learns.
    pub normal: usize,
}

/// The state of a learner that takes rows one after another and keeps what lies in a ball.
pub trait Online {
    /// A row of D numbers arrives; whether it is learnt.
    fn arrives(&mut self, row: &[f32]) -> bool;

    /// Centre of the ball, D numbers.
    fn centre(&self) -> &[f64];

    /// Radius of the ball, at least 0.
    fn radius(&self) -> f64;

    /// The points of which the one nearest to the next row leaves for it; none if another rule says who leaves.
    fn nearest_leaves(&self) -> &[Vec<f64>] {
        &[]
    }
}

/// What a model computes and holds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Work {
    /// Multiply-adds of one row's forward pass.
    pub macs: f64,
    /// Numbers in the model.
    pub weights: f64,
    /// Numbers in a row's features.
    pub features: f64,
}

/// A trained model.
pub trait Model {
    /// Scores per class (logits for a net), f32, rows × classes.
    ///
    /// # Errors
    /// The rows are of another kind than it was trained on, or libtorch refused.
    fn scores(&self, rows: &Rows) -> Result<Tensor>;

    /// Penultimate activations, f32, rows × width.
    ///
    /// # Errors
    /// As [`Model::scores`].
    fn features(&self, rows: &Rows) -> Result<Tensor>;

    /// [`Model::scores`] and [`Model::features`], in one pass where that is possible.
    ///
    /// # Errors
    /// As [`Model::scores`].
    fn scores_and_features(&self, rows: &Rows) -> Result<(Tensor, Tensor)> {
        Ok((self.scores(rows)?, self.features(rows)?))
    }

    /// Everything needed to rebuild it.
    fn tensors(&self) -> NamedTensors;

    /// What it tells of itself beside its scores, by the names of the catalogue of metrics.
    fn measures(&self) -> Vec<(&'static str, f64)> {
        Vec::new()
    }

    /// The network, for those who need gradients or parts of it; `None` for a victim that is none.
    fn network(&self) -> Option<&dyn Network> {
        None
    }

    /// The trained weights by name. They share memory with the network: changing them changes the model.
    fn weights(&self) -> Vec<(String, Tensor)> {
        Vec::new()
    }

    /// The network.
    ///
    /// # Errors
    /// The victim is none.
    fn net(&self) -> Result<&dyn Network> {
        self.network().ok_or_else(|| {
            Error::new("the victim is no network: it has no gradients and no parts to look at")
                .hint("choose a net as victim")
        })
    }

    /// Where it is unsure, for a filter that sorts its inputs into ham, unsure and spam.
    fn cutoffs(&self) -> Option<Cutoffs> {
        None
    }

    /// The predicted label per row: the highest score, the smaller class on a tie.
    ///
    /// # Errors
    /// As [`Model::scores`].
    fn predict(&self, rows: &Rows) -> Result<Vec<usize>> {
        best_class(&self.scores(rows)?)
    }
}

/// The class with the highest score per row of scores (rows × classes), the smaller class on a tie.
///
/// # Errors
/// libtorch refused.
pub fn best_class(scores: &Tensor) -> Result<Vec<usize>> {
    let best = Vec::<i64>::try_from(scores.argmax(-1, false))?;
    Ok(best.into_iter().map(|label| label as usize).collect())
}

/// Watches training. All methods do nothing by default.
pub trait Observer {
    /// A step ended: steps so far, steps in all, the batch's mean loss if it was asked for.
    fn step(&mut self, _done: usize, _total: usize) {}

    /// An epoch ended: its number from 1, and the mean loss over its rows.
    fn epoch(&mut self, _epoch: usize, _loss: f64) {}
}

/// An observer that does not look.
#[derive(Debug, Default)]
pub struct Silent;

impl Observer for Silent {}
