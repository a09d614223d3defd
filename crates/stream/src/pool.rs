//! All rows that have arrived, and what the operator did to them.

use aconite_core::{Dataset, Poisoned, Result};

/// A window in the pool.
#[derive(Debug, Clone)]
struct Arrived {
    start: usize,
    end: usize,
    /// Rows at its end that an attack added: whoever labels by hand throws them out.
    added: usize,
    dropped: bool,
    labelled: bool,
}

/// All rows that have arrived.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    data: Option<Dataset>,
    /// The labels that somebody would give by hand.
    truth: Vec<usize>,
    windows: Vec<Arrived>,
}

impl Pool {
    /// Adds a window whose last `added` rows the attack put there.
    pub(crate) fn arrive(&mut self, window: &Poisoned, added: usize) -> Result<()> {
        let new = window.data();
        let start = self.truth.len();
        let data = match self.data.take() {
            None => new.clone(),
            Some(old) => old.followed_by(new)?,
        };
        self.truth.extend(window.truth().true_labels);
        let end = data.len();
        self.data = Some(data);
        self.windows.push(Arrived { start, end, added, dropped: false, labelled: false });
        Ok(())
    }

    /// The rows of the latest `last` windows that were not dropped, or of all; `None` if there is none.
    pub(crate) fn latest(&self, last: Option<usize>) -> Result<Option<Dataset>> {
        let Some(data) = &self.data else { return Ok(None) };
        let kept: Vec<&Arrived> = self.windows.iter().filter(|w| !w.dropped).collect();
        let from = last.map_or(0, |last| kept.len().saturating_sub(last));
        let rows = |w: &&Arrived| w.start..w.end - if w.labelled { w.added } else { 0 };
        let rows: Vec<usize> = kept[from..].iter().flat_map(rows).collect();
        match rows.len() {
            0 => Ok(None),
            all if all == data.len() => Ok(Some(data.clone())),
            _ => data.select(&rows).map(Some),
        }
    }

    /// The rows of the last window.
    pub(crate) fn newest(&self) -> Result<Option<Dataset>> {
        let (Some(data), Some(window)) = (&self.data, self.windows.last()) else { return Ok(None) };
        data.select(&(window.start..window.end).collect::<Vec<_>>()).map(Some)
    }

    /// Drops a window for good; how many rows are lost.
    pub(crate) fn drop_window(&mut self, window: usize) -> usize {
        match self.windows.get_mut(window) {
            Some(w) if !w.dropped => {
                w.dropped = true;
                w.end - w.start
            }
            _ => 0,
        }
    }

    /// Gives the rows of a window the labels that a person would; how many rows that person looked at.
    pub(crate) fn label(&mut self, window: usize) -> usize {
        let (Some(data), Some(w)) = (&mut self.data, self.windows.get_mut(window)) else { return 0 };
        if w.dropped || w.labelled {
            return 0;
        }
        w.labelled = true;
        data.labels_mut()[w.start..w.end].copy_from_slice(&self.truth[w.start..w.end]);
        w.end - w.start
    }

    /// Per window, whether it was dropped and whether it was labelled by hand.
    pub(crate) fn marks(&self) -> Vec<(bool, bool)> {
        self.windows.iter().map(|w| (w.dropped, w.labelled)).collect()
    }
}
