//! What may be depended on at all: the lists of `deny.toml`, held to without `cargo deny`.

use anyhow::{Context, Result, ensure};

use super::{Problem, files::Tree, licence::is_acceptable, packages::Metadata};

const FILE: &str = "deny.toml";
const LOCK: &str = "Cargo.lock";

/// The lists that are held to.
pub(super) struct Policy {
    /// Packages that nothing may bring along, and why.
    banned: Vec<(String, String)>,
    /// Licences under which packages may be used.
    licences: Vec<String>,
    /// Registries that packages may come from.
    registries: Vec<String>,
    /// All that is locked, of every platform.
    locked: Vec<Locked>,
}

/// A package of `Cargo.lock`.
struct Locked {
    line: usize,
    name: String,
    source: Option<String>,
}

impl Policy {
    /// Reads `deny.toml` and `Cargo.lock`.
    pub(super) fn read(tree: &Tree) -> Result<Self> {
        let deny = tree.text(FILE).with_context(|| format!("there is no {FILE}"))?;
        let lock = tree.text(LOCK).with_context(|| format!("there is no {LOCK}"))?;
        Policy::parse(deny, lock)
    }

    fn parse(deny: &str, lock: &str) -> Result<Self> {
        let banned = list(deny, "bans", "deny")?.into_iter().map(|entry| {
            let mut strings = strings(entry);
            let name = strings.next().unwrap_or_default().to_owned();
            (name, strings.next().unwrap_or("it is banned").to_owned())
        });
        let banned = banned.collect();
        let words = |section, key| -> Result<Vec<String>> {
            let entries = list(deny, section, key)?;
            Ok(entries.into_iter().flat_map(strings).map(str::to_owned).collect())
        };
        let licences = words("licenses", "allow")?;
        let registries = words("sources", "allow-registry")?;
        Ok(Policy { banned, licences, registries, locked: locked(lock) })
    }

    /// Holds everything to the lists.
    pub(super) fn check(&self, metadata: &Metadata) -> Vec<Problem> {
        let mut problems = Vec::new();
        for package in &self.locked {
            let name = &package.name;
            if let Some((_, reason)) = self.banned.iter().find(|(banned, _)| banned == name) {
                let message =
                    format!("`{name}` is banned by {FILE}: {reason}; `cargo tree --invert {name}` shows who wants it");
                problems.push(Problem::at_line(LOCK, package.line, message));
            }
            let Some(source) = &package.source else { continue };
            let registry = source.strip_prefix("registry+");
            if !registry.is_some_and(|registry| self.registries.iter().any(|allowed| allowed == registry)) {
                let message = format!("`{name}` comes from {source}: {FILE} allows no such source");
                problems.push(Problem::at_line(LOCK, package.line, message));
            }
        }
        for package in &metadata.packages {
            let stated = package.license.as_deref().unwrap_or_default();
            if !is_acceptable(stated, &self.licences) {
                let of = package.source.as_deref().unwrap_or("this repository");
                let message = format!("its licence `{stated}` (from {of}) is not among those that {FILE} allows");
                problems.push(Problem::new(format!("{} {}", package.name, package.version), message));
            }
        }
        problems
    }
}

/// The entries of a list in TOML, one a line or all in one.
fn list<'a>(text: &'a str, section: &str, key: &str) -> Result<Vec<&'a str>> {
    let header = format!("[{section}]");
    let mut lines = text.lines().map(str::trim).skip_while(|line| *line != header).skip(1);
    let found = lines.by_ref().take_while(|line| !line.starts_with('[')).find_map(|line| {
        let (name, value) = line.split_once('=')?;
        (name.trim() == key).then_some(value.trim())
    });
    let first = found.with_context(|| format!("{FILE} has no `{key}` under {header}"))?;
    let first = first.strip_prefix('[').with_context(|| format!("`{key}` of {FILE} is no list"))?;
    if let Some(whole) = first.strip_suffix(']') {
        return Ok(vec![whole]);
    }
    let entries: Vec<_> = lines.take_while(|line| *line != "]").filter(|line| line.contains('"')).collect();
    ensure!(!entries.is_empty(), "`{key}` of {FILE} is empty");
    Ok(entries)
}

/// What stands between quotes.
fn strings(line: &str) -> impl Iterator<Item = &str> {
    line.split('"').skip(1).step_by(2)
}

/// Each package of a lock file.
fn locked(lock: &str) -> Vec<Locked> {
    let mut packages: Vec<Locked> = Vec::new();
    for (number, line) in (1..).zip(lock.lines()) {
        let value = strings(line).next().unwrap_or_default().to_owned();
        if line.starts_with("name = ") {
            packages.push(Locked { line: number, name: value, source: None });
        } else if let Some(last) = packages.last_mut().filter(|_| line.starts_with("source = ")) {
            last.source = Some(value);
        }
    }
    packages
}

#[cfg(test)]
mod tests {
    use super::super::packages::Package;
    use super::*;

    const DENY: &str = r#"
[bans]
multiple-versions = "allow"
deny = [
    # A comment.
    { crate = "fxhash", reason = "old" },
]
[licenses]
allow = [
    "MIT",
    "ISC",
]
[sources]
allow-registry = ["https://one"]
"#;

    fn found(name: &str, source: &str, licence: &str) -> Vec<String> {
        let lock =
            format!("version = 4\n\n[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"\nsource = \"{source}\"\n");
        let policy = Policy::parse(DENY, &lock).unwrap();
        let metadata = Metadata::of_members(vec![Package::example(name, licence, &[])]);
        policy.check(&metadata).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_allowed_passes() {
        assert!(found("serde", "registry+https://one", "MIT OR Apache-2.0").is_empty());
    }

    #[test]
    fn banned_packages_are_found() {
        let found = found("fxhash", "registry+https://one", "MIT");
        assert!(found[0].starts_with("Cargo.lock:4: `fxhash` is banned by deny.toml: old"), "{found:?}");
    }

    #[test]
    fn other_sources_are_found() {
        assert_eq!(found("serde", "registry+https://two", "MIT").len(), 1);
        assert_eq!(found("serde", "git+https://one", "MIT").len(), 1);
    }

    #[test]
    fn other_licences_are_found() {
        let found = found("serde", "registry+https://one", "GPL-3.0");
        assert_eq!(
            found,
            ["serde 0.1.0: its licence `GPL-3.0` (from this repository) is not among those that deny.toml allows"]
        );
    }

    #[test]
    fn a_list_that_is_missing_is_an_error() {
        assert!(Policy::parse("[bans]\n[licenses]\nallow = [\"MIT\"]", "").is_err());
        assert!(list(DENY, "licenses", "deny").is_err(), "the next section's key is not this one's");
    }
}
