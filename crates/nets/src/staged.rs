//! A network as a list of named stages.

use tch::Tensor;

use crate::{Linear, Mode, Network};

type Pass = Box<dyn Fn(&Tensor, Mode) -> Tensor>;

/// Named stages, what makes rows of the last map, and a linear head. A net's file says what each does.
pub(crate) struct Staged {
    stages: Vec<(String, Pass)>,
    pool: Pass,
    head: Linear,
}

impl Staged {
    /// A network without stages yet.
    pub(crate) fn new(head: Linear) -> Self {
        Self { stages: Vec::new(), pool: Box::new(|x, _| x.shallow_clone()), head }
    }

    /// Adds the next stage.
    pub(crate) fn stage(
        mut self,
        name: impl Into<String>,
        pass: impl Fn(&Tensor, Mode) -> Tensor + 'static,
    ) -> Self {
        self.stages.push((name.into(), Box::new(pass)));
        self
    }

    /// Sets what makes features of the last stage's output; by default they are that output itself.
    pub(crate) fn pool(mut self, pass: impl Fn(&Tensor, Mode) -> Tensor + 'static) -> Self {
        self.pool = Box::new(pass);
        self
    }
}

impl Network for Staged {
    fn stages(&self) -> Vec<&str> {
        self.stages.iter().map(|(name, _)| name.as_str()).collect()
    }

    fn stage(&self, index: usize, input: &Tensor, mode: Mode) -> Tensor {
        self.stages[index].1(input, mode)
    }

    fn pool(&self, map: &Tensor, mode: Mode) -> Tensor {
        (self.pool)(map, mode)
    }

    fn head(&self, features: &Tensor, mode: Mode) -> Tensor {
        self.head.forward(features, mode)
    }
}
