//! The results folder: what a run writes into it.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use aconite_core::Rows;
use aconite_grid::{Error, Experiment};
use aconite_plan::{Line, Plan, Stage};
use aconite_record::{
    CellRow, Ledger, Provenance, Samples, Score, append_line, read_cells, stage_of, write_flat, write_whole,
};

use crate::stages::{
    Failure, Workshop, read_certificates, read_detection, read_poison, read_predictions, read_rounds,
    read_verdict, read_windows,
};

/// A results folder that is being written.
#[derive(Debug)]
pub(crate) struct Results {
    pub(crate) dir: PathBuf,
    /// Rows by cell: of this run, and of an earlier run of other cells of the same experiment.
    rows: BTreeMap<String, CellRow>,
    /// Names of all cells of the experiment, in grid order.
    order: Vec<String>,
}

impl Results {
    /// Makes the folder and writes what is known before the first stage, so that a folder that cannot be
    /// written is known before anything is computed. Rows of cells in `running` are dropped, rows of other
    /// cells of the experiment stay.
    ///
    /// # Errors
    /// The folder cannot be written, or what it holds is damaged.
    pub(crate) fn open(
        dir: PathBuf,
        experiment: &Experiment,
        order: Vec<String>,
        running: &HashSet<&str>,
        provenance: &Provenance,
    ) -> Result<Self, Error> {
        let cannot = |e: aconite_record::Error| {
            Error::new(format!("the results folder cannot be written: {e}"))
                .hint("choose another with --out DIR")
        };
        let path = dir.join("cells.jsonl");
        let mut rows = BTreeMap::new();
        if path.exists() {
            let old = read_cells(&path).map_err(|e| {
                Error::new(format!("the results of an earlier run cannot be read: {e}"))
                    .hint("move the folder away or choose another with --out DIR")
            })?;
            rows.extend(
                old.into_iter()
                    .filter(|r| order.contains(&r.cell) && !running.contains(r.cell.as_str()))
                    .map(|r| (r.cell.clone(), r)),
            );
        }
        let results = Self { dir, rows, order };
        write_whole(&results.dir.join("experiment.toml"), experiment.portable.as_bytes()).map_err(cannot)?;
        if let Some((_, text)) = &experiment.base {
            write_whole(&results.dir.join("base.toml"), text.as_bytes()).map_err(cannot)?;
        }
        results.write_provenance(provenance).map_err(cannot)?;
        results.write_rows().map_err(cannot)?;
        Ok(results)
    }

    /// Writes `provenance.json`.
    pub(crate) fn write_provenance(&self, provenance: &Provenance) -> Result<(), aconite_record::Error> {
        let text = serde_json::to_string_pretty(provenance).unwrap_or_default();
        write_whole(&self.dir.join("provenance.json"), format!("{text}\n").as_bytes())
    }

    /// Adds a row at once; the file is put in order at the end.
    pub(crate) fn add(&mut self, row: CellRow) -> Result<(), aconite_record::Error> {
        let line = serde_json::to_string(&row).unwrap_or_default();
        append_line(&self.dir.join("cells.jsonl"), &line)?;
        self.rows.insert(row.cell.clone(), row);
        Ok(())
    }

    /// All rows in grid order.
    pub(crate) fn rows(&self) -> Vec<CellRow> {
        self.order.iter().filter_map(|cell| self.rows.get(cell).cloned()).collect()
    }

    fn write_rows(&self) -> Result<(), aconite_record::Error> {
        let lines: String =
            self.rows().iter().filter_map(|r| serde_json::to_string(r).ok()).map(|l| l + "\n").collect();
        write_whole(&self.dir.join("cells.jsonl"), lines.as_bytes())
    }

    /// Writes the tables over all rows.
    pub(crate) fn finish(&self) -> Result<(), aconite_record::Error> {
        self.write_rows()?;
        let rows = self.rows();
        write_flat(&self.dir.join("cells.csv"), &rows)?;
        aconite_report::summary::write_summary(&self.dir.join("summary.csv"), &rows)
    }

    /// Writes the files of one trial of a cell, whose clean twin was trained by the stage `twin`; `name` is theirs. What could not be written is returned with the
    /// reason: the numbers of the cell do not depend on it.
    pub(crate) fn write_line(
        &self,
        name: &str,
        row: &CellRow,
        (line, twin): (&Line, Option<usize>),
        plan: &Plan,
        shop: &mut Workshop,
    ) -> Vec<(&'static str, Failure)> {
        let mut failed = Vec::new();
        let mut note =
            |what: &'static str, done: Result<(), Failure>| failed.extend(done.err().map(|e| (what, e)));
        if let Some(filter) = line.filter {
            note("ledger", self.write_ledger(name, row.kind("defense"), &plan.stages[filter], shop));
        }
        note("predictions", self.write_predictions(name, &plan.stages[line.evaluate], shop));
        for (stage, at) in &line.stages {
            match *stage {
                "detect" => note("detection", self.write_detection(name, &plan.stages[*at], shop)),
                "fit" | "refit" => {
                    note("rounds", self.write_rounds(name, &plan.stages[*at], shop));
                    let twin = twin.map(|twin| &plan.stages[twin]);
                    note("windows", self.write_windows(name, &plan.stages[*at], twin, shop));
                }
                "certify" => note("certificates", self.write_certificates(name, &plan.stages[*at], shop)),
                _ => {}
            }
        }
        failed
    }

    fn write_detection(&self, name: &str, detect: &Stage, shop: &Workshop) -> Result<(), Failure> {
        match read_detection(&shop.entry(&detect.key)?)? {
            Some(found) => found
                .write(&self.path("detections", name, "json"))
                .map_err(|e| Failure::Failed(e.to_string())),
            None => Ok(()),
        }
    }

    fn write_rounds(&self, name: &str, fit: &Stage, shop: &Workshop) -> Result<(), Failure> {
        match read_rounds(&shop.entry(&fit.key)?)? {
            Some(rounds) => {
                rounds.write(&self.path("rounds", name, "json")).map_err(|e| Failure::Failed(e.to_string()))
            }
            None => Ok(()),
        }
    }

    fn write_windows(
        &self,
        name: &str,
        fit: &Stage,
        twin: Option<&Stage>,
        shop: &Workshop,
    ) -> Result<(), Failure> {
        let Some(mut windows) = read_windows(&shop.entry(&fit.key)?)? else { return Ok(()) };
        if let Some(twin) = twin
            && let Some(calm) = read_windows(&shop.entry(&twin.key)?)?
        {
            windows.twin = calm.windows.iter().filter_map(|w| w.clean_accuracy).collect();
        }
        windows.write(&self.path("windows", name, "json")).map_err(|e| Failure::Failed(e.to_string()))
    }

    fn write_certificates(&self, name: &str, certify: &Stage, shop: &Workshop) -> Result<(), Failure> {
        read_certificates(&shop.entry(&certify.key)?)?
            .write(&self.path("certificates", name, "json"))
            .map_err(|e| Failure::Failed(e.to_string()))
    }

    /// Writes the ledger of a cell's filter.
    fn write_ledger(
        &self,
        cell: &str,
        kind: &str,
        filter: &Stage,
        shop: &mut Workshop,
    ) -> Result<(), Failure> {
        let path = self.path("ledger", cell, "parquet");
        if stage_of(&path).as_deref() == Some(filter.key.as_str()) {
            return Ok(());
        }
        let poisoned = shop.poisoned(filter)?;
        let entry = shop.entry(&filter.key)?;
        let verdict = read_verdict(&entry)?;
        let truth = poisoned.truth();
        let column = |labels: &[usize]| labels.iter().map(|&l| l as i64).collect();
        let ledger = Ledger {
            index: (0..poisoned.data().len() as i64).collect(),
            given_label: column(poisoned.data().labels()),
            true_label: column(truth.true_labels),
            poisoned: truth.poisoned.to_vec(),
            scores: vec![Score { filter: kind.to_owned(), values: verdict.scores }],
            removed: verdict.removed,
        };
        ledger.write(&path, filter.key.as_str()).map_err(|e| Failure::Failed(e.to_string()))
    }

    /// Writes what a cell's last model said of the test inputs, if its stage kept it.
    fn write_predictions(&self, cell: &str, evaluate: &Stage, shop: &mut Workshop) -> Result<(), Failure> {
        let path = self.path("predictions", cell, "parquet");
        let wanted = evaluate.settings["evaluate"]["predictions"] == true;
        if !wanted || stage_of(&path).as_deref() == Some(evaluate.key.as_str()) {
            return Ok(());
        }
        let split = shop.split(evaluate)?;
        let entry = shop.entry(&evaluate.key)?;
        match read_predictions(&entry, &split.test)? {
            Some(predictions) => {
                predictions.write(&path, evaluate.key.as_str()).map_err(|e| Failure::Failed(e.to_string()))
            }
            None => Ok(()),
        }
    }

    /// Writes a few rows of a poison beside their clean originals. `name` is the file's, `attack` the figure's.
    pub(crate) fn write_samples(
        &self,
        name: &str,
        attack: &str,
        poison: &Stage,
        shop: &mut Workshop,
    ) -> Result<(), Failure> {
        /// Rows shown; a figure has no room for more.
        const SHOWN: usize = 4;
        let path = self.path("samples", name, "json");
        if Samples::read(&path).is_ok_and(|kept| kept.stage == poison.key.as_str() && kept.attack == attack) {
            return Ok(());
        }
        let split = shop.split(poison)?;
        // Only images can be looked at.
        let Ok(images) = split.train.images() else { return Ok(()) };
        let entry = shop.entry(&poison.key)?;
        let key = &poison.key;
        let poison = read_poison(&entry, split.train.rows(), 0)?;
        let changed = poison.content.as_ref().map(Rows::images).transpose()?;
        let shape = images.shape();
        let shown = 0..poison.rows.len().min(SHOWN);
        let clean = |i: usize| images.image(poison.rows[i]).to_vec();
        let samples = Samples {
            stage: key.as_str().to_owned(),
            attack: attack.to_owned(),
            shape: [shape.channels, shape.height, shape.width],
            classes: split.train.classes().to_vec(),
            index: shown.clone().map(|i| poison.rows[i]).collect(),
            true_label: shown.clone().map(|i| split.train.labels()[poison.rows[i]]).collect(),
            given_label: shown.clone().map(|i| poison.labels[i]).collect(),
            clean: shown.clone().map(clean).collect(),
            poisoned: shown.map(|i| changed.map_or_else(|| clean(i), |c| c.image(i).to_vec())).collect(),
        };
        samples.write(&path).map_err(|e| Failure::Failed(e.to_string()))
    }

    fn path(&self, folder: &str, name: &str, ending: &str) -> PathBuf {
        self.dir.join(folder).join(format!("{name}.{ending}"))
    }
}

/// Removes files of an earlier run from a folder of per-cell files.
pub(crate) fn keep_files(folder: &Path, keep: impl Fn(&str) -> bool) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let stem = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        if !keep(&stem) {
            let _ = std::fs::remove_file(path);
        }
    }
}
