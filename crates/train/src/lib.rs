//! Training: the one loop, its optimisers and schedules, and trained models.
//!
//! This crate owns how a network learns. No attack and no defense owns a second loop; one that needs another
//! loss or other batches takes the loop's seam, [`aconite_core::Steps`].

mod augment;
mod learner;
mod memory;
mod model;
pub mod optim;
mod order;
mod resident;
pub mod schedule;
mod settings;
mod together;
pub mod victims;
mod vocabulary;

pub use augment::Augment;
pub use learner::SgdLearner;
pub use memory::release_memory;
pub use model::NetModel;
pub use optim::OPTIMIZERS;
pub use resident::{Resident, images, input, pixels};
pub use schedule::SCHEDULES;
pub use settings::{Precision, Train, Transfer};
pub use victims::VICTIMS;

/// Sets the number of threads that libtorch computes with in this process. Results depend on it in the last
/// bits, so it is a setting of the experiment, not a consequence of load.
pub fn set_threads(threads: usize) {
    static INTEROP: std::sync::Once = std::sync::Once::new();
    INTEROP.call_once(|| {
        memory::keep();
        // libtorch allows this one only once in a process, and only before it has computed anything in parallel.
        tch::set_num_interop_threads(1);
    });
    tch::set_num_threads(threads as i32);
}
