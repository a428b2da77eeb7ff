//! Parameters that may be given in parts: methods of [`Param`] that are found before those of
//! [`AnyParam`](super::AnyParam).

use std::{
    collections::{BTreeMap, HashMap},
    hash::{BuildHasher, Hash},
    sync::Arc,
};

use brisk_core::{task::Inputs, value::Value};

use super::{Caught, Param};

macro_rules! containers {
    ($([$($generics:tt)*] $container:ty;)*) => {$(
        impl<$($generics)*> Param<$container> {
            /// The argument by value.
            ///
            /// # Errors
            /// See [`Inputs::owned_container`].
            pub fn owned(inputs: &mut Inputs, index: usize) -> Caught<$container> {
                inputs.owned_container(index)
            }

            /// The argument, shared.
            ///
            /// # Errors
            /// See [`Inputs::shared_container`].
            pub fn shared(inputs: &mut Inputs, index: usize) -> Caught<Arc<$container>> {
                inputs.shared_container(index)
            }
        }
    )*};
}

containers! {
    [T: Value + Clone] Option<T>;
    [K: Value + Clone + Ord, V: Value + Clone] BTreeMap<K, V>;
    [
        K: Value + Clone + Eq + Hash, V: Value + Clone, S: BuildHasher + Default + Clone + Send + Sync + 'static
    ] HashMap<K, V, S>;
    [A: Value + Clone, B: Value + Clone] (A, B);
    [A: Value + Clone, B: Value + Clone, C: Value + Clone] (A, B, C);
}
