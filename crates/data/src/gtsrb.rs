//! `gtsrb`: the German traffic signs.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aconite_core::{Dataset, Error, Origins, Result};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::files::{self, because, in_file, plain_name, relative};
use crate::formats::csv::{Dialect, records};
use crate::formats::picture::Picture;
use crate::formats::resize::{Region, resize};
use crate::formats::{Fault, pnm};
use crate::pictures::paint_all;
use crate::{Places, Source, Split};

/// 39,209 training and 12,630 test photographs of traffic signs in 43 classes, colour, resized to a square.
///
/// Read from the official layout in `GTSRB/` or `gtsrb/`: `Final_Training/Images/000xx/GT-000xx.csv` with the PPM
/// files that it lists beside it, `Final_Test/Images/*.ppm`, and `GT-final_test.csv` (the one with the classes)
/// in any folder above them. A part of the files is read as well, if the CSV files list no more than there is.
/// Training rows are in the order of classes and of their CSV files. The images are resized bilinearly, with the
/// same result as Pillow's. Where an image has another size than its list says (there are copies of the set with all
/// images resized), the corners of the sign are moved in proportion.
///
/// Source: Institut für Neuroinformatik, Ruhr-Universität Bochum, benchmark.ini.rub.de; free for research, to be
/// cited.
///
/// Paper: Stallkamp, Schlipsing, Salmen, Igel 2012, Man vs. computer: benchmarking machine learning algorithms for
/// traffic sign recognition, Neural Networks 32.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Gtsrb {
    /// Whether to cut the sign out of its surroundings, by the corners in the CSV files (both included).
    pub crop: bool,
    /// Pixels a side of the images.
    #[schemars(range(min = 1, max = 1024))]
    pub size: u32,
}

impl Default for Gtsrb {
    fn default() -> Self {
        Self { crop: true, size: 32 }
    }
}

impl Kind for Gtsrb {}

#[rustfmt::skip]
const CLASSES: [&str; 43] = [
    "speed limit 20", "speed limit 30", "speed limit 50", "speed limit 60", "speed limit 70", "speed limit 80",
    "end of speed limit 80", "speed limit 100", "speed limit 120", "no passing", "no passing for trucks",
    "right of way at the next crossing", "priority road", "yield", "stop", "no vehicles", "no trucks", "no entry",
    "general caution", "dangerous curve left", "dangerous curve right", "double curve", "bumpy road",
    "slippery road", "road narrows on the right", "road work", "traffic signals", "pedestrians", "children crossing",
    "bicycles crossing", "ice and snow", "wild animals crossing", "end of all limits", "turn right ahead",
    "turn left ahead", "ahead only", "straight or right", "straight or left", "keep right", "keep left",
    "roundabout", "end of no passing", "end of no passing for trucks",
];
const TRAIN: &str = "Final_Training/Images";
const TEST: &str = "Final_Test/Images";
const HINT: &str = "unpack GTSRB_Final_Training_Images.zip, GTSRB_Final_Test_Images.zip and GTSRB_Final_Test_GT.zip \
                    of benchmark.ini.rub.de into $ACONITE_DATA/, and put GT-final_test.csv into GTSRB/Final_Test/";
/// The columns of all CSV files.
const COLUMNS: [&str; 8] = ["Filename", "Width", "Height", "Roi.X1", "Roi.Y1", "Roi.X2", "Roi.Y2", "ClassId"];

/// A line of a CSV file.
struct Sign {
    path: PathBuf,
    class: usize,
    /// The sign's first column and row, and those behind its last.
    corners: [(usize, usize); 2],
    /// Width and height that the list gives the image.
    listed: (usize, usize),
}

impl Sign {
    /// The sign in an image of whatever size.
    fn region(&self, picture: &Picture) -> Region {
        // Rounded to the nearest; the list has the corners inside its size, which is not 0.
        let moved = |at: usize, size: usize, listed: usize| (2 * at * size + listed) / (2 * listed.max(1));
        let [first, behind] = self
            .corners
            .map(|(x, y)| (moved(x, picture.width, self.listed.0), moved(y, picture.height, self.listed.1)));
        let (x, y) = (first.0.min(picture.width - 1), first.1.min(picture.height - 1));
        Region {
            x,
            y,
            width: (behind.0 - x.min(behind.0)).max(1),
            height: (behind.1 - y.min(behind.1)).max(1),
        }
    }
}

fn folder(places: &Places) -> Result<PathBuf> {
    places.find_any("gtsrb", &["GTSRB", "gtsrb"], &[TRAIN, TEST], HINT)
}

/// The list of the test images with their classes.
fn test_list(root: &Path) -> Result<PathBuf> {
    let places =
        [root.join(TEST), root.join("Final_Test"), root.to_owned(), root.join("GTSRB_Final_Test_GT")];
    let lists = places.map(|place| place.join("GT-final_test.csv"));
    lists.iter().find(|list| list.is_file()).cloned().ok_or_else(|| {
        let looked = lists.each_ref().map(|list| list.display().to_string()).join(", ");
        Error::at("kind", format!("the classes of the test images are missing; looked for {looked}")).hint(
            "GT-final_test.csv is in GTSRB_Final_Test_GT.zip; GT-final_test.test.csv has no classes and will not do",
        )
    })
}

/// The lists, the training ones class by class with the class.
fn lists(root: &Path) -> Result<(Vec<(usize, PathBuf)>, PathBuf)> {
    let train = (0..CLASSES.len())
        .map(|class| (class, root.join(TRAIN).join(format!("{class:05}/GT-{class:05}.csv"))))
        .collect();
    Ok((train, test_list(root)?))
}

/// Reads a list, whose files are in `folder`.
fn signs(list: &Path, folder: &Path, class: Option<usize>) -> Result<Vec<Sign>> {
    let file = File::open(list).map_err(|e| because(list, &e))?;
    let dialect = Dialect { delimiter: b';', ..Dialect::default() };
    let mut signs = Vec::new();
    records(file, dialect, |names, line, record| {
        if let Some(names) = names.filter(|names| !names.iter().eq(COLUMNS)) {
            let found = names.iter().collect::<Vec<_>>().join(";");
            return Err(Fault::line(1, format!("columns {found}, expected {}", COLUMNS.join(";"))));
        }
        let number = |column: usize| -> std::result::Result<usize, Fault> {
            let (text, name) = (record.get(column).unwrap_or_default(), COLUMNS.get(column).unwrap_or(&""));
            text.trim().parse().ok().filter(|&n| n <= 100_000).ok_or_else(|| {
                Fault::line(line, format!("column {name:?}: {text:?}, expected a whole number to 100000"))
            })
        };
        let path =
            plain_name(folder, record.get(0).unwrap_or_default()).map_err(|what| Fault::line(line, what))?;
        let found = number(7)?;
        if found >= CLASSES.len() || class.is_some_and(|class| class != found) {
            let expected = class.map_or("0 to 42".to_owned(), |class| class.to_string());
            return Err(Fault::line(line, format!("class {found}, expected {expected}")));
        }
        let (x, y, right, bottom) = (number(3)?, number(4)?, number(5)?, number(6)?);
        if right < x || bottom < y {
            let message = format!("the sign's corners ({x}, {y}) and ({right}, {bottom}) are turned round");
            return Err(Fault::line(line, message));
        }
        let listed = (number(1)?, number(2)?);
        if right >= listed.0 || bottom >= listed.1 {
            let message =
                format!("the sign's corner ({right}, {bottom}) is outside {}×{}", listed.0, listed.1);
            return Err(Fault::line(line, message));
        }
        let corners = [(x, y), (right + 1, bottom + 1)];
        signs.push(Sign { path, class: found, corners, listed });
        Ok(())
    })
    .map_err(in_file(list))?;
    Ok(signs)
}

impl Gtsrb {
    fn part(&self, root: &Path, signs: &[Sign]) -> Result<Dataset> {
        let images = paint_all(signs.len(), self.size, 3, |row, image| {
            let Some(sign) = signs.get(row) else { return Ok(()) };
            self.paint(sign, image)
        })?;
        let labels = signs.iter().map(|sign| sign.class).collect();
        let names = CLASSES.iter().map(|&name| name.to_owned()).collect();
        let origins = signs.iter().map(|sign| relative(root, &sign.path)).collect();
        Dataset::new(images, labels, Arc::new(names))?.with_origins(Origins::files(origins))
    }

    fn paint(&self, sign: &Sign, image: &mut [u8]) -> Result<()> {
        let bytes = files::read(&sign.path, files::LARGEST)?;
        let picture = pnm::read(&bytes).map_err(in_file(&sign.path))?;
        let region = if self.crop { sign.region(&picture) } else { Region::whole(&picture) };
        resize(&picture, region, self.size as usize, 3, image);
        Ok(())
    }
}

impl Source for Gtsrb {
    fn load(&self, places: &Places) -> Result<Split> {
        let root = folder(places)?;
        let (train_lists, test_list) = lists(&root)?;
        let mut train = Vec::new();
        for (class, list) in &train_lists {
            let folder = list.parent().unwrap_or(&root);
            train.extend(signs(list, folder, Some(*class))?);
        }
        let test = signs(&test_list, &root.join(TEST), None)?;
        Ok(Split { train: self.part(&root, &train)?, test: self.part(&root, &test)? })
    }

    fn is_worth_keeping(&self) -> bool {
        true
    }

    fn fingerprint(&self, places: &Places) -> Result<String> {
        let root = folder(places)?;
        let (train_lists, test_list) = lists(&root)?;
        let mut paths: Vec<PathBuf> = Vec::new();
        for (class, list) in train_lists {
            let folder = list.parent().unwrap_or(&root).to_owned();
            paths.extend(signs(&list, &folder, Some(class))?.into_iter().map(|sign| sign.path));
            paths.push(list);
        }
        paths.extend(signs(&test_list, &root.join(TEST), None)?.into_iter().map(|sign| sign.path));
        paths.push(test_list);
        files::fingerprint(&root, paths.iter().map(PathBuf::as_path))
    }

    fn licence(&self) -> &'static str {
        "free for research (to be cited), Institut für Neuroinformatik, Ruhr-Universität Bochum"
    }

    fn found(&self, places: &Places) -> Result<Option<PathBuf>> {
        folder(places).map(Some)
    }
}
