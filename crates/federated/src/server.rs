//! The server's side: what it keeps between rounds, and its step.

use aconite_aggregation::mix;
use aconite_core::{Aggregator, Error, Mixing, NamedTensors, Reader, Reading, Result, Seed, Updates};
use tch::{Kind, Tensor, no_grad};

use crate::clients::Holding;
use crate::{Common, Federation, Layout, Snapshot};

/// The server's side between rounds.
pub(crate) struct Server {
    pub(crate) layout: Layout,
    pub(crate) weights: Tensor,
    pub(crate) momentum: Tensor,
    pub(crate) last: Option<Tensor>,
    pub(crate) memory: NamedTensors,
}

/// Names in a snapshot; what the rule remembers has its own names after the last one.
const WEIGHTS: &str = "server.weights";
const MOMENTUM: &str = "server.momentum";
const LAST: &str = "server.last";
const MEMORY: &str = "rule.";

impl Server {
    pub(crate) fn fresh(layout: Layout, weights: Tensor) -> Self {
        let momentum = weights.zeros_like();
        Self { layout, weights, momentum, last: None, memory: NamedTensors::new() }
    }

    pub(crate) fn resumed(layout: Layout, snapshot: &Snapshot) -> Result<Self> {
        let get = |name: &str| {
            let tensor = snapshot.tensors.get(name).filter(|t| t.size() == [layout.numbers()]);
            tensor
                .map(Tensor::shallow_clone)
                .ok_or_else(|| Error::new(format!("the kept state has no {name} that fits")))
        };
        let memory = snapshot.tensors.iter().filter_map(|(name, tensor)| {
            Some((name.strip_prefix(MEMORY)?.to_owned(), tensor.shallow_clone()))
        });
        Ok(Self {
            weights: get(WEIGHTS)?,
            momentum: get(MOMENTUM)?,
            last: snapshot.tensors.contains_key(LAST).then(|| get(LAST)).transpose()?,
            memory: memory.collect(),
            layout,
        })
    }

    pub(crate) fn snapshot(&self, round: usize) -> Snapshot {
        let own =
            [(WEIGHTS, Some(&self.weights)), (MOMENTUM, Some(&self.momentum)), (LAST, self.last.as_ref())];
        let own =
            own.into_iter().filter_map(|(name, tensor)| Some((name.to_owned(), tensor?.shallow_clone())));
        let rule =
            self.memory.iter().map(|(name, tensor)| (format!("{MEMORY}{name}"), tensor.shallow_clone()));
        Snapshot { round, tensors: own.chain(rule).collect() }
    }
}

impl Snapshot {
    /// Whether it is a state of a federation whose global model has tensors like these.
    pub fn fits(&self, start: &NamedTensors) -> bool {
        Server::resumed(Layout::of(start), self).is_ok()
    }
}

impl Federation<'_> {
    /// The server's step; gives the weight of each client.
    pub(crate) fn aggregate(
        &self,
        matrix: &Tensor,
        clients: &[usize],
        round: usize,
        server: &mut Server,
        seed: Seed,
    ) -> Result<Option<Vec<f64>>> {
        let needs = self.rule.needs();
        let reads = |row: &Tensor| self.read(&server.layout.tensors(row)?);
        let root = match (needs.root, self.samples) {
            (Some(_), Some(samples)) => {
                let global = server.layout.tensors(&server.weights)?;
                let seed = seed.derive("root");
                let own = self.drawn(Holding::Whole(samples), seed)?;
                let own = self.trained(&global, &own, round, seed)?;
                Some(server.layout.flat(&own)?.f_sub(&server.weights)?)
            }
            _ => None,
        };
        let mut mixed = matrix.shallow_clone();
        let (mut named, mut rows) = (clients.to_vec(), clients.len());
        // What it was told before the first round, and not who attacks in this one.
        let mut malicious = self.told.then(|| expected(self.common));
        let mut mixtures: Option<Tensor> = None;
        let weights_now = server.weights.shallow_clone();
        for (at, mixing) in self.mixings.iter().enumerate() {
            let updates = Updates {
                matrix: &mixed,
                clients: &named,
                malicious,
                global: &weights_now,
                round,
                seed: seed.derive("mixing").derive(&at.to_string()),
                root: root.as_ref(),
                reads: None,
            };
            let (made, expected) = mixing.counts(rows, malicious)?;
            let weights = mixing.weights(&updates)?;
            mixed = mix(&mixed, &weights)?;
            mixtures = Some(match mixtures {
                Some(before) => weights.f_matmul(&before)?,
                None => weights,
            });
            // The rows are nobody's from here on.
            named.clear();
            rows = made;
            malicious = expected;
        }
        let updates = Updates {
            matrix: &mixed,
            clients: &named,
            malicious,
            global: &weights_now,
            round,
            seed: seed.derive("defense"),
            root: root.as_ref(),
            reads: needs.reads.is_some().then_some(&reads as &Reader<'_>),
        };
        let mut memory = std::mem::take(&mut server.memory);
        let made = self.rule.aggregate(&updates, &mut memory)?;
        server.memory = memory;
        if !bool::try_from(made.update.f_isfinite()?.f_all()?)? {
            return Err(Error::new("the aggregate is not finite")
                .hint("lower train.optimizer.lr, or take a robust rule"));
        }
        let change = no_grad(|| {
            server.momentum = &server.momentum * self.common.server_momentum + &made.update;
            &server.momentum * self.common.server_lr
        });
        server.weights = server.weights.f_add(&change)?;
        server.last = Some(change);
        match (made.weights, mixtures) {
            (Some(weights), Some(mixtures)) => {
                let weights: Vec<f32> = weights.iter().map(|w| *w as f32).collect();
                let of_clients = Tensor::from_slice(&weights).f_unsqueeze(0)?.f_matmul(&mixtures)?;
                let of_clients: Vec<f32> = Vec::try_from(of_clients.f_reshape([-1])?)?;
                Ok(Some(of_clients.into_iter().map(f64::from).collect()))
            }
            (weights, _) => Ok(weights),
        }
    }

    /// Loss and error of a model on the server's samples.
    fn read(&self, model: &NamedTensors) -> Result<Reading> {
        let samples = self.samples.ok_or_else(|| Error::new("the server has no samples of its own"))?;
        let model = self.learner.learner.restore(&samples.info(), model)?;
        let scores = model.scores(samples.rows())?;
        let labels: Vec<i64> = samples.labels().iter().map(|&label| label as i64).collect();
        let labels = Tensor::from_slice(&labels);
        let wrong = scores
            .f_argmax(-1, false)?
            .f_ne_tensor(&labels)?
            .f_to_kind(Kind::Double)?
            .f_mean(Kind::Double)?;
        Ok(Reading {
            loss: f64::try_from(scores.f_to_kind(Kind::Double)?.cross_entropy_for_logits(&labels))?,
            error: f64::try_from(wrong)?,
        })
    }
}

/// How many malicious clients a round is expected to have: as many as there are, or their share, rounded up, of
/// those that take part.
fn expected(common: &Common) -> usize {
    let (bad, present) = (common.bad_clients(), common.present());
    if present == common.clients {
        bad
    } else {
        (bad as u128 * present as u128).div_ceil(common.clients as u128) as usize
    }
}

/// Checks that mixings and a rule work for what takes part in a round.
///
/// # Errors
/// Names the requirement with its numbers; the rule remembers clients that a mixing before it does not keep apart.
pub fn check_rule(common: &Common, mixings: &[&dyn Mixing], rule: &dyn Aggregator, told: bool) -> Result<()> {
    if let (Some(setting), Some(_)) = (rule.remembers_clients(), mixings.iter().find(|m| !m.keeps_clients()))
    {
        let message = format!(
            "with `{setting}` the rule remembers clients, and the mixing before it makes others of them in every round"
        );
        return Err(Error::new(message).hint(format!("{setting} = false")));
    }
    let mut present = (common.present(), told.then(|| expected(common)));
    for mixing in mixings {
        present = mixing.counts(present.0, present.1)?;
    }
    rule.check_clients(present.0, present.1)
}
