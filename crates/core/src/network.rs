//! A network as those see it who need gradients or parts of it.

use tch::{Kind, Tensor};

/// A network with its weights: named stages in a row, then pooling, then a head.
pub trait Network {
    /// Names of the stages in order. There may be none.
    fn stages(&self) -> Vec<&str>;

    /// The output of a stage, a map B×C×H×W, or rows B×D in nets without maps. The input is the output of the
    /// stage before; that of stage 0 is the batch of images, B×C×H×W with channels-last strides and values in
    /// [−1, 1]. `index` is below the number of stages.
    fn stage(&self, index: usize, input: &Tensor, mode: Mode) -> Tensor;

    /// Penultimate activations, B×D, of the last stage's output.
    fn pool(&self, map: &Tensor, mode: Mode) -> Tensor;

    /// Logits, B×K, of penultimate activations.
    fn head(&self, features: &Tensor, mode: Mode) -> Tensor;

    /// Penultimate activations, B×D, of images, with a say between the stages: `after` gets the index and
    /// the output of each stage and returns what goes on, that output or another (a mask applied to it, say).
    fn features_with(
        &self,
        input: &Tensor,
        mode: Mode,
        after: &mut dyn FnMut(usize, Tensor) -> Tensor,
    ) -> Tensor {
        let last = (0..self.stages().len())
            .fold(input.shallow_clone(), |x, index| after(index, self.stage(index, &x, mode)));
        self.pool(&last, mode)
    }

    /// Penultimate activations, B×D, of images.
    fn features(&self, input: &Tensor, mode: Mode) -> Tensor {
        self.features_with(input, mode, &mut |_, output| output)
    }

    /// Logits, B×K, of images.
    fn logits(&self, input: &Tensor, mode: Mode) -> Tensor {
        self.head(&self.features(input, mode), mode)
    }
}

/// How a forward pass is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode {
    /// Whether this is a training step (batch statistics, dropout) or inference.
    pub train: bool,
    /// Kind of number that the arithmetic uses; weights stay f32 and are cast inside the pass.
    pub kind: Kind,
}
