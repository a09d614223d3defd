//! `image_folder`: a user's own images.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aconite_core::{Dataset, Images, Origins, Rate, Result};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::class_folders::{Listing, list};
use crate::files::{self, about, fingerprint, in_file};
use crate::formats::picture;
use crate::formats::resize::{Region, resize};
use crate::pictures::{Colour, paint_all};
use crate::{Places, Source, Split, division};

/// Images of your own: a folder for each class of PNG, JPEG, PPM and PGM files.
///
/// The classes are the folders' names. With `train/` and `test/` above the class folders they are the training and
/// the test set; without, of each class the share `test_share` is drawn by `split_seed`, the same for every seed of
/// an experiment. Files are read by name; those that begin with a dot or have no name of an image are passed over.
/// Every image becomes a square by bilinear resizing (as Pillow's); transparency is dropped, and a turn that a
/// camera noted (EXIF) is not made.
///
/// Paper: none; it is your own data.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ImageFolder {
    /// The folder, from the working directory or from `$ACONITE_DATA`.
    pub path: String,
    /// Pixels a side.
    #[schemars(range(min = 1, max = 1024))]
    pub size: u32,
    /// Colours of the images as they are learnt.
    pub colour: Colour,
    /// What becomes of an image that is not square: the middle is cut out, or all of it is squashed.
    pub fit: Fit,
    /// Share of the images of each class that become test images, in (0, 1).
    pub test_share: Rate,
    /// Which images these are.
    pub split_seed: u64,
}

/// How a rectangle becomes a square.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Fit {
    /// The largest square in the middle.
    #[default]
    Crop,
    /// All of it, each side resized by its own factor.
    Squash,
}

impl Default for ImageFolder {
    fn default() -> Self {
        Self {
            path: String::new(),
            size: 32,
            colour: Colour::default(),
            fit: Fit::default(),
            test_share: division::TEST_SHARE,
            split_seed: 0,
        }
    }
}

impl Kind for ImageFolder {}

const READ: [&str; 6] = ["png", "jpg", "jpeg", "ppm", "pgm", "pnm"];
const NOT_READ: [&str; 7] = ["gif", "bmp", "webp", "tif", "tiff", "avif", "heic"];

fn is_image(name: &str) -> std::result::Result<bool, String> {
    let Some((_, extension)) = name.rsplit_once('.') else { return Ok(false) };
    let extension = extension.to_ascii_lowercase();
    if NOT_READ.contains(&extension.as_str()) {
        return Err(format!("{extension} files are not read, expected PNG, JPEG, PPM or PGM"));
    }
    Ok(READ.contains(&extension.as_str()))
}

impl ImageFolder {
    fn images(&self, paths: &[&Path]) -> Result<Images> {
        let (size, channels) = (self.size as usize, self.colour.channels());
        paint_all(paths.len(), self.size, channels, |row, image| {
            let Some(path) = paths.get(row) else { return Ok(()) };
            let bytes = files::read(path, files::LARGEST)?;
            let picture = picture::read(&bytes).map_err(in_file(path))?;
            let region = match self.fit {
                Fit::Crop => Region::square(&picture),
                Fit::Squash => Region::whole(&picture),
            };
            resize(&picture, region, size, channels, image);
            Ok(())
        })
    }

    fn split(&self, listing: &Listing) -> Result<Split> {
        let labels = listing.labels();
        let (train, test) = match listing.train {
            Some(n) => (0..labels.len()).partition(|&row| row < n),
            None => division::rows(&labels, &listing.classes, self.test_share, self.split_seed)?,
        };
        let classes = Arc::new(listing.classes.clone());
        let paths: Vec<&Path> = listing.paths().collect();
        let origins = Origins::files(listing.names());
        let part = |rows: &[usize]| -> Result<Dataset> {
            let chosen: Vec<&Path> = rows.iter().filter_map(|&row| paths.get(row)).copied().collect();
            let labels = rows.iter().filter_map(|&row| labels.get(row)).copied().collect();
            Dataset::new(self.images(&chosen)?, labels, classes.clone())?.with_origins(origins.select(rows))
        };
        Ok(Split { train: part(&train)?, test: part(&test)? })
    }
}

impl Source for ImageFolder {
    fn load(&self, places: &Places) -> Result<Split> {
        let root = places.own("path", &self.path)?;
        list(&root, is_image).and_then(|listing| self.split(&listing)).map_err(about("path"))
    }

    fn is_worth_keeping(&self) -> bool {
        true
    }

    fn fingerprint(&self, places: &Places) -> Result<String> {
        let root = places.own("path", &self.path)?;
        fingerprint(&root, list(&root, is_image).map_err(about("path"))?.paths())
    }

    fn licence(&self) -> &'static str {
        "your own"
    }

    fn found(&self, places: &Places) -> Result<Option<PathBuf>> {
        places.own("path", &self.path).map(Some)
    }
}
