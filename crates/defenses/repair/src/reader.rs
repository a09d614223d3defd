//! The layer that reads a map's channels: where a channel can be cut off by weights alone.

use aconite_core::{Error, Model, Network, Result};
use tch::{Kind, Tensor, no_grad};

use crate::maps::logits_from;

/// Rows on which a layer is tried.
const TRIED: i64 = 16;

/// A linear layer whose columns lie in blocks of equal width, one per channel of the map before it, so that the
/// layer with block c at zero is the network with channel c of the map at zero.
#[derive(Debug)]
pub(crate) struct Reader {
    /// Name of its weight, out × (channels · width).
    pub(crate) name: String,
    weight: Tensor,
    whole: Tensor,
    channels: i64,
}

impl Reader {
    /// Finds the layer of `model` that reads the output `maps` of the stage `stage`, by trying: of the linear
    /// layers whose inputs are a multiple of the channels, the one in which cutting channels does the same as
    /// setting them to zero in the map. It is tried with the channels that have a 0 and those that have a 1 at each
    /// place of their binary number, which tells any two channels apart. The weights are left as they were.
    ///
    /// # Errors
    /// There is no such layer.
    pub(crate) fn find(model: &dyn Model, stage: usize, maps: &Tensor) -> Result<Self> {
        let network = model.net()?;
        let channels = maps.size()[1];
        let maps = maps.narrow(0, 0, maps.size()[0].min(TRIED));
        for (name, weight) in model.weights() {
            if weight.dim() != 2 || weight.size()[1] % channels != 0 {
                continue;
            }
            if !bool::try_from(weight.f_isfinite()?.f_all()?)? {
                return Err(Error::new(format!("{name} of the model is not finite: it has diverged")));
            }
            let whole = weight.detach().copy();
            let reader = Self { name, weight, whole, channels };
            let reads = halves(channels).all(|keep| reader.is_mask(network, stage, &maps, &keep));
            reader.cut(&vec![true; channels as usize]);
            if reads {
                return Ok(reader);
            }
        }
        Err(Error::new(
            "no linear layer of this net reads the channels of its last map, so none can be pruned",
        )
        .hint("choose another victim, or fine_tune, which mends any net"))
    }

    /// Sets the blocks of all channels that are not kept to zero, the others to what they were at the start.
    pub(crate) fn cut(&self, keep: &[bool]) {
        no_grad(|| self.weight.detach().copy_(&masked(&self.whole, keep)));
    }

    fn is_mask(&self, network: &dyn Network, stage: usize, maps: &Tensor, keep: &[bool]) -> bool {
        self.cut(&vec![true; self.channels as usize]);
        let mask = factors(keep).view([1, self.channels, 1, 1]);
        let wanted = logits_from(network, stage, &(maps * mask));
        self.cut(keep);
        let cut = logits_from(network, stage, maps);
        // The same sums but for terms that are zero on either side; the order of the others may differ.
        let difference = (&cut - &wanted).abs().max().double_value(&[]);
        difference <= 1e-4 * (1.0 + wanted.abs().max().double_value(&[]))
    }
}

/// A weight with the blocks of channels that are not kept at zero.
pub(crate) fn masked(weight: &Tensor, keep: &[bool]) -> Tensor {
    let blocks = weight.detach().view([weight.size()[0], keep.len() as i64, -1]);
    (blocks * factors(keep).view([1, -1, 1])).view_as(weight)
}

fn factors(keep: &[bool]) -> Tensor {
    Tensor::from_slice(keep).to_kind(Kind::Float)
}

/// For each place of a channel's binary number: the channels with a 0 there, and those with a 1.
fn halves(channels: i64) -> impl Iterator<Item = Vec<bool>> {
    let places = i64::BITS - (channels - 1).leading_zeros();
    // A single channel has no place to differ in; it is tried all the same.
    let side = move |place: u32, one: bool| (0..channels).map(|c| (c >> place & 1 == 1) == one).collect();
    (0..places.max(1)).flat_map(move |place| [side(place, false), side(place, true)])
}
