//! Arrays from `.npy` files, and to them.

use std::{
    path::{Path, absolute},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use brisk_client::{Delayed, task};

use super::{
    super::{
        Array,
        element::Element,
        error::{ArrayError, BlockError},
    },
    Npy, header,
};

impl<T: Element> Array<T> {
    /// The array in a `.npy` file. Its header is read here, its elements on the workers, which must see the file under the same path.
    /// Choose the chunks with [`chunks`](Array::chunks): nothing else is read then.
    ///
    /// # Errors
    /// If the file can't be read, is no `.npy` file, is cut off, or holds elements of another type.
    pub fn open_npy(path: impl AsRef<Path>) -> Result<Array<T>, ArrayError> {
        let path = path.as_ref();
        let npy = Npy::open(path)?;
        if npy.dtype() != T::DTYPE {
            let had = npy.dtype().to_string();
            return Err(ArrayError::ElementType { path: path.to_owned(), had, wanted: T::DTYPE });
        }
        let shape = npy.shape().to_vec();
        let npy = Arc::new(npy);
        Array::made(&shape, "read_npy", move |region| T::read_npy(npy.clone(), region.clone()))
    }

    /// Writes the array into one `.npy` file, each block by the task that has it: the workers must see one file system. The blocks go
    /// into a file beside it, `.NAME.….part`, which takes its name when all of it is there; if a block fails it stays behind.
    ///
    /// The result is the file's length in bytes.
    ///
    /// # Errors
    /// If the path is none.
    pub fn to_npy(&self, path: impl AsRef<Path>) -> Result<Delayed<u64>, ArrayError> {
        let name = path_text(path.as_ref())?;
        let shape = self.shape();
        let head = header::write(T::DTYPE, &shape).len() as u64;
        let length = (shape.iter().product::<usize>() * size_of::<T>()) as u64 + head;
        let npy = Arc::new(Npy {
            path: beside(path.as_ref())?,
            start: head,
            dtype: T::DTYPE,
            swapped: false,
            fortran: false,
            shape,
            stamp: (length, 0),
        });
        let created = create_npy(npy.clone());
        let written: Vec<Delayed<u64>> = (self.grid().regions().zip(self.lowered()))
            .map(|(region, block)| T::write_npy(npy.clone(), &created, region, block))
            .collect();
        Ok(to_npy(npy, name, written))
    }
}

/// Makes the file.
#[task]
fn create_npy(file: Arc<Npy>) -> Result<(), BlockError> {
    super::create(&file)
}

/// Gives the file its name.
#[task]
fn to_npy(file: Arc<Npy>, name: String, written: Vec<u64>) -> Result<u64, BlockError> {
    super::finish(&file, &name, written.iter().sum())
}

/// A path from the root, as text: tasks run in other processes, which may be elsewhere.
pub(crate) fn path_text(path: &Path) -> Result<String, ArrayError> {
    let whole = absolute(path).map_err(|error| ArrayError::file(path, error))?;
    let text = whole.to_str().ok_or_else(|| ArrayError::file(path, "the path is no Unicode"))?;
    Ok(text.to_owned())
}

/// The path of a new file beside another, under a name that no other file has.
pub(crate) fn beside(path: &Path) -> Result<String, ArrayError> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| ArrayError::file(path, "the path names no file"))?;
    let now = SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_nanos();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    path_text(&path.with_file_name(format!(".{name}.{}-{now:x}-{count}.part", std::process::id())))
}
