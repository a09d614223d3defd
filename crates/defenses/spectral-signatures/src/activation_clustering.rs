//! Activation clustering: poisons of a class form a cluster of their own among its activations.

use aconite_core::{
    Defense, Error, Evidence, Filter, Info, Rate, Reads, Removal, Result, Role, Seed, Verdict,
};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::Scope;
use crate::classes::{self, Class, Opinion, above_zero};
use crate::ica::{TOLERANCE, independent};
use crate::kmeans::{Halves, squared, two_means};
use crate::pca::{normals, principal};
use crate::reclassify::{self, NearestMean};
use crate::silhouette::mean_silhouette;

/// Splits the activations of each class in two and removes the smaller part where it looks like poison.
///
/// Paper: Chen, Carvalho, Baracaldo, Ludwig, Edwards, Lee, Molloy, Srivastava 2018, "Detecting Backdoor Attacks on
/// Deep Neural Networks by Activation Clustering", Algorithm 1 and the three analyses after it.
///
/// Per class: penultimate activations, reduced to `components` independent (or principal) components, then
/// 2-means. With n rows in the class and s in its smaller cluster, that cluster goes when
/// s/n < `size_threshold` (rule `smaller`), when the mean silhouette of the clusters is above
/// `silhouette_threshold` (`silhouette`), or when ℓ/p < `reclassification_threshold`
/// (`exclusionary_reclassification`): of its rows, classified by a model trained without them, ℓ get their own
/// label and p the other label that most of them get.
///
/// The score of a row is 1 − (its cluster's rows)/n + m/2n, where m = (d² − e²)/(d² + e²) lies in [−1, 1], e its
/// distance to the mean of the smaller cluster and d to that of the larger: the smaller a cluster, the higher it
/// ranks, and within a cluster the rows nearer to the smaller one come first. In classes without two clusters
/// (alone, or all alike) rows score 0, the lowest score there is. Of two equally large clusters the one without
/// the class's first row counts as the smaller.
///
/// Ours: components are FastICA's (log cosh, parallel, at most 200 iterations, tolerance 1e-4) after whitening by
/// principal components, fewer where the activations span fewer directions; 2-means is the best of `n_init` runs
/// from k-means++ starts. A filter is given no retrained victim: exclusionary reclassification takes the nearest
/// class mean of the rows' own pixels or columns (in standard deviations) in its place, which is a far weaker
/// classifier than the paper's and mistakes more clean clusters; only the smaller cluster is examined. A head
/// retrained on the activations would not do: they carry the backdoor, which puts poisons near their label
/// whether or not they are trained on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ActivationClustering {
    /// How activations are reduced.
    pub reduction: Reduction,
    /// Dimensions that they are reduced to, at least 1.
    #[schemars(range(min = 1))]
    pub components: usize,
    /// Runs of 2-means, of which the tightest counts, at least 1.
    #[schemars(range(min = 1))]
    pub n_init: usize,
    /// Which smaller clusters go.
    pub rule: ClusterRule,
    /// Share of the class below which a cluster goes by the rule `smaller`, in [0, 1].
    pub size_threshold: Rate,
    /// Mean silhouette above which a cluster goes by the rule `silhouette`, in [−1, 1]; 0.10 to 0.15 in the paper.
    #[schemars(range(min = -1.0, max = 1.0))]
    pub silhouette_threshold: f64,
    /// Rows of a class whose silhouettes are averaged, drawn at random; 0 takes all. Each one's silhouette is
    /// exact, to all rows of the class.
    pub silhouette_sample: usize,
    /// Ratio T below which a cluster goes by the rule `exclusionary_reclassification`, above 0.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub reclassification_threshold: f64,
    /// Another rule to cut the scores of a class by, instead of `rule`.
    pub removal: Option<Removal>,
}

/// How activations are reduced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Reduction {
    /// To independent components, scaled to unit variance.
    #[default]
    Ica,
    /// To principal components, as they are.
    Pca,
}

/// Which smaller clusters go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum ClusterRule {
    /// Those that hold a small share of their class.
    #[default]
    Smaller,
    /// Those of classes whose two clusters are well apart.
    Silhouette,
    /// Those whose rows get another label from a classifier that was trained without them.
    ExclusionaryReclassification,
}

impl Default for ActivationClustering {
    fn default() -> Self {
        Self {
            reduction: Reduction::Ica,
            components: 10,
            n_init: 10,
            rule: ClusterRule::Smaller,
            size_threshold: Rate::literal(0.35),
            silhouette_threshold: 0.1,
            silhouette_sample: 2000,
            reclassification_threshold: 1.0,
            removal: None,
        }
    }
}

impl Kind for ActivationClustering {}

impl Defense for ActivationClustering {
    fn role(&self) -> Role<'_> {
        Role::Filter(self)
    }

    fn check(&self, info: &Info) -> Result<()> {
        for (key, what, value) in
            [("components", "components", self.components), ("n_init", "runs", self.n_init)]
        {
            if value == 0 {
                return Err(Error::at(key, format!("0 {what} are too few: at least 1 is needed")));
            }
        }
        if !(-1.0..=1.0).contains(&self.silhouette_threshold) {
            let message = format!("a silhouette of {} is outside [-1, 1]", self.silhouette_threshold);
            return Err(Error::at("silhouette_threshold", message));
        }
        above_zero("reclassification_threshold", "a ratio", self.reclassification_threshold)?;
        match self.removal {
            Some(removal) => removal.check("removal"),
            None if self.rule == ClusterRule::ExclusionaryReclassification => reclassify::check(info, "rule"),
            None => Ok(()),
        }
    }
}

impl Filter for ActivationClustering {
    fn reads(&self) -> Reads {
        Reads::MODEL
    }

    fn removes_a_share(&self) -> bool {
        self.removal.is_some_and(|removal| removal.always_removes())
    }

    fn judge(&self, evidence: &Evidence<'_>) -> Result<Verdict> {
        let others = match self.rule {
            ClusterRule::ExclusionaryReclassification if self.removal.is_none() => {
                Some(NearestMean::new(evidence.data)?)
            }
            _ => None,
        };
        classes::judge(evidence, Scope::AllClasses, self.removal, |class| {
            let seed = |stream: &str| evidence.seed.derive(stream).derive(&class.number.to_string());
            let Some(points) = self.reduced(&class.features, seed("unmixing"))? else {
                return Ok(Opinion::none(class.rows.len()));
            };
            let width = points.size()[1] as usize;
            let flat = Vec::<f64>::try_from(points.f_flatten(0, -1)?)?;
            let Some(halves) = two_means(&flat, width, self.n_init, &mut seed("centers").rng()) else {
                return Ok(Opinion::none(class.rows.len()));
            };
            let split = Split::of(halves);
            let suspicious = self.removal.is_none()
                && self.suspects(class, &points, &split, others.as_ref(), seed("silhouette"))?;
            let marked = split.smaller.iter().map(|&smaller| smaller && suspicious).collect();
            Ok(Opinion { scores: split.scores(&flat), rule: classes::Rule::Marked(marked) })
        })
    }
}

impl ActivationClustering {
    /// The reduced activations of a class, rows × components; nothing where they are all alike.
    fn reduced(&self, features: &Tensor, seed: Seed) -> Result<Option<Tensor>> {
        let principal = principal(features, self.components)?;
        let components = principal.values.len();
        if components == 0 {
            return Ok(None);
        }
        let coordinates = principal.coordinates()?;
        if self.reduction == Reduction::Pca {
            return Ok(Some(coordinates));
        }
        let start = normals(&mut seed.rng(), components * components);
        let start = Tensor::f_from_slice(&start)?.f_view([components as i64, components as i64])?;
        independent(&coordinates, &principal.values, &start, TOLERANCE).map(Some)
    }

    /// Whether the rule takes the smaller cluster for poison.
    fn suspects(
        &self,
        class: &Class,
        points: &Tensor,
        split: &Split,
        others: Option<&NearestMean<'_>>,
        seed: Seed,
    ) -> Result<bool> {
        let all: Vec<usize> = (0..class.rows.len()).collect();
        Ok(match (self.rule, others) {
            (ClusterRule::Silhouette, _) => {
                let chosen = match self.silhouette_sample {
                    0 => all,
                    some => seed.choose(&all, some),
                };
                mean_silhouette(points, &split.smaller, &chosen)? > self.silhouette_threshold
            }
            (ClusterRule::ExclusionaryReclassification, Some(others)) => {
                let rows: Vec<usize> =
                    all.iter().filter(|&&row| split.smaller[row]).map(|&row| class.rows[row]).collect();
                let mut votes = others.without(class.number, &rows)?;
                let own = std::mem::take(&mut votes[class.number]);
                let most = votes.into_iter().max().unwrap_or(0);
                (own as f64) < self.reclassification_threshold * most as f64
            }
            _ => (split.small as f64) < self.size_threshold.get() * all.len() as f64,
        })
    }
}

/// The rows of a class in a smaller and a larger cluster.
struct Split {
    /// Per row, whether it is in the smaller cluster.
    smaller: Vec<bool>,
    /// Rows of the smaller cluster.
    small: usize,
    /// Means of the larger and of the smaller cluster.
    centers: [Vec<f64>; 2],
}

impl Split {
    fn of(Halves { mut second, centers, .. }: Halves) -> Self {
        let members = second.iter().filter(|second| **second).count();
        let others = second.len() - members;
        let [a, b] = centers;
        let swap = members > others || (members == others && second.first() == Some(&true));
        if !swap {
            return Self { smaller: second, small: members, centers: [a, b] };
        }
        for second in &mut second {
            *second = !*second;
        }
        Self { smaller: second, small: others, centers: [b, a] }
    }

    /// A score for each of the points.
    fn scores(&self, points: &[f64]) -> Vec<f64> {
        let [larger, smaller] = &self.centers;
        let all = self.smaller.len();
        let score = |(point, &is_smaller): (&[f64], &bool)| {
            let (d, e) = (squared(point, larger), squared(point, smaller));
            let nearer = if d + e > 0.0 { (d - e) / (d + e) } else { 0.0 };
            let members = if is_smaller { self.small } else { all - self.small };
            1.0 - (members as f64 - nearer / 2.0) / all as f64
        };
        points.chunks_exact(larger.len()).zip(&self.smaller).map(score).collect()
    }
}
