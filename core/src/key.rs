//! Keys: what a task's result is called everywhere.
//!
//! The key of a pure call is a hash of what is computed: the build, the function and the arguments. The same call is
//! therefore the same key in every process, and runs once. The hash is BLAKE3, cut to 128 bits: keys are shared between
//! clients, so a collision that somebody could construct would hand one client another's result.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{error::EncodeError, function::FunctionId, id::EnvironmentId, value::Datum};

/// The 128-bit name of a task and of its result.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key(#[serde(with = "crate::hex")] u128);

/// How many keys [`Key::unique`] gives at once.
pub const UNIQUE_AT_ONCE: usize = 64;

impl Key {
    /// A key from its number, as decoded from the wire or chosen by a test.
    pub const fn from_u128(number: u128) -> Self {
        Key(number)
    }

    /// The number behind the key.
    pub const fn as_u128(self) -> u128 {
        self.0
    }

    /// The key of a name that a user chose with `.key("…")`. It does not depend on the build or on the arguments.
    pub fn named(name: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"brisk key by name\0").update(name.as_bytes());
        Key(truncate(&hasher))
    }

    /// The key of a value that no task has made: of its content and type, so that equal values are one.
    ///
    /// # Errors
    /// If its `Serialize` refuses.
    pub fn of_value(environment: EnvironmentId, value: &Datum) -> Result<Self, EncodeError> {
        let mut hasher = KeyHasher::new(environment, FunctionId::from_u128(0));
        hasher.inline(&Datum::new(value.type_name().unwrap_or_default().to_owned()))?;
        hasher.inline(value)?;
        Ok(hasher.finish())
    }

    /// Keys that no other calls have, for impure calls: `session` must be unique to the process's session and `block`
    /// within it. One hash gives them all: of each run of 16 it gives what they share, and they differ in their number
    /// within it, and in their first digits, by which people tell them apart. Tables that know of runs keep them side by side
    /// ([`KeyMap`](crate::key_map::KeyMap)).
    pub fn unique(session: u128, block: u64) -> [Self; UNIQUE_AT_ONCE] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"brisk keys, unique\0").update(&session.to_le_bytes()).update(&block.to_le_bytes());
        let mut bytes = [0; 16 * RUNS];
        hasher.finalize_xof().fill(&mut bytes);
        let (runs, _) = bytes.as_chunks::<16>();
        std::array::from_fn(|i| Key::in_run(u128::from_be_bytes(runs[i / RUN]), (i % RUN) as u64))
    }

    /// The key of a number in the run of those that share these bits.
    fn in_run(shared: u128, number: u64) -> Self {
        let low = (shared as u64 & !(RUN as u64 - 1)) | number;
        Key((u128::from(first_digits(low)) << 96) | (shared & MIDDLE) | u128::from(low))
    }

    /// Where a table keeps the key: keys of one run at places that follow each other, others anywhere.
    pub fn place(self) -> u32 {
        let (first, middle, low) = ((self.0 >> 96) as u32, (self.0 >> 64) as u32, self.0 as u64);
        // Nothing, of a key of a run.
        let unlike = u64::from(first ^ first_digits(low));
        let shared = (low / RUN as u64) ^ (u64::from(middle) << 28) ^ (unlike << 32);
        ((shared.wrapping_mul(FACTOR) >> 32) as u32).wrapping_add(low as u32 % RUN as u32)
    }
}

/// How many keys follow each other in a run: as many as a hash table of today looks at in one step. Longer runs would lie on
/// top of each other more often.
const RUN: usize = 16;

const RUNS: usize = UNIQUE_AT_ONCE / RUN;

/// The bits that neither begin a key nor are in its lower half.
const MIDDLE: u128 = 0xffff_ffff << 64;

/// The golden ratio's fraction: Knuth's multiplicative hashing.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// The first digits of a key of a run, which has this lower half.
fn first_digits(low: u64) -> u32 {
    (low.wrapping_mul(FACTOR) >> 32) as u32
}

/// The first eight hexadecimal digits: enough to tell keys apart on a screen.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0 >> 96)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:032x})", self.0)
    }
}

/// Hashes a pure call into its [`Key`]. Each argument is tagged, so that an inline value can never pass for a key, nor a
/// list for its items.
pub struct KeyHasher {
    hasher: blake3::Hasher,
    buffer: [u8; BUFFER_BYTES],
    filled: usize,
}

/// Small writes are gathered before they are hashed: BLAKE3 has a cost per call, and postcard writes byte by byte.
const BUFFER_BYTES: usize = 256;

const TAG_INLINE: u8 = 1;
const TAG_KEY: u8 = 2;
const TAG_LIST: u8 = 3;
const TAG_END: u8 = 4;

impl KeyHasher {
    /// Starts the key of a call of `function` in `environment`.
    pub fn new(environment: EnvironmentId, function: FunctionId) -> Self {
        let mut this = KeyHasher { hasher: blake3::Hasher::new(), buffer: [0; BUFFER_BYTES], filled: 0 };
        this.bytes(&environment.0.to_le_bytes());
        this.bytes(&function.as_u128().to_le_bytes());
        this
    }

    /// Adds a value that travels with the call.
    ///
    /// # Errors
    /// If the value's `Serialize` refuses.
    pub fn inline(&mut self, value: &Datum) -> Result<(), EncodeError> {
        self.byte(TAG_INLINE);
        value.hash_into(self)?;
        self.byte(TAG_END);
        Ok(())
    }

    /// Adds the result of another task.
    pub fn key(&mut self, key: Key) {
        self.byte(TAG_KEY);
        self.bytes(&key.0.to_le_bytes());
    }

    /// Starts a list of `len` arguments; the items follow.
    pub fn list(&mut self, len: usize) {
        self.byte(TAG_LIST);
        self.bytes(&(len as u64).to_le_bytes());
    }

    /// The key of everything that was added.
    pub fn finish(mut self) -> Key {
        self.flush();
        Key(truncate(&self.hasher))
    }

    pub(crate) fn byte(&mut self, byte: u8) {
        if self.filled == BUFFER_BYTES {
            self.flush();
        }
        self.buffer[self.filled] = byte;
        self.filled += 1;
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        if self.filled + bytes.len() > BUFFER_BYTES {
            self.flush();
        }
        if bytes.len() > BUFFER_BYTES {
            self.hasher.update(bytes);
        } else {
            self.buffer[self.filled..self.filled + bytes.len()].copy_from_slice(bytes);
            self.filled += bytes.len();
        }
    }

    fn flush(&mut self) {
        self.hasher.update(&self.buffer[..self.filled]);
        self.filled = 0;
    }
}

pub(crate) fn truncate(hasher: &blake3::Hasher) -> u128 {
    let mut first = [0; 16];
    first.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    u128::from_be_bytes(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hasher() -> KeyHasher {
        KeyHasher::new(EnvironmentId::IN_PROCESS, FunctionId::from_u128(7))
    }

    #[test]
    fn same_call_same_key() {
        let key = |x: i64| {
            let mut h = hasher();
            h.inline(&Datum::new(x)).unwrap();
            h.finish()
        };
        assert_eq!(key(1), key(1));
        assert_ne!(key(1), key(2));
    }

    #[test]
    fn lists_do_not_pass_for_their_items() {
        let (a, b) = (Key::from_u128(1), Key::from_u128(2));
        let mut flat = hasher();
        flat.key(a);
        flat.key(b);
        let mut nested = hasher();
        nested.list(2);
        nested.key(a);
        nested.key(b);
        assert_ne!(flat.finish(), nested.finish());
    }

    #[test]
    fn long_values_hash_like_their_pieces() {
        let long: Vec<u8> = (0..10_000u32).map(|x| x as u8).collect();
        let mut whole = hasher();
        whole.bytes(&long);
        let mut pieces = hasher();
        long.iter().for_each(|b| pieces.byte(*b));
        assert_eq!(whole.finish(), pieces.finish());
    }

    #[test]
    fn environment_and_function_are_part_of_the_key() {
        let here = hasher().finish();
        assert_ne!(here, KeyHasher::new(EnvironmentId(9), FunctionId::from_u128(7)).finish());
        assert_ne!(here, KeyHasher::new(EnvironmentId::IN_PROCESS, FunctionId::from_u128(8)).finish());
    }

    #[test]
    fn unique_keys_differ_in_what_is_shown_and_have_their_places_side_by_side() {
        let keys: Vec<Key> = (0..100).flat_map(|block| Key::unique(1, block)).collect();
        let shown: std::collections::BTreeSet<String> = keys.iter().map(ToString::to_string).collect();
        assert!(shown.len() > keys.len() - 10);
        for run in keys.chunks(RUN) {
            let first = run[0].place();
            assert!(run.iter().zip(0..).all(|(key, number)| key.place() == first.wrapping_add(number)));
        }
        let runs: std::collections::BTreeSet<u32> = keys.iter().step_by(RUN).map(|key| key.place()).collect();
        assert_eq!(runs.len(), 100 * RUNS);
    }

    #[test]
    fn keys_that_differ_in_few_bits_have_different_places() {
        for shift in [0, 16, 40, 64, 100] {
            let places: std::collections::BTreeSet<u32> =
                (0..10_000u128).map(|n| Key::from_u128(n << shift).place()).collect();
            assert!(places.len() > 9_900, "{} of 10,000 with a shift of {shift}", places.len());
        }
    }
}
