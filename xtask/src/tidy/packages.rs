//! What cargo says of the workspace and of everything it depends on.

use std::{collections::BTreeSet, path::Path};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::process::{cargo, output, root};

/// Every package that this platform's builds use.
#[derive(Deserialize)]
pub(super) struct Metadata {
    /// Members and others.
    pub(super) packages: Vec<Package>,
    workspace_members: BTreeSet<String>,
}

/// One package.
#[derive(Deserialize)]
pub(super) struct Package {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) version: String,
    /// An SPDX expression.
    pub(super) license: Option<String>,
    /// Where it comes from; a member comes from here.
    pub(super) source: Option<String>,
    manifest_path: String,
    pub(super) dependencies: Vec<Dependency>,
}

/// One dependency, as declared.
#[derive(Clone, Deserialize)]
pub(super) struct Dependency {
    pub(super) name: String,
    /// `dev` or `build`, or nothing for an ordinary one.
    pub(super) kind: Option<String>,
    pub(super) optional: bool,
}

impl Metadata {
    /// Asks cargo. Only of this platform's packages, since those have been brought here for the build: no network.
    pub(super) fn read() -> Result<Self> {
        let platform = host()?;
        let arguments = ["metadata", "--format-version", "1", "--offline", "--filter-platform", &platform];
        let text = output(cargo().args(arguments))?;
        serde_json::from_str(&text).context("what cargo metadata printed was not understood")
    }

    /// The workspace's own packages, in the order of their names.
    pub(super) fn members(&self) -> Vec<&Package> {
        let mut members: Vec<_> = self.packages.iter().filter(|p| self.workspace_members.contains(&p.id)).collect();
        members.sort_by_key(|package| &package.name);
        members
    }

    #[cfg(test)]
    pub(super) fn of_members(packages: Vec<Package>) -> Self {
        let workspace_members = packages.iter().map(|package| package.id.clone()).collect();
        Metadata { packages, workspace_members }
    }
}

impl Package {
    /// The manifest, as seen from the repository's root.
    pub(super) fn manifest(&self) -> String {
        let path = Path::new(&self.manifest_path);
        path.strip_prefix(root()).unwrap_or(path).display().to_string()
    }

    #[cfg(test)]
    pub(super) fn example(name: &str, license: &str, dependencies: &[Dependency]) -> Self {
        Package {
            id: name.to_owned(),
            name: name.to_owned(),
            version: "0.1.0".to_owned(),
            license: Some(license.to_owned()),
            source: None,
            manifest_path: format!("{name}/Cargo.toml"),
            dependencies: dependencies.to_vec(),
        }
    }
}

/// The platform that rustc compiles for.
fn host() -> Result<String> {
    let text = output(cargo().args(["--version", "--verbose"]))?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("cargo does not say for which host it builds")?.to_owned())
}
