//! What a model detector found, class by class, kept so that a report can show it.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{Error, write_whole};

/// `detections/<cell>.json`: an index per class and, where the detector reverses them, the triggers.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Detection {
    /// Kind of the detector.
    pub kind: String,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// An index per class, higher meaning more suspicious; none where it is not a number.
    pub index: Vec<Option<f64>>,
    /// Whether the class was taken for a backdoor's target.
    pub flagged: Vec<bool>,
    /// Height of the images.
    #[serde(default)]
    pub height: usize,
    /// Width of the images.
    #[serde(default)]
    pub width: usize,
    /// Channels of the images.
    #[serde(default)]
    pub channels: usize,
    /// A trigger per class; empty for a detector that reverses none.
    #[serde(default)]
    pub triggers: Vec<Reversed>,
}

/// A trigger that was reverse-engineered for a class.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Reversed {
    /// How much of each pixel is replaced, H×W, in [0, 1].
    pub mask: Vec<f32>,
    /// What it is replaced by, H×W×C, in [0, 255].
    pub pattern: Vec<f32>,
}

impl Detection {
    /// Writes the findings.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let text = serde_json::to_string(self).map_err(|e| Error::damaged(path, e))?;
        write_whole(path, text.as_bytes())
    }

    /// Reads them back.
    ///
    /// # Errors
    /// The file is unreadable, the classes differ in number, or a trigger is not of the images' size.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
        let read: Self = serde_json::from_str(&text).map_err(|e| Error::damaged(path, e))?;
        let n = read.classes.len();
        if read.index.len() != n || read.flagged.len() != n {
            return Err(Error::damaged(path, "classes, index and flagged differ in number"));
        }
        let plane = read.height.saturating_mul(read.width);
        let whole = |t: &Reversed| {
            t.mask.len() == plane && t.pattern.len() == plane.saturating_mul(read.channels) && plane > 0
        };
        if !read.triggers.is_empty() && (read.triggers.len() != n || !read.triggers.iter().all(whole)) {
            let what = format!("{n} triggers of {}×{}×{} are needed", read.height, read.width, read.channels);
            return Err(Error::damaged(path, what));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_come_back_and_ragged_ones_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("d.json");
        let good = Detection {
            kind: "neural_cleanse".into(),
            classes: vec!["a".into(), "b".into()],
            index: vec![Some(3.5), None],
            flagged: vec![true, false],
            height: 1,
            width: 2,
            channels: 3,
            triggers: vec![Reversed { mask: vec![0.5; 2], pattern: vec![9.0; 6] }; 2],
        };
        good.write(&path).unwrap();
        assert_eq!(Detection::read(&path).unwrap(), good);
        let none = Detection { triggers: vec![], ..good.clone() };
        none.write(&path).unwrap();
        assert_eq!(Detection::read(&path).unwrap(), none);
        let mut short = good.clone();
        short.triggers[1].pattern.pop();
        for bad in [
            short,
            Detection { flagged: vec![true], ..good.clone() },
            Detection { triggers: good.triggers[..1].to_vec(), ..good.clone() },
            Detection { height: usize::MAX, ..good },
        ] {
            bad.write(&path).unwrap();
            assert!(Detection::read(&path).unwrap_err().to_string().contains("d.json"));
        }
    }
}
