//! Small workflows in the forms of both versions, and everything that can be wrong with one.

use serde_json::{Value, json};

use super::*;

/// As version 1.5 has it: machines, names beside ids, children written down.
fn diamond() -> Value {
    json!({
        "name": "diamond", "schemaVersion": "1.5", "createdAt": "2024-01-01T00:00:00Z",
        "author": {"name": "A", "email": "a@example.org"},
        "workflow": {
            "specification": {
                "tasks": [
                    // A child before its parents: the order says nothing.
                    {"name": "join", "id": "join_1", "parents": ["left_1", "right_1"], "children": [],
                     "inputFiles": ["l", "r", "given"], "outputFiles": ["result"]},
                    {"name": "split", "id": "split_1", "parents": [], "children": ["left_1", "right_1"],
                     "inputFiles": ["given"], "outputFiles": ["for-left", "for-right", "unread"]},
                    {"name": "left", "id": "left_1", "parents": ["split_1"], "children": ["join_1"],
                     "inputFiles": ["for-left"], "outputFiles": ["l"]},
                    {"name": "right", "id": "right_1", "parents": ["split_1"], "children": ["join_1"],
                     "inputFiles": ["for-right"], "outputFiles": ["r"]},
                ],
                "files": [
                    {"id": "given", "sizeInBytes": 7}, {"id": "for-left", "sizeInBytes": 10},
                    {"id": "for-right", "sizeInBytes": 20}, {"id": "unread", "sizeInBytes": 1_000},
                    {"id": "l", "sizeInBytes": 3}, {"id": "r", "sizeInBytes": 4.0}, {"id": "result", "sizeInBytes": 5},
                ],
            },
            "execution": {
                "makespanInSeconds": 9, "executedAt": "2024-01-01T00:00:00Z",
                "machines": [{"nodeName": "m"}],
                "tasks": [
                    {"id": "split_1", "runtimeInSeconds": 0.5, "coreCount": 1},
                    {"id": "left_1", "runtimeInSeconds": 2, "coreCount": 4, "machines": ["m"]},
                    {"id": "right_1", "runtimeInSeconds": 1.25},
                    {"id": "join_1", "runtimeInSeconds": 0, "coreCount": 1.5},
                ],
            },
        },
    })
}

/// As version 1.6 has it: programs, metrics, no author.
fn chain() -> Value {
    json!({
        "name": "chain", "description": "generated", "schemaVersion": "1.6", "runtimeSystem": {"name": "x", "version": "1"},
        "workflow": {
            "specification": {
                "tasks": [
                    {"name": "a_0001", "id": "a_0001", "parents": [], "children": ["a_0002"], "outputFiles": ["x", "y"]},
                    {"name": "a_0002", "id": "a_0002", "parents": ["a_0001"], "children": [], "inputFiles": ["x", "y"]},
                ],
                "files": [{"id": "x", "sizeInBytes": 1}, {"id": "y", "sizeInBytes": 2}],
                "metrics": {"numberOfTasks": 2},
            },
            "execution": {
                "makespanInSeconds": 0.0, "executedAt": "2026-01-01T00:00:00Z",
                "tasks": [
                    {"id": "a_0001", "runtimeInSeconds": 1.0, "command": {"program": "a", "arguments": ["-v"]}},
                    {"id": "a_0002", "runtimeInSeconds": 2.0, "command": {"program": "a"}},
                ],
                "metrics": {},
            },
        },
    })
}

fn find<'a>(graph: &'a Graph, name: &str) -> &'a Task {
    graph.tasks.iter().find(|task| &*task.name == name).expect("the task is there")
}

fn parents<'a>(graph: &'a Graph, name: &str) -> Vec<&'a str> {
    let mut names: Vec<_> =
        find(graph, name).parents.iter().map(|&parent| &*graph.tasks[parent as usize].name).collect();
    names.sort_unstable();
    names
}

#[test]
fn version_1_5_with_files_for_different_readers() {
    let graph = read(&diamond().to_string()).unwrap();
    assert_eq!(graph.tasks.len(), 6, "four tasks, and two parts of what the first one writes");
    let split = find(&graph, "split_1");
    assert_eq!((split.nbytes, split.work_ns, split.cores), (30, 500_000_000, 1));
    let part = |reader: &str| parents(&graph, reader)[0].to_owned();
    let lengths = [part("left_1"), part("right_1")].map(|part| find(&graph, &part).nbytes);
    assert_eq!((lengths, parents(&graph, &part("left_1"))), ([10, 20], vec!["split_1"]));
    assert_eq!(find(&graph, &part("left_1")).work_ns, 0);
    assert_eq!(parents(&graph, "join_1"), ["left_1", "right_1"]);
    assert_eq!((find(&graph, "left_1").cores, find(&graph, "join_1").cores), (4, 2));
    assert_eq!(find(&graph, "join_1").nbytes, 0, "nobody reads it");
    assert_eq!(graph.sinks().len(), 1);
}

#[test]
fn version_1_6_with_files_for_one_reader() {
    let graph = read(&chain().to_string()).unwrap();
    assert_eq!(graph.functions, ["a".into()], "one program is one function");
    assert_eq!((graph.tasks.len(), graph.edges(), find(&graph, "a_0001").nbytes), (2, 1, 3));
}

#[test]
fn reading_makes_a_parent() {
    let mut value = chain();
    value["workflow"]["specification"]["tasks"][1]["parents"] = json!([]);
    value["workflow"]["specification"]["tasks"][0]["children"] = json!([]);
    assert_eq!(parents(&read(&value.to_string()).unwrap(), "a_0002"), ["a_0001"]);
}

/// What reading says once the value at `path` is another.
fn complaint(path: &str, other: Value) -> String {
    let mut value = diamond();
    *value.pointer_mut(path).expect("the path exists") = other;
    read(&value.to_string()).expect_err("this is wrong")
}

#[test]
fn what_is_optional_may_be_missing_or_null_and_nothing_may_cost_anything() {
    let tasks = json!([
        { "id": "a", "name": "a", "parents": [], "children": ["b"], "inputFiles": null },
        { "id": "b", "name": "b", "parents": ["a", "a"], "children": [], "outputFiles": [] },
    ]);
    let runs = json!([
        { "id": "a", "runtimeInSeconds": 0, "coreCount": 2.0, "machines": ["m", "n"], "command": {} },
        { "id": "b", "runtimeInSeconds": 0.0, "coreCount": 0.5, "command": { "program": null, "arguments": [] } },
        { "id": "of another time", "runtimeInSeconds": 1 },
    ]);
    for version in VERSIONS {
        let execution = json!({ "makespanInSeconds": 0, "executedAt": "", "machines": [], "tasks": runs });
        let workflow = json!({ "specification": { "tasks": tasks }, "execution": execution });
        let graph =
            read(&json!({ "name": "odd", "schemaVersion": version, "workflow": workflow }).to_string()).unwrap();
        let costs: Vec<_> = graph.tasks.iter().map(|task| (task.work_ns, task.cores, task.nbytes)).collect();
        assert_eq!(costs, [(0, 2, 0), (0, 1, 0)]);
        assert_eq!(graph.tasks[1].parents, [0]);
    }
}

#[test]
fn errors_say_where_and_what() {
    let (tasks, runs, files) =
        ("/workflow/specification/tasks", "/workflow/execution/tasks", "/workflow/specification/files");
    let cases = [
        ("/schemaVersion".to_owned(), json!("1.4"), "schemaVersion: the versions that can be read are 1.5 and 1.6"),
        ("/schemaVersion".to_owned(), json!(1.5), "schemaVersion: text is expected, not 1.5"),
        ("/name".to_owned(), json!(null), "name: it is missing"),
        ("/workflow/execution".to_owned(), json!(null), "workflow: it has no `execution`, so nothing says"),
        (tasks.to_owned(), json!({}), "workflow.specification.tasks: a list is expected, not {}"),
        (format!("{tasks}/2/id"), json!(3), "workflow.specification.tasks[2].id: text is expected, not 3"),
        (format!("{tasks}/2/id"), json!("split_1"), "tasks[2].id: another task is called `split_1` too"),
        (format!("{tasks}/2/id"), json!("new"), "tasks[0].parents[0]: there is no task `left_1`"),
        (format!("{tasks}/2/parents/0"), json!("nobody"), "tasks[2].parents[0]: there is no task `nobody`"),
        (
            format!("{tasks}/2/parents"),
            json!([]),
            "tasks[1].children[0]: `left_1` does not have `split_1` among its parents",
        ),
        (format!("{tasks}/2/children/0"), json!("nobody"), "tasks[2].children[0]: there is no task `nobody`"),
        (
            format!("{tasks}/2/inputFiles/0"),
            json!("f"),
            "inputFiles[0]: `workflow.specification.files` has no file `f`",
        ),
        (format!("{tasks}/3/outputFiles/0"), json!("l"), "tasks[3]: it writes `l`, and so does task number 2"),
        (format!("{tasks}/1/parents"), json!(["join_1"]), "depends on itself, by way of others"),
        (format!("{runs}/1/id"), json!("split_1"), "execution.tasks[1].id: the task `split_1` has run twice"),
        (format!("{runs}/1/id"), json!("x"), "tasks[2].id: `workflow.execution.tasks` has no task of this id"),
        (
            format!("{runs}/1/runtimeInSeconds"),
            json!(-1),
            "tasks[1].runtimeInSeconds: a number of at least 0 is expected",
        ),
        (
            format!("{runs}/1/runtimeInSeconds"),
            json!(1e12),
            "runtimeInSeconds: a task that runs for more than 30 years",
        ),
        (format!("{runs}/1/coreCount"), json!("two"), "coreCount: a number of at least 0 is expected, not \"two\""),
        (
            format!("{files}/0/sizeInBytes"),
            json!(0.5),
            "files[0].sizeInBytes: a whole number of at least 0 is expected",
        ),
        (format!("{files}/0/id"), json!("l"), "files[4].id: another file is called `l` too"),
    ];
    for (path, other, expected) in cases {
        let said = complaint(&path, other);
        assert!(said.contains(expected), "at {path}: {said}");
    }
    assert!(read("{").unwrap_err().starts_with("this is not JSON: "));
    assert_eq!(read("[1]").unwrap_err(), "the document: an object is expected, not [1]");
}
