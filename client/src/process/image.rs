//! The executable that this process was started from.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::OnceLock,
};

use brisk_core::id::EnvironmentId;

use crate::error::ClientError;

/// An executable, and the hash of its content: the environment id of every task that it holds.
#[derive(Clone, Debug)]
pub struct Image {
    /// The hash.
    pub id: EnvironmentId,
    /// Where it lies, or lay when it was started.
    pub path: PathBuf,
}

/// Where the running image can be read and started again, even after the file was replaced by another build.
#[cfg(target_os = "linux")]
const RUNNING: &str = "/proc/self/exe";

impl Image {
    /// The image of this process, as it was started; hashed once.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn of_this_process() -> Result<Image, ClientError> {
        static IMAGE: OnceLock<Image> = OnceLock::new();
        if let Some(image) = IMAGE.get() {
            return Ok(image.clone());
        }
        let what = "the program's own executable can't be read";
        let path = undeleted(std::env::current_exe().map_err(ClientError::io(what))?);
        let id = hash(&Self::running(&path)).map_err(ClientError::io(what))?;
        Ok(IMAGE.get_or_init(|| Image { id, path }).clone())
    }

    /// The image in a file.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn of_file(path: &Path) -> io::Result<Image> {
        Ok(Image { id: hash(path)?, path: path.to_owned() })
    }

    /// The path by which to start the running image again.
    #[cfg(target_os = "linux")]
    pub(crate) fn running(_: &Path) -> PathBuf {
        PathBuf::from(RUNNING)
    }

    /// The path by which to start the running image again.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn running(path: &Path) -> PathBuf {
        path.to_owned()
    }
}

/// The path of an executable whose file was replaced since it was started, as rebuilding does: Linux marks it.
fn undeleted(path: PathBuf) -> PathBuf {
    match path.to_str().and_then(|text| text.strip_suffix(" (deleted)")) {
        Some(before) => PathBuf::from(before),
        None => path,
    }
}

fn hash(path: &Path) -> io::Result<EnvironmentId> {
    let mut file = File::open(path)?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            let mut first = [0; 16];
            first.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
            return Ok(EnvironmentId(u128::from_be_bytes(first)));
        }
        hasher.update(&buffer[..read]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_its_file() {
        let this = Image::of_this_process().unwrap();
        assert_eq!(this.id, Image::of_file(&this.path).unwrap().id);
        assert_ne!(this.id, EnvironmentId::IN_PROCESS);
    }
}
