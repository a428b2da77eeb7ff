//! Files that partitions are written to: each beside its place, and renamed when it is whole.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
};

use brisk_client::{ErrorKind, Failure, graph::Datum};

use super::{
    calls::{Chunk, Fail, Surroundings},
    plan::{Caught, failed},
    sinks::Into,
};

/// Writes texts as lines.
pub(super) struct FileSink {
    path: PathBuf,
    beside: Beside,
    writer: Box<dyn Finish>,
}

/// A file that is not whole yet; it is removed unless it is renamed.
struct Beside(PathBuf);

impl Drop for Beside {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

impl FileSink {
    /// The file of a partition, whose number replaces the `*` in `path`.
    pub(super) fn create(path: &str, partition: usize) -> Caught<Self> {
        /// Tells apart several writers of one file: a task may run twice.
        static WRITERS: AtomicU64 = AtomicU64::new(0);
        let path = PathBuf::from(path.replace('*', &format!("{partition:05}")));
        let writer = WRITERS.fetch_add(1, Ordering::Relaxed);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let beside = path.with_file_name(format!(".{name}.{}-{writer}.part", process::id()));
        let open = || -> io::Result<Box<dyn Finish>> {
            if let Some(directory) = path.parent() {
                fs::create_dir_all(directory)?;
            }
            let file = BufWriter::new(File::create(&beside)?);
            #[cfg(feature = "gzip")]
            if path.extension().is_some_and(|extension| extension == "gz") {
                return Ok(Box::new(flate2::write::GzEncoder::new(file, flate2::Compression::default())));
            }
            Ok(Box::new(file))
        };
        let writer = open().map_err(|error| told(&path, &error))?;
        Ok(FileSink { path, beside: Beside(beside), writer })
    }
}

impl Into for FileSink {
    fn add(&mut self, chunk: Chunk, _: &Surroundings<'_>) -> Result<(), Fail> {
        chunk.each_text(|line| {
            let written = self.writer.write_all(line.as_bytes()).and_then(|()| self.writer.write_all(b"\n"));
            written.map_err(|error| told(&self.path, &error).into())
        })
    }

    fn finish(self: Box<Self>, _: &Surroundings<'_>) -> Caught<Datum> {
        let FileSink { path, beside, writer } = *self;
        let done = writer.finish().and_then(|()| fs::rename(&beside.0, &path));
        done.map_err(|error| told(&path, &error))?;
        Ok(Datum::new(path.to_string_lossy().into_owned()))
    }
}

/// Something that is written to, and has an end.
trait Finish: Write {
    /// Everything is handed to the system, and kept.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

impl Finish for BufWriter<File> {
    fn finish(self: Box<Self>) -> io::Result<()> {
        self.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
    }
}

#[cfg(feature = "gzip")]
impl Finish for flate2::write::GzEncoder<BufWriter<File>> {
    fn finish(self: Box<Self>) -> io::Result<()> {
        Box::new((*self).finish()?).finish()
    }
}

fn told(path: &Path, error: &io::Error) -> Box<Failure> {
    failed(ErrorKind::Failed, format!("{} can't be written: {error}", path.display()))
}
