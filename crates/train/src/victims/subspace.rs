//! Detectors by distance from a normal subspace: the model, and how it is learnt anew from period to period.

use aconite_core::{Dataset, Error, Info, Model, NamedTensors, Observer, Result, Retraining, Rows};
use tch::{Kind, Tensor};

use super::anomaly::{check, check_rows, numbers, scores};
use super::decision::{inputs, stored, width};

/// A subspace about a centre, and how far from it is too far.
pub(super) struct Subspace {
    /// f64, D.
    pub(super) centre: Tensor,
    /// Orthonormal columns, f64, D×k.
    pub(super) basis: Tensor,
    pub(super) threshold: f64,
    /// Whether the squared distance is compared, else the distance.
    pub(super) squared: bool,
    pub(super) normal: usize,
}

impl Subspace {
    pub(super) fn restore(
        info: &Info,
        tensors: &NamedTensors,
        squared: bool,
        normal: Option<usize>,
    ) -> Result<Self> {
        let width = width(info)? as i64;
        Ok(Self {
            centre: stored(tensors, "centre", &[width])?,
            basis: stored(tensors, "basis", &[width, -1])?,
            threshold: f64::try_from(stored(tensors, "threshold", &[1])?)?,
            squared,
            normal: check(info, normal)?,
        })
    }

    /// How far each row of an f64 N×D lies from the subspace: ‖(I − PPᵀ)(x − c)‖, or its square.
    pub(super) fn far(&self, rows: &Tensor) -> Result<Vec<f64>> {
        let moved = rows.f_sub(&self.centre)?;
        let inside = moved.f_matmul(&self.basis)?.f_matmul(&self.basis.f_tr()?)?;
        let squares = moved.f_sub(&inside)?.f_square()?;
        let squares = squares.f_sum_dim_intlist([1i64].as_slice(), false, Kind::Double)?;
        let far = if self.squared { squares } else { squares.f_sqrt()? };
        Ok(Vec::<f64>::try_from(far)?)
    }
}

impl Model for Subspace {
    fn scores(&self, rows: &Rows) -> Result<Tensor> {
        let far = self.far(&inputs(rows)?.f_to_kind(Kind::Double)?)?;
        scores(&far, self.threshold, self.normal)
    }

    fn features(&self, rows: &Rows) -> Result<Tensor> {
        inputs(rows)
    }

    fn tensors(&self) -> NamedTensors {
        [
            ("centre", self.centre.shallow_clone()),
            ("basis", self.basis.f_contiguous().unwrap_or_else(|_| self.basis.shallow_clone())),
            ("threshold", Tensor::from_slice(&[self.threshold])),
        ]
        .map(|(name, tensor)| (name.to_owned(), tensor))
        .into()
    }
}

/// Checks the settings that both detectors have; the normal class.
pub(super) fn check_settings(
    info: &Info,
    normal: Option<usize>,
    components: Option<u32>,
    alpha: f64,
    period: Option<u32>,
) -> Result<usize> {
    let normal = check(info, normal)?;
    let (width, rows) = (width(info)?, info.rows[normal]);
    if let Some(k) = components
        && (k == 0 || k as usize >= width)
    {
        let message =
            format!("{k} components of {width} columns: from 1 to {} leave something outside", width - 1);
        return Err(Error::at("components", message));
    }
    if !(alpha > 0.0 && alpha < 0.5) {
        return Err(Error::at("alpha", format!("a false alarm rate of {alpha} is outside (0, 0.5)")));
    }
    match period {
        Some(period) if period < 3 => {
            Err(Error::at("period", format!("a period of {period} rows is too short: 3 or more")))
        }
        Some(period) => check_rows(Some("period"), period as usize, rows).map(|()| normal),
        None => check_rows(None, 3, rows).map(|()| normal),
    }
}

/// The periods of a detector with these settings.
pub(super) fn retraining(
    info: &Info,
    normal: Option<usize>,
    period: Option<u32>,
) -> Result<Option<Retraining>> {
    let normal = info.normal_class(normal)?;
    Ok(period.map(|period| Retraining { period, normal }))
}

/// Learns the rows labelled normal: all at once, or period by period, each time from what the last detector let pass.
pub(super) fn learn(
    data: &Dataset,
    normal: usize,
    period: Option<u32>,
    watch: &mut dyn Observer,
    fit: impl Fn(&Tensor) -> Result<Subspace>,
) -> Result<Subspace> {
    let rows = data.rows_of(normal);
    let size = period.map_or(rows.len(), |period| period as usize);
    check_rows(period.map(|_| "period"), size.max(3), rows.len())?;
    let mut periods = rows.chunks_exact(size);
    let total = periods.len();
    let first = periods.next().ok_or_else(|| Error::new("no training row is labelled normal"))?;
    let mut detector = fit(&numbers(data, first)?)?;
    watch.step(1, total);
    for (i, rows) in periods.enumerate() {
        let far = detector.far(&numbers(data, rows)?)?;
        let pass = rows.iter().zip(far).filter(|(_, far)| *far <= detector.threshold);
        let kept: Vec<usize> = pass.map(|(&row, _)| row).collect();
        // An operator who finds nearly everything anomalous does not retrain on what is left.
        if kept.len() >= size.div_ceil(2) {
            detector = fit(&numbers(data, &kept)?)?;
        }
        watch.step(i + 2, total);
    }
    Ok(detector)
}
