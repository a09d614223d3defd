//! Keeping the state of a stream, and going on from it.

use std::collections::VecDeque;

use aconite_core::{Error, Model, NamedTensors, Result};

use crate::site::Site;
use crate::stream::Desk;
use crate::{Seen, Snapshot, Stream, Windows};

/// The models of a kept state.
struct Models {
    served: VecDeque<(usize, NamedTensors)>,
    model: Box<dyn Model>,
    frozen: Option<Box<dyn Model>>,
}

impl Stream<'_> {
    pub(crate) fn snapshot(&self, window: usize, site: &Site<'_>, desk: &Desk, seen: &[Seen]) -> Snapshot {
        let mut tensors = NamedTensors::new();
        for (after, model) in &site.served {
            tensors
                .extend(model.iter().map(|(name, t)| (format!("served.{after}.{name}"), t.shallow_clone())));
        }
        if let Some(frozen) = &desk.frozen {
            tensors.extend(frozen.tensors().into_iter().map(|(name, t)| (format!("frozen.{name}"), t)));
        }
        let reference_accuracy = desk.reference.as_ref().and_then(|look| look.holdout_accuracy);
        Snapshot { window, tensors, marks: site.pool.marks(), reference_accuracy, seen: seen.to_vec() }
    }

    /// Whether a kept state is one of this stream, from which it can go on.
    pub fn fits(&self, snapshot: &Snapshot) -> bool {
        self.models(snapshot).is_ok()
    }

    fn models(&self, snapshot: &Snapshot) -> Result<Models> {
        let foreign = || Error::new("the kept state is another stream's");
        let Snapshot { window: next, tensors, marks, seen, .. } = snapshot;
        let whole = *next < self.common.windows && marks.len() == *next && seen.len() == *next;
        if !whole || seen.iter().any(|s| s.drift.len() != self.monitors.len()) {
            return Err(foreign());
        }
        let (mut served, mut frozen) = (VecDeque::<(usize, NamedTensors)>::new(), NamedTensors::new());
        for (name, tensor) in tensors {
            let tensor = tensor.shallow_clone();
            if let Some(name) = name.strip_prefix("frozen.") {
                frozen.insert(name.to_owned(), tensor);
                continue;
            }
            let (after, name) =
                name.strip_prefix("served.").and_then(|rest| rest.split_once('.')).ok_or_else(foreign)?;
            let after: usize = after.parse().map_err(|_| foreign())?;
            match served.iter_mut().find(|(a, _)| *a == after) {
                Some((_, model)) => drop(model.insert(name.to_owned(), tensor)),
                None => served.push_back((after, NamedTensors::from([(name.to_owned(), tensor)]))),
            }
        }
        served.make_contiguous().sort_by_key(|(after, _)| *after);
        let restored = |tensors: &NamedTensors| self.learner.restore(&self.data.info(), tensors);
        let (_, last) = served.back().ok_or_else(foreign)?;
        let model = restored(last)?;
        let frozen = (!frozen.is_empty()).then(|| restored(&frozen)).transpose()?;
        let sees = self.sees();
        if frozen.is_none() && (sees.scores || sees.features) && *next >= self.common.reference {
            return Err(foreign());
        }
        Ok(Models { served, model, frozen })
    }

    /// Brings the system to a kept state. Rows arrive again as they did; nothing is trained.
    pub(crate) fn resume(
        &self,
        snapshot: Snapshot,
        cut: &Windows,
        site: &mut Site<'_>,
        desk: &mut Desk,
    ) -> Result<Vec<Seen>> {
        let Models { served, model, frozen } = self.models(&snapshot)?;
        (site.served, site.model, desk.frozen) = (served, Some(model), frozen);
        for (window, rows) in cut.windows.iter().enumerate().take(snapshot.window) {
            self.arrive(window, rows, &mut site.pool)?;
            if window == self.common.reference {
                // Seen before any row of it could have been labelled by hand.
                let mut look = self.look(site, desk, None)?;
                look.holdout_accuracy = snapshot.reference_accuracy;
                desk.reference = Some(look);
            }
        }
        for (window, (dropped, labelled)) in snapshot.marks.into_iter().enumerate() {
            // A window is dropped after it was labelled, never before.
            if labelled {
                site.pool.label(window);
            }
            if dropped {
                site.pool.drop_window(window);
            }
        }
        Ok(snapshot.seen)
    }
}
