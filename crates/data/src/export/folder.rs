//! An export as class folders of PNG files, each set with a CSV file that says what is in it.
//!
//! ```text
//! DIR/train/<class>/0000017.png   the row of the training set is the file's name
//!     test/<class>/…              under the label as given
//!     triggered/<class>/…         under the true class
//!     train.csv                   file,label,true_label,poisoned
//!     test.csv, triggered.csv     file,label and file,label,wanted_label
//! ```

use std::path::Path;

use aconite_core::{Error, Images, Result};
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};

use super::{Export, FileFacts, Manifest, sha256};

/// Writes the folders and CSV files into `dir`, and notes the CSV files in the manifest; each of its lines holds
/// the SHA-256 of the picture.
pub(super) fn write(dir: &Path, export: &Export, manifest: &mut Manifest) -> Result<()> {
    let names: Vec<String> = folder_names(&manifest.classes);
    let mut table = |set: &str, images: &Images, labels: &[usize], more: &[(&str, Vec<String>)]| {
        let mut csv = csv::Writer::from_writer(Vec::new());
        let wrong = |e: csv::Error| Error::new(format!("{set}.csv: {e}"));
        let head = ["file", "label", "sha256"].into_iter().chain(more.iter().map(|(name, _)| *name));
        csv.write_record(head).map_err(wrong)?;
        for (row, &label) in labels.iter().enumerate() {
            let class = names.get(label).map(String::as_str).unwrap_or("unknown");
            let file = format!("{set}/{class}/{row:07}.png");
            let png = picture(images, row)?;
            let path = dir.join(&file);
            let fail = |e: std::io::Error| Error::new(format!("{file}: {e}"));
            std::fs::create_dir_all(path.parent().unwrap_or(dir)).map_err(fail)?;
            std::fs::write(&path, &png).map_err(fail)?;
            let (label, sum) = (label.to_string(), sha256(&png));
            let given = [file.as_str(), label.as_str(), sum.as_str()].into_iter();
            csv.write_record(given.chain(more.iter().map(|(_, values)| values[row].as_str())))
                .map_err(wrong)?;
        }
        let bytes = csv.into_inner().map_err(|e| Error::new(format!("{set}.csv: {e}")))?;
        let name = format!("{set}.csv");
        std::fs::write(dir.join(&name), &bytes).map_err(|e| Error::new(format!("{name}: {e}")))?;
        manifest.files.insert(name, FileFacts { sha256: sha256(&bytes), bytes: bytes.len() as u64 });
        Ok::<(), Error>(())
    };
    let words = |values: &[usize]| values.iter().map(usize::to_string).collect::<Vec<_>>();
    let poisoned = export.truth.poisoned.iter().map(bool::to_string).collect();
    let truth = [("true_label", words(export.truth.true_labels)), ("poisoned", poisoned)];
    table("train", export.train.images()?, export.train.labels(), &truth)?;
    table("test", export.test.images()?, export.test.labels(), &[])?;
    if let Some(triggered) = &export.triggered {
        let labels: Vec<usize> = triggered.index.iter().map(|&row| export.test.labels()[row]).collect();
        let wanted = [("wanted_label", words(&triggered.wanted)), ("index", words(&triggered.index))];
        table("triggered", triggered.rows.images()?, &labels, &wanted)?;
    }
    Ok(())
}

/// A folder's name per class: sorted as the classes are, and nothing but letters, digits and `-`.
fn folder_names(classes: &[String]) -> Vec<String> {
    let digits = classes.len().saturating_sub(1).to_string().len();
    let plain = |name: &str| -> String {
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect()
    };
    classes.iter().enumerate().map(|(i, name)| format!("{i:0digits$}-{}", plain(name))).collect()
}

/// The PNG file of an image of 1 or 3 channels.
fn picture(images: &Images, row: usize) -> Result<Vec<u8>> {
    let shape = images.shape();
    let planar = images.image(row);
    let plane = shape.height * shape.width;
    let colour = match shape.channels {
        1 => ExtendedColorType::L8,
        3 => ExtendedColorType::Rgb8,
        other => {
            return Err(Error::new(format!("images of {other} channels are no pictures"))
                .hint("export them with --format safetensors or npz"));
        }
    };
    let bytes: Vec<u8> =
        (0..plane).flat_map(|p| (0..shape.channels).map(move |c| planar[c * plane + p])).collect();
    let mut png = Vec::new();
    PngEncoder::new(&mut png)
        .write_image(&bytes, shape.width as u32, shape.height as u32, colour)
        .map_err(|e| Error::new(format!("png: {e}")))?;
    Ok(png)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_sort_as_the_classes_do() {
        let names: Vec<String> = (0..11).map(|c| format!("Class {c}/é")).collect();
        let folders = folder_names(&names);
        assert_eq!((folders[2].as_str(), folders[10].as_str()), ("02-class-2--", "10-class-10--"));
        assert!(folders.is_sorted());
    }
}
