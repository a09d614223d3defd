//! Which sections an experiment has, and which kinds each knows.

use crate::Spec;

/// A section of an experiment: `[attack]`, `[train]`, `[train.optimizer]`.
#[derive(Clone)]
pub struct Section {
    /// Dotted path of its table.
    pub path: &'static str,
    /// What it is, in a line.
    pub about: &'static str,
    /// The kinds that it may be. A plain section has one, with an empty name.
    pub kinds: Vec<Spec>,
    /// The kind it is when the table is missing or has no `kind`; `None`: it must be given.
    pub default: Option<&'static str>,
    /// The kind it is when the table is missing altogether, if that is another than `default`.
    pub absent: Option<&'static str>,
    /// Keys that every kind of the section understands.
    pub common: Option<Spec>,
}

impl Section {
    /// A section without kinds.
    pub fn plain(path: &'static str, about: &'static str, spec: Spec) -> Self {
        Self { path, about, kinds: vec![spec], default: Some(""), absent: None, common: None }
    }

    /// A section that is one of several kinds.
    pub fn family(
        path: &'static str,
        about: &'static str,
        kinds: Vec<Spec>,
        default: Option<&'static str>,
    ) -> Self {
        Self { path, about, kinds, default, absent: None, common: None }
    }

    /// Adds keys that every kind understands.
    #[must_use]
    pub fn with_common(mut self, common: Spec) -> Self {
        self.common = Some(common);
        self
    }

    /// Makes it another kind where its table is missing than where the table has no `kind`.
    #[must_use]
    pub fn with_absent(mut self, kind: &'static str) -> Self {
        self.absent = Some(kind);
        self
    }

    /// The table at the top of the file that the section lies in.
    pub(crate) fn root(&self) -> &'static str {
        self.path.split('.').next().unwrap_or(self.path)
    }

    /// Whether the section has kinds.
    pub fn is_family(&self) -> bool {
        self.kinds.len() != 1 || !self.kinds[0].kind.is_empty()
    }
}

/// All sections. A section inside another (`train.optimizer`) comes after it.
#[derive(Clone)]
pub struct Schema {
    /// The sections.
    pub sections: Vec<Section>,
}

impl Schema {
    /// Names of the tables at the top of a file, each once.
    pub fn roots(&self) -> Vec<&'static str> {
        let mut roots = Vec::new();
        for section in &self.sections {
            if !roots.contains(&section.root()) {
                roots.push(section.root());
            }
        }
        roots
    }

    /// The kind that the section `root` is when nothing is said.
    pub(crate) fn default_of(&self, root: &str) -> Option<&'static str> {
        self.sections.iter().find(|s| s.path == root).and_then(|s| s.default)
    }

    /// Sections whose table lies in the table `root`, outermost first.
    pub(crate) fn within<'a>(&'a self, root: &'a str) -> impl Iterator<Item = &'a Section> {
        self.sections.iter().filter(move |s| s.root() == root)
    }
}
