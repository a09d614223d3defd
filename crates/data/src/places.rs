//! Where data sets are looked for.

use std::path::{Path, PathBuf};

use aconite_core::{Error, Result};

/// Folders that may hold data sets, the first first.
#[derive(Debug, Clone)]
pub struct Places(pub Vec<PathBuf>);

impl Places {
    /// `$ACONITE_DATA`, the user's cache folder (`$XDG_CACHE_HOME/aconite` or `~/.cache/aconite`) and
    /// `/usr/share/datasets`.
    pub fn from_env() -> Self {
        let var = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        let cache = var("XDG_CACHE_HOME").or_else(|| var("HOME").map(|home| home.join(".cache")));
        let places = [
            var("ACONITE_DATA"),
            cache.map(|c| c.join("aconite")),
            Some(PathBuf::from("/usr/share/datasets")),
        ];
        Self(places.into_iter().flatten().collect())
    }

    /// A file or folder that a setting names: as it is, or below the working directory or one of the places.
    ///
    /// # Errors
    /// None is given, or it is nowhere: the message lists where it was looked for.
    pub fn own(&self, key: &str, path: &str) -> Result<PathBuf> {
        if path.is_empty() {
            return Err(Error::at(key, format!("no {key} is given")).hint(format!("{key} = \"…\"")));
        }
        let given = PathBuf::from(path);
        let mut looked = vec![given.clone()];
        if given.is_relative() {
            looked.extend(self.0.iter().map(|place| place.join(&given)));
        }
        if let Some(found) = looked.iter().find(|path| path.exists()) {
            return Ok(found.clone());
        }
        let looked: Vec<String> = looked.iter().map(|path| path.display().to_string()).collect();
        Err(Error::at(key, format!("{path:?} is not there; looked for {}", looked.join(", ")))
            .hint("a relative path begins in the working directory or in $ACONITE_DATA"))
    }

    /// The first folder `<place>/<name>` (or with `-` for `_`) that holds all `files`, each as it is or with
    /// `.gz`.
    ///
    /// # Errors
    /// None does: the message lists the folders and gives `hint`, and how to fetch it if that can be done.
    pub fn find(&self, name: &str, files: &[&str], hint: &str) -> Result<PathBuf> {
        let dashed = name.replace('_', "-");
        self.find_any(name, &[name, &dashed], files, hint)
    }

    /// The first folder `<place>/<one of the folders>` that holds all `files`, for the data set `name`.
    ///
    /// # Errors
    /// As [`Places::find`].
    pub fn find_any(&self, name: &str, folders: &[&str], files: &[&str], hint: &str) -> Result<PathBuf> {
        let mut folders: Vec<PathBuf> =
            self.0.iter().flat_map(|place| folders.iter().map(|n| place.join(n))).collect();
        folders.dedup();
        if let Some(folder) = folders.iter().find(|f| files.iter().all(|file| existing(f, file).is_some())) {
            return Ok(folder.clone());
        }
        let looked: Vec<String> = folders.iter().map(|f| f.display().to_string()).collect();
        // A folder that holds some of the files is more likely meant than missing.
        let partly = folders.iter().find_map(|folder| {
            let missing: Vec<&str> =
                files.iter().copied().filter(|file| existing(folder, file).is_none()).collect();
            (missing.len() < files.len())
                .then(|| format!("{} lacks {}", folder.display(), missing.join(", ")))
        });
        let message = match partly {
            Some(partly) => format!("the data set {name} is not complete: {partly}"),
            None => format!("the data set {name} is not on this machine; looked in {}", looked.join(", ")),
        };
        let hint = match crate::fetch::recipe(name).filter(|recipe| !recipe.files.is_empty()) {
            Some(_) => format!("aconite data fetch {name}; or {hint}"),
            None => hint.to_owned(),
        };
        Err(Error::at("kind", message).hint(hint))
    }
}

/// The file or folder `name`, or the file `name.gz`, in `folder`, if there.
pub(crate) fn existing(folder: &Path, name: &str) -> Option<PathBuf> {
    let plain = folder.join(name);
    let zipped = folder.join(format!("{name}.gz"));
    if plain.exists() { Some(plain) } else { Some(zipped).filter(|p| p.is_file()) }
}
