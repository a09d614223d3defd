//! Triggers: the one function that stamps training and test inputs alike.

use std::fmt::Debug;

use crate::{Images, Result, Rows, Shape};

/// A change of an input that the backdoor answers to.
pub trait Trigger: Debug + Send + Sync {
    /// Copies of the chosen rows with the trigger on.
    ///
    /// # Errors
    /// The trigger is for another kind of rows.
    fn stamped(&self, rows: &Rows, chosen: &[usize]) -> Result<Rows>;
}

/// A trigger on images.
pub trait ImageTrigger: Debug + Send + Sync {
    /// Stamps one image in place (C×H×W bytes, 0–255).
    fn stamp(&self, image: &mut [u8], shape: Shape);

    /// Copies of the chosen images with the trigger on.
    fn stamped_images(&self, images: &Images, chosen: &[usize]) -> Images {
        let mut images = images.select(chosen);
        let shape = images.shape();
        for i in 0..chosen.len() {
            self.stamp(images.image_mut(i), shape);
        }
        images
    }
}

impl<T: ImageTrigger> Trigger for T {
    fn stamped(&self, rows: &Rows, chosen: &[usize]) -> Result<Rows> {
        Ok(self.stamped_images(rows.images()?, chosen).into())
    }
}
