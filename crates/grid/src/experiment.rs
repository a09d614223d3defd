//! A whole experiment: the file, its base, and every point of its grid with all settings resolved.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::DeValue;

use crate::axes::{self, Axis, digits};
use crate::expect::{self, Expect};
use crate::source::Sources;
use crate::{Bound, Error, Place, Schema, Table, Tree, nearest, tree};

/// `--set PATH=VALUE`: a setting given on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// Dotted path.
    pub path: String,
    /// The value as TOML writes it; a bare word is a string.
    pub value: String,
}

impl std::str::FromStr for Override {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((path, value)) if !path.trim().is_empty() => {
                Ok(Self { path: path.trim().to_owned(), value: value.trim().to_owned() })
            }
            _ => Err(format!("{text:?} is not of the form PATH=VALUE, e.g. attack.rate=0.05")),
        }
    }
}

/// One point of the grid: all settings of a cell but its seed.
#[derive(Debug, Clone)]
pub struct Point {
    /// Position in the grid, from 0.
    pub index: usize,
    /// Every section with every default filled in.
    pub settings: Value,
    tables: Vec<(String, Rc<Resolved>)>,
}

/// A table at the top of the file for one combination of the axes that touch it.
#[derive(Debug)]
struct Resolved {
    value: Value,
    given: Option<Tree>,
    /// Axes that did not apply because the section is `none` here.
    skipped: Vec<usize>,
}

/// A parsed experiment.
#[derive(Debug, Clone)]
pub struct Experiment {
    /// The file's stem, the name of the results folder.
    pub name: String,
    /// What it is about, in the author's words.
    pub about: String,
    /// The file's text, as run.
    pub text: String,
    /// The base file and its text, if it has one.
    pub base: Option<(PathBuf, String)>,
    /// The text with the base called `base.toml`: with the base's text beside it under that name, it can be
    /// read from any folder.
    pub portable: String,
    /// The seeds.
    pub seeds: Vec<u64>,
    /// Dotted paths of the axes.
    pub axes: Vec<String>,
    /// Every point of the grid, each once.
    pub points: Vec<Point>,
    /// The claims.
    pub expects: Vec<Expect>,
    /// Points left out because the axis that made them does not apply to `none`.
    pub collapsed: usize,
    sources: Sources,
}

/// Keys at the top of a file beside the sections.
const TOP: [&str; 5] = ["about", "base", "seeds", "grid", "expect"];

impl Experiment {
    /// Reads a file and its base.
    ///
    /// # Errors
    /// Anything that is wrong with the file, its base or the overrides.
    pub fn read(path: &Path, schema: &Schema, overrides: &[Override]) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|e| {
            let error = Error::new(format!("{}: {e}", path.display()));
            match e.kind() {
                std::io::ErrorKind::NotFound => {
                    error.hint("give the path of an experiment, e.g. experiments/quickstart.toml")
                }
                _ => error,
            }
        })?;
        let name = path.file_stem().map_or("experiment".into(), |s| s.to_string_lossy().into_owned());
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        Self::parse(&name, &path.display().to_string(), text, schema, overrides, |base| {
            let path = folder.join(base);
            std::fs::read_to_string(&path).map(|text| (path.clone(), text)).map_err(|e| {
                Error::new(format!("the base file {} cannot be read: {e}", path.display()))
                    .hint(format!("`base` is relative to the folder of the experiment, {}", show(&folder)))
            })
        })
    }

    /// Parses a text; `read_base` reads the base file that it names.
    ///
    /// # Errors
    /// Anything that is wrong with the text, its base or the overrides.
    pub fn parse(
        name: &str,
        file: &str,
        text: String,
        schema: &Schema,
        overrides: &[Override],
        read_base: impl Fn(&str) -> Result<(PathBuf, String), Error>,
    ) -> Result<Self, Error> {
        let mut sources = Sources::default();
        let mut doc = sources.parse(file, &text)?;
        let (mut base, mut portable) = (None, text.clone());
        if let Some(value) = doc.remove("base") {
            // The experiment is the first text, so its spans are places in it.
            portable.replace_range(value.span(), "\"base.toml\"");
            let Some(path) = value.get_ref().as_str() else {
                return Err(sources.error(value.span(), "base must be a string: the path of a TOML file"));
            };
            let (path, base_text) = read_base(path).map_err(|e| e.place(sources.place(value.span())))?;
            let mut below = sources.parse(&path.display().to_string(), &base_text)?;
            for key in ["base", "grid", "expect"] {
                if let Some((key, _)) = below.remove_entry(key) {
                    return Err(sources.error(
                        key.span(),
                        format!("a base file supplies settings only: it has no {:?}", key.get_ref()),
                    ));
                }
            }
            let about = doc.contains_key("about");
            tree::merge(&mut below, doc);
            doc = below;
            if !about {
                doc.remove("about");
            }
            base = Some((path, base_text));
        }
        check_top(&doc, schema, &sources)?;
        let about = match doc.remove("about") {
            Some(value) => value
                .get_ref()
                .as_str()
                .map(str::to_owned)
                .ok_or_else(|| sources.error(value.span(), "about must be a string"))?,
            None => name.to_owned(),
        };
        let seeds = doc.remove("seeds").map_or(Ok(vec![0]), |value| seeds(&value, &sources))?;
        let mut axes = match doc.remove("grid") {
            Some(grid) => axes::read(&grid, schema, &sources)?,
            None => Vec::new(),
        };
        for given in overrides {
            apply(given, &mut axes, schema, &mut sources)?;
        }
        let expects = doc.remove("expect").map_or(Ok(Vec::new()), |list| expect::read(&list, &sources))?;
        let (points, collapsed) = points(&doc, &axes, schema, &sources)?;
        let mut experiment = Self {
            name: name.to_owned(),
            about,
            text,
            base,
            portable,
            seeds,
            axes: axes.iter().filter(|a| a.values.len() > 1).map(Axis::name).collect(),
            points,
            expects: Vec::new(),
            collapsed,
            sources,
        };
        experiment.expects =
            expects.into_iter().map(|e| experiment.checked(e, schema)).collect::<Result<_, _>>()?;
        Ok(experiment)
    }

    /// Number of cells: points times seeds.
    pub fn cells(&self) -> usize {
        self.points.len() * self.seeds.len()
    }

    /// Where the setting at a dotted path of a point stands in the user's files: the value itself, else the
    /// `kind` that it is a default of, else nowhere.
    pub fn place(&self, point: &Point, path: &str) -> Option<Place> {
        let keys: Vec<String> = path.split('.').map(str::to_owned).collect();
        let (_, resolved) = point.tables.iter().find(|(root, _)| *root == keys[0])?;
        let given = resolved.given.as_ref()?;
        let Some(table) = given.get_ref().as_table() else {
            return self.sources.place(given.span());
        };
        (1..=keys.len())
            .rev()
            .find_map(|n| {
                let at = tree::get(table, &keys[1..n]);
                let value = at.map_or(given, |v| v);
                if n < keys.len() && at.is_some_and(|v| !v.get_ref().is_table()) {
                    return None;
                }
                if n > 1 && at.is_none() {
                    return None;
                }
                let kind = value.get_ref().as_table().and_then(|t| t.get("kind"));
                Some(kind.unwrap_or(value).span())
            })
            .and_then(|span| self.sources.place(span))
    }

    /// Points whose settings are as given.
    pub fn matching<'a>(&'a self, filter: &'a [(String, Value)]) -> impl Iterator<Item = &'a Point> {
        self.points.iter().filter(move |p| matches(&p.settings, filter))
    }

    /// Keeps only the points (and, by the path `seed`, the seeds) that the filters name; `defense=none` means
    /// `defense.kind=none`.
    ///
    /// # Errors
    /// No point or no seed is left.
    pub fn keep_only(&mut self, filters: &[Override]) -> Result<(), Error> {
        for filter in filters {
            let wanted = value_of(filter);
            let what = format!("--only {}={}", filter.path, filter.value);
            if filter.path == "seed" {
                self.seeds.retain(|s| tree::same(&Value::from(*s), &wanted));
                if self.seeds.is_empty() {
                    return Err(Error::new(format!("{what} leaves no seed")));
                }
                continue;
            }
            let present: Vec<String> = self
                .points
                .iter()
                .filter_map(|p| aconite_record::dotted(&p.settings, &filter.path))
                .map(|v| kind_or(v).as_str().map_or_else(|| v.to_string(), str::to_owned))
                .collect();
            self.points.retain(|p| {
                aconite_record::dotted(&p.settings, &filter.path)
                    .is_some_and(|v| tree::same(v, &wanted) || tree::same(kind_or(v), &wanted))
            });
            if self.points.is_empty() {
                let mut values = present;
                values.sort();
                values.dedup();
                return Err(Error::new(format!("{what} leaves no point of the grid"))
                    .maybe_hint(nearest(&filter.value, values.iter().map(String::as_str))));
            }
        }
        Ok(())
    }

    /// A claim with its kinds' aliases resolved, checked to be about something.
    fn checked(&self, mut expect: Expect, schema: &Schema) -> Result<Expect, Error> {
        canonical(&mut expect.filter, schema);
        if let Bound::LessThan { filter, .. } = &mut expect.bound {
            canonical(filter, schema);
        }
        let other = match &expect.bound {
            Bound::LessThan { filter, .. } => Some(filter),
            _ => None,
        };
        for filter in [Some(&expect.filter), other].into_iter().flatten() {
            if self.matching(filter).next().is_none() {
                let filter: Vec<String> = filter.iter().map(|(k, v)| format!("{k} = {v}")).collect();
                return Err(self
                    .sources
                    .error(
                        expect.span.clone(),
                        format!("the claim is about no point of the grid: {}", filter.join(", ")),
                    )
                    .hint("`where` must name settings that a point of the grid has"));
            }
        }
        Ok(expect)
    }
}

fn show(folder: &Path) -> String {
    if folder.as_os_str().is_empty() { ".".into() } else { folder.display().to_string() }
}

/// The kind of a table that has one, any other value itself.
fn kind_or(value: &Value) -> &Value {
    value.get("kind").unwrap_or(value)
}

fn matches(settings: &Value, filter: &[(String, Value)]) -> bool {
    filter
        .iter()
        .all(|(path, wanted)| aconite_record::dotted(settings, path).is_some_and(|v| tree::same(v, wanted)))
}

/// Replaces aliases of kinds by the kinds.
fn canonical(filter: &mut [(String, Value)], schema: &Schema) {
    for (path, value) in filter {
        let Some(section) = path.strip_suffix(".kind") else {
            continue;
        };
        let kinds = schema.sections.iter().find(|s| s.path == section).map(|s| &s.kinds);
        if let (Some(kinds), Some(name)) = (kinds, value.as_str())
            && let Some(spec) = kinds.iter().find(|k| k.answers_to(name))
        {
            *value = spec.kind.into();
        }
    }
}

fn check_top(doc: &Table, schema: &Schema, sources: &Sources) -> Result<(), Error> {
    let known: Vec<&str> = TOP.into_iter().chain(schema.roots()).collect();
    match doc.keys().find(|k| !known.contains(&k.get_ref().as_ref())) {
        Some(key) => Err(sources
            .error(key.span(), format!("unknown section or key {:?}", key.get_ref()))
            .maybe_hint(nearest(key.get_ref(), known.iter().copied()))),
        None => Ok(()),
    }
}

/// `seeds = 3` means 0, 1, 2; a list means itself.
fn seeds(value: &Tree, sources: &Sources) -> Result<Vec<u64>, Error> {
    let wrong = |span, message: &str| Err(sources.error(span, message));
    match tree::json(value.get_ref()) {
        Value::Number(n) => match n.as_u64() {
            Some(n @ 1..=10_000) => Ok((0..n).collect()),
            _ => wrong(value.span(), "seeds must be a count from 1 to 10000, or a list of seeds"),
        },
        Value::Array(list) if !list.is_empty() => {
            let mut seeds = Vec::new();
            for (item, given) in list.iter().zip(value.get_ref().as_array().into_iter().flatten()) {
                match item.as_u64() {
                    Some(seed) if !seeds.contains(&seed) => seeds.push(seed),
                    Some(_) => return wrong(given.span(), "the seed is listed twice"),
                    None => {
                        return wrong(given.span(), "a seed must be an integer that is not negative");
                    }
                }
            }
            Ok(seeds)
        }
        _ => wrong(value.span(), "seeds must be a count from 1 to 10000, or a list of seeds"),
    }
}

fn value_of(given: &Override) -> Value {
    match DeValue::parse(&given.value) {
        Ok(value) => tree::json(value.get_ref()),
        Err(_) => Value::String(given.value.clone()),
    }
}

/// An override is an axis with one value; it takes the place of an axis with the same path.
fn apply(
    given: &Override,
    axes: &mut Vec<Axis>,
    schema: &Schema,
    sources: &mut Sources,
) -> Result<(), Error> {
    let label = format!("--set {}={}", given.path, given.value);
    let quoted = match DeValue::parse(&given.value) {
        Ok(_) => given.value.clone(),
        Err(_) => Value::String(given.value.clone()).to_string(),
    };
    let mut table = sources.parse(&label, &format!("{} = {quoted}", given.path))?;
    let path: Vec<String> = given.path.split('.').map(|p| p.trim().to_owned()).collect();
    let roots = schema.roots();
    if !roots.contains(&path[0].as_str()) {
        return Err(Error::new(format!("{label}: unknown section {:?}", path[0]))
            .maybe_hint(nearest(&path[0], roots)));
    }
    let Some(value) = tree::get(&table, &path).cloned() else {
        return Err(Error::new(format!("{label}: not a dotted path")));
    };
    let key_span = table.remove_entry(path[0].as_str()).map_or(0..0, |(k, _)| k.span());
    axes.retain(|a| a.path != path);
    axes.push(Axis { path, key_span, values: vec![value] });
    axes.sort_by_key(|a| a.path.len());
    Ok(())
}

/// Every point of the product, each once, and how many collapsed into another.
fn points(
    doc: &Table,
    axes: &[Axis],
    schema: &Schema,
    sources: &Sources,
) -> Result<(Vec<Point>, usize), Error> {
    const MOST: usize = 1_000_000;
    let total = axes.iter().try_fold(1usize, |n, a| n.checked_mul(a.values.len())).filter(|n| *n <= MOST);
    let Some(total) = total else {
        return Err(Error::new(format!("the grid has more than {MOST} points"))
            .hint("split the experiment, or take values out of an axis"));
    };
    let mut memo: HashMap<(String, Vec<usize>), Rc<Resolved>> = HashMap::new();
    let mut seen: HashMap<String, (usize, Vec<usize>)> = HashMap::new();
    let mut points: Vec<Point> = Vec::new();
    let mut collapsed = 0;
    let mut applied = vec![false; axes.len()];
    for number in 0..total {
        let place = digits(axes, number);
        let mut settings = Map::new();
        let mut tables = Vec::new();
        let mut skipped = Vec::new();
        for root in schema.roots() {
            let touching: Vec<usize> = (0..axes.len()).filter(|&a| axes[a].root() == root).collect();
            let key = (root.to_owned(), touching.iter().map(|&a| place[a]).collect());
            let resolved = match memo.get(&key) {
                Some(resolved) => resolved.clone(),
                None => {
                    let resolved = Rc::new(resolve(doc, axes, &place, &touching, root, schema, sources)?);
                    memo.insert(key, resolved.clone());
                    resolved
                }
            };
            settings.insert(root.to_owned(), resolved.value.clone());
            skipped.extend(&resolved.skipped);
            tables.push((root.to_owned(), resolved));
        }
        for (axis, applied) in applied.iter_mut().enumerate() {
            *applied |= !skipped.contains(&axis);
        }
        let settings = Value::Object(settings);
        let text = settings.to_string();
        match seen.get(&text) {
            None => {
                seen.insert(text, (number, place));
                points.push(Point { index: points.len(), settings, tables });
            }
            Some((_, first)) => {
                let differs = |a: &usize| first[*a] != place[*a] && !skipped.contains(a);
                if let Some(axis) = (0..axes.len()).find(differs) {
                    let value = &axes[axis].values[place[axis]];
                    return Err(sources
                        .error(
                            value.span(),
                            format!(
                                "duplicate cell: on the axis {:?} this value gives the same settings as value {}",
                                axes[axis].name(),
                                first[axis] + 1
                            ),
                        )
                        .hint("an axis must change a setting; take one of the two out"));
                }
                collapsed += 1;
            }
        }
    }
    if let Some(axis) = applied.iter().position(|a| !a) {
        return Err(sources.error(
            axes[axis].key_span.clone(),
            format!(
                "the axis {:?} has no effect: every {} of the grid is \"none\"",
                axes[axis].name(),
                axes[axis].root()
            ),
        ));
    }
    Ok((points, collapsed))
}

/// Resolves the table `root` at one place of the axes that touch it.
fn resolve(
    doc: &Table,
    axes: &[Axis],
    place: &[usize],
    touching: &[usize],
    root: &str,
    schema: &Schema,
    sources: &Sources,
) -> Result<Resolved, Error> {
    let mut table = Table::new();
    if let Some((key, value)) = doc.get_key_value(root) {
        table.insert(key.clone(), value.clone());
    }
    let mut skipped = Vec::new();
    for &a in touching {
        let axis = &axes[a];
        // `none` has no settings; an axis over a setting of the others does not apply to it.
        if axis.path.len() > 1 && axis.path[1] != "kind" && is_none(table.get(root), schema.default_of(root))
        {
            skipped.push(a);
            continue;
        }
        tree::set(&mut table, &axis.path, axis.key_span.clone(), axis.values[place[a]].clone());
    }
    let given = table.remove(root);
    let value = crate::resolve::resolve_root(schema, root, given.as_ref(), sources)?;
    Ok(Resolved { value, given, skipped })
}

/// Whether a section is the kind `none`, by its table or, without a kind there, by default.
fn is_none(value: Option<&Spanned<DeValue<'static>>>, default: Option<&str>) -> bool {
    let given = value.map(Spanned::get_ref).and_then(|v| match v.as_table() {
        Some(table) => table.get("kind").and_then(|k| k.get_ref().as_str()),
        None => v.as_str(),
    });
    given.or(default) == Some("none")
}
