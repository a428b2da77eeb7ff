//! Telling peers of a former life that it is over.
//!
//! A process that is killed says nothing, and its peers wait for the idle timeout. If it is started again at the same
//! address, it can tell whoever still sends to it that their connections are gone (a *stateless reset*, RFC 9000 section
//! 10.3): with a token that its former life has given them, and that nobody can know who has not its private key.

use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};

use brisk_core::hello::Role;
use quinn::{
    ConnectionId, ConnectionIdGenerator, EndpointConfig,
    crypto::{CryptoError, HmacKey},
};

use crate::credentials::{Credentials, CredentialsError};

/// The same in every life of a listener with the same credentials.
pub(crate) struct ResetKey([u8; 32]);

impl ResetKey {
    pub(crate) fn of(credentials: &Credentials, role: Role) -> Result<Self, CredentialsError> {
        let (_, key) = credentials.certified_key(role)?;
        Ok(ResetKey(blake3::derive_key("brisk 2026 transport-quic stateless resets", key.secret_der())))
    }

    pub(crate) fn install(self, config: &mut EndpointConfig) {
        config.cid_generator(|| Box::new(Numbers::new()));
        config.reset_key(Arc::new(self));
    }
}

/// Numbers of connections, which nobody can guess. Any number is believed to be from a former life: the default generator
/// drops packets whose numbers are not of this one, so that nobody would be told.
struct Numbers {
    seed: [u8; 32],
    count: u64,
}

impl Numbers {
    fn new() -> Self {
        // `RandomState` is seeded from the system, once a thread, and counts on from there.
        let random: Vec<u8> = (0..4u64).flat_map(|n| RandomState::new().hash_one(n).to_le_bytes()).collect();
        Numbers { seed: blake3::derive_key("brisk 2026 transport-quic connection numbers", &random), count: 0 }
    }
}

impl ConnectionIdGenerator for Numbers {
    fn generate_cid(&mut self) -> ConnectionId {
        self.count += 1;
        let hash = blake3::keyed_hash(&self.seed, &self.count.to_le_bytes());
        ConnectionId::new(&hash.as_bytes()[..self.cid_len()])
    }

    fn cid_len(&self) -> usize {
        8
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

impl HmacKey for ResetKey {
    fn sign(&self, data: &[u8], signature_out: &mut [u8]) {
        blake3::Hasher::new_keyed(&self.0).update(data).finalize_xof().fill(signature_out);
    }

    fn signature_len(&self) -> usize {
        blake3::OUT_LEN
    }

    fn verify(&self, data: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        let expected = blake3::Hasher::new_keyed(&self.0).update(data).finalize();
        // Compared in constant time.
        let given: [u8; blake3::OUT_LEN] = signature.try_into().map_err(|_| CryptoError)?;
        if expected == given { Ok(()) } else { Err(CryptoError) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_numbers_are_alike() {
        let mut all = std::collections::HashSet::new();
        for mut numbers in [Numbers::new(), Numbers::new()] {
            for _ in 0..1_000 {
                assert!(all.insert(numbers.generate_cid()));
            }
        }
    }

    #[test]
    fn the_key_is_that_of_the_role_and_signs_what_it_verifies() {
        let credentials = Credentials::generate().unwrap();
        let [a, b, other] = [Role::Scheduler, Role::Scheduler, Role::Worker].map(|role| {
            let key = ResetKey::of(&credentials, role).unwrap();
            let mut signature = vec![0; key.signature_len()];
            key.sign(b"number", &mut signature);
            (key, signature)
        });
        assert_eq!(a.1, b.1, "another life has the same");
        assert_ne!(a.1, other.1);
        assert!(a.0.verify(b"number", &b.1).is_ok() && a.0.verify(b"another", &b.1).is_err());
        assert!(other.0.verify(b"number", &a.1).is_err() && a.0.verify(b"number", &a.1[1..]).is_err());
    }
}
