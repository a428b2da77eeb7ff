use std::{sync::Arc, time::Duration};

use proptest::prelude::*;
use smallvec::smallvec;

use super::*;
use crate::{
    error::{ErrorKind, Failure, TaskError},
    function::FunctionId,
    id::{Fence, RequestId, RunId, WantId, WorkerId},
    key::Key,
    message::{
        Answer, Assignment, ClientToScheduler, DataMessage, DependencyInfo, FetchOutcome, KeyNews, Operation, Priority,
        SchedulerToClient, SchedulerToWorker, Shared, SubmittedTask, WorkerToScheduler,
    },
    task::TaskName,
};

fn key() -> impl Strategy<Value = Key> {
    any::<u128>().prop_map(Key::from_u128)
}

fn payload() -> impl Strategy<Value = Payload> {
    prop::collection::vec(any::<u8>(), 0..200).prop_map(Payload::from_bytes)
}

fn failure() -> impl Strategy<Value = Box<Failure>> {
    ".{0,40}".prop_map(|text| Box::new(Failure::new(ErrorKind::Failed, text)))
}

fn from_client() -> impl Strategy<Value = ClientToScheduler> {
    let task =
        (key(), any::<u128>(), payload(), prop::collection::vec(key(), 0..4)).prop_map(|(key, f, spec, deps)| {
            SubmittedTask { key, function: FunctionId::from_u128(f), spec, dependencies: deps.into(), options: None }
        });
    prop_oneof![
        (prop::collection::vec(task, 0..5), any::<u64>(), any::<bool>()).prop_map(|(tasks, n, last)| {
            ClientToScheduler::Submit { submission: RequestId(n), chunk: 0, last, tasks, wants: vec![] }
        }),
        (key(), any::<u64>()).prop_map(|(k, n)| ClientToScheduler::Release(vec![(k, WantId(n))])),
        (any::<u64>(), operation()).prop_map(|(n, operation)| ClientToScheduler::Coordinate {
            request: RequestId(n),
            operation: Box::new(operation)
        }),
    ]
}

fn shared() -> impl Strategy<Value = Shared> {
    prop_oneof![key().prop_map(Shared::Key), payload().prop_map(Shared::Value)]
}

fn operation() -> impl Strategy<Value = Operation> {
    let fence = any::<(u64, u64)>().prop_map(|(epoch, number)| Fence { epoch: Epoch(epoch), number });
    prop_oneof![
        (".{0,20}", any::<(u32, u32)>(), any::<bool>())
            .prop_map(|(name, (limit, count), wait)| { Operation::Acquire { name: name.into(), limit, count, wait } }),
        (".{0,20}", fence).prop_map(|(name, fence)| Operation::Release { name: name.into(), fence }),
        (".{0,20}", shared(), any::<(u32, bool)>()).prop_map(|(name, item, (limit, wait))| {
            Operation::Put { name: name.into(), shape: "i64".into(), limit, item, wait }
        }),
        (".{0,20}", shared())
            .prop_map(|(name, value)| { Operation::SetVariable { name: name.into(), shape: "i64".into(), value } }),
    ]
}

fn to_client() -> impl Strategy<Value = SchedulerToClient> {
    let news = prop_oneof![
        Just(KeyNews::Pending),
        (any::<u64>(), prop::option::of(payload())).prop_map(|(nbytes, value)| KeyNews::Memory {
            nbytes,
            holders: smallvec![WorkerId::default()],
            value
        }),
        failure().prop_map(|f| KeyNews::Erred(TaskError::from(*f))),
    ];
    let answer = (any::<u64>(), prop::collection::vec(shared(), 0..4)).prop_map(|(request, shared)| {
        SchedulerToClient::Answered { request: RequestId(request), answer: Answer::Shared(shared) }
    });
    let news = (key(), any::<u64>(), news);
    prop_oneof![news.prop_map(|(key, n, news)| SchedulerToClient::News { key, want: WantId(n), news }), answer,]
}

fn to_worker() -> impl Strategy<Value = SchedulerToWorker> {
    (key(), any::<u64>(), payload(), prop::collection::vec((key(), any::<u64>()), 0..4)).prop_map(
        |(key, run, spec, deps)| {
            let dependency = |(key, nbytes)| DependencyInfo { key, nbytes, holders: smallvec![] };
            SchedulerToWorker::Run(Box::new(Assignment {
                task: TaskName::of_call(Arc::from("f"), key),
                run: RunId(run),
                attempt: 1,
                priority: Priority::default(),
                spec,
                dependencies: deps.into_iter().map(dependency).collect(),
                resources: vec![],
                wanted: true,
                reproducible: run % 2 == 0,
                timeout: (run % 3 == 0).then_some(Duration::from_millis(run)),
            }))
        },
    )
}

fn from_worker() -> impl Strategy<Value = WorkerToScheduler> {
    prop_oneof![
        (key(), any::<u64>(), prop::option::of(payload())).prop_map(|(key, n, value)| WorkerToScheduler::Finished {
            key,
            run: RunId(n),
            nbytes: n,
            took: Duration::from_nanos(n),
            value
        }),
        (key(), failure()).prop_map(|(key, failure)| WorkerToScheduler::Failed {
            key,
            run: RunId(1),
            failure,
            took: Duration::ZERO
        }),
    ]
}

fn data() -> impl Strategy<Value = DataMessage> {
    let outcome = prop_oneof![
        payload().prop_map(FetchOutcome::Value),
        Just(FetchOutcome::Missing),
        failure().prop_map(FetchOutcome::Failed),
    ];
    prop_oneof![
        (key(), any::<u64>(), payload()).prop_map(|(actor, number, spec)| {
            let request = RequestId(4);
            DataMessage::Call { request, number, actor, spec }
        }),
        outcome.clone().prop_map(|outcome| DataMessage::Called { request: RequestId(4), outcome }),
        (key(), payload()).prop_map(|(key, call)| DataMessage::Run {
            request: RequestId(5),
            task: TaskName::of_call(Arc::from("f"), key),
            call
        }),
        outcome.clone().prop_map(|outcome| DataMessage::Ran { request: RequestId(5), outcome }),
        any::<u64>().prop_map(|request| DataMessage::Tables { request: RequestId(request) }),
        prop::collection::vec((key(), outcome), 0..5)
            .prop_map(|values| DataMessage::Values { request: RequestId(1), values }),
        prop::collection::vec((key(), any::<u64>(), payload()), 0..5)
            .prop_map(|values| DataMessage::Put { request: RequestId(2), values }),
        prop::collection::vec(key(), 0..5).prop_map(|keys| DataMessage::Stored { request: RequestId(3), keys }),
    ]
}

fn batch() -> impl Strategy<Value = Batch> {
    fn many<S: Strategy>(one: S) -> impl Strategy<Value = Vec<S::Value>> {
        prop::collection::vec(one, 0..4)
    }
    let messages = prop_oneof![
        many(from_client()).prop_map(Messages::ClientToScheduler),
        many(to_client()).prop_map(Messages::SchedulerToClient),
        many(to_worker()).prop_map(Messages::SchedulerToWorker),
        many(from_worker()).prop_map(Messages::WorkerToScheduler),
        many(data()).prop_map(Messages::Data),
    ];
    (any::<u64>(), any::<u64>(), messages).prop_map(|(epoch, incarnation, messages)| Batch {
        epoch: Epoch(epoch),
        incarnation: Incarnation(incarnation),
        messages,
    })
}

fn decode_frame(bytes: &[u8]) -> Result<Batch, WireError> {
    let Some((head, rest)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
        return Err(WireError::Malformed("no header".to_owned()));
    };
    let header = Header::from_bytes(head, LinkKind::Control)?;
    if rest.len() < header.messages_bytes {
        return Err(WireError::Malformed("cut short".to_owned()));
    }
    let (messages, payloads) = rest.split_at(header.messages_bytes);
    decode(header, messages, Bytes::copy_from_slice(payloads))
}

fn flat(frame: &Frame) -> Vec<u8> {
    let mut bytes = frame.head.to_vec();
    frame.payloads.iter().for_each(|payload| bytes.extend_from_slice(payload));
    bytes
}

proptest! {
    #[test]
    fn batches_round_trip(batch in batch()) {
        let frame = encode(&batch, LinkKind::Control).unwrap();
        prop_assert_eq!(decode_frame(&flat(&frame)).unwrap(), batch);
    }

    #[test]
    fn cut_and_changed_frames_never_panic(batch in batch(), cut in any::<prop::sample::Index>(), flip in any::<(prop::sample::Index, u8)>()) {
        let mut bytes = flat(&encode(&batch, LinkKind::Control).unwrap());
        let at = flip.0.index(bytes.len());
        bytes[at] ^= flip.1;
        let _ = decode_frame(&bytes);
        let _ = decode_frame(&bytes[..cut.index(bytes.len())]);
    }

    #[test]
    fn noise_never_panics(bytes: Vec<u8>) {
        let _ = decode_frame(&bytes);
    }
}

#[test]
fn lengths_are_checked_before_memory_is_taken() {
    let header =
        Header { messages_bytes: u32::MAX as usize, payload_bytes: 0, epoch: Epoch(0), incarnation: Incarnation(0) };
    assert!(matches!(
        Header::from_bytes(&header.to_bytes(), LinkKind::Control),
        Err(WireError::TooLong { what: "messages", .. })
    ));
    let header = Header { messages_bytes: 0, payload_bytes: u64::MAX, ..header };
    assert!(matches!(
        Header::from_bytes(&header.to_bytes(), LinkKind::Data),
        Err(WireError::TooLong { what: "payloads", .. })
    ));
}

#[test]
fn a_value_must_be_sealed_before_it_leaves() {
    let value = Payload::from_value(crate::value::Datum::new(7i64));
    let finished = |value| Batch {
        epoch: Epoch(1),
        incarnation: Incarnation(1),
        messages: Messages::WorkerToScheduler(vec![WorkerToScheduler::Finished {
            key: Key::from_u128(1),
            run: RunId(1),
            nbytes: 8,
            took: Duration::ZERO,
            value: Some(value),
        }]),
    };
    assert!(encode(&finished(value.clone()), LinkKind::Control).is_err());
    assert!(encode(&finished(value.sealed().unwrap()), LinkKind::Control).is_ok());
}
