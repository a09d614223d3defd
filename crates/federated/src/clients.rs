//! What clients do in a round: they train from the global weights on rows of their own.

use aconite_core::{Course, Dataset, NamedTensors, Pace, Result, Seed, Silent, shared};
use tch::{Kind, Tensor};

use crate::Federation;
use crate::crew::side_by_side;
use crate::server::Server;

/// The rows that somebody has to train on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Holding<'a> {
    /// All of a data set.
    Whole(&'a Dataset),
    /// These rows of a data set.
    Part(&'a Dataset, &'a [usize]),
}

impl Federation<'_> {
    /// How far the weights of each client move: clients × parameters, f32. Clients of a small net train together, others
    /// side by side.
    pub(crate) fn updates(
        &self,
        server: &Server,
        clients: &[usize],
        holdings: &[Holding<'_>],
        round: usize,
        seed: Seed,
    ) -> Result<Tensor> {
        let (layout, weights) = (&server.layout, &server.weights);
        let global = layout.tensors(weights)?;
        let size = [clients.len() as i64, layout.numbers()];
        let mut matrix = Tensor::f_empty(size, (Kind::Float, weights.device()))?;
        let fit = |place: usize| {
            let seed = seed.derive(&clients[place].to_string());
            Ok((self.drawn(holdings[place], seed)?, seed))
        };
        if self.learner.learner.fits_together(&self.data.info()) {
            let fits = (0..clients.len()).map(fit).collect::<Result<Vec<_>>>()?;
            let pace = Some(self.pace(round));
            let made = self.learner.learner.fit_together(&fits, Some(&global), pace, &mut Silent);
            for (place, own) in made.into_iter().enumerate() {
                layout.put(&own?, &matrix.f_get(place as i64)?)?;
            }
        } else {
            let given = || (shared(&global), matrix.shallow_clone());
            side_by_side(clients.len(), given, |(global, matrix), place| {
                let (own, seed) = fit(place)?;
                layout.put(&self.trained(global, &own, round, seed)?, &matrix.f_get(place as i64)?)
            })?;
        }
        Ok(matrix.f_sub_(weights)?)
    }

    /// The rows that a client trains on in a round, of those that it has.
    pub(crate) fn drawn(&self, holding: Holding<'_>, seed: Seed) -> Result<Dataset> {
        let all: Vec<usize>;
        let (data, rows) = match holding {
            Holding::Part(data, rows) => (data, rows),
            Holding::Whole(data) => {
                all = (0..data.len()).collect();
                (data, &all[..])
            }
        };
        match self.local.rows(rows.len(), self.learner.batch_size) {
            some if some < rows.len() => data.select(&seed.derive("rows").choose(rows, some)),
            _ => data.select(rows),
        }
    }

    /// Weights after training from the global ones on rows as [`Self::drawn`] gives them.
    pub(crate) fn trained(
        &self,
        global: &NamedTensors,
        own: &Dataset,
        round: usize,
        seed: Seed,
    ) -> Result<NamedTensors> {
        let course = Course { start: Some(global), pace: Some(self.pace(round)), ..Course::default() };
        Ok(self.learner.learner.fit_with(own, seed, course, &mut Silent)?.tensors())
    }

    /// How clients train in a round.
    fn pace(&self, round: usize) -> Pace {
        let lr = (self.learner.lr)(round, self.common.rounds);
        Pace { epochs: self.local.epochs(), batch_size: self.learner.batch_size, lr }
    }
}
