//! The certificate authority of one cluster.

use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use brisk_core::hello::Role;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

use super::{Credentials, CredentialsError, Identity, ROLES};
use crate::tls;

/// How long a credentials file is good for. A lost file is a danger for no longer than this.
pub(super) const FILE_LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);

/// How long credentials are good for that are in memory only, and vanish with their processes: longer than those run.
const MEMORY_LIFETIME: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Certificates are good from so long before they are made: the clocks of two hosts differ.
const CLOCK_SKEW: Duration = Duration::from_secs(24 * 3600);

/// Makes the certificates of one cluster. Its key is in memory only.
pub struct ClusterAuthority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    cluster: String,
    expires_at: u64,
}

impl ClusterAuthority {
    /// The authority of a new cluster.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub fn new() -> Result<Self, CredentialsError> {
        Self::with_lifetime(MEMORY_LIFETIME)
    }

    /// The same; what it issues expires after `lifetime`.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub fn with_lifetime(lifetime: Duration) -> Result<Self, CredentialsError> {
        let key = KeyPair::generate().map_err(crypto)?;
        let mut params = CertificateParams::default();
        let fingerprint: String = params.key_identifier(&key).iter().map(|byte| format!("{byte:02x}")).collect();
        let cluster = format!("brisk-{fingerprint}");
        let expires_at = (SystemTime::now() + lifetime).duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        set_validity(&mut params, expires_at);
        params.distinguished_name.push(DnType::CommonName, cluster.clone());
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let issuer = CertifiedIssuer::self_signed(params, key).map_err(crypto)?;
        Ok(ClusterAuthority { issuer, cluster, expires_at })
    }

    /// Credentials for one role.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub fn issue(&self, role: Role) -> Result<Credentials, CredentialsError> {
        self.issue_for(&[role])
    }

    /// Credentials for every role, for those who hand them on.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub fn issue_all(&self) -> Result<Credentials, CredentialsError> {
        self.issue_for(&ROLES)
    }

    fn issue_for(&self, roles: &[Role]) -> Result<Credentials, CredentialsError> {
        let identities =
            roles.iter().map(|&role| Ok((role, self.identity(role)?))).collect::<Result<BTreeMap<_, _>, _>>()?;
        Ok(Credentials {
            cluster: self.cluster.clone(),
            expires_at: self.expires_at,
            authority: self.issuer.pem(),
            identities,
        })
    }

    fn identity(&self, role: Role) -> Result<Identity, CredentialsError> {
        let mut names = vec![tls::role_name(role, &self.cluster)];
        if listens(role) {
            names.push(self.cluster.clone());
        }
        let mut params = CertificateParams::new(names).map_err(crypto)?;
        set_validity(&mut params, self.expires_at);
        params.distinguished_name.push(DnType::CommonName, format!("{role} of {}", self.cluster));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = usages(role);
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().map_err(crypto)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(crypto)?;
        Ok(Identity { certificate: certificate.pem(), key: key.serialize_pem() })
    }
}

impl fmt::Debug for ClusterAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClusterAuthority").field("cluster", &self.cluster).finish_non_exhaustive()
    }
}

/// Whether peers of this role are called by others.
fn listens(role: Role) -> bool {
    matches!(role, Role::Scheduler | Role::Worker)
}

/// The scheduler calls nobody; clients and supervisors are called by nobody. The certificates hold them to it.
fn usages(role: Role) -> Vec<ExtendedKeyUsagePurpose> {
    match role {
        Role::Scheduler => vec![ExtendedKeyUsagePurpose::ServerAuth],
        Role::Worker => vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth],
        Role::Client | Role::Supervisor => vec![ExtendedKeyUsagePurpose::ClientAuth],
    }
}

fn set_validity(params: &mut CertificateParams, expires_at: u64) {
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    params.not_before = epoch + now.saturating_sub(CLOCK_SKEW);
    params.not_after = epoch + Duration::from_secs(expires_at);
}

fn crypto(error: rcgen::Error) -> CredentialsError {
    CredentialsError::Crypto(error.to_string())
}
