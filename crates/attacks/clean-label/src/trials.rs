//! What attacks on chosen test inputs share: the pair of classes, the inputs, the rows that carry the poison.

use aconite_core::{Dataset, Error, Info, Poison, Result, Scene, Target};
use aconite_train::{images, pixels};
use tch::{Kind, Tensor};

/// Chosen images of a data set as f32 B×H×W×C in 0–255.
pub(crate) fn floats(data: &Dataset, rows: &[usize]) -> Result<Tensor> {
    data.images()?;
    Ok(pixels(&data.rows().select(rows))?.f_to_kind(Kind::Float)?)
}

/// Inputs of one class that are to be read as another, in several trials.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Aim {
    /// Class of the inputs.
    pub(crate) source: usize,
    /// Class that they are to be read as, and of the rows that carry the poison.
    pub(crate) target: usize,
    pub(crate) trials: usize,
}

impl Aim {
    /// Checks the classes, the number of trials, and that there are images to work on.
    pub(crate) fn check(self, info: &Info) -> Result<()> {
        info.check_class("source", self.source)?;
        info.check_class("target", self.target)?;
        if self.source == self.target {
            let message = format!("class {} is both the source and the target", self.target);
            return Err(Error::at("target", message).hint("name two different classes"));
        }
        if self.trials == 0 {
            return Err(Error::at("trials", "0 trials show nothing: at least 1"));
        }
        info.shape().map(drop)
    }

    /// The inputs of all trials: which they are, and their pixels, f32 T×H×W×C.
    pub(crate) fn targets(self, scene: &Scene<'_>) -> Result<(Vec<Target>, Tensor)> {
        let targets = scene.targets(self.source, self.target, self.trials)?;
        let test = scene.test.ok_or_else(|| Error::new("the attack was given no test set"))?;
        let rows: Vec<usize> = targets.iter().map(|target| target.row).collect();
        Ok((targets, floats(test, &rows)?))
    }

    /// The rows that carry the poison of each trial. Under one seed those of a smaller count are among those of a
    /// larger one.
    pub(crate) fn bases(self, scene: &Scene<'_>, count: usize) -> Vec<Vec<usize>> {
        let pool = scene.clean.rows_of(self.target);
        let of = |trial: usize| scene.seed.derive("rows").derive(&trial.to_string()).choose(&pool, count);
        (0..self.trials).map(of).collect()
    }

    /// Puts crafted pixels (f32 P×H×W×C in 0–255) in the place of rows that keep their label.
    pub(crate) fn poison(
        self,
        scene: &Scene<'_>,
        rows: Vec<usize>,
        crafted: &Tensor,
        target: Target,
    ) -> Result<Poison> {
        let content = images(crafted, scene.clean.images()?.shape())?.into();
        let labels = vec![self.target; rows.len()];
        Ok(Poison { rows, labels, content: Some(content), target: Some(target), ..Poison::default() })
    }
}
