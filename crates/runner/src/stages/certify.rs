//! `certify`: predictions on the test set, each with the number of training rows that may change without it.

use aconite_core::{Certified, Role};
use aconite_plan::{Entry, Stage};
use aconite_record::Certificates;
use serde_json::{Map, Value, json};

use super::workshop::regime;
use super::{Failure, Output, Workshop};

const FILE: &str = "certificate.json";
/// The radii at which certified accuracy is a metric.
const RADII: [usize; 9] = [1, 2, 5, 10, 20, 50, 100, 200, 500];

pub(super) fn compute(stage: &Stage, shop: &mut Workshop) -> Result<Output, Failure> {
    let defense = regime(stage)?;
    let Some(Role::Certificate(certificate)) = defense.as_ref().map(|d| d.role()) else {
        return Err(Failure::Failed("this defense proves nothing".into()));
    };
    let split = shop.split(stage)?;
    let model = shop.model(stage, &split.train.info())?;
    let certified = certificate.certify(model.as_ref(), split.test.rows())?;
    let all = Certificates {
        radii: certified.iter().map(|c: &Certified| c.radius as f64).collect(),
        correct: certified.iter().zip(split.test.labels()).map(|(c, label)| c.label == *label).collect(),
    };
    let mut value = Map::new();
    for radius in RADII {
        value.insert(format!("certified_accuracy_at_{radius}"), json!(all.accuracy_at(radius as f64)));
    }
    if let Some(median) = median_radius(&all) {
        value.insert("certified_radius_median".into(), json!(median));
    }
    let bytes = serde_json::to_vec(&all).unwrap_or_default();
    Ok(Output { value: Value::Object(value), files: vec![(FILE.to_owned(), bytes)] })
}

/// The median certificate of Levine and Feizi: the largest radius at which at least half of the rows are certified
/// to be right; `None` if fewer are right at all.
fn median_radius(all: &Certificates) -> Option<f64> {
    let right = all.radii.iter().zip(&all.correct).filter(|(_, correct)| **correct);
    let mut radii: Vec<f64> = right.map(|(radius, _)| *radius).collect();
    radii.sort_by(|a, b| b.total_cmp(a));
    radii.get(all.radii.len().div_ceil(2).checked_sub(1)?).copied()
}

/// What a finished `certify` stage proved.
pub(crate) fn read(entry: &Entry) -> Result<Certificates, Failure> {
    serde_json::from_slice(&entry.read(FILE)?).map_err(|e| Failure::Failed(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_rows_hold_at_the_median() {
        let of = |radii: &[f64], correct: &[bool]| {
            median_radius(&Certificates { radii: radii.to_vec(), correct: correct.to_vec() })
        };
        assert_eq!(of(&[9.0, 4.0, 1.0, 7.0], &[true; 4]), Some(7.0));
        assert_eq!(of(&[9.0, 4.0, 1.0], &[true; 3]), Some(4.0));
        assert_eq!(of(&[9.0, 4.0, 1.0, 7.0], &[false, true, true, false]), Some(1.0));
        assert_eq!(of(&[9.0, 4.0, 1.0, 7.0], &[false, false, true, false]), None);
        assert_eq!(of(&[], &[]), None);
    }
}
