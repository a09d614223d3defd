//! Defenses that train in another way.

use aconite_core::Defense;

aconite_grid::family! {
    /// Defenses that train in another way.
    pub DEFENSES: dyn Defense = {
        mixup::Mixup,
        abl::Abl,
    }
}
