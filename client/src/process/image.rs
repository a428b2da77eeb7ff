//! The executable that this process was started from.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
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
    /// What was hashed, kept open: the path may be another build's by the time a process is started from it.
    file: Arc<File>,
}

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
        let image = Self::read(&running(&path), path).map_err(ClientError::io(what))?;
        Ok(IMAGE.get_or_init(|| image).clone())
    }

    /// The image in a file.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn of_file(path: &Path) -> io::Result<Image> {
        Self::read(path, path.to_owned())
    }

    fn read(from: &Path, path: PathBuf) -> io::Result<Image> {
        let file = File::open(from)?;
        Ok(Image { id: hash(&file)?, path, file: Arc::new(file) })
    }

    /// By this path a child process is started from exactly what was hashed, whatever lies at the image's own path by then.
    #[cfg(target_os = "linux")]
    pub(crate) fn executable(&self) -> PathBuf {
        use std::os::fd::AsRawFd;

        PathBuf::from(format!("/proc/self/fd/{}", self.file.as_raw_fd()))
    }

    /// By this path a child process is started. Where a system can't start an open file, a rebuilt program is the new one.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn executable(&self) -> PathBuf {
        self.path.clone()
    }
}

/// Where the running image can be read, even after the file was replaced by another build.
#[cfg(target_os = "linux")]
fn running(_: &Path) -> PathBuf {
    PathBuf::from("/proc/self/exe")
}

/// Where the running image can be read.
#[cfg(not(target_os = "linux"))]
fn running(path: &Path) -> PathBuf {
    path.to_owned()
}

/// The path of an executable whose file was replaced since it was started, as rebuilding does: Linux marks it.
fn undeleted(path: PathBuf) -> PathBuf {
    match path.to_str().and_then(|text| text.strip_suffix(" (deleted)")) {
        Some(before) => PathBuf::from(before),
        None => path,
    }
}

fn hash(mut file: &File) -> io::Result<EnvironmentId> {
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

    #[cfg(target_os = "linux")]
    #[test]
    fn what_was_hashed_is_started_however_often_it_was_rebuilt() {
        let program = std::env::temp_dir().join(format!("brisk-image-{}", std::process::id()));
        std::fs::copy("/bin/true", &program).unwrap();
        let image = Image::of_file(&program).unwrap();
        std::fs::remove_file(&program).unwrap();
        std::fs::copy("/bin/false", &program).unwrap();
        let runs = |path: &Path| std::process::Command::new(path).status().unwrap().success();
        assert!(!runs(&program), "another build lies there");
        assert!(runs(&image.executable()) && runs(&image.executable()), "the first one is still started");
        assert_ne!(Image::of_file(&program).unwrap().id, image.id);
        std::fs::remove_file(&program).unwrap();
    }
}
