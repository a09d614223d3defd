//! Attacks on updates that carry a backdoor: what malicious clients learn is poisoned by another attack's table.

use aconite_core::{Attack, Error, Goal, Info, Needs, Result};
use serde_json::Value;
use tch::{Kind, Tensor};

use crate::families;

/// The attack of a table `backdoor`.
pub(super) fn inner(backdoor: &Value) -> Result<Box<dyn Attack>> {
    families::attack(backdoor)
}

/// An error of it, with the place of its setting in the outer table.
pub(super) fn at<T>(result: Result<T>) -> Result<T> {
    result.map_err(|mut e| {
        e.setting = Some(match e.setting {
            Some(key) => format!("backdoor.{key}"),
            None => "backdoor".into(),
        });
        e
    })
}

/// Checks that it is a backdoor that a client can make from its own rows, and its settings.
pub(super) fn check(backdoor: &Value, info: &Info) -> Result<()> {
    let inner = inner(backdoor)?;
    if inner.updates().is_some() || inner.needs() != Needs::default() || inner.feeds() {
        let message = "the rows of a client must be poisoned by an attack on data alone";
        return Err(Error::at("backdoor", message).hint("backdoor = { kind = \"badnets\" }"));
    }
    if !matches!(inner.goal(info), Goal::Backdoor(_) | Goal::Targeted(_)) {
        let message = "a backdoor is missing: an attack with a trigger, or on a class, is needed";
        return Err(Error::at("backdoor", message).hint("backdoor = { kind = \"badnets\" }"));
    }
    at(inner.check(info))
}

/// Rows (f32, m × d) that are longer than `bound` in ℓ2, shortened to it.
pub(super) fn shortened(rows: &Tensor, bound: f64) -> Result<Tensor> {
    let lengths = rows.f_square()?.f_sum_dim_intlist([1i64].as_slice(), true, Kind::Double)?.f_sqrt()?;
    let factor = lengths.f_clamp_min(bound)?.f_reciprocal()?.f_mul_scalar(bound)?;
    Ok(rows.f_mul(&factor.f_to_kind(Kind::Float)?)?)
}

/// The part of [`Attack`] that the table `backdoor` answers, for a struct with this field that is a [`FromOwn`].
///
/// [`FromOwn`]: aconite_core::FromOwn
macro_rules! carried {
    () => {
        fn goal(&self, info: &Info) -> Goal {
            carried::inner(&self.backdoor).map_or(Goal::None, |inner| inner.goal(info))
        }

        fn content(&self) -> Result<Option<String>> {
            carried::at(carried::inner(&self.backdoor)?.content())
        }

        fn poison(&self, clean: &Dataset, seed: Seed) -> Result<Poison> {
            carried::inner(&self.backdoor)?.poison(clean, seed)
        }

        fn poison_as(&self, clean: &Dataset, seed: Seed, member: Member) -> Result<Poison> {
            carried::inner(&self.backdoor)?.poison_as(clean, seed, member)
        }

        fn counted(&self, test: &Dataset) -> Result<Option<Vec<usize>>> {
            carried::inner(&self.backdoor)?.counted(test)
        }

        fn poisons_rows(&self) -> bool {
            true
        }

        fn trigger(&self, info: &Info, seed: Seed) -> Result<Option<Box<dyn Trigger>>> {
            carried::inner(&self.backdoor)?.trigger(info, seed)
        }

        fn updates(&self) -> Option<UpdateAttack<'_>> {
            Some(UpdateAttack::Own(self))
        }
    };
}

pub(super) use carried;
