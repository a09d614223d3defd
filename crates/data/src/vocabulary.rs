//! Names met in files, and the numbers they get.

use std::collections::HashMap;

use aconite_core::{Error, Result};

/// Most classes of a user's data set.
pub(crate) const CLASSES: usize = 10_000;

/// Different names in the order they were met.
#[derive(Debug, Default)]
pub(crate) struct Vocabulary {
    names: Vec<String>,
    codes: HashMap<String, u32>,
}

impl Vocabulary {
    /// The number of a name, which is a new one if it was not met before.
    pub(crate) fn code(&mut self, name: &str) -> u32 {
        if let Some(&code) = self.codes.get(name) {
            return code;
        }
        let code = self.names.len() as u32;
        self.names.push(name.to_owned());
        self.codes.insert(name.to_owned(), code);
        code
    }

    /// Different names so far.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// The name of a number.
    pub(crate) fn name(&self, code: u32) -> &str {
        self.names.get(code as usize).map_or("", String::as_str)
    }

    /// The numbers in the order of their names: as whole numbers if all are, else by their letters.
    pub(crate) fn sorted(&self) -> Vec<u32> {
        let mut codes: Vec<u32> = (0..self.names.len() as u32).collect();
        sort(&mut codes, |&code| self.name(code).to_owned());
        codes
    }
}

/// Sorts by names: as whole numbers if all are (2 before 10), else by their letters.
pub(crate) fn sort<T>(items: &mut [T], name: impl Fn(&T) -> String) {
    match items.iter().all(|item| name(item).parse::<i64>().is_ok()) {
        true => items.sort_by_cached_key(|item| (name(item).parse::<i64>().unwrap_or_default(), name(item))),
        false => items.sort_by_cached_key(&name),
    }
}

/// Turns label codes into classes in order; every class must have training rows, and there must be two.
///
/// `train` is the number of training rows, which come first; `place` tells a row's place in its file.
pub(crate) fn classes(
    names: &Vocabulary,
    codes: &[u32],
    train: usize,
    place: impl Fn(usize) -> String,
) -> Result<(Vec<String>, Vec<usize>)> {
    let mut met = vec![false; names.len()];
    for &code in codes.iter().take(train) {
        if let Some(met) = met.get_mut(code as usize) {
            *met = true;
        }
    }
    let known = |code: u32| met.get(code as usize).copied().unwrap_or_default();
    if let Some(row) = codes.iter().position(|&code| !known(code)) {
        let name = codes.get(row).map_or("", |&code| names.name(code));
        return Err(Error::new(format!("{}: class {name:?} has no training row", place(row))));
    }
    let order = names.sorted();
    if order.len() < 2 {
        let message = format!("all rows are of one class, {:?}", names.name(0));
        return Err(Error::at("label", message).hint("there is nothing to tell apart"));
    }
    if order.len() > CLASSES {
        let message = format!("{} classes, expected at most {CLASSES}", order.len());
        return Err(Error::at("label", message).hint("is it the column of the labels?"));
    }
    let mut class = vec![0; order.len()];
    for (place, &code) in order.iter().enumerate() {
        if let Some(to) = class.get_mut(code as usize) {
            *to = place;
        }
    }
    let labels = codes.iter().map(|&c| class.get(c as usize).copied().unwrap_or_default()).collect();
    Ok((order.iter().map(|&code| names.name(code).to_owned()).collect(), labels))
}
