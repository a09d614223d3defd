//! `torchscript`: the user's own scripted PyTorch module.

mod archive;
mod module;

use std::path::PathBuf;

use aconite_core::{Error, Result, Seed, Shape};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor, no_grad};

use crate::{Mode, Net, Network, Params};
use archive::Archive;
use module::Module;

/// Your own PyTorch module, scripted and saved to a file, trained from fresh weights like any other net.
///
/// ```python
/// import torch
/// from torch import nn
///
/// class MyNet(nn.Module):
///     def __init__(self):
///         super().__init__()
///         self.body = nn.Sequential(
///             nn.Conv2d(1, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(),
///             nn.AdaptiveAvgPool2d(2), nn.Flatten())
///         self.fc = nn.Linear(32 * 2 * 2, 10)
///
///     @torch.jit.export              # only needed with features = "features"
///     def features(self, x):
///         return self.body(x)
///
///     def forward(self, x):
///         return self.fc(self.body(x))
///
/// torch.jit.script(MyNet()).save("my_net.pt")
/// ```
///
/// `victim = { kind = "torchscript", path = "my_net.pt", features = "features" }`
///
/// `forward` takes images B×C×H×W, f32 in [−1, 1], and returns logits B×K. `features` names a method that
/// takes images and returns penultimate activations B×D; without it, a defense that reads features refuses
/// the net. The logits must be a function of the features: a method named by `head`, or else the linear layer
/// of the module that turns the one into the other, which is found by trying.
///
/// The file gives the layout; its weights are not used unless `pretrained`. Fresh weights follow PyTorch's
/// defaults, by name and shape: a `weight` of two or more dimensions, and the `bias` beside it, uniform in
/// ±1/√fan_in; a one-dimensional `weight` with a `bias` beside it (a normalisation) 1 and 0; `running_mean`,
/// `running_var` and `num_batches_tracked` 0, 1 and 0. All other parameters and buffers start as they are in
/// the file. Parameters that do not require a gradient are not trained. Dropout in the module is drawn from
/// the seed. In training, a batch of one row that the module refuses (batch normalisation of single values)
/// is passed through it as in inference.
///
/// The module computes in f32: `train.precision = "bf16"` is refused. The content of the file belongs to the
/// key of every result, so a changed file is trained again. TorchScript is a program: load only files that
/// you trust.
///
/// Paper: none; the format is PyTorch's, Paszke et al. 2019, PyTorch: An imperative style, high-performance
/// deep learning library.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TorchScript {
    /// The file that `torch.jit.script(module).save(path)` wrote, absolute or from the working directory.
    pub path: PathBuf,
    /// Name of the exported method that gives penultimate activations; empty for none.
    pub features: String,
    /// Name of the exported method that makes logits of them; empty to find the linear layer that does.
    pub head: String,
    /// Whether training starts from the weights in the file instead of fresh ones.
    pub pretrained: bool,
}

impl Kind for TorchScript {
    // 2: its draws follow the seed of a training that goes on from given weights, too.
    const VERSION: u32 = 2;
}

impl Net for TorchScript {
    fn check(&self, shape: Shape, classes: usize, kind: tch::Kind) -> Result<()> {
        if kind != tch::Kind::Float {
            return Err(Error::at("precision", "a torchscript module computes in f32 only")
                .hint("set train.precision = \"f32\""));
        }
        let module = self.module(&mut Params::fresh(Seed(0)), shape, classes)?;
        if module.trainable == 0 {
            return Err(self
                .wrong("has no parameter that requires a gradient: there is nothing to train")
                .hint("save the module before torch.jit.freeze, with requires_grad left on"));
        }
        for rows in [2, 1] {
            for train in [true, false] {
                self.try_rows(&module, shape, classes, rows, Mode { train, kind })?;
            }
        }
        Ok(())
    }

    fn build(&self, params: &mut Params, shape: Shape, classes: usize) -> Result<Box<dyn Network>> {
        Ok(Box::new(self.module(params, shape, classes)?))
    }

    fn content(&self) -> Result<Option<String>> {
        Ok(Some(blake3::hash(&self.read()?).to_hex().to_string()))
    }

    fn has_features(&self) -> bool {
        !self.features.is_empty()
    }
}

impl TorchScript {
    fn wrong(&self, what: impl std::fmt::Display) -> Error {
        Error::at("path", format!("{} {what}", self.path.display()))
    }

    fn read(&self) -> Result<Vec<u8>> {
        if self.path.as_os_str().is_empty() {
            return Err(Error::at("path", "a torchscript victim needs the path of a module's file")
                .hint("torch.jit.script(module).save(\"my_net.pt\") in Python makes one"));
        }
        std::fs::read(&self.path).map_err(|e| self.wrong(format_args!("cannot be read: {e}")))
    }

    fn module(&self, params: &mut Params, shape: Shape, classes: usize) -> Result<Module> {
        let archive = Archive::parse(&self.read()?).map_err(|e| {
            self.wrong(format_args!("is not a TorchScript file: {e}")).hint(
                "torch.jit.script(module).save(path) in Python makes one; a file of torch.save holds no program",
            )
        })?;
        let head = (!self.features.is_empty()).then_some(self.head.as_str());
        let mut module = Module::new(&archive, &self.features, params, self.pretrained).map_err(|e| {
            self.wrong(format_args!("is not a TorchScript file that this program can load: {e}"))
        })?;
        if let Some(head) = head {
            let images = example(shape, 3);
            module.choose_head(head, &images, classes).map_err(|e| Error {
                setting: Some(if e.setting.is_some() { "features".into() } else { "head".into() }),
                message: format!("{}: {}", self.path.display(), e.message),
                hint: e.hint,
            })?;
        }
        Ok(module)
    }

    /// One pass over some rows; its outcome must be what the loop expects.
    fn try_rows(&self, module: &Module, shape: Shape, classes: usize, rows: i64, mode: Mode) -> Result<()> {
        let images = example(shape, rows);
        let when = if mode.train { "in training" } else { "in inference" };
        let logits = no_grad(|| module.try_logits(&images, mode)).map_err(|e| {
            self.wrong(format_args!("fails {when} on {rows} images of {shape}: {}", e.message)).hint(
                "forward takes one tensor of images and returns one of logits; channels and sizes must be the data set's",
            )
        })?;
        let expected = [rows, classes as i64];
        if logits.size() != expected || logits.kind() != tch::Kind::Float {
            return Err(self
                .wrong(format_args!(
                    "gives a {:?} tensor of {:?} for {rows} images of {shape}, where f32 of {expected:?} is needed",
                    logits.size(),
                    logits.kind()
                ))
                .hint(format!("the data set has {classes} classes: end the module with a layer of {classes} outputs")));
        }
        Ok(())
    }
}

/// Rows of an arbitrary pattern, each different, in [−1, 1].
fn example(shape: Shape, rows: i64) -> Tensor {
    let size = [rows, shape.channels as i64, shape.height as i64, shape.width as i64];
    Tensor::arange(size.iter().product::<i64>(), (tch::Kind::Float, Device::Cpu)).sin().view(size)
}

#[cfg(test)]
mod tests;
