//! Models that vote, each trained on a part of the data.

use aconite_core::{Error, Info, Learner, Model, NamedTensors, Result, Rows};
use tch::{Device, Kind, Tensor};

/// The name of the tensor that says what each voter is.
const VOTERS: &str = "voters";
/// What it says of a trained voter, and of one that abstains; of one that always votes for a class, the class.
const TRAINED: i64 = -1;
const ABSTAINS: i64 = -2;

/// One voice of an ensemble.
pub(crate) enum Voter {
    /// Votes for what its model predicts.
    Trained(Box<dyn Model>),
    /// Votes for one class whatever the row.
    Always(usize),
    /// Votes for nothing.
    Abstains,
}

/// A model whose scores are the numbers of votes.
pub(crate) struct Ensemble {
    pub voters: Vec<Voter>,
    pub classes: usize,
}

impl Ensemble {
    /// Rebuilds an ensemble of `size` voters from its tensors.
    pub fn restore(learner: &dyn Learner, info: &Info, tensors: &NamedTensors, size: usize) -> Result<Self> {
        let codes =
            tensors.get(VOTERS).ok_or_else(|| Error::new("the stored ensemble does not say who votes"))?;
        let codes = Vec::<i64>::try_from(codes)?;
        if codes.len() != size {
            return Err(Error::new(format!("{} voters are stored, but there are {size}", codes.len())));
        }
        let classes = info.classes.len();
        let mut of_base: Vec<NamedTensors> = (0..size).map(|_| NamedTensors::new()).collect();
        for (name, tensor) in tensors.iter().filter(|(name, _)| *name != VOTERS) {
            let (base, inner) = base_of(name)
                .filter(|(base, _)| *base < size)
                .ok_or_else(|| Error::new(format!("{name:?} is no tensor of an ensemble of {size}")))?;
            of_base[base].insert(inner.to_owned(), tensor.shallow_clone());
        }
        let voter = |(code, tensors): (i64, NamedTensors)| match code {
            TRAINED => Ok(Voter::Trained(learner.restore(info, &tensors)?)),
            ABSTAINS => Ok(Voter::Abstains),
            class if (0..classes as i64).contains(&class) => Ok(Voter::Always(class as usize)),
            other => Err(Error::new(format!("a stored voter votes for class {other} of {classes}"))),
        };
        let voters = codes.into_iter().zip(of_base).map(voter).collect::<Result<_>>()?;
        Ok(Self { voters, classes })
    }
}

/// The base and the inner name of `base7.conv1.weight`.
fn base_of(name: &str) -> Option<(usize, &str)> {
    let (base, inner) = name.strip_prefix("base")?.split_once('.')?;
    Some((base.parse().ok()?, inner))
}

impl Model for Ensemble {
    fn scores(&self, rows: &Rows) -> Result<Tensor> {
        let mut votes = vec![0f32; rows.len() * self.classes];
        for voter in &self.voters {
            let labels = match voter {
                Voter::Trained(model) => model.predict(rows)?,
                Voter::Always(class) => vec![*class; rows.len()],
                Voter::Abstains => continue,
            };
            for (votes, label) in votes.chunks_exact_mut(self.classes).zip(labels) {
                votes[label] += 1.0;
            }
        }
        Ok(Tensor::from_slice(&votes).f_view([rows.len() as i64, self.classes as i64])?)
    }

    fn features(&self, _: &Rows) -> Result<Tensor> {
        Err(Error::new("an ensemble has no penultimate activations: its models have their own")
            .hint("give filters the features of a single model"))
    }

    fn tensors(&self) -> NamedTensors {
        let code = |voter: &Voter| match voter {
            Voter::Trained(_) => TRAINED,
            Voter::Always(class) => *class as i64,
            Voter::Abstains => ABSTAINS,
        };
        let codes: Vec<i64> = self.voters.iter().map(code).collect();
        let mut tensors = NamedTensors::from([(VOTERS.to_owned(), Tensor::from_slice(&codes))]);
        for (base, voter) in self.voters.iter().enumerate() {
            if let Voter::Trained(model) = voter {
                tensors
                    .extend(model.tensors().into_iter().map(|(name, t)| (format!("base{base}.{name}"), t)));
            }
        }
        tensors
    }
}

/// The votes per row, whole numbers.
pub(crate) fn counts(scores: &Tensor) -> Result<Vec<Vec<usize>>> {
    let [rows, classes] = scores.size()[..] else {
        return Err(Error::new(format!("{:?} votes are no table of rows and classes", scores.size())));
    };
    let flat = Vec::<f32>::try_from(scores.to_device(Device::Cpu).f_to_kind(Kind::Float)?.f_reshape([-1])?)?;
    if let Some(other) = flat.iter().find(|votes| !(**votes >= 0.0 && votes.fract() == 0.0)) {
        return Err(Error::new(format!("{other} is no number of votes: the model is no ensemble")));
    }
    let votes = flat.into_iter().map(|votes| votes as usize).collect::<Vec<_>>();
    Ok((0..rows as usize).map(|row| votes[row * classes as usize..][..classes as usize].to_vec()).collect())
}
