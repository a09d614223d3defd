//! `data`: a set whose files take long to decode, decoded once and kept in the store.

use std::sync::Arc;
use std::time::Instant;

use aconite_core::{Dataset, Error, Images, NamedTensors, Origins, Result, Shape};
use aconite_data::{Places, Source, Split};
use aconite_plan::{Entry, Key, Manifest, StageName, Store, StoreError};
use serde_json::{Value, json};
use tch::{Kind, Tensor};

use crate::{families, system, tensors};

const FILE: &str = "data.safetensors";
const ORIGINS: &str = "origins.json";
/// Raise it when decoding gives other pixels than before.
const VERSION: u32 = 1;

/// Reads a data set as it is, from the store if it is there and worth keeping there.
pub(super) fn load(settings: &Value, places: &Places, store: Option<&Store>) -> Result<Split> {
    let source = families::source(settings)?;
    match store {
        Some(store) if source.is_worth_keeping() => kept(source.as_ref(), settings, places, store),
        _ => source.load(places),
    }
}

fn kept(source: &dyn Source, settings: &Value, places: &Places, store: &Store) -> Result<Split> {
    let inputs = json!({ "settings": families::own(settings), "content": source.fingerprint(places)? });
    let key = Key::of(&json!({ "stage": StageName::Data, "version": VERSION, "settings": inputs }));
    match store.get(&key) {
        Ok(Some(entry)) => match read(&entry) {
            Ok(split) => return Ok(split),
            // Decoding the files again is all that is lost; a damaged entry goes, so that it can be replaced.
            Err(_) => drop(store.remove(&key)),
        },
        Ok(None) => {}
        Err(StoreError::Damaged { .. }) => drop(store.remove(&key)),
        Err(_) => return source.load(places),
    }
    let start = Instant::now();
    let split = source.load(places)?;
    let manifest = Manifest {
        name: StageName::Data,
        settings: inputs,
        inputs: Vec::new(),
        output: json!({ "classes": split.train.classes().as_ref() }),
        seconds: start.elapsed().as_secs_f64(),
        peak_rss_mb: system::peak_rss_mb(),
        host: system::host(),
        files: Default::default(),
        checksum: String::new(),
    };
    // A store that cannot be written costs the next run the time of decoding, nothing else.
    if let Ok(files) = files(&split) {
        let _ = store.put(&key, manifest, &files);
    }
    Ok(split)
}

fn files(split: &Split) -> Result<Vec<(String, Vec<u8>)>> {
    let mut named = NamedTensors::new();
    let mut origins = Vec::new();
    for (name, set) in [("train", &split.train), ("test", &split.test)] {
        let images = set.images()?;
        let shape = images.shape();
        let size = [images.len(), shape.channels, shape.height, shape.width].map(|n| n as i64);
        named.insert(format!("{name}_images"), Tensor::from_data_size(images.bytes(), &size, Kind::Uint8));
        let labels: Vec<i64> = set.labels().iter().map(|&label| label as i64).collect();
        named.insert(format!("{name}_labels"), Tensor::from_slice(&labels));
        origins.push(set.origins());
    }
    let origins = serde_json::to_vec(&origins).map_err(|e| Error::new(e.to_string()))?;
    Ok(vec![(FILE.into(), tensors::encode(&named)?), (ORIGINS.into(), origins)])
}

fn read(entry: &Entry) -> Result<Split> {
    let damaged = |e: &dyn std::fmt::Display| Error::new(e.to_string());
    let mut named = tensors::decode(&entry.read(FILE).map_err(|e| damaged(&e))?)?;
    let [train, test]: [Origins; 2] =
        serde_json::from_slice(&entry.read(ORIGINS).map_err(|e| damaged(&e))?).map_err(|e| damaged(&e))?;
    let classes: Vec<String> =
        serde_json::from_value(entry.manifest.output["classes"].clone()).map_err(|e| damaged(&e))?;
    let classes = Arc::new(classes);
    let mut set = |name: &str, origins: Origins| -> Result<Dataset> {
        let images = tensors::take(&mut named, &format!("{name}_images"))?;
        let labels = Vec::<i64>::try_from(tensors::take(&mut named, &format!("{name}_labels"))?)?;
        let [_, channels, height, width] = images.size()[..] else {
            return Err(Error::new(format!("images are {:?}", images.size())));
        };
        let shape = Shape { channels: channels as usize, height: height as usize, width: width as usize };
        let images = Images::new(shape, Vec::<u8>::try_from(images.flatten(0, -1))?)?;
        let labels = labels.into_iter().map(|label| label as usize).collect();
        Dataset::new(images, labels, classes.clone())?.with_origins(origins)
    };
    Ok(Split { train: set("train", train)?, test: set("test", test)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::path::PathBuf;

    /// Counts how often it is decoded.
    #[derive(Debug, Default)]
    struct Slow(std::sync::Mutex<Cell<usize>>);

    impl Source for Slow {
        fn load(&self, _: &Places) -> Result<Split> {
            let count = self.0.lock().unwrap();
            count.set(count.get() + 1);
            let images =
                Images::new(Shape { channels: 3, height: 1, width: 1 }, vec![1, 2, 3, 4, 5, 6]).unwrap();
            let names = Arc::new(vec!["stop".to_owned(), "go".to_owned()]);
            let origins = Origins::files(vec!["a.ppm".into(), "b.ppm".into()]);
            let train = Dataset::new(images, vec![1, 0], names)?.with_origins(origins)?;
            Ok(Split { test: train.select(&[1])?, train })
        }
        fn fingerprint(&self, _: &Places) -> Result<String> {
            Ok("f".into())
        }
        fn licence(&self) -> &'static str {
            "none"
        }
        fn found(&self, _: &Places) -> Result<Option<PathBuf>> {
            Ok(None)
        }
    }

    #[test]
    fn what_is_slow_to_decode_is_decoded_once() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let (slow, settings, places) = (Slow::default(), json!({"kind": "slow"}), Places(vec![]));
        let load = || kept(&slow, &settings, &places, &store).unwrap();
        let (first, second) = (load(), load());
        assert_eq!(slow.0.lock().unwrap().get(), 1);
        assert_eq!((&second.train, &second.test), (&first.train, &first.test));
        assert_eq!(second.test.origins().of(0), "b.ppm");
        // A damaged entry is decoded again.
        let key = store.list().unwrap().remove(0).key;
        let path = dir.path().join("objects").join(&key.as_str()[..2]).join(key.as_str());
        std::fs::write(path.join(FILE), b"no").unwrap();
        assert_eq!(load().train, first.train);
        assert_eq!((slow.0.lock().unwrap().get(), load().train.len()), (2, 2));
        assert_eq!(slow.0.lock().unwrap().get(), 2);
    }
}
