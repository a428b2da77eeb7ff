//! Credentials: what a process proves to others with, and by what it knows them.
//!
//! Each cluster has its own certificate authority, and trusts nothing else. A certificate names the cluster and one role;
//! who calls as a worker must hold a worker's certificate. The authority's key never leaves the [`ClusterAuthority`] that
//! made it: it exists in memory only, so what was not issued when the cluster was made can't be issued later.

use std::{
    collections::BTreeMap,
    fmt,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use brisk_core::hello::Role;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use serde::{Deserialize, Serialize};
use thiserror::Error;

mod authority;
mod file;

pub use authority::ClusterAuthority;

/// Every role that a certificate can have.
pub(crate) const ROLES: [Role; 4] = [Role::Scheduler, Role::Worker, Role::Client, Role::Supervisor];

/// A cluster's name, the certificate of its authority, and a certificate with its key for one or several roles.
///
/// Whoever holds them can act as any of those roles: they are secret. Serialised, they are text that can be handed to a
/// child process, in private.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// The cluster, by the fingerprint of its authority's key.
    cluster: String,
    /// Seconds since 1970.
    expires_at: u64,
    /// PEM.
    authority: String,
    identities: BTreeMap<Role, Identity>,
}

/// A certificate and its private key, as PEM.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Identity {
    certificate: String,
    key: String,
}

/// A certificate and its private key, as TLS takes them.
pub(crate) type CertifiedKey = (CertificateDer<'static>, PrivateKeyDer<'static>);

/// Credentials can't be had.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// The file can't be read or written.
    #[error("credentials file {path}: {reason}")]
    Io {
        /// The file.
        path: String,
        /// What the system says.
        reason: std::io::Error,
    },
    /// There is a file already, and it may be a cluster's only copy.
    #[error("{0} exists already: remove it first, or choose another name")]
    Exists(String),
    /// Others than its owner may read the file.
    #[error("{path} may be read by others than its owner (mode {mode:03o}): run `chmod 600 {path}`")]
    Readable {
        /// The file.
        path: String,
        /// Its permissions.
        mode: u32,
    },
    /// The file is somebody else's.
    #[error("{path} belongs to user {owner}, not to user {user}, who runs this process")]
    Owner {
        /// The file.
        path: String,
        /// The owner's number.
        owner: u32,
        /// The number of the user of this process.
        user: u32,
    },
    /// The text is no credentials.
    #[error("no credentials of a Brisk cluster: {0}")]
    Malformed(String),
    /// The certificates are valid no longer.
    #[error(
        "the credentials of cluster {cluster} expired {} h ago: make new ones with `brisk credentials create`, and give \
         them to every host and user of the cluster", .ago.as_secs() / 3600
    )]
    Expired {
        /// The cluster.
        cluster: String,
        /// How long they have been.
        ago: Duration,
    },
    /// There is no certificate for the role that is needed.
    #[error("the credentials of cluster {cluster} are not for a {role}")]
    NoRole {
        /// The cluster.
        cluster: String,
        /// The role.
        role: Role,
    },
    /// The cryptography refuses.
    #[error("the certificates can't be made: {0}")]
    Crypto(String),
}

impl Credentials {
    /// Credentials of a new cluster, for every role. They are in memory only, and last as long as any process.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub fn generate() -> Result<Self, CredentialsError> {
        ClusterAuthority::new()?.issue_all()
    }

    /// Credentials of a new cluster, for every role, in a new file that only this user can read. They last 30 days.
    ///
    /// # Errors
    /// If there is a file already, or none can be written.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, CredentialsError> {
        let credentials = ClusterAuthority::with_lifetime(authority::FILE_LIFETIME)?.issue_all()?;
        credentials.save(path)?;
        Ok(credentials)
    }

    /// Writes them to a new file that only this user can read.
    ///
    /// # Errors
    /// If there is a file already, or none can be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), CredentialsError> {
        let text = serde_json::to_vec_pretty(self).map_err(|e| CredentialsError::Malformed(e.to_string()))?;
        file::write_private(path.as_ref(), &text)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// If it can't be read, or others than this user can read or write it, or it has expired, or it is something else.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, CredentialsError> {
        Self::from_text(&file::read_private(path.as_ref())?)
    }

    /// Reads the text of a file that came by another way.
    ///
    /// # Errors
    /// If it has expired, or is something else.
    pub fn from_text(text: &[u8]) -> Result<Self, CredentialsError> {
        // serde's message may quote the text, and the text is secret: only the place is told.
        let credentials: Credentials = serde_json::from_slice(text).map_err(|e| {
            CredentialsError::Malformed(format!("line {}, column {} is not as expected", e.line(), e.column()))
        })?;
        credentials.check(SystemTime::now())?;
        Ok(credentials)
    }

    /// The same, for one role only.
    ///
    /// # Errors
    /// If that role is not among them.
    pub fn for_role(&self, role: Role) -> Result<Self, CredentialsError> {
        let identity = self.identity(role)?.clone();
        Ok(Credentials { identities: BTreeMap::from([(role, identity)]), ..self.clone() })
    }

    /// The same, for those of these roles that are among them.
    #[must_use]
    pub fn only_for(&self, roles: &[Role]) -> Self {
        let identities = self.identities.iter().filter(|(role, _)| roles.contains(role));
        let identities = identities.map(|(role, identity)| (*role, identity.clone())).collect();
        Credentials { identities, ..self.clone() }
    }

    /// The cluster's name: a fingerprint of its authority.
    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    /// The roles they are for.
    pub fn roles(&self) -> impl Iterator<Item = Role> + '_ {
        self.identities.keys().copied()
    }

    /// When they expire.
    pub fn expires_at(&self) -> SystemTime {
        UNIX_EPOCH.checked_add(Duration::from_secs(self.expires_at)).unwrap_or(UNIX_EPOCH)
    }

    /// Checks everything that can be checked without a peer.
    ///
    /// # Errors
    /// What is wrong.
    pub(crate) fn check(&self, now: SystemTime) -> Result<(), CredentialsError> {
        if let Ok(ago) = now.duration_since(self.expires_at()) {
            return Err(CredentialsError::Expired { cluster: self.cluster.clone(), ago });
        }
        self.authority()?;
        self.roles().try_for_each(|role| self.certified_key(role).map(drop))
    }

    /// The authority's certificate.
    pub(crate) fn authority(&self) -> Result<CertificateDer<'static>, CredentialsError> {
        CertificateDer::from_pem_slice(self.authority.as_bytes())
            .map_err(|_| CredentialsError::Malformed("the authority's certificate can't be read".to_owned()))
    }

    /// The certificate and key of a role.
    pub(crate) fn certified_key(&self, role: Role) -> Result<CertifiedKey, CredentialsError> {
        let identity = self.identity(role)?;
        let certificate = CertificateDer::from_pem_slice(identity.certificate.as_bytes())
            .map_err(|_| CredentialsError::Malformed(format!("the certificate of the {role} can't be read")))?;
        let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes())
            .map_err(|_| CredentialsError::Malformed(format!("the key of the {role} can't be read")))?;
        Ok((certificate, key))
    }

    fn identity(&self, role: Role) -> Result<&Identity, CredentialsError> {
        self.identities.get(&role).ok_or_else(|| CredentialsError::NoRole { cluster: self.cluster.clone(), role })
    }
}

/// Says whose they are, and none of the secrets.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let roles: Vec<Role> = self.roles().collect();
        f.debug_struct("Credentials").field("cluster", &self.cluster).field("roles", &roles).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_comes_back() {
        let credentials = Credentials::generate().unwrap();
        let text = serde_json::to_vec(&credentials).unwrap();
        assert!(Credentials::from_text(&text).unwrap() == credentials);
        assert_eq!(credentials.roles().collect::<Vec<_>>(), ROLES);
    }

    #[test]
    fn a_role_alone_is_only_that_role() {
        let client = Credentials::generate().unwrap().for_role(Role::Client).unwrap();
        assert_eq!(client.roles().collect::<Vec<_>>(), [Role::Client]);
        let text = client.for_role(Role::Worker).unwrap_err().to_string();
        assert!(text.contains("are not for a worker"), "{text}");
    }

    #[test]
    fn some_roles_are_only_those_that_are_there() {
        let all = Credentials::generate().unwrap();
        let roles = |credentials: &Credentials| credentials.roles().collect::<Vec<_>>();
        assert_eq!(roles(&all.only_for(&[Role::Worker, Role::Client])), [Role::Worker, Role::Client]);
        let client = all.for_role(Role::Client).unwrap();
        assert_eq!(roles(&client.only_for(&[Role::Worker, Role::Client])), [Role::Client]);
    }

    #[test]
    fn expired_credentials_say_so() {
        let credentials = ClusterAuthority::with_lifetime(Duration::from_secs(60)).unwrap().issue_all().unwrap();
        assert!(credentials.check(SystemTime::now()).is_ok());
        let later = SystemTime::now() + Duration::from_secs(60 + 3 * 3600);
        let text = credentials.check(later).unwrap_err().to_string();
        assert!(text.contains("expired 3 h ago"), "{text}");
    }

    #[test]
    fn no_secret_is_shown() {
        let credentials = Credentials::generate().unwrap();
        let secret: Vec<&str> = credentials
            .identities
            .values()
            .flat_map(|i| i.key.lines())
            .filter(|l| l.len() > 20 && !l.starts_with('-'))
            .collect();
        assert!(secret.len() >= 4);
        let mut texts = vec![format!("{credentials:?}")];
        let broken = serde_json::to_string(&credentials).unwrap().replace("\"identities\"", "\"other\"");
        texts.push(Credentials::from_text(broken.as_bytes()).unwrap_err().to_string());
        for text in texts {
            assert!(secret.iter().all(|line| !text.contains(line)), "{text}");
        }
    }
}
