//! Files that are there whole or not at all.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// A file that is being written beside the one it will replace. Unless it is [finished](WholeFile::finish) it goes with its
/// handle, and what was there stays.
#[derive(Debug)]
pub(crate) struct WholeFile {
    file: File,
    temporary: Option<PathBuf>,
    path: PathBuf,
}

impl WholeFile {
    /// Begins a file that only its owner may read.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        if path.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
        let unique = format!(".{name}.{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let temporary = path.with_file_name(unique);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&temporary)?;
        Ok(WholeFile { file, temporary: Some(temporary), path: path.to_owned() })
    }

    /// Puts the file into its place, once its bytes are on the disk.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.file.sync_all()?;
        if let Some(temporary) = &self.temporary {
            fs::rename(temporary, &self.path)?;
        }
        self.temporary = None;
        // The name is on the disk when the folder is. Not every system lets one say so; then it comes by itself.
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Ok(folder) = File::open(folder.unwrap_or(Path::new("."))) {
            let _ = folder.sync_all();
        }
        Ok(())
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            let _ = fs::remove_file(temporary);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_finished_leaves_what_was_there() {
        let folder = std::env::temp_dir().join(format!("brisk-whole-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("file");
        let mut one = WholeFile::create(&path).unwrap();
        one.write_all(b"one").unwrap();
        assert!(!path.exists());
        one.finish().unwrap();
        let mut two = WholeFile::create(&path).unwrap();
        two.write_all(b"two").unwrap();
        drop(two);
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing else is left");
        for wrong in [folder.clone(), PathBuf::from("/"), PathBuf::new(), folder.join("nowhere/file")] {
            WholeFile::create(&wrong).unwrap_err();
        }
        fs::remove_dir_all(folder).unwrap();
    }
}
