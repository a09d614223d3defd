//! A loaded module as a network.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use aconite_core::{Error, Result};
use tch::{CModule, Tensor, no_grad};

use super::Archive;
use crate::{Mode, Network, Params, Start};

/// Held from seeding libtorch's one generator to the end of the pass that draws from it: clients of a federation train
/// side by side in one process.
static DRAWS: Mutex<()> = Mutex::new(());

/// What makes logits of features.
enum Head {
    /// Nothing: the module shows no features, its output stands for them.
    Whole,
    /// A method of the module.
    Method(String),
    /// A linear layer of the module: weight K×D, bias K.
    Linear(Tensor, Tensor),
}

/// A module whose tensors are in `Params`.
pub(super) struct Module {
    inner: RefCell<CModule>,
    /// Whether it was last switched to training; nothing before the first pass.
    trains: Cell<Option<bool>>,
    /// Method that takes images: `forward`, or the one that gives features.
    entry: String,
    head: Head,
    /// Seed of the next training pass's own draws (dropout).
    draws: Cell<u64>,
    tensors: Vec<(String, Tensor)>,
    /// Number of parameters that are trained.
    pub(super) trainable: usize,
}

impl Module {
    /// Loads a module and puts its tensors into `params`. `features` names the method that gives features,
    /// or is empty.
    pub(super) fn new(
        archive: &Archive,
        features: &str,
        params: &mut Params,
        pretrained: bool,
    ) -> Result<Self> {
        let parameters: BTreeSet<String> =
            archive.plain()?.named_parameters()?.into_iter().map(|(name, _)| name).collect();
        let module = archive.open()?;
        let tensors = module.named_parameters()?;
        let sizes: BTreeMap<&str, Vec<i64>> =
            tensors.iter().map(|(name, t)| (name.as_str(), t.size())).collect();
        for (name, tensor) in &tensors {
            let start = if pretrained { None } else { start(name, &sizes) };
            params.adopt(name.clone(), tensor.shallow_clone(), start)?;
        }
        let trainable =
            tensors.iter().filter(|(name, t)| parameters.contains(name) && t.requires_grad()).count();
        let entry = if features.is_empty() { "forward" } else { features }.to_owned();
        Ok(Self {
            inner: RefCell::new(module),
            trains: Cell::new(None),
            entry,
            head: Head::Whole,
            draws: Cell::new(params.seed().0),
            tensors,
            trainable,
        })
    }

    /// Finds what makes logits of features: the method `name`, or a linear layer if that is empty. An error
    /// with a setting is about the features, one without about the head.
    pub(super) fn choose_head(&mut self, name: &str, images: &Tensor, classes: usize) -> Result<()> {
        let mode = Mode { train: false, kind: tch::Kind::Float };
        let features = no_grad(|| self.call(&self.entry, images, mode)).map_err(|e| {
            let hint = format!("decorate the method with @torch.jit.export: def {}(self, x)", self.entry);
            Error::at("features", format!("the method {:?} fails: {}", self.entry, e.message)).hint(hint)
        })?;
        if features.dim() != 2 || features.size()[0] != images.size()[0] {
            return Err(Error::at(
                "features",
                format!(
                    "the method {:?} gives {:?} for {} images, where rows of features are needed",
                    self.entry,
                    features.size(),
                    images.size()[0]
                ),
            )
            .hint("end it with torch.flatten(x, 1)"));
        }
        let whole = no_grad(|| self.call("forward", images, mode))?;
        let same =
            |logits: &Tensor| logits.size() == whole.size() && logits.allclose(&whole, 1e-4, 1e-5, false);
        if name.is_empty() {
            let wanted = [classes as i64, features.size()[1]];
            let found = self.tensors.iter().filter(|(_, t)| t.size() == wanted).find_map(|(weight, w)| {
                let bias = format!("{}bias", weight.strip_suffix("weight")?);
                let (_, b) = self.tensors.iter().find(|(name, _)| *name == bias)?;
                let fits = no_grad(|| same(&features.linear(w, Some(b))));
                fits.then(|| Head::Linear(w.shallow_clone(), b.shallow_clone()))
            });
            self.head = found.ok_or_else(|| {
                Error::new(format!(
                    "no linear layer of the module turns the output of {:?} into that of forward",
                    self.entry
                ))
                .hint(
                    "export a method that does, @torch.jit.export def head(self, f), and set head = \"head\"",
                )
            })?;
            return Ok(());
        }
        let logits = no_grad(|| self.call(name, &features, mode)).map_err(|e| {
            Error::new(format!("the method {name:?} fails: {}", e.message))
                .hint(format!("decorate it with @torch.jit.export: def {name}(self, f)"))
        })?;
        if !same(&logits) {
            return Err(Error::new(format!("{name}({}(x)) is not forward(x)", self.entry)));
        }
        self.head = Head::Method(name.to_owned());
        Ok(())
    }

    /// Logits of images, or why there are none.
    pub(super) fn try_logits(&self, images: &Tensor, mode: Mode) -> Result<Tensor> {
        self.try_head(&self.try_entry(images, mode)?, mode)
    }

    fn try_entry(&self, images: &Tensor, mode: Mode) -> Result<Tensor> {
        // Modules written for PyTorch's plain layout often reshape with `view`, which fails on channels-last
        // maps. Where a size is 1, `contiguous` leaves the strides alone; they are set by hand.
        let size = images.size();
        let strides = [size[1] * size[2] * size[3], size[2] * size[3], size[3], 1];
        let plain = images.contiguous().as_strided(&size, strides, None);
        self.call_or_infer(&self.entry, &plain, mode)
    }

    fn try_head(&self, features: &Tensor, mode: Mode) -> Result<Tensor> {
        match &self.head {
            Head::Whole => Ok(features.shallow_clone()),
            Head::Method(name) => self.call_or_infer(name, features, mode),
            Head::Linear(weight, bias) => Ok(features.f_linear(weight, Some(bias))?),
        }
    }

    /// Calls a method; one row that it refuses in training passes as in inference.
    fn call_or_infer(&self, method: &str, input: &Tensor, mode: Mode) -> Result<Tensor> {
        let out = self.call(method, input, mode);
        match out {
            Err(_) if mode.train && input.size()[0] == 1 => {
                self.call(method, input, Mode { train: false, ..mode })
            }
            out => out,
        }
    }

    fn call(&self, method: &str, input: &Tensor, mode: Mode) -> Result<Tensor> {
        if self.trains.get() != Some(mode.train) {
            let mut inner = self.inner.borrow_mut();
            if mode.train {
                inner.f_set_train()?
            } else {
                inner.f_set_eval()?
            }
            self.trains.set(Some(mode.train));
        }
        let _alone = mode.train.then(|| DRAWS.lock().unwrap_or_else(PoisonError::into_inner));
        if mode.train {
            let next = self.draws.get();
            self.draws.set(next.wrapping_add(1));
            seed(next);
        }
        self.inner.borrow().method_ts(method, &[input]).map_err(|e| in_short(&e.to_string()))
    }

    /// The output of a pass that [`super::TorchScript::check`] has tried.
    #[allow(clippy::panic)] // As every operation of tch does when libtorch refuses it.
    fn sure(&self, out: Result<Tensor>) -> Tensor {
        out.unwrap_or_else(|e| panic!("the torchscript module failed: {}", e.message))
    }
}

/// What went wrong inside a module. The interpreter puts the program's own lines first and the reason last.
fn in_short(error: &str) -> Error {
    let mut lines = error.lines().map(str::trim).filter(|line| !line.is_empty());
    let reason = lines.clone().find(|line| line.contains("Error: ")).or_else(|| lines.next());
    Error::new(reason.unwrap_or("libtorch gives no reason").trim_start_matches("Internal torch error: "))
}

/// Sets the generator that dropout inside a module draws from: libtorch's own, there is no other way. It is
/// set before every training pass, alone until its end, so what runs in the process does not matter, and nothing else
/// here draws from it.
#[allow(clippy::disallowed_methods)]
fn seed(seed: u64) {
    tch::manual_seed(seed as i64);
}

/// How PyTorch starts a tensor, as far as its name and shape and those of its neighbours tell; nothing if
/// they do not.
fn start(name: &str, sizes: &BTreeMap<&str, Vec<i64>>) -> Option<Start> {
    let (layer, last) = name.rsplit_once('.').unwrap_or(("", name));
    let beside = |other: &str| {
        let full = if layer.is_empty() { other.to_owned() } else { format!("{layer}.{other}") };
        sizes.get(full.as_str())
    };
    let fan_in = |weight: &[i64]| Start::Uniform { fan_in: weight[1..].iter().product() };
    match (last, beside("weight"), beside("bias")) {
        ("running_mean" | "num_batches_tracked", ..) => Some(Start::Constant(0.0)),
        ("running_var", ..) => Some(Start::Constant(1.0)),
        ("weight" | "bias", Some(weight), _) if weight.len() >= 2 => Some(fan_in(weight)),
        ("weight", Some(_), Some(_)) => Some(Start::Constant(1.0)),
        ("bias", Some(_), _) => Some(Start::Constant(0.0)),
        _ => None,
    }
}

impl Network for Module {
    fn stages(&self) -> Vec<&str> {
        vec![&self.entry]
    }

    fn stage(&self, _: usize, input: &Tensor, mode: Mode) -> Tensor {
        self.sure(self.try_entry(input, mode))
    }

    fn pool(&self, map: &Tensor, _: Mode) -> Tensor {
        map.shallow_clone()
    }

    fn head(&self, features: &Tensor, mode: Mode) -> Tensor {
        self.sure(self.try_head(features, mode))
    }
}
