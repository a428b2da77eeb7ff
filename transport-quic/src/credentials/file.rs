//! Private files: written for one user, and refused when they are not that user's alone.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::Path,
};

#[cfg(unix)]
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};

use super::CredentialsError;

/// Far above any credentials.
const MAX_BYTES: u64 = 256 << 10;

/// Writes a new file that only this user can read.
pub(super) fn write_private(path: &Path, text: &[u8]) -> Result<(), CredentialsError> {
    let mut options = OpenOptions::new();
    // Exclusive: never through a link that somebody else has put there.
    options.write(true).create_new(true);
    #[cfg(unix)]
    options.mode(0o600);
    let mut file = options.open(path).map_err(|reason| match reason.kind() {
        io::ErrorKind::AlreadyExists => CredentialsError::Exists(path.display().to_string()),
        _ => failed(path, reason),
    })?;
    let written = file.write_all(text).and_then(|()| file.sync_all());
    written.map_err(|reason| {
        // Half a file would stand in the way of the next attempt. If it can't be removed either, that one says so.
        let _ = fs::remove_file(path);
        failed(path, reason)
    })
}

/// Reads a file, if it is this user's and nobody else can read it.
pub(super) fn read_private(path: &Path) -> Result<Vec<u8>, CredentialsError> {
    let file = File::open(path).map_err(|reason| failed(path, reason))?;
    check(path, &file)?;
    let mut text = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut text).map_err(|reason| failed(path, reason))?;
    if text.len() as u64 > MAX_BYTES {
        return Err(CredentialsError::Malformed(format!("the file is longer than {MAX_BYTES} bytes")));
    }
    Ok(text)
}

/// Looks at the open file, not at its path: what is checked is what is read.
#[cfg(unix)]
fn check(path: &Path, file: &File) -> Result<(), CredentialsError> {
    let metadata = file.metadata().map_err(|reason| failed(path, reason))?;
    if !metadata.is_file() {
        return Err(CredentialsError::Malformed(format!("{} is no file", path.display())));
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(CredentialsError::Readable { path: path.display().to_string(), mode });
    }
    let (owner, user) = (metadata.uid(), effective_user().map_err(|reason| failed(path, reason))?);
    if owner != user {
        return Err(CredentialsError::Owner { path: path.display().to_string(), owner, user });
    }
    Ok(())
}

#[cfg(not(unix))]
fn check(_path: &Path, _file: &File) -> Result<(), CredentialsError> {
    // Files in a user's profile are private by default there, and permissions are lists that this does not read.
    Ok(())
}

/// Who runs this process, without a call that the standard library lacks: the owner of what the process makes.
#[cfg(unix)]
fn effective_user() -> io::Result<u32> {
    if let Ok(metadata) = fs::metadata("/proc/self") {
        return Ok(metadata.uid());
    }
    let path = std::env::temp_dir().join(format!("brisk-user-{}", std::process::id()));
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    let owner = file.metadata().map(|metadata| metadata.uid());
    fs::remove_file(&path)?;
    owner
}

fn failed(path: &Path, reason: io::Error) -> CredentialsError {
    CredentialsError::Io { path: path.display().to_string(), reason }
}
