//! Streams: data arrive in windows, a system keeps learning from them, monitors watch and an operator acts.
//!
//! This crate owns what is between a learner and a stream: how rows are cut into windows ([`Windows`]), when the
//! system trains on which of them ([`SCHEDULES`]), what raises an alarm ([`MONITORS`]), what the operator does then
//! ([`POLICIES`]), and the course of it all ([`Stream`]).

mod common;
mod operator;
mod pool;
mod seen;
mod site;
mod state;
mod stream;
mod view;
mod windows;

use aconite_core::Result;
use serde_json::Value;

pub use common::{Common, Order};
pub use operator::Operator;
pub use seen::{Seen, Snapshot, Watch};
pub use stream::Stream;
pub use view::{Look, Sees, Threshold, Watched};
pub use windows::Windows;

/// When the system trains, and on which windows.
pub trait Schedule: std::fmt::Debug + Send + Sync {
    /// Whether the cell is a stream at all.
    fn streams(&self) -> bool {
        true
    }

    /// Checks the settings against so many windows.
    ///
    /// # Errors
    /// Names the setting, its value and the range.
    fn check(&self, _windows: usize) -> Result<()> {
        Ok(())
    }

    /// What is done when the window of this number, from 0, has arrived.
    fn training(&self, window: usize) -> Training;

    /// How many of the latest windows a model is trained on; `None` for all.
    fn span(&self) -> Option<usize> {
        None
    }

    /// Whether the victim must be one that goes on from a model.
    fn goes_on(&self) -> bool {
        false
    }
}

/// What a system does with a window that has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Training {
    /// Trains a fresh model on the latest windows, [`Schedule::span`] of them.
    Fresh,
    /// Goes on from the model that serves, on the window alone.
    Continue,
    /// Keeps the model that serves.
    Keep,
}

/// What an operator looks at, window by window: a number that is high where something is wrong.
pub trait Monitor: std::fmt::Debug + Send + Sync {
    /// The settings of the monitors that it stands for, where it is none itself.
    fn parts(&self) -> Option<&[Value]> {
        None
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// Names the setting, its value and the range.
    fn check(&self) -> Result<()> {
        Ok(())
    }

    /// What it must be shown beyond the labels.
    fn sees(&self) -> Sees {
        Sees::default()
    }

    /// How far a window lies from the reference window; `None` where that cannot be told.
    fn drift(&self, _reference: &Look, _now: &Look) -> Option<f64> {
        None
    }
}

/// What an operator does when an alarm is raised.
pub trait Policy: std::fmt::Debug + Send + Sync {
    /// Whether anything is done.
    fn acts(&self) -> bool {
        true
    }

    /// Checks the settings against so many windows.
    ///
    /// # Errors
    /// Names the setting, its value and the range.
    fn check(&self, _windows: usize) -> Result<()> {
        Ok(())
    }

    /// How many windows back a model may be that it puts back.
    fn looks_back(&self) -> usize {
        0
    }

    /// Whether it has somebody who labels rows by hand.
    fn labels_by_hand(&self) -> bool {
        false
    }

    /// Acts, after the system has trained on the window of the alarm.
    ///
    /// # Errors
    /// Training failed.
    fn act(&self, operator: &mut Operator<'_, '_>) -> Result<()>;
}

/// When the system trains.
pub mod schedules {
    use crate::Schedule;

    aconite_grid::family! {
        /// When a system that keeps learning trains, and no stream at all.
        pub SCHEDULES: dyn Schedule = {
            none::Still,
            every::Every,
            sliding::Sliding,
            incremental::Incremental,
            from_scratch::FromScratch,
        }
    }
}

/// What raises an alarm.
pub mod monitors {
    use crate::Monitor;

    pub mod measure;

    aconite_grid::family! {
        /// What an operator watches.
        pub MONITORS: dyn Monitor = {
            none::Blind,
            several::Several,
            holdout_accuracy::HoldoutAccuracy,
            psi::Psi,
            ks::Ks,
            label_rate::LabelRate,
        }
    }
}

/// What is done about an alarm.
pub mod policies {
    use crate::Policy;

    aconite_grid::family! {
        /// What an operator does about an alarm.
        pub POLICIES: dyn Policy = {
            none::Nothing,
            roll_back::RollBack,
            retrain_without_suspects::RetrainWithoutSuspects,
            retrain_from_scratch::RetrainFromScratch,
        }
    }
}

pub use monitors::MONITORS;
pub use policies::POLICIES;
pub use schedules::SCHEDULES;
