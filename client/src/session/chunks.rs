//! A submission that is longer than a message may be, in chunks: work starts while later ones go out.

use brisk_core::{
    id::WantId,
    key::Key,
    limits::{CHUNK_BYTES, CHUNK_TASKS},
    message::SubmittedTask,
};
use rustc_hash::FxHashMap;

/// Tasks in chunks of bounded length, at least one.
pub(super) fn cut(tasks: Vec<SubmittedTask>) -> Vec<Vec<SubmittedTask>> {
    let mut left = tasks.len();
    let mut current = Vec::with_capacity(left.min(CHUNK_TASKS));
    let (mut chunks, mut bytes) = (Vec::with_capacity(left / CHUNK_TASKS + 1), 0);
    for task in tasks {
        if current.len() >= CHUNK_TASKS || (bytes > CHUNK_BYTES as u64 && !current.is_empty()) {
            bytes = 0;
            chunks.push(std::mem::replace(&mut current, Vec::with_capacity(left.min(CHUNK_TASKS))));
        }
        bytes += task.spec.len();
        current.push(task);
        left -= 1;
    }
    chunks.push(current);
    chunks
}

/// The wants that go out with each chunk. One names a task of its own chunk or of an earlier one, so that results come while
/// later chunks go out.
///
/// Most stand in the order of their tasks, and are found without a table of all tasks; what does not is looked for in one.
pub(super) fn wants_of(chunks: &[Vec<SubmittedTask>], wants: Vec<(Key, WantId)>) -> Vec<Vec<(Key, WantId)>> {
    let mut found: Vec<Vec<(Key, WantId)>> = vec![Vec::new(); chunks.len()];
    let mut wants = wants.into_iter();
    for (chunk, found) in chunks.iter().zip(&mut found) {
        for task in chunk {
            if let Some(&want) = wants.as_slice().first()
                && want.0 == task.key
            {
                found.push(want);
                wants.next();
            }
        }
    }
    if wants.as_slice().is_empty() {
        return found;
    }
    let placed = chunks.iter().enumerate().flat_map(|(i, chunk)| chunk.iter().map(move |task| (task.key, i)));
    let place: FxHashMap<Key, usize> = placed.collect();
    for (key, want) in wants {
        // What was submitted before is known already.
        found[place.get(&key).copied().unwrap_or(0)].push((key, want));
    }
    found
}

#[cfg(test)]
mod tests {
    use brisk_core::{function::FunctionId, payload::Payload};

    use super::*;

    fn tasks(count: usize, bytes: usize) -> Vec<SubmittedTask> {
        let task = |number: usize| SubmittedTask {
            key: Key::from_u128(number as u128),
            function: FunctionId::from_u128(1),
            spec: Payload::from_bytes(vec![0; bytes]),
            dependencies: [].into_iter().collect(),
            options: None,
        };
        (0..count).map(task).collect()
    }

    fn lengths<T>(lists: &[Vec<T>]) -> Vec<usize> {
        lists.iter().map(Vec::len).collect()
    }

    #[test]
    fn chunks_are_bounded_in_tasks_and_bytes() {
        assert_eq!(lengths(&cut(tasks(0, 0))), [0]);
        assert_eq!(lengths(&cut(tasks(CHUNK_TASKS, 1))), [CHUNK_TASKS]);
        assert_eq!(lengths(&cut(tasks(2 * CHUNK_TASKS + 1, 1))), [CHUNK_TASKS, CHUNK_TASKS, 1]);
        assert_eq!(lengths(&cut(tasks(5, CHUNK_BYTES / 2))), [3, 2]);
    }

    #[test]
    fn wants_go_with_their_tasks_in_whatever_order_they_stand() {
        let chunks = cut(tasks(2 * CHUNK_TASKS + 1, 1));
        let last = 2 * CHUNK_TASKS as u128;
        let of = |keys: &[u128]| {
            let wants = keys.iter().zip(1..).map(|(key, want)| (Key::from_u128(*key), WantId(want)));
            wants_of(&chunks, wants.collect())
        };
        assert_eq!(lengths(&of(&[0, 1, 1_024, last])), [2, 1, 1]);
        // The first of these is behind the second, and the last is of no task here.
        let found = of(&[last, 0, 1_024, 9_999]);
        assert_eq!(found[0].iter().map(|(_, want)| want.0).collect::<Vec<_>>(), [2, 4]);
        assert_eq!((found[1][0].1, found[2][0].1), (WantId(3), WantId(1)));
    }
}
