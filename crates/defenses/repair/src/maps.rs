//! The maps between a network's stages.

use aconite_core::{Error, Mode, Network, Result, Rows};
use aconite_train::{input, pixels};
use tch::{Kind, Tensor, no_grad};

/// How networks are looked at.
pub(crate) const MODE: Mode = Mode { train: false, kind: Kind::Float };

/// Rows per forward pass.
const ROWS: usize = 500;

/// The stages whose output is a map B×C×H×W, in order.
///
/// # Errors
/// There is none, or the rows are no input of a network.
pub(crate) fn stages_with_maps(network: &dyn Network, rows: &Rows) -> Result<Vec<usize>> {
    let one = input(&pixels(&rows.select(&[0]))?, MODE.kind);
    let mut found = Vec::new();
    let _ = no_grad(|| {
        network.features_with(&one, MODE, &mut |stage, out| {
            if out.dim() == 4 {
                found.push(stage);
            }
            out
        })
    });
    match found.is_empty() {
        true => Err(Error::new("this net has no convolutional stage, and the defense works on its maps")
            .hint("choose a convolutional net as victim, or fine_tune, which mends any net")),
        false => Ok(found),
    }
}

/// Output of the stage `stage` for all rows.
///
/// # Errors
/// The rows are no input of a network.
pub(crate) fn maps(network: &dyn Network, stage: usize, rows: &Rows) -> Result<Tensor> {
    let all = pixels(rows)?;
    let of = |from: usize| {
        let slice = all.slice(0, from as i64, (from + ROWS).min(rows.len()) as i64, 1);
        (0..=stage).fold(input(&slice, MODE.kind), |x, i| network.stage(i, &x, MODE))
    };
    Ok(no_grad(|| Tensor::cat(&(0..rows.len()).step_by(ROWS).map(of).collect::<Vec<_>>(), 0)))
}

/// Logits from the output of the stage `stage`.
pub(crate) fn logits_from(network: &dyn Network, stage: usize, maps: &Tensor) -> Tensor {
    no_grad(|| {
        let last =
            (stage + 1..network.stages().len()).fold(maps.shallow_clone(), |x, i| network.stage(i, &x, MODE));
        network.head(&network.pool(&last, MODE), MODE)
    })
}
