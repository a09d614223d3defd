//! The weights of a network: drawn from a seed, or taken from a file.

use aconite_core::{Error, NamedTensors, Result, Seed};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use tch::{Device, Kind, Tensor};

/// Weights by name. A network asks for each by name and shape; whether it is drawn or restored is decided
/// here, once.
#[derive(Debug)]
pub struct Params {
    source: Source,
    named: Vec<Named>,
}

#[derive(Debug)]
enum Source {
    Fresh(Box<ChaCha8Rng>),
    /// With the seed for draws inside the network.
    Stored(NamedTensors, Seed),
    /// Those of several networks.
    Stack(Vec<Source>),
}

#[derive(Debug)]
struct Named {
    name: String,
    tensor: Tensor,
    trained: bool,
}

/// How a tensor starts when it is not restored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Start {
    /// Uniform in ±1/√fan_in: PyTorch's default for convolutions and linear layers (Kaiming uniform with
    /// a = √5), for weights and biases alike.
    Uniform {
        /// Inputs that are summed into one output, at least 1.
        fan_in: i64,
    },
    /// The same number everywhere.
    Constant(f64),
}

impl Params {
    /// Weights to be drawn from `seed`, in the order in which they are asked for.
    pub fn fresh(seed: Seed) -> Self {
        Self { source: Source::Fresh(Box::new(seed.rng())), named: Vec::new() }
    }

    /// Weights to be taken from `tensors`.
    pub fn stored(tensors: NamedTensors) -> Self {
        Self::going_on(tensors, Seed(0))
    }

    /// Weights to be taken from `tensors` and trained on; what the network draws meanwhile comes from `seed`.
    pub fn going_on(tensors: NamedTensors, seed: Seed) -> Self {
        Self { source: Source::Stored(tensors, seed), named: Vec::new() }
    }

    /// The weights of several equal networks, at least one, in front of whose dimensions stands the number of the
    /// network (K). Each is drawn or taken as that network's own would be.
    pub fn stacked(networks: Vec<Self>) -> Self {
        let sources = networks.into_iter().map(|network| network.source).collect();
        Self { source: Source::Stack(sources), named: Vec::new() }
    }

    /// What a stack holds, network by network; what is no stack holds one. The tensors of a stack share memory with it.
    pub fn unstacked(&self) -> Vec<NamedTensors> {
        let Source::Stack(sources) = &self.source else { return vec![self.tensors()] };
        let mut networks: Vec<NamedTensors> = sources.iter().map(|_| NamedTensors::new()).collect();
        for Named { name, tensor, .. } in &self.named {
            for (network, own) in networks.iter_mut().zip(tensor.detach().unbind(0)) {
                network.insert(name.clone(), own);
            }
        }
        networks
    }

    /// A trained weight, f32. A 4-dimensional one (out × in × height × width) is laid out channels-last.
    ///
    /// # Errors
    /// A stored weight is missing or has another shape.
    pub fn weight(&mut self, name: String, shape: &[i64], start: Start) -> Result<Tensor> {
        let values = self.source.values(&name, shape, Some(start))?;
        let values = values.unwrap_or_else(|| Tensor::zeros(shape, (Kind::Float, Device::Cpu)));
        let values = values.to_kind(Kind::Float);
        let weight = match self.source {
            // It has been joined from its parts just now.
            Source::Stack(_) => values,
            _ => channels_last(&values),
        };
        let weight = weight.set_requires_grad(true);
        self.named.push(Named { name, tensor: weight.shallow_clone(), trained: true });
        Ok(weight)
    }

    /// State that is kept with the weights but not trained: f32, `value` everywhere at the start.
    ///
    /// # Errors
    /// A stored one is missing or has another shape.
    pub fn buffer(&mut self, name: String, shape: &[i64], value: f64) -> Result<Tensor> {
        let values = self.source.values(&name, shape, Some(Start::Constant(value)))?;
        let values = values.unwrap_or_else(|| Tensor::zeros(shape, (Kind::Float, Device::Cpu)));
        let buffer = values.to_kind(Kind::Float).copy();
        self.named.push(Named { name, tensor: buffer.shallow_clone(), trained: false });
        Ok(buffer)
    }

    /// Takes over a tensor that belongs to somebody else (a TorchScript module) and fills its memory.
    /// Without a `start` it keeps the values that it has, unless they are restored. It is trained if it
    /// requires a gradient.
    ///
    /// # Errors
    /// A stored tensor is missing or has another shape.
    pub fn adopt(&mut self, name: String, tensor: Tensor, start: Option<Start>) -> Result<()> {
        if let Some(values) = self.source.values(&name, &tensor.size(), start)? {
            // The detached tensor shares the memory; a leaf that requires a gradient may not be written to.
            tensor.detach().f_copy_(&values)?;
        }
        let trained = tensor.requires_grad();
        self.named.push(Named { name, tensor, trained });
        Ok(())
    }

    /// The trained weights, in the order in which they were asked for. They share memory with the network.
    pub fn trainable(&self) -> Vec<Tensor> {
        self.named.iter().filter(|n| n.trained).map(|n| n.tensor.shallow_clone()).collect()
    }

    /// The trained weights with their names, in the order in which they were asked for, sharing memory with the
    /// network.
    pub fn named_trainable(&self) -> Vec<(String, Tensor)> {
        let trained = self.named.iter().filter(|n| n.trained);
        trained.map(|n| (n.name.clone(), n.tensor.shallow_clone())).collect()
    }

    /// Copies of all weights and buffers by name, in plain (out × in × height × width) layout.
    pub fn tensors(&self) -> NamedTensors {
        self.named.iter().map(|n| (n.name.clone(), n.tensor.detach().contiguous().copy())).collect()
    }

    /// Names and tensors in the order in which they were asked for, sharing memory with the network.
    #[cfg(test)]
    pub(crate) fn named(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.named.iter().map(|n| (n.name.as_str(), &n.tensor))
    }

    /// A seed for draws inside the network, from the same stream as the weights. A restored network has no
    /// stream: it gets the seed that it goes on with, or else always the same one. A stack has that of its first
    /// network; a net that draws does not stack.
    pub fn seed(&mut self) -> Seed {
        self.source.seed()
    }
}

impl Source {
    fn seed(&mut self) -> Seed {
        match self {
            Self::Fresh(rng) => Seed(rng.random()),
            Self::Stored(_, seed) => *seed,
            Self::Stack(sources) => sources.first_mut().map_or(Seed(0), Self::seed),
        }
    }

    /// What `name` starts from; nothing for a fresh tensor without a `start`.
    fn values(&mut self, name: &str, shape: &[i64], start: Option<Start>) -> Result<Option<Tensor>> {
        match (self, start) {
            (Self::Fresh(rng), Some(Start::Uniform { fan_in })) => {
                let bound = 1.0 / (fan_in.max(1) as f32).sqrt();
                let n: i64 = shape.iter().product();
                let draws: Vec<f32> = (0..n).map(|_| (rng.random::<f32>() * 2.0 - 1.0) * bound).collect();
                Ok(Some(Tensor::from_slice(&draws).reshape(shape)))
            }
            (Self::Fresh(_), Some(Start::Constant(value))) => {
                Ok(Some(Tensor::full(shape, value, (Kind::Float, Device::Cpu))))
            }
            (Self::Fresh(_), None) => Ok(None),
            (Self::Stored(tensors, _), _) => {
                let tensor = tensors
                    .remove(name)
                    .ok_or_else(|| Error::new(format!("the stored model has no weight {name:?}")))?;
                if tensor.size() != shape {
                    return Err(Error::new(format!(
                        "the stored weight {name:?} is {:?}, expected {shape:?}",
                        tensor.size()
                    )));
                }
                Ok(Some(tensor))
            }
            (Self::Stack(sources), _) => {
                let values = sources.iter_mut().map(|source| source.values(name, shape, start));
                let values: Option<Vec<Tensor>> = values.collect::<Result<Vec<_>>>()?.into_iter().collect();
                Ok(values.map(|values| Tensor::f_stack(&values, 0)).transpose()?)
            }
        }
    }
}

/// The same values with channels-last strides. A plain `contiguous` would leave a one-channel tensor's
/// strides alone and oneDNN would fall back to its slow path, so the memory is laid out by hand.
fn channels_last(values: &Tensor) -> Tensor {
    let size = values.size();
    let &[out, inner, height, width] = size.as_slice() else { return values.contiguous().copy() };
    let mut memory = Tensor::empty([out, height, width, inner], (Kind::Float, values.device()));
    memory.copy_(&values.permute([0, 2, 3, 1]));
    memory.permute([0, 3, 1, 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uniform(params: &mut Params, shape: &[i64], fan_in: i64) -> Result<Tensor> {
        params.weight("w".into(), shape, Start::Uniform { fan_in })
    }

    #[test]
    fn weights_lie_within_the_bound_and_fill_it() {
        let mut params = Params::fresh(Seed(0));
        let w = uniform(&mut params, &[64, 25, 3, 3], 225).unwrap();
        let bound = 1.0 / 15.0;
        assert!(w.abs().max().double_value(&[]) <= bound);
        // U(−b, b) has sd b/√3; with 14,400 draws the estimate is within 2 % almost surely.
        let sd = w.std(true).double_value(&[]);
        assert!((sd / (bound / 3f64.sqrt()) - 1.0).abs() < 0.02, "{sd}");
        assert_eq!(w.stride(), [225, 1, 75, 25]);
    }

    #[test]
    fn one_channel_weights_are_channels_last_too() {
        let w = uniform(&mut Params::fresh(Seed(0)), &[32, 1, 3, 3], 9).unwrap();
        assert_eq!(w.stride(), [9, 1, 3, 1]);
    }

    #[test]
    fn buffers_are_kept_and_not_trained() {
        let mut params = Params::fresh(Seed(0));
        let _ = uniform(&mut params, &[2], 1).unwrap();
        let mut mean = params.buffer("mean".into(), &[3], 0.0).unwrap();
        assert_eq!(params.trainable().len(), 1);
        let _ = mean.fill_(2.0);
        let mut stored = Params::stored(params.tensors());
        assert_eq!(stored.buffer("mean".into(), &[3], 0.0).unwrap(), mean);
    }

    #[test]
    fn an_adopted_tensor_is_filled_where_it_is() {
        let theirs = Tensor::ones([4], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        let kept = Tensor::ones([4], (Kind::Float, Device::Cpu));
        let mut params = Params::fresh(Seed(0));
        params.adopt("w".into(), theirs.shallow_clone(), Some(Start::Constant(3.0))).unwrap();
        params.adopt("k".into(), kept.shallow_clone(), None).unwrap();
        assert_eq!(theirs.sum(Kind::Float).double_value(&[]), 12.0);
        assert_eq!(kept.sum(Kind::Float).double_value(&[]), 4.0);
        assert_eq!(params.trainable().len(), 1);
    }

    #[test]
    fn stored_weights_must_be_there_and_fit() {
        let mut params = Params::stored(NamedTensors::new());
        assert!(uniform(&mut params, &[2], 1).is_err());
        let mut named = NamedTensors::new();
        named.insert("w".into(), Tensor::from_slice(&[1f32, 2.0, 3.0]));
        let error = uniform(&mut Params::stored(named), &[2], 1).unwrap_err();
        assert!(error.message.contains("[3]"), "{error}");
    }
}
