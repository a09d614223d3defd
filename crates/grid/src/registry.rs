//! The registry: which kinds there are, and what their settings mean.
//!
//! A kind is a struct: its public fields are the keys of its TOML table, its `Default` are the paper's
//! defaults, its doc comment is what `aconite show` prints. The [`crate::family!`] macro turns a list of
//! modules into a slice of [`Entry`]; parser, `list`, `show`, hints, the JSON schema and the registry's tests
//! all read that slice, so a new kind is one file and one line.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use toml::Spanned;
use toml::de::{DeValue, ValueDeserializer};

/// The settings of a kind.
///
/// Derive `Debug, Clone, Serialize, Deserialize, JsonSchema` and put
/// `#[serde(default, deny_unknown_fields)]` on the struct. The doc comment's first sentence says what the
/// kind is; a paragraph that begins with `Paper:` names the source. Each field's doc comment says what it
/// means, with unit and range.
pub trait Kind: Default + Serialize + DeserializeOwned + JsonSchema + 'static {
    /// Raise it when the same settings give another result than before: stored results of the older
    /// version no longer count.
    const VERSION: u32 = 1;
    /// The key that holds kinds of the same section, if there is one. They are resolved as the section itself is, with
    /// their own defaults and errors.
    const NESTED: Option<Nested> = None;
}

/// A key that holds kinds of the section that its own kind belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nested {
    /// One kind.
    One(&'static str),
    /// A list of kinds.
    List(&'static str),
}

/// A kind with its type erased: what parsing and printing need.
#[derive(Clone, Copy)]
pub struct Spec {
    /// The name in TOML, which is also the name of the module and of the file.
    pub kind: &'static str,
    /// Other names that are understood and resolved to [`Spec::kind`].
    pub aliases: &'static [&'static str],
    /// [`Kind::VERSION`].
    pub version: u32,
    /// [`Kind::NESTED`].
    pub nested: Option<Nested>,
    defaults: fn() -> Value,
    schema: fn() -> Value,
    resolve: fn(Spanned<DeValue<'static>>) -> Result<Value, toml::de::Error>,
}

/// A kind of a family: its spec, and how to build the algorithm from resolved settings.
pub struct Entry<T: ?Sized> {
    /// What the kind is called and what its settings are.
    pub spec: Spec,
    /// Builds the algorithm from settings that [`Spec::resolve`] gave.
    pub build: fn(&Value) -> Result<Box<T>, String>,
}

/// One setting of a kind, for `aconite show`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its key.
    pub name: String,
    /// Its default, as TOML writes it; `–` for none.
    pub default: String,
    /// Type and range in words.
    pub range: String,
    /// What it means.
    pub meaning: String,
}

impl Spec {
    /// The spec of the settings type `K`, called `kind`.
    pub const fn of<K: Kind>(kind: &'static str, aliases: &'static [&'static str]) -> Self {
        Self {
            kind,
            aliases,
            version: K::VERSION,
            nested: K::NESTED,
            defaults: defaults::<K>,
            schema: schema::<K>,
            resolve: resolve::<K>,
        }
    }

    /// The default settings, every key present, `kind` first.
    pub fn defaults(&self) -> Value {
        self.with_kind((self.defaults)())
    }

    /// The JSON schema of the settings.
    pub fn schema(&self) -> Value {
        (self.schema)()
    }

    /// Reads settings from TOML (a table without its `kind`) and fills in the defaults, `kind` first.
    ///
    /// # Errors
    /// toml's, with the span of the wrong key or value.
    pub fn resolve(&self, table: Spanned<DeValue<'static>>) -> Result<Value, toml::de::Error> {
        (self.resolve)(table).map(|value| self.with_kind(value))
    }

    fn with_kind(&self, value: Value) -> Value {
        // A plain section (`[train]`) has no kind and an empty name here.
        let mut all = serde_json::Map::new();
        if !self.kind.is_empty() {
            all.insert("kind".into(), self.kind.into());
        }
        if let Value::Object(fields) = value {
            all.extend(fields);
        }
        Value::Object(all)
    }

    /// The doc comment of the settings struct.
    pub fn doc(&self) -> String {
        self.schema().get("description").and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// The first sentence of the doc comment: what the kind is.
    pub fn about(&self) -> String {
        let doc = self.doc();
        let paragraph = doc.split("\n\n").next().unwrap_or_default().replace('\n', " ");
        match paragraph.find(". ") {
            Some(end) => paragraph[..end].to_owned(),
            None => paragraph.trim_end_matches('.').to_owned(),
        }
    }

    /// The paragraph of the doc comment that begins with `Paper:`, without that word.
    pub fn paper(&self) -> Option<String> {
        self.doc()
            .split("\n\n")
            .find_map(|p| p.trim().strip_prefix("Paper:").map(|p| p.trim().replace('\n', " ")))
    }

    /// The settings, in the order of the struct.
    pub fn fields(&self) -> Vec<Field> {
        let schema = self.schema();
        let Value::Object(defaults) = (self.defaults)() else {
            return Vec::new();
        };
        let property = |name: &str| schema.get("properties").and_then(|p| p.get(name)).cloned();
        defaults
            .iter()
            .map(|(name, default)| {
                let property = property(name).unwrap_or(Value::Null);
                let meaning = property.get("description").and_then(Value::as_str).unwrap_or_default();
                Field {
                    name: name.clone(),
                    default: as_toml(default),
                    range: range(&property),
                    meaning: meaning.replace('\n', " "),
                }
            })
            .collect()
    }

    /// Whether `name` is this kind or one of its aliases.
    pub fn answers_to(&self, name: &str) -> bool {
        self.kind == name || self.aliases.contains(&name)
    }
}

fn defaults<K: Kind>() -> Value {
    // A settings struct is plain data: it has no map with non-string keys, the one thing that fails here.
    serde_json::to_value(K::default()).unwrap_or(Value::Null)
}

fn schema<K: Kind>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|s| s.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<K>().to_value()
}

fn resolve<K: Kind>(table: Spanned<DeValue<'static>>) -> Result<Value, toml::de::Error> {
    let settings = K::deserialize(ValueDeserializer::from(table))?;
    serde_json::to_value(settings).map_err(serde::de::Error::custom)
}

/// Rebuilds settings from what [`Spec::resolve`] gave.
///
/// # Errors
/// The value was not made by the same version of the settings.
pub fn rebuild<K: Kind>(value: &Value) -> Result<K, String> {
    let mut value = value.clone();
    if let Some(table) = value.as_object_mut() {
        table.shift_remove("kind");
    }
    serde_json::from_value(value).map_err(|e| format!("settings of another version: {e}"))
}

/// A resolved setting as TOML writes it.
fn as_toml(value: &Value) -> String {
    match value {
        Value::Null => "–".into(),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(as_toml).collect::<Vec<_>>().join(", "))
        }
        Value::Object(map) => {
            let inner: Vec<String> = map.iter().map(|(k, v)| format!("{k} = {}", as_toml(v))).collect();
            format!("{{ {} }}", inner.join(", "))
        }
        other => other.to_string(),
    }
}

/// Type and range of a property of a JSON schema in words: `share in [0, 1]`, `"a" or "b"`, `integer ≥ 0`.
fn range(property: &Value) -> String {
    if let Some(Value::Array(options)) = property.get("anyOf").or(property.get("oneOf")) {
        let parts: Vec<String> = options
            .iter()
            .filter(|o| o.get("type").and_then(Value::as_str) != Some("null"))
            .map(range)
            .collect();
        return parts.join(" or ");
    }
    if let Some(constant) = property.get("const") {
        return as_toml(constant);
    }
    if let Some(Value::Array(values)) = property.get("enum") {
        return values.iter().filter(|v| !v.is_null()).map(as_toml).collect::<Vec<_>>().join(" or ");
    }
    let kind = match property.get("type") {
        Some(Value::String(one)) => one.as_str(),
        Some(Value::Array(several)) => {
            several.iter().filter_map(Value::as_str).find(|t| *t != "null").unwrap_or("value")
        }
        _ => "value",
    };
    let bound = |key: &str| property.get(key).map(as_toml);
    let number = match (bound("minimum"), bound("maximum"), bound("exclusiveMinimum")) {
        (Some(lo), Some(hi), _) => format!("{kind} in [{lo}, {hi}]"),
        (None, Some(hi), Some(lo)) => format!("{kind} in ({lo}, {hi}]"),
        (Some(lo), None, _) => format!("{kind} ≥ {lo}"),
        (None, None, Some(lo)) => format!("{kind} > {lo}"),
        (None, Some(hi), None) => format!("{kind} ≤ {hi}"),
        (None, None, None) => kind.to_owned(),
    };
    match (kind, property.get("items")) {
        ("array", Some(items)) => format!("list of {}", range(items)),
        _ => number,
    }
}

/// Expands a list of `module::Type` to the modules and a slice of [`Entry`], the family's registry.
///
/// ```text
/// aconite_grid::family! {
///     /// Attacks that flip labels.
///     pub ATTACKS: dyn Attack = {
///         random_flip::RandomFlip,
///     }
/// }
/// ```
///
/// The module's name is the kind. `random_flip::RandomFlip as "label_flip"` adds an alias.
#[macro_export]
macro_rules! family {
    ($(#[$doc:meta])* pub $list:ident: $object:ty = {
        $($module:ident :: $settings:ident $(as $alias:literal)*),* $(,)?
    }) => {
        $(pub mod $module;)*
        $(#[$doc])*
        pub const $list: &[$crate::Entry<$object>] = &[
            $($crate::Entry {
                spec: $crate::Spec::of::<$module::$settings>(stringify!($module), &[$($alias),*]),
                build: |value| {
                    let settings: $module::$settings = $crate::rebuild(value)?;
                    Ok(Box::new(settings) as Box<$object>)
                },
            }),*
        ];
    };
}

/// What must hold for every family; each family's crate calls it from a test.
///
/// # Panics
/// If a name repeats, a kind has no sentence about it or no paper, a field has no doc comment, or the
/// defaults do not survive the way through TOML.
#[allow(clippy::panic)] // A test's assertions, shared by all families.
pub fn assert_invariants<T: ?Sized>(entries: &[Entry<T>]) {
    let mut names: Vec<&str> = Vec::new();
    for Entry { spec, build } in entries {
        let kind = spec.kind;
        for name in spec.aliases.iter().chain([&kind]) {
            assert!(!names.contains(name), "{name}: the name is taken");
            names.push(name);
        }
        assert!(kind.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'), "{kind}");
        assert!(spec.about().len() > 10, "{kind}: the doc comment does not say what it is");
        assert!(spec.paper().is_some(), "{kind}: no paragraph `Paper:` in the doc comment");
        for field in spec.fields() {
            assert!(!field.meaning.is_empty(), "{kind}.{}: no doc comment", field.name);
        }
        let defaults = spec.defaults();
        if let Err(e) = build(&defaults) {
            panic!("{kind}: the defaults do not build: {e}");
        }
        let empty = Spanned::new(0..0, DeValue::Table(toml::map::Map::new()));
        match spec.resolve(empty) {
            Ok(resolved) => assert_eq!(resolved, defaults, "{kind}: an empty table is not the defaults"),
            Err(e) => panic!("{kind}: an empty table does not parse: {e}"),
        }
    }
}
