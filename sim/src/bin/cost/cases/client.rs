//! What a call costs its client until it is a message.

use std::sync::Arc;

use brisk_core::{
    function::Identity,
    graph::{Item, KeySource, Known, Node, Slot, plan},
    id::EnvironmentId,
    limits::CHUNK_TASKS,
    message::SubmittedTask,
    options::Defaults,
    payload::Payload,
    task::{Ran, TaskDef},
    value::Datum,
};

use super::measured;

static INC: TaskDef = TaskDef::new(
    Identity {
        package: "cost",
        version: "1",
        module: "cost",
        name: "inc",
        file: "client.rs",
        line: 1,
        column: 1,
        signature: "",
    },
    &["x"],
    |inputs| Ran::Done(inputs.shared::<u64>(0).map(|x| Datum::new(*x + 1))),
    Defaults::NONE,
);

/// Calls are made, planned as one graph, and their arguments encoded.
pub(super) fn plan_and_seal() -> u32 {
    let mut keys = KeySource::new(EnvironmentId::IN_PROCESS, 1);
    let tasks: Vec<SubmittedTask> = measured(|| {
        let call = |number: u64| Arc::new(Node::new(&INC, [Slot::One(Item::Inline(Datum::new(number)))]));
        let roots: Vec<_> = (0..CHUNK_TASKS as u64).map(call).collect();
        let planned = plan(&roots, &mut keys, |_, _| Known::No).expect("such calls can be planned");
        let submitted = planned.into_iter().map(|task| SubmittedTask {
            key: task.key,
            function: task.node.def.id(),
            spec: Payload::from_call(&task.node).sealed().expect("such arguments can be encoded"),
            dependencies: task.dependencies,
            options: task.options,
        });
        submitted.collect()
    });
    tasks.len() as u32
}
