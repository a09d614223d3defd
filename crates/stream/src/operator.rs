//! What an operator can do about an alarm, and what it costs.

use aconite_core::Result;

use crate::site::Site;

/// The hands of an operator in the window of an alarm, after the system has trained on it.
pub struct Operator<'o, 's> {
    pub(crate) site: &'o mut Site<'s>,
    pub(crate) window: usize,
    pub(crate) rows: usize,
}

impl std::fmt::Debug for Operator<'_, '_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Operator").field("window", &self.window).field("rows", &self.rows).finish()
    }
}

impl Operator<'_, '_> {
    /// The window of the alarm.
    pub fn window(&self) -> usize {
        self.window
    }

    /// Puts back the model that served after the window that is so many before the alarm's, or the oldest that is
    /// kept. No row is touched.
    ///
    /// # Errors
    /// The model cannot be rebuilt.
    pub fn roll_back(&mut self, windows: usize) -> Result<()> {
        self.site.restore(self.window.saturating_sub(windows))
    }

    /// Drops the window of the alarm and so many before it for good. Their rows are lost.
    pub fn drop_suspects(&mut self, before: usize) {
        for window in self.window.saturating_sub(before)..=self.window {
            self.rows += self.site.pool.drop_window(window);
        }
    }

    /// Has the rows of the last so many windows labelled by hand, the alarm's among them, and drops the windows before
    /// them; without a number, those of the windows that the schedule trains on. Rows that were labelled before cost
    /// nothing, nor do the dropped ones.
    pub fn label_by_hand(&mut self, windows: Option<usize>) {
        let first = windows.or(self.site.span()).map_or(0, |last| (self.window + 1).saturating_sub(last));
        for window in 0..first {
            self.site.pool.drop_window(window);
        }
        for window in first..=self.window {
            self.rows += self.site.pool.label(window);
        }
    }

    /// Trains a fresh model on as many of the latest windows as the schedule does, of those that were not dropped. If
    /// none is left, the model stays.
    ///
    /// # Errors
    /// Training failed.
    pub fn retrain(&mut self) -> Result<()> {
        self.site.fresh().map(drop)
    }
}
