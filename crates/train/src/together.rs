//! Several small trainings as one: their weights in a stack, their batches side by side.

use std::collections::BTreeMap;

use aconite_core::{
    Dataset, Info, Learner, Mode, NamedTensors, Observer, Pace, Result, Seed, Shape, Silent, Steps, shared,
};
use aconite_nets::{ALIGNED, Params};
use tch::{Kind, Reduction, Tensor};

use crate::learner::Descent;
use crate::order::Order;
use crate::resident::{NOBODY, Resident, input, pixels};
use crate::{Precision, SgdLearner};

/// Weights of the largest net that is trained in stacks. On two threads a round of 100 clients on 32 images of MNIST took
/// half the time with 7,850 weights (`linear`) and with 25,450 (`mlp` of 32), and the same with 235,146 (`mlp`).
const WEIGHTS: f64 = 1e5;

/// Numbers that a step of a stack goes through, weights and inputs. Of 0.4, 1 and 4 million this was the fastest on one
/// thread; on two, none of 0.4, 2, 4 and 16 million was faster.
const NUMBERS: usize = 1 << 20;

/// Whether a learner's trainings on such data are faster together.
pub(crate) fn is_faster(learner: &SgdLearner, info: &Info) -> bool {
    // Augmentation draws for one training, and 16 numbers of bf16 are not 64 bytes.
    let fits = learner.train.augment.is_empty() && learner.train.precision == Precision::F32;
    learner.net.stacks() && fits && learner.work(info).weights <= WEIGHTS
}

/// The trainings `fits` of a learner for which [`is_faster`]: those whose steps have equal shapes in stacks. If one fails,
/// each of its stack is tried in a stack of its own, so that the others succeed and it gets its own error.
pub(crate) fn fit(
    learner: &SgdLearner,
    fits: &[(Dataset, Seed)],
    start: Option<&NamedTensors>,
    pace: Option<Pace>,
    watch: &mut dyn Observer,
) -> Vec<Result<NamedTensors>> {
    let batch_size = learner.settings(pace).batch_size;
    let mut groups: BTreeMap<[usize; 2], Vec<usize>> = BTreeMap::new();
    for (number, (data, _)) in fits.iter().enumerate() {
        groups.entry(shapes(data.len(), batch_size)).or_default().push(number);
    }
    let mut models: Vec<(usize, Result<NamedTensors>)> = Vec::with_capacity(fits.len());
    for group in groups.into_values() {
        for numbers in group.chunks(at_once(learner, &fits[group[0]].0, batch_size)) {
            let members: Vec<&(Dataset, Seed)> = numbers.iter().map(|&number| &fits[number]).collect();
            let stacked = match fit_stack(learner, &members, start, pace) {
                Ok(stack) => stack.into_iter().map(Ok).collect(),
                Err(error) if members.len() == 1 => vec![Err(error)],
                Err(_) => {
                    let alone = |&member| Ok(fit_stack(learner, &[member], start, pace)?.swap_remove(0));
                    members.iter().map(alone).collect()
                }
            };
            models.extend(numbers.iter().copied().zip(stacked));
            watch.step(models.len(), fits.len());
        }
    }
    models.sort_unstable_by_key(|(number, _)| *number);
    models.into_iter().map(|(_, model)| model).collect()
}

/// What the shapes of a training's steps depend on: the full batches of an epoch, and the filled rows of its last.
fn shapes(rows: usize, batch_size: usize) -> [usize; 2] {
    let full = rows.saturating_sub(1) / batch_size;
    [full, (rows - full * batch_size).next_multiple_of(ALIGNED)]
}

/// How many trainings like that on `data` make a stack.
fn at_once(learner: &SgdLearner, data: &Dataset, batch_size: usize) -> usize {
    let info = data.info();
    let inputs = learner.shape(&info).map_or(0, Shape::pixels) * batch_size.min(data.len());
    (NUMBERS / (learner.work(&info).weights as usize + inputs).max(1)).max(2)
}

/// Trainings whose steps have equal shapes, as one.
///
/// What becomes of each depends on no other, to the last bit, because libtorch multiplies each slice of a stack on one
/// thread and, where slices are [`ALIGNED`], in one way. A stack of one would be shared between threads and round
/// otherwise: its training gets itself as company.
fn fit_stack(
    learner: &SgdLearner,
    fits: &[&(Dataset, Seed)],
    start: Option<&NamedTensors>,
    pace: Option<Pace>,
) -> Result<Vec<NamedTensors>> {
    if let [lonely] = fits {
        return Ok(vec![fit_stack(learner, &[lonely, lonely], start, pace)?.swap_remove(0)]);
    }
    let settings = learner.settings(pace);
    let params = fits.iter().map(|(_, seed)| match start {
        Some(start) => Params::going_on(shared(start), seed.derive("init")),
        None => Params::fresh(seed.derive("init")),
    });
    let mut params = Params::stacked(params.collect());
    let data = &fits[0].0;
    let network = learner.net.build(&mut params, learner.shape(&data.info())?, data.num_classes())?;

    let (mut rows, mut labels, mut members) = (Vec::new(), Vec::new(), Vec::new());
    for (data, seed) in fits {
        rows.push(pixels(data.rows())?);
        members.push((labels.len()..labels.len() + data.len(), *seed));
        labels.extend(data.labels());
    }
    let filled = Some((ALIGNED, labels.len()));
    let rows = Resident::of(Tensor::f_cat(&rows, 0)?, &labels).and_nobody()?;

    let count = fits.len() as i64;
    let pass = |_: &mut dyn Steps, batch: &Tensor, mode: Mode| {
        let flat = input(batch, mode.kind).flatten(1, -1);
        let each = flat.view([count, flat.size()[0] / count, flat.size()[1]]);
        network.logits(&each, mode).flatten(0, 1)
    };
    let descent = Descent {
        order: Order { members, batch_size: settings.batch_size, filled },
        settings,
        rows: &rows,
        weights: params.named_trainable(),
        feed: None,
        seams: &mut Stack { count },
        pass: &pass,
    };
    learner.descend(descent, &mut Silent)?;
    Ok(params.unstacked())
}

/// The steps of a stack of trainings.
struct Stack {
    count: i64,
}

impl Steps for Stack {
    /// The sum of each training's own mean over its rows: to its own weights, its gradient is that of its mean.
    fn loss(&mut self, logits: &Tensor, labels: &Tensor) -> Tensor {
        let of_rows = logits.cross_entropy_loss::<Tensor>(labels, None, Reduction::None, NOBODY, 0.0);
        let each = |rows: &Tensor| rows.view([self.count, -1]).sum_dim_intlist(1, false, Kind::Float);
        (each(&of_rows) / each(&labels.ne(NOBODY))).sum(Kind::Float)
    }
}
