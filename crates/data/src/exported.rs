//! `exported`: a poisoned set that `aconite poison` wrote.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aconite_core::{Dataset, Documents, Error, Images, Origins, Result, RowKind, Rows, Shape, Table};
use aconite_grid::Kind;
use safetensors::tensor::{Dtype, SafeTensors};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::export::{Manifest, sha256};
use crate::{Places, Source, Split};

/// A poisoned set that `aconite poison` wrote in safetensors; its hashes are checked.
///
/// The victim learns from the labels as given: who reads the set knows no more than a victim would. In Python:
///
/// ```python
/// from safetensors.torch import load_file
/// train = load_file("DIR/train.safetensors")     # images (u8 N×C×H×W), labels, true_labels, poisoned
/// x, y = train["images"].float() / 127.5 - 1, train["labels"]
/// triggered = load_file("DIR/triggered.safetensors")
/// # attack success of a model: share of triggered inputs that it takes for what the attacker wants
/// # (model(triggered["images"].float() / 127.5 - 1).argmax(1) == triggered["wanted_labels"]).float().mean()
/// ```
///
/// Paper: none; the layout is this program's own, described in its `manifest.json`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Exported {
    /// The folder, absolute or from the working directory.
    pub path: PathBuf,
}

impl Kind for Exported {
    // 2: mail of hostile structure is read as plain text.
    const VERSION: u32 = 2;
}

impl Exported {
    fn wrong(&self, what: impl std::fmt::Display) -> Error {
        Error::at("path", format!("{}: {what}", self.path.display()))
    }

    fn manifest(&self) -> Result<Manifest> {
        if self.path.as_os_str().is_empty() {
            return Err(Error::at("path", "an exported set needs the folder that it lies in")
                .hint("aconite poison EXPERIMENT.toml --out DIR makes one"));
        }
        let file = self.path.join(Manifest::FILE);
        let bytes = std::fs::read(&file).map_err(|e| {
            self.wrong(format_args!("{}: {e}", Manifest::FILE))
                .hint("aconite poison EXPERIMENT.toml --out DIR makes such a folder")
        })?;
        let manifest: Manifest = serde_json::from_slice(&bytes)
            .map_err(|e| self.wrong(format_args!("{}: {e}", Manifest::FILE)))?;
        if manifest.layout != Manifest::LAYOUT {
            return Err(self.wrong(format_args!(
                "the manifest is of layout {}, this program reads {}",
                manifest.layout,
                Manifest::LAYOUT
            )));
        }
        Ok(manifest)
    }

    /// A file of the export, checked against the manifest.
    fn file(&self, manifest: &Manifest, name: &str) -> Result<Vec<u8>> {
        let facts = manifest.files.get(name).ok_or_else(|| {
            self.wrong(format_args!("the manifest names no {name}")).hint(
                "exports in other formats are read with the kinds npz and image_folder; \
                 write this one with --format safetensors",
            )
        })?;
        let path = self.path.join(name);
        let found = std::fs::metadata(&path).map_err(|e| self.wrong(format_args!("{name}: {e}")))?.len();
        if found != facts.bytes {
            let bytes = facts.bytes;
            return Err(self.wrong(format_args!("{name} has {found} bytes, the manifest says {bytes}")));
        }
        let bytes = std::fs::read(&path).map_err(|e| self.wrong(format_args!("{name}: {e}")))?;
        match sha256(&bytes) == facts.sha256 {
            true => Ok(bytes),
            false => {
                Err(self.wrong(format_args!("{name} is not the file that was exported: its SHA-256 differs")))
            }
        }
    }

    fn set(&self, manifest: &Manifest, name: &str) -> Result<Dataset> {
        let bytes = self.file(manifest, name)?;
        let wrong = |what: &dyn std::fmt::Display| self.wrong(format_args!("{name}: {what}"));
        let arrays = SafeTensors::deserialize(&bytes).map_err(|e| wrong(&e))?;
        let array = |key: &str, dtype: Dtype| {
            let view = arrays.tensor(key).map_err(|e| wrong(&e))?;
            match view.dtype() == dtype {
                true => Ok(view),
                false => Err(wrong(&format_args!("{key} is of type {:?}, expected {dtype:?}", view.dtype()))),
            }
        };
        let whole = |key: &str| -> Result<Vec<usize>> {
            let view = array(key, Dtype::I64)?;
            view.data()
                .as_chunks::<8>()
                .0
                .iter()
                .map(|b| {
                    let value = i64::from_le_bytes(*b);
                    usize::try_from(value).map_err(|_| wrong(&format_args!("{key} holds {value}")))
                })
                .collect()
        };
        let rows: Rows = match kind(manifest)
            .ok_or_else(|| wrong(&"the manifest does not say what the rows are"))?
        {
            RowKind::Image(shape) => {
                let view = array("images", Dtype::U8)?;
                if view.shape().get(1..) != Some([shape.channels, shape.height, shape.width].as_slice()) {
                    return Err(wrong(&format_args!("images are {:?}, expected N×{shape}", view.shape())));
                }
                Images::new(shape, view.data().to_vec()).map_err(|e| wrong(&e))?.into()
            }
            RowKind::Table(columns) => {
                let view = array("values", Dtype::F32)?;
                let values = view.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
                Table::new(columns, values).map_err(|e| wrong(&e))?.into()
            }
            text_or_mail => {
                let view = array("bytes", Dtype::U8)?;
                let mut start = 0;
                let mut parts = Vec::new();
                for end in whole("ends")? {
                    let part = view.data().get(start..end);
                    parts.push(
                        part.ok_or_else(|| wrong(&format_args!("a document ends at byte {end}")))?.to_vec(),
                    );
                    start = end;
                }
                match text_or_mail {
                    RowKind::Mail => Documents::mail(parts),
                    _ => Documents::texts(
                        parts
                            .into_iter()
                            .map(|p| String::from_utf8(p).map_err(|e| wrong(&e)))
                            .collect::<Result<Vec<_>>>()?,
                    ),
                }
                .into()
            }
        };
        let n = rows.len();
        Dataset::new(rows, whole("labels")?, Arc::new(manifest.classes.clone()))
            .and_then(|data| data.with_origins(Origins::lines(name, n)))
            .map_err(|e| wrong(&e))
    }
}

/// What the rows are, if the manifest says so consistently.
fn kind(manifest: &Manifest) -> Option<RowKind> {
    match (manifest.kind.as_str(), manifest.shape, &manifest.columns) {
        ("image", Some([channels, height, width]), _) => {
            Some(RowKind::Image(Shape { channels, height, width }))
        }
        ("table", _, Some(columns)) => Some(RowKind::Table(Arc::new(columns.clone()))),
        ("text", ..) => Some(RowKind::Text),
        ("mail", ..) => Some(RowKind::Mail),
        _ => None,
    }
}

impl Source for Exported {
    fn load(&self, _: &Places) -> Result<Split> {
        let manifest = self.manifest()?;
        Ok(Split {
            train: self.set(&manifest, "train.safetensors")?,
            test: self.set(&manifest, "test.safetensors")?,
        })
    }

    fn fingerprint(&self, _: &Places) -> Result<String> {
        let manifest = self.manifest()?;
        let hashes: Vec<&str> = manifest.files.values().map(|f| f.sha256.as_str()).collect();
        Ok(hashes.join(" "))
    }

    fn licence(&self) -> &'static str {
        "that of the data set it was made from"
    }

    fn found(&self, _: &Places) -> Result<Option<PathBuf>> {
        self.manifest().map(|_| Some(Path::new(&self.path).to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::{Export, Format, Triggered, write};
    use aconite_core::{Poison, Poisoned};

    fn each_kind() -> Vec<Rows> {
        let shape = Shape { channels: 1, height: 1, width: 2 };
        vec![
            Images::new(shape, vec![1, 2, 3, 4, 5, 6]).unwrap().into(),
            Table::new(Arc::new(vec!["a".into(), "b".into()]), vec![1.0, -2.5, 3.0, 0.0, 5.0, 6.0])
                .unwrap()
                .into(),
            Documents::texts(["one".into(), String::new(), "dréi".into()]).into(),
            Documents::mail([b"A: b\n\n\xff".to_vec(), Vec::new(), b"C: d\n\ne".to_vec()]).into(),
        ]
    }

    fn export(rows: Rows, dir: &Path, format: Format) -> (Poisoned, Dataset) {
        let names = Arc::new(vec!["ham".to_owned(), "spam".to_owned()]);
        let test = Dataset::new(rows.select(&[2, 0]), vec![1, 0], names.clone()).unwrap();
        let clean = Dataset::new(rows.clone(), vec![0, 1, 1], names.clone()).unwrap();
        let content = Some(rows.select(&[0]));
        let poisoned =
            Poisoned::new(&clean, &Poison { rows: vec![2], labels: vec![0], content, ..Poison::default() })
                .unwrap();
        let triggered = Triggered { index: vec![0], rows: rows.select(&[1]), wanted: vec![0] };
        let manifest = Manifest::new(&rows.kind(), &names);
        let export = Export {
            train: poisoned.data(),
            truth: poisoned.truth(),
            test: &test,
            triggered: Some(triggered),
        };
        let written = write(dir, &export, format, manifest).unwrap();
        assert_eq!((written.counts.poisoned, written.files.len()), (1, 3));
        (poisoned, test)
    }

    #[test]
    fn what_was_exported_comes_back_to_the_bit() {
        for rows in each_kind() {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("deep/export");
            let (poisoned, test) = export(rows, &path, Format::Safetensors);
            let split = Exported { path: path.clone() }.load(&Places(vec![])).unwrap();
            assert_eq!(split.train.rows(), poisoned.data().rows());
            assert_eq!(split.train.labels(), poisoned.data().labels());
            assert_eq!((split.test.rows(), split.test.labels()), (test.rows(), test.labels()));
            assert_eq!(split.train.origins().of(2), "train.safetensors:3");
            assert_eq!(
                std::fs::read_dir(path.parent().unwrap()).unwrap().count(),
                1,
                "nothing is left aside"
            );
        }
    }

    #[test]
    fn what_was_changed_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("export");
        export(each_kind().remove(0), &path, Format::Safetensors);
        let load = || Exported { path: path.clone() }.load(&Places(vec![])).unwrap_err().message;
        let file = path.join("train.safetensors");
        let good = std::fs::read(&file).unwrap();
        let mut bad = good.clone();
        *bad.last_mut().unwrap() ^= 1;
        std::fs::write(&file, &bad).unwrap();
        assert!(load().contains("train.safetensors is not the file that was exported"));
        std::fs::write(&file, &good[1..]).unwrap();
        assert!(load().contains("the manifest says"));
        std::fs::remove_file(&file).unwrap();
        assert!(load().contains("train.safetensors"));
        let manifest = path.join("manifest.json");
        let text = std::fs::read_to_string(&manifest).unwrap();
        std::fs::write(&manifest, text.replace("\"layout\": 1", "\"layout\": 9")).unwrap();
        assert!(load().contains("layout 9"));
        std::fs::write(&manifest, "{").unwrap();
        assert!(load().contains("manifest.json"));
        std::fs::remove_file(&manifest).unwrap();
        assert!(load().contains("manifest.json"));
    }

    #[test]
    fn an_export_never_writes_over_anything() {
        let dir = tempfile::tempdir().unwrap();
        let names = Arc::new(vec!["a".to_owned()]);
        let data = Dataset::new(each_kind().remove(0), vec![0; 3], names.clone()).unwrap();
        let clean = Poisoned::clean(&data);
        let export = Export { train: &data, truth: clean.truth(), test: &data, triggered: None };
        let manifest = Manifest::new(&data.info().kind, &names);
        assert!(
            write(dir.path(), &export, Format::Npz, manifest).unwrap_err().message.contains("there already")
        );
    }

    #[test]
    fn another_format_is_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("export");
        export(each_kind().remove(1), &path, Format::Npz);
        let error = Exported { path }.load(&Places(vec![])).unwrap_err();
        assert!(error.message.contains("train.safetensors") && error.hint.unwrap().contains("npz"));
    }
}
