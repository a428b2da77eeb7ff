//! What is wrong with a step, known when it is added, where the step can't return an error: every partition then fails with it.

use brisk_client::{
    Delayed, Value,
    graph::{Datum, Item, Slot, TaskItem},
    task,
};

/// A call that fails with `reason`: for what is known to be wrong before anything runs, in methods that return a collection.
pub fn refused<T: Value>(reason: impl Into<String>) -> Delayed<T> {
    let reason = Slot::One(Item::Inline(Datum::new(reason.into())));
    Delayed::call(<refuse as TaskItem>::DEF, [reason])
}

/// Never has a value, so it is of any type.
#[task(name = "refused")]
fn refuse(reason: String) -> Result<(), String> {
    Err(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_fails_with_the_reason() {
        let error = refused::<Vec<i64>>("a chunk of 3 by 4 can't be cut so").run().unwrap_err();
        assert!(error.to_string().starts_with("a chunk of 3 by 4"), "{error}");
    }
}
