//! Spectral signatures: poisons stand out along the top singular direction of their class.

use aconite_core::{
    Defense, Error, Evidence, Filter, Info, Knowledge, Rate, Result, Role, Told, Verdict, top_scores,
};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::{Kind as Element, Tensor};

/// Removes, per class, the rows whose features reach farthest along the class's top singular direction.
///
/// Paper: Tran, Li, Madry 2018, "Spectral Signatures in Backdoor Attacks", Algorithm 1.
///
/// For each class with features f₁ … fₙ (penultimate activations of the model trained on the poisoned set):
/// R = [fᵢ − mean f], v its top right singular vector, score τᵢ = ((fᵢ − mean f)·v)²; the ⌊multiplier·ε·n⌋ rows
/// with the highest scores go, the earlier row first on a tie. v is the top eigenvector of RᵀR in double
/// precision, found by power iteration where there are more than 512 features.
///
/// The paper bounds ε per class and lets the defender know it; here it is told unless `epsilon` or `remove` is
/// set: the largest share of poisoned rows in any class, and every class loses the same share. The authors' code
/// looks at the target class only (`scope = "target_class"`), takes v from the centred features but projects the
/// features as they are (`centered = false`), and removes the top 15 % (`remove = 0.15`).
///
/// Scores are compared within a class; the area under the ROC curve pools the raw scores of all rows. Rows that
/// were not looked at (outside the scope, or alone in their class) score 0, the lowest score there is, and stay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SpectralSignatures {
    /// Assumed share ε of poisoned rows in a class, in [0, 1]; none is told the largest in any class.
    pub epsilon: Option<Rate>,
    /// How many times the assumed poisons are removed, above 0.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub multiplier: f64,
    /// Share of each class to remove instead of `multiplier`·`epsilon`, in [0, 1]; 0.15 in the authors' code.
    pub remove: Option<Rate>,
    /// Whether features are centred before they are projected, as the paper says; the authors' code does not.
    pub centered: bool,
    /// The classes that are looked at.
    pub scope: Scope,
}

/// The classes that are looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Scope {
    /// Every class.
    #[default]
    AllClasses,
    /// The attack's target class, which the defense is told; every class when the attack has no single target.
    TargetClass,
}

impl Default for SpectralSignatures {
    fn default() -> Self {
        Self { epsilon: None, multiplier: 1.5, remove: None, centered: true, scope: Scope::AllClasses }
    }
}

impl Kind for SpectralSignatures {}

impl SpectralSignatures {
    /// The share of a class that goes.
    fn share(&self, told: &Told) -> Result<f64> {
        if let Some(share) = self.remove {
            return Ok(share.get());
        }
        let told = told.poison_rate.map(Rate::try_from).transpose().map_err(Error::new)?;
        let epsilon = self.epsilon.or(told).ok_or_else(|| {
            Error::new("the share of poisoned rows is not known").hint("set epsilon or remove")
        })?;
        Ok(self.multiplier * epsilon.get())
    }
}

impl Defense for SpectralSignatures {
    fn role(&self) -> Role<'_> {
        Role::Filter(self)
    }

    fn knowledge(&self) -> Vec<Knowledge> {
        let rate = self.epsilon.is_none() && self.remove.is_none();
        let target = self.scope == Scope::TargetClass;
        let all = [(rate, Knowledge::PoisonRate), (target, Knowledge::TargetClass)];
        all.into_iter().filter_map(|(needed, knowledge)| needed.then_some(knowledge)).collect()
    }

    fn check(&self, _info: &Info) -> Result<()> {
        if !(self.multiplier.is_finite() && self.multiplier > 0.0) {
            return Err(Error::at(
                "multiplier",
                format!("a multiplier of {} is not above 0", self.multiplier),
            ));
        }
        if let (Some(_), Some(remove)) = (self.epsilon, self.remove) {
            let message =
                format!("remove = {} fixes the share already, epsilon has no meaning", remove.get());
            return Err(Error::at("epsilon", message).hint("leave one of the two out"));
        }
        Ok(())
    }
}

impl Filter for SpectralSignatures {
    fn needs_features(&self) -> bool {
        true
    }

    fn removes_a_share(&self) -> bool {
        true
    }

    fn judge(&self, evidence: &Evidence<'_>) -> Result<Verdict> {
        let (data, features) = (evidence.data, evidence.features()?);
        let share = self.share(&evidence.told)?;
        let classes = match (self.scope, evidence.told.target_class) {
            (Scope::TargetClass, Some(target)) => target..target + 1,
            (Scope::TargetClass, None) | (Scope::AllClasses, _) => 0..data.num_classes(),
        };
        let mut scores = vec![0.0; data.len()];
        let mut removed = vec![false; data.len()];
        for class in classes {
            let rows = data.rows_of(class);
            if rows.len() < 2 {
                continue;
            }
            let index: Vec<i64> = rows.iter().map(|&row| row as i64).collect();
            let of_class = features.f_index_select(0, &Tensor::f_from_slice(&index)?)?;
            for (&row, score) in rows.iter().zip(projections(&of_class, self.centered)?) {
                scores[row] = score;
            }
            top_scores(&scores, &rows, count(share, rows.len()), &mut removed);
        }
        if removed.iter().all(|&gone| gone) {
            return Err(Error::new(format!(
                "a share of {share:.3} of each class is every training row: nothing is left to train on"
            ))
            .hint("set a smaller epsilon, multiplier or remove"));
        }
        Ok(Verdict { scores, removed })
    }
}

/// ⌊share·n⌋, at most n, immune to the last bit as [`Rate::count`] is; a share may exceed 1.
fn count(share: f64, n: usize) -> usize {
    ((share * n as f64 + 1e-9).floor() as usize).min(n)
}

/// Features wider than this are too many for all eigenvectors of RᵀR when only the first is wanted.
const WIDE: i64 = 512;

/// The largest eigenvalue of RᵀR and its eigenvector, whose sign is arbitrary: squares do not care.
fn exact(residuals: &Tensor) -> Result<(f64, Tensor)> {
    // Eigenvalues ascend: the last column belongs to the largest.
    let (values, vectors) = residuals.f_tr()?.f_matmul(residuals)?.f_linalg_eigh("L")?;
    Ok((f64::try_from(values.f_select(0, -1)?)?, vectors.f_select(1, -1)?))
}

/// The same by power iteration: v ← RᵀRv / ‖RᵀRv‖ until v stands still. Where two directions are about equally
/// strong it may stop at a mixture of the two, after so many steps that neither stands out.
fn iterated(residuals: &Tensor) -> Result<(f64, Tensor)> {
    /// Steps at most; each reads the features twice.
    const STEPS: usize = 1000;
    // The row that lies farthest out is the direction to begin with: it has a part of every strong one.
    let far = residuals
        .f_square()?
        .f_sum_dim_intlist([1i64].as_slice(), false, Element::Double)?
        .f_argmax(0, false)?;
    let mut v = residuals.f_select(0, i64::try_from(far)?)?;
    let norm = f64::try_from(v.f_norm()?)?;
    if norm == 0.0 {
        return Ok((0.0, v));
    }
    v = v.f_div_scalar(norm)?;
    let mut top = 0.0;
    for _ in 0..STEPS {
        let next = residuals.f_tr()?.f_mv(&residuals.f_mv(&v)?)?;
        top = f64::try_from(next.f_norm()?)?;
        if top == 0.0 {
            break;
        }
        let next = next.f_div_scalar(top)?;
        let moved = f64::try_from(next.f_sub(&v)?.f_norm()?)?;
        v = next;
        if moved < 1e-9 {
            break;
        }
    }
    Ok((top, v))
}

/// Per row of the features of one class, the square of its projection on the top right singular vector of the
/// centred features; `centered` says whether the row itself is centred too.
fn projections(features: &Tensor, centered: bool) -> Result<Vec<f64>> {
    let raw = features.f_to_kind(Element::Double)?;
    let residuals = raw.f_sub(&raw.f_mean_dim([0i64].as_slice(), true, Element::Double)?)?;
    let (top, v) = if residuals.size()[1] <= WIDE { exact(&residuals)? } else { iterated(&residuals)? };
    // Rows that differ by rounding alone have no direction.
    let all = f64::try_from(raw.f_square()?.f_sum(Element::Double)?)?;
    if top <= 1e-24 * all {
        return Ok(vec![0.0; raw.size()[0] as usize]);
    }
    let along = if centered { residuals } else { raw }.f_mv(&v)?;
    Ok(Vec::try_from(along.f_square()?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn the_iterated_direction_is_the_exact_one() {
        // Smooth made-up features with one direction that stands out, and others that fall off.
        let at = |n: i64| Tensor::arange(n, (Element::Double, Device::Cpu));
        let (rows, columns) = (at(90).view([90, 1]), at(40).view([1, 40]));
        let spread = (&rows * 0.7).sin() * 3.0 * (&columns * 0.3).cos() + (&rows * &columns * 0.37).sin();
        let residuals = &spread - spread.mean_dim([0i64].as_slice(), true, Element::Double);
        let ((a, u), (b, v)) = (exact(&residuals).unwrap(), iterated(&residuals).unwrap());
        let cosine = u.dot(&v).abs().double_value(&[]);
        assert!((a / b - 1.0).abs() < 1e-9 && (cosine - 1.0).abs() < 1e-9, "{a} {b} {cosine}");
        let nothing = Tensor::zeros([5, 3], (Element::Double, Device::Cpu));
        assert_eq!(iterated(&nothing).unwrap().0, 0.0);
    }
}
