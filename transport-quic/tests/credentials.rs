//! Credentials files: private, or refused.
#![cfg(unix)]

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink},
    path::{Path, PathBuf},
};

use brisk_core::hello::Role;
use brisk_transport_quic::{Credentials, CredentialsError};

/// A directory of this test, gone with it.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("brisk-credentials-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Directory(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("cluster.brisk")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_new_file_is_private_and_can_be_read_back() {
    let directory = Directory::new("new");
    let created = Credentials::create(directory.file()).unwrap();
    assert_eq!(fs::metadata(directory.file()).unwrap().permissions().mode() & 0o777, 0o600);
    let loaded = Credentials::load(directory.file()).unwrap();
    assert!(loaded == created);
    assert_eq!(loaded.roles().count(), 4);
    assert!(loaded.for_role(Role::Supervisor).is_ok());
    let days = loaded.expires_at().duration_since(std::time::SystemTime::now()).unwrap().as_secs() / (24 * 3600);
    assert!((29..=30).contains(&days), "{days} days");
}

#[test]
fn an_existing_file_is_never_overwritten() {
    let directory = Directory::new("exists");
    fs::write(directory.file(), "precious").unwrap();
    let error = Credentials::create(directory.file()).unwrap_err();
    assert!(matches!(error, CredentialsError::Exists(_)), "{error}");
    // Nor is a file at the other end of a link, were it there or not.
    let link = directory.0.join("link");
    symlink(directory.0.join("absent"), &link).unwrap();
    assert!(matches!(Credentials::create(&link), Err(CredentialsError::Exists(_))));
    assert_eq!(fs::read_to_string(directory.file()).unwrap(), "precious");
}

#[test]
fn a_file_that_others_may_read_is_refused() {
    let directory = Directory::new("mode");
    Credentials::create(directory.file()).unwrap();
    for mode in [0o640, 0o604, 0o620, 0o602, 0o644, 0o777] {
        set_mode(&directory.file(), mode);
        let error = Credentials::load(directory.file()).unwrap_err();
        assert!(matches!(error, CredentialsError::Readable { .. }), "{mode:o}: {error}");
        let text = error.to_string();
        assert!(text.contains("chmod 600") && text.contains(&format!("{mode:03o}")), "{text}");
    }
    set_mode(&directory.file(), 0o400);
    assert!(Credentials::load(directory.file()).is_ok());
}

#[test]
fn a_file_of_another_user_is_refused() {
    let directory = Directory::new("owner");
    Credentials::create(directory.file()).unwrap();
    let user = fs::metadata(directory.file()).unwrap().uid();
    // Only root may give a file away; for others there is nothing to test.
    if chown(directory.file(), Some(user + 1), None).is_ok() {
        let error = Credentials::load(directory.file()).unwrap_err();
        assert!(matches!(error, CredentialsError::Owner { owner, .. } if owner == user + 1), "{error}");
    }
}

#[test]
fn anything_else_is_told_apart() {
    let directory = Directory::new("malformed");
    let error = Credentials::load(directory.file()).unwrap_err();
    assert!(matches!(error, CredentialsError::Io { .. }), "{error}");
    set_mode(&directory.0, 0o700);
    assert!(Credentials::load(&directory.0).is_err(), "a directory");
    Credentials::create(directory.file()).unwrap();
    let whole = fs::read(directory.file()).unwrap();
    for cut in [0, 1, whole.len() / 2, whole.len() - 2] {
        fs::write(directory.file(), &whole[..cut]).unwrap();
        let error = Credentials::load(directory.file()).unwrap_err();
        assert!(matches!(error, CredentialsError::Malformed(_)), "cut at {cut}: {error}");
    }
    fs::write(directory.file(), vec![b' '; 1 << 20]).unwrap();
    assert!(matches!(Credentials::load(directory.file()), Err(CredentialsError::Malformed(_))), "too long");
    // A certificate that is none.
    let text = String::from_utf8(whole).unwrap().replacen("BEGIN CERTIFICATE", "BEGIN NOTHING", 1);
    fs::write(directory.file(), text).unwrap();
    assert!(matches!(Credentials::load(directory.file()), Err(CredentialsError::Malformed(_))));
}
