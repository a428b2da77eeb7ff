//! Several calls at once, for [`Client::compute`](super::Client::compute).

use std::sync::Arc;

use brisk_core::{
    future::{Handle, TaskFuture},
    graph::{Call, Node},
};

/// Calls that are submitted together, as one graph: a tuple of up to eight, or a vector or array of any length.
pub trait Calls {
    /// Their futures: a tuple of as many, or a vector.
    type Futures;

    /// Submits them with `submit`, which gives a handle for each call.
    #[doc(hidden)]
    fn submit(self, submit: impl FnOnce(&[Arc<Node>]) -> Vec<Handle>) -> Self::Futures;
}

impl<C: Call> Calls for Vec<C> {
    type Futures = Vec<TaskFuture<C::Output>>;

    fn submit(self, submit: impl FnOnce(&[Arc<Node>]) -> Vec<Handle>) -> Self::Futures {
        let nodes: Vec<_> = self.into_iter().map(|call| call.delayed().node().clone()).collect();
        submit(&nodes).into_iter().map(TaskFuture::from_handle).collect()
    }
}

impl<C: Call, const N: usize> Calls for [C; N] {
    type Futures = Vec<TaskFuture<C::Output>>;

    fn submit(self, submit: impl FnOnce(&[Arc<Node>]) -> Vec<Handle>) -> Self::Futures {
        Vec::from(self).submit(submit)
    }
}

macro_rules! tuples {
    ($(($($call:ident)+))*) => {$(
        impl<$($call: Call),+> Calls for ($($call,)+) {
            type Futures = ($(TaskFuture<$call::Output>,)+);

            fn submit(self, submit: impl FnOnce(&[Arc<Node>]) -> Vec<Handle>) -> Self::Futures {
                #[allow(non_snake_case)]
                let ($($call,)+) = self;
                let nodes = [$($call.delayed().node().clone()),+];
                let mut handles = submit(&nodes).into_iter();
                ($(TaskFuture::<$call::Output>::from_handle(handles.next().expect("a handle for each call")),)+)
            }
        }
    )*};
}

tuples! { (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E F) (A B C D E F G) (A B C D E F G H) }
