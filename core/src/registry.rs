//! The table of the functions and types that this program knows: the one place where code meets its wire name.

use std::{
    any::TypeId,
    fmt,
    hash::BuildHasher,
    sync::{Arc, OnceLock},
};

use rustc_hash::{FxBuildHasher, FxHashMap};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    function::{FunctionId, FunctionInfo},
    graph::{pack, split},
    task::{TaskDef, TaskItem},
    typedef::TypeDef,
};

/// A function that was linked into this program. Submitted by `#[task]`, collected before `main`.
pub struct TaskEntry(pub &'static TaskDef);

/// A type that was linked into this program. Submitted by `#[task]` and `register_types!`.
pub struct TypeEntry(pub TypeDef);

inventory::collect!(TaskEntry);
inventory::collect!(TypeEntry);

/// Functions that every table knows.
static BUILT_IN: [&TaskDef; 2] = [&split::PART, &pack::PACK];

/// Functions by id, types by their identity in this process.
#[derive(Clone, Default)]
pub struct Registry {
    tasks: FxHashMap<FunctionId, &'static TaskDef>,
    types: FxHashMap<TypeId, TypeDef>,
    /// The same by what names a type to other processes of this build.
    by_token: FxHashMap<TypeToken, TypeId>,
}

/// What names a type to other processes that run this very executable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TypeToken(u64);

impl TypeToken {
    /// The token of a type: of the number that the compiler gave it in this build.
    pub fn of(id: TypeId) -> Self {
        TypeToken(FxBuildHasher.hash_one(id))
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Registry({} tasks, {} types)", self.tasks.len(), self.types.len())
    }
}

/// The program's functions can't be told apart.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "two task functions have one identity: `{name}` at {place} is registered twice with different code. \
     It was probably linked twice, in two builds of one crate: make them one version"
)]
pub struct DuplicateTask {
    /// The function's name.
    pub name: &'static str,
    /// Its file and line.
    pub place: Arc<str>,
}

impl Registry {
    /// Everything that was linked into this program.
    ///
    /// # Errors
    /// If two functions have one identity.
    pub fn linked() -> Result<Arc<Registry>, DuplicateTask> {
        static LINKED: OnceLock<Result<Arc<Registry>, DuplicateTask>> = OnceLock::new();
        LINKED.get_or_init(|| Registry::builder().linked().build().map(Arc::new)).clone()
    }

    /// An empty table to fill by hand: where link-time registration can't be had, and in tests.
    pub fn builder() -> RegistryBuilder {
        RegistryBuilder { registry: Registry::default(), duplicate: None }
    }

    /// The function with this id.
    pub fn task(&self, id: FunctionId) -> Option<&'static TaskDef> {
        self.tasks.get(&id).copied().or_else(|| BUILT_IN.into_iter().find(|def| def.id() == id))
    }

    /// The functions of this module and name, in the order of their places: instances and functions within functions may
    /// share a name.
    pub fn tasks_named(&self, module: &str, name: &str) -> Vec<&'static TaskDef> {
        let is_meant = |def: &&'static TaskDef| def.identity.module == module && def.identity.name == name;
        #[allow(clippy::disallowed_methods, reason = "they are sorted right below")]
        let mut found: Vec<_> = self.tasks.values().copied().chain(BUILT_IN).filter(is_meant).collect();
        found.sort_by_key(|def| (def.identity.file, def.identity.line, def.identity.column, def.identity.signature));
        found
    }

    /// What is known of a type.
    pub fn type_def(&self, id: TypeId) -> Option<&TypeDef> {
        self.types.get(&id)
    }

    /// What is known of the type that another process of this build calls so.
    pub fn type_called(&self, token: TypeToken) -> Option<&TypeDef> {
        self.types.get(self.by_token.get(&token)?)
    }

    /// How many functions there are.
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Whether there are no functions.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// What to tell somebody who asks for a function that is not here: the nearest names, and what is usually wrong.
    pub fn explain_unknown(&self, wanted: &str) -> String {
        #[allow(clippy::disallowed_methods, reason = "they are sorted right below")]
        let mut near: Vec<_> = self
            .tasks
            .values()
            .map(|def| (distance(wanted, def.identity.name), def.info()))
            .filter(|(distance, info)| *distance <= wanted.len().max(info.name.len()) / 2)
            .collect();
        near.sort_by(|a, b| (a.0, &a.1.name, &a.1.place).cmp(&(b.0, &b.1.name, &b.1.place)));
        let mut text = format!("no task function `{wanted}` with this signature is linked into the worker's program");
        if !near.is_empty() {
            let shown: Vec<_> = near.iter().take(3).map(|(_, info)| shown(info)).collect();
            text.push_str(&format!(" (nearest: {})", shown.join(", ")));
        }
        text.push_str(
            ". A crate of tasks is linked only if something names it: add `use that_crate as _;` to the program",
        );
        text
    }
}

fn shown(info: &FunctionInfo) -> String {
    format!("`{}` at {}", info.name, info.place)
}

/// Levenshtein's distance, over bytes: names are short and mostly ASCII.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let replaced = corner + usize::from(x != y);
            corner = row[j + 1];
            row[j + 1] = replaced.min(corner + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// Fills a [`Registry`].
pub struct RegistryBuilder {
    registry: Registry,
    duplicate: Option<DuplicateTask>,
}

impl RegistryBuilder {
    /// Adds everything that was linked into this program.
    #[must_use]
    pub fn linked(mut self) -> Self {
        for entry in inventory::iter::<TaskEntry> {
            self.add(entry.0);
        }
        for entry in inventory::iter::<TypeEntry> {
            let id = (entry.0.id)();
            self.registry.types.insert(id, entry.0);
            self.registry.by_token.insert(TypeToken::of(id), id);
        }
        self
    }

    /// Adds the task function `F`: `Registry::builder().task::<inc>()`.
    #[must_use]
    pub fn task<F: TaskItem>(mut self) -> Self {
        self.add(F::DEF);
        self
    }

    fn add(&mut self, def: &'static TaskDef) {
        if let Some(other) = self.registry.tasks.insert(def.id(), def)
            && !std::ptr::eq(other, def)
        {
            self.duplicate = Some(DuplicateTask { name: def.identity.name, place: def.info().place.clone() });
        }
    }

    /// The table.
    ///
    /// # Errors
    /// If two functions have one identity.
    pub fn build(self) -> Result<Registry, DuplicateTask> {
        match self.duplicate {
            None => Ok(self.registry),
            Some(duplicate) => Err(duplicate),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{function::Identity, options::Defaults, task::Ran, value::Datum};

    const fn identity(name: &'static str) -> Identity {
        Identity {
            package: "p",
            version: "1",
            module: "p",
            name,
            file: "src/main.rs",
            line: 3,
            column: 1,
            signature: "",
        }
    }

    static INC: TaskDef = TaskDef::new(identity("increment"), &[], |_| Ran::Done(Ok(Datum::new(1u8))), Defaults::NONE);
    static TWIN: TaskDef = TaskDef::new(identity("increment"), &[], |_| Ran::Done(Ok(Datum::new(2u8))), Defaults::NONE);

    #[test]
    fn an_unknown_function_is_explained_with_the_nearest_names() {
        let mut builder = Registry::builder();
        builder.add(&INC);
        let text = builder.build().unwrap().explain_unknown("increments");
        assert!(text.contains("nearest: `increment` at src/main.rs:3"), "{text}");
        assert!(text.contains("use that_crate as _;"), "{text}");
    }

    #[test]
    fn two_functions_of_one_identity_are_refused() {
        let mut builder = Registry::builder();
        builder.add(&INC);
        builder.add(&INC);
        builder.add(&TWIN);
        assert_eq!(builder.build().err().map(|e| e.name), Some("increment"));
    }

    #[test]
    fn distances() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }
}
