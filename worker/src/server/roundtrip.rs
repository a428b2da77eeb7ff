//! In debug builds, values that stay inside one process are encoded and decoded all the same, the first of each type: a
//! program must not work here and break the first time it runs on several hosts.

use std::any::TypeId;

use brisk_core::{
    error::{ErrorKind, Failure},
    registry::Registry,
    value::Datum,
};
use parking_lot::Mutex;
use rustc_hash::FxHashSet;

/// The types whose values came back whole.
#[derive(Default)]
pub(super) struct RoundTrips(Mutex<FxHashSet<TypeId>>);

impl RoundTrips {
    /// Checks the value's type, unless that was done before or the type is not registered.
    ///
    /// # Errors
    /// What breaks, and what to do.
    pub(super) fn check(&self, registry: &Registry, value: &Datum) -> Result<(), Box<Failure>> {
        let Some(id) = value.concrete_type().filter(|id| !self.0.lock().contains(id)) else { return Ok(()) };
        let Some(def) = registry.type_def(id) else { return Ok(()) };
        (def.round_trip)(value).map_err(|error| {
            let message = format!(
                "the result, {name}, could not leave this process: {error}. Between processes values are encoded with \
                 postcard, which keeps no field names: what is untagged, flattened, skipped or of any type does not \
                 survive it. Return Json<{name}> instead, or write Serialize and Deserialize by hand. (Debug builds check \
                 this inside one process too.)",
                name = (def.name)()
            );
            Box::new(Failure::new(ErrorKind::Encode, message))
        })?;
        self.0.lock().insert(id);
        Ok(())
    }
}
