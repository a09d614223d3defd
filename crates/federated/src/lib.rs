//! Federations: many clients train on rows of their own, a server makes one model of their updates.
//!
//! This crate owns what is between a learner and a federation: who holds which rows ([`PARTITIONS`]), how a client
//! trains ([`FEDERATIONS`]), and the rounds ([`Federation`]). What the server makes of the updates and what malicious
//! clients send are families of their own.

mod clients;
mod common;
mod crew;
mod flat;
mod rounds;
mod server;

use aconite_core::{Dataset, Result, Seed};

pub use common::{Common, Sees};
pub use flat::Layout;
pub use rounds::{Federation, Round, Snapshot, Trainer, Watch};
pub use server::check_rule;

/// How the training rows are shared out among clients.
pub trait Partition: std::fmt::Debug + Send + Sync {
    /// Checks the settings against so many rows, classes and clients.
    ///
    /// # Errors
    /// Names the setting, its value and the range.
    fn check(&self, rows: usize, classes: usize, clients: usize) -> Result<()>;

    /// The rows of each client, ascending; every row belongs to one client, and no client is left without any.
    ///
    /// # Errors
    /// There are fewer rows than clients.
    fn parts(&self, data: &Dataset, clients: usize, seed: Seed) -> Result<Vec<Vec<usize>>>;
}

/// How a client trains in a round.
pub trait Local: std::fmt::Debug + Send + Sync {
    /// Whether the cell is a federation at all.
    fn federates(&self) -> bool {
        true
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// Names the setting, its value and the range.
    fn check(&self) -> Result<()>;

    /// How many rows a client trains on in a round, of so many that it has, with so many in a batch. Fewer than it has
    /// are drawn anew in every round.
    fn rows(&self, rows: usize, batch_size: usize) -> usize;

    /// How often a client goes through these rows in a round.
    fn epochs(&self) -> usize {
        1
    }
}

/// How clients train.
pub mod kinds {
    use crate::Local;

    aconite_grid::family! {
        /// How clients train, and no federation at all.
        pub FEDERATIONS: dyn Local = {
            none::Alone,
            fed_avg::FedAvg,
            fed_sgd::FedSgd,
        }
    }
}

/// Who holds which rows.
pub mod partition {
    use crate::Partition;

    pub(crate) mod draw;

    aconite_grid::family! {
        /// How rows are shared out among clients.
        pub PARTITIONS: dyn Partition = {
            iid::Iid,
            dirichlet::Dirichlet,
            label_skew::LabelSkew,
            shards::Shards,
        }
    }
}

pub use kinds::FEDERATIONS;
pub use partition::PARTITIONS;
