//! Which crate may depend on which: arrows point down only, transports never see each other, the machines are pure.

use anyhow::Result;

use super::{Problem, packages::Metadata};
use crate::process::{cargo, output};

/// What a member may depend on.
struct Rule {
    package: &'static str,
    /// Members it may use.
    members: &'static [&'static str],
    /// Members its tests may use besides.
    tests: &'static [&'static str],
    /// Foreign packages that would put it on the wrong layer.
    never: &'static [&'static str],
}

/// The layers, from the bottom up. A new member gets a line here, and one in ARCHITECTURE.md: both are decisions.
const RULES: &[Rule] = &[
    Rule { package: "brisk-core", members: &[], tests: &[], never: RUNTIME },
    Rule { package: "brisk-macros", members: &[], tests: &["brisk-core", "brisk-client"], never: RUNTIME },
    Rule {
        package: "brisk-transport-inproc",
        members: &["brisk-core"],
        tests: &[],
        never: &["quinn", "rustls", "socket2"],
    },
    Rule { package: "brisk-transport-quic", members: &["brisk-core"], tests: &[], never: &[] },
    Rule {
        package: "brisk-scheduler",
        members: &["brisk-core"],
        tests: &["brisk-macros", "brisk-transport-inproc"],
        never: NETWORK,
    },
    Rule {
        package: "brisk-worker",
        members: &["brisk-core"],
        tests: &["brisk-macros", "brisk-transport-inproc"],
        never: NETWORK,
    },
    Rule {
        package: "brisk-sim",
        members: &["brisk-core", "brisk-scheduler", "brisk-worker"],
        tests: &["brisk-macros"],
        never: RUNTIME,
    },
    Rule { package: "brisk-dashboard", members: &["brisk-core", "brisk-scheduler"], tests: &[], never: NETWORK },
    Rule {
        package: "brisk-client",
        members: &[
            "brisk-core",
            "brisk-dashboard",
            "brisk-macros",
            "brisk-scheduler",
            "brisk-transport-inproc",
            "brisk-transport-quic",
            "brisk-worker",
        ],
        tests: &["brisk-test-tasks"],
        never: NETWORK,
    },
    Rule { package: "brisk-test-tasks", members: &["brisk-client"], tests: &[], never: RUNTIME },
    Rule {
        package: "brisk-collections",
        members: &["brisk-client", "brisk-core", "brisk-macros"],
        tests: &[],
        never: RUNTIME,
    },
    Rule { package: "brisk-tutorial", members: &["brisk-collections"], tests: &["brisk-client"], never: RUNTIME },
    Rule {
        package: "brisk-cli",
        members: &[
            "brisk-client",
            "brisk-core",
            "brisk-dashboard",
            "brisk-scheduler",
            "brisk-transport-quic",
            "brisk-worker",
        ],
        tests: &[],
        never: &["quinn"],
    },
    Rule { package: "xtask", members: &[], tests: &[], never: RUNTIME },
];

/// QUIC is one crate's business; everybody else speaks `brisk_core::comm`.
const NETWORK: &[&str] = &["quinn", "rustls", "rcgen", "socket2"];

/// What brings threads, sockets, clocks or entropy along.
const RUNTIME: &[&str] = &[
    "tokio",
    "quinn",
    "quinn-proto",
    "rustls",
    "rcgen",
    "ring",
    "socket2",
    "mio",
    "parking_lot",
    "rand",
    "rand_core",
    "getrandom",
    "async-std",
    "smol",
];

/// Members that must be pure with everything they depend on, when built without default features.
const PURE: &[&str] = &["brisk-core", "brisk-scheduler", "brisk-worker", "brisk-sim"];

/// Holds each member's declared dependencies to the table.
pub(super) fn directions(metadata: &Metadata) -> Vec<Problem> {
    let members = metadata.members();
    let mut problems = Vec::new();
    for package in &members {
        let manifest = package.manifest();
        let Some(rule) = RULES.iter().find(|rule| rule.package == package.name) else {
            let message = format!(
                "`{}` has no place among the layers: give it one in RULES of xtask/src/tidy/dependencies.rs",
                package.name
            );
            problems.push(Problem::new(manifest, message));
            continue;
        };
        for dependency in &package.dependencies {
            let name = dependency.name.as_str();
            let of_tests = dependency.kind.as_deref() == Some("dev");
            if members.iter().any(|member| member.name == name) {
                // A crate's own tests may turn its features on.
                let allowed =
                    rule.members.contains(&name) || of_tests && (rule.tests.contains(&name) || name == rule.package);
                if !allowed {
                    let message = format!("`{}` must not depend on `{name}`: arrows point down only", package.name);
                    problems.push(Problem::new(&manifest, message));
                } else if package.name == "brisk-client" && name.starts_with("brisk-transport-") && !dependency.optional
                {
                    let message = format!("`{name}` must be optional: a feature makes a transport available");
                    problems.push(Problem::new(&manifest, message));
                }
            } else if rule.never.contains(&name) && !of_tests {
                let message = format!("`{}` must not depend on `{name}`: it belongs to another layer", package.name);
                problems.push(Problem::new(&manifest, message));
            }
        }
    }
    problems
}

/// Asks cargo for all that the pure members bring along, and holds that to be pure too.
pub(super) fn pure_trees() -> Result<Vec<Problem>> {
    let mut problems = Vec::new();
    for package in PURE {
        let arguments = ["tree", "--offline", "--edges", "normal", "--no-default-features", "--prefix", "none"];
        let tree = output(cargo().args(arguments).args(["--format", "{p}", "--package", package]))?;
        problems.extend(impure(package, &tree));
    }
    Ok(problems)
}

/// The packages of a printed tree, one a line, that no pure member may bring along.
fn impure(package: &str, tree: &str) -> Vec<Problem> {
    let mut found: Vec<_> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    found.retain(|name| RUNTIME.contains(name));
    found.sort_unstable();
    found.dedup();
    let problem = |name: &&str| {
        let why =
            format!("`cargo tree --package {package} --no-default-features --edges normal --invert {name}` shows why");
        Problem::new(package, format!("pure without default features, yet brings `{name}` along: {why}"))
    };
    found.iter().map(problem).collect()
}

#[cfg(test)]
mod tests {
    use super::super::packages::{Dependency, Package};
    use super::*;

    fn on(name: &str, kind: Option<&str>, optional: bool) -> Dependency {
        Dependency { name: name.to_owned(), kind: kind.map(str::to_owned), optional }
    }

    /// Problems of one member with these dependencies, in a workspace that has all others too.
    fn problems(package: &str, dependencies: &[Dependency]) -> Vec<String> {
        let others = RULES.iter().filter(|rule| rule.package != package);
        let mut packages: Vec<_> = others.map(|rule| Package::example(rule.package, "MIT", &[])).collect();
        packages.push(Package::example(package, "MIT", dependencies));
        directions(&Metadata::of_members(packages)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn arrows_up_are_found() {
        let found = problems("brisk-core", &[on("brisk-client", None, true)]);
        assert_eq!(
            found,
            ["brisk-core/Cargo.toml: `brisk-core` must not depend on `brisk-client`: arrows point down only"]
        );
        assert_eq!(problems("brisk-scheduler", &[on("brisk-worker", Some("dev"), false)]).len(), 1);
    }

    #[test]
    fn transports_never_see_each_other() {
        for kind in [None, Some("dev")] {
            assert_eq!(problems("brisk-transport-quic", &[on("brisk-transport-inproc", kind, false)]).len(), 1);
            assert_eq!(problems("brisk-transport-inproc", &[on("brisk-transport-quic", kind, false)]).len(), 1);
        }
    }

    #[test]
    fn foreign_packages_of_another_layer_are_found() {
        assert_eq!(problems("brisk-core", &[on("tokio", None, true)]).len(), 1);
        assert_eq!(problems("brisk-scheduler", &[on("quinn", None, true)]).len(), 1);
        assert!(problems("brisk-core", &[on("tokio", Some("dev"), false)]).is_empty());
        assert!(problems("brisk-scheduler", &[on("tokio", None, true)]).is_empty());
    }

    #[test]
    fn the_client_has_its_transports_by_features() {
        assert_eq!(problems("brisk-client", &[on("brisk-transport-quic", None, false)]).len(), 1);
        assert!(problems("brisk-client", &[on("brisk-transport-quic", None, true)]).is_empty());
    }

    #[test]
    fn new_members_need_a_place() {
        let found = problems("brisk-new", &[]);
        assert!(found[0].contains("has no place among the layers"), "{found:?}");
    }

    #[test]
    fn the_table_has_no_cycle() {
        // Each rule names only rules above it in the table, so the table itself is an order.
        for (index, rule) in RULES.iter().enumerate() {
            for member in rule.members {
                assert!(RULES[..index].iter().any(|lower| lower.package == *member), "{} -> {member}", rule.package);
            }
        }
    }

    #[test]
    fn impure_trees_are_found() {
        let tree = "brisk-core v0.1.0\ntokio v1.0.0\nserde v1.0.0 (proc-macro)\ntokio v1.0.0 (*)\nrandom-name v1.0.0\n";
        let found = impure("brisk-core", tree);
        assert_eq!(found.len(), 1);
        assert!(found[0].message.contains("`tokio`"), "{found:?}");
    }
}
