//! `logistic`: multinomial logistic regression, solved to its optimum.

mod solver;

use aconite_core::{
    Dataset, Info, Learner, Model, NamedTensors, Observer, Relearns, Result, Rows, Seed, Work,
};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::decision::{LinearModel, check, check_c, columns, inputs, is_one_of_columns};
use super::words::{Words, within_words};
use solver::Problem;

/// Logistic regression with an L2 penalty, binary or multinomial.
///
/// Paper: Cox 1958, "The regression analysis of binary sequences"; the objective and the names of the settings are
/// scikit-learn's `LogisticRegression`.
///
/// min over W, b: ½‖W‖² + C·Σᵢ −log softmax(Wᵀxᵢ + b)(yᵢ), the bias not regularised. With two classes there is
/// one weight vector w for the log-odds z = w·x + b of class 1, and the scores are −z/2 and z/2, so that their
/// softmax is the model's probability in every case. A class without a training row gets no weights and the score
/// −10⁴. Inputs are the numbers of a table as they are (data sets standardise them), pixels as x/127.5 − 1, and texts
/// and messages as `words` says; features are the inputs. The net `linear` is the same model trained in SGD steps.
///
/// Solved by L-BFGS in f64, preconditioned by the Hessian's blocks, until the error is below 10⁻⁶; without a
/// random draw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Logistic {
    /// Factor C of the summed loss (the inverse of the L2 penalty's strength), above 0.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub c: f64,
    /// How texts and messages become numbers; without meaning for other rows.
    pub words: Words,
}

impl Default for Logistic {
    fn default() -> Self {
        Self { c: 1.0, words: Words::default() }
    }
}

impl Kind for Logistic {}

impl Learner for Logistic {
    fn check(&self, info: &Info) -> Result<()> {
        check(info)?;
        check_c(self.c)?;
        self.words.check().map_err(within_words)
    }

    fn fit(&self, data: &Dataset, _: Seed, watch: &mut dyn Observer) -> Result<Box<dyn Model>> {
        self.words.fit(data, |data| {
            let mut problem = Problem::new(&inputs(data.rows())?, data.num_classes(), self.c)?;
            Ok(Box::new(problem.solve(data.labels(), watch)?))
        })
    }

    fn relearns(&self, rows: &Rows, classes: usize) -> Result<Option<Box<dyn Relearns>>> {
        let problem =
            |rows: &Rows| Ok(Box::new(Problem::new(&inputs(rows)?, classes, self.c)?) as Box<dyn Relearns>);
        self.words.relearns(rows, problem).map(Some)
    }

    fn is_linear(&self, info: &Info) -> bool {
        is_one_of_columns(info)
    }

    fn work(&self, info: &Info) -> Work {
        let (inputs, outputs) =
            (self.words.width(info).unwrap_or(0) as f64, columns(info.classes.len()) as f64);
        Work { macs: inputs * outputs, weights: (inputs + 1.0) * outputs, features: inputs }
    }

    fn restore(&self, info: &Info, tensors: &NamedTensors) -> Result<Box<dyn Model>> {
        self.words.restore(info, tensors, |info| Ok(Box::new(LinearModel::restore(info, tensors)?)))
    }
}

impl Relearns for Problem {
    fn relearn(&mut self, labels: &[usize]) -> Result<Box<dyn Model>> {
        Ok(Box::new(self.solve(labels, &mut aconite_core::Silent)?))
    }
}
