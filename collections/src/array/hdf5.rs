//! Datasets of HDF5 files: read and written by regions, on the workers. Needs the feature `hdf5`, and the system's library.
//!
//! The library has one lock for all of a process, so blocks are read one after the other there, and as many at once as there are worker
//! processes. It can't write one file from two processes either: blocks are written in a chain.

use std::{fs, path::Path, sync::Arc, time::UNIX_EPOCH};

use brisk_client::{Delayed, task};
use hdf5_metno::{
    Dataset, File, H5Type, Hyperslab, SliceOrIndex,
    types::{FloatSize, IntSize, TypeDescriptor},
};
use ndarray::IxDyn;
use serde::{Deserialize, Serialize};

use super::{
    Array,
    block::Block,
    element::{DType, Element},
    error::{ArrayError, BlockError},
    grid::Region,
    npy::{beside, path_text},
};

/// A dataset in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hdf5 {
    /// Where the file is, from the root.
    path: String,
    /// What it is called there: `/group/name`.
    dataset: String,
    shape: Vec<usize>,
    /// The file's length and time of change when it was looked at: another file is another call.
    stamp: (u64, u128),
}

impl Hdf5 {
    /// What an error names.
    fn name(&self) -> String {
        format!("{}, dataset {}", self.path, self.dataset)
    }
}

impl<T: Element> Array<T> {
    /// A dataset of an HDF5 file, as in `Array::<f64>::open_hdf5("data/random.hdf5", "/x")`. Its shape and type are read here, its
    /// elements on the workers, which must see the file under the same path. Choose the chunks with [`chunks`](Array::chunks): nothing
    /// else is read then.
    ///
    /// # Errors
    /// If the file can't be read, is no HDF5 file, is cut off, has no such dataset, or holds elements of another type.
    pub fn open_hdf5(path: impl AsRef<Path>, dataset: &str) -> Result<Array<T>, ArrayError> {
        let path = path.as_ref();
        let text = path_text(path)?;
        let metadata = fs::metadata(path).map_err(|error| ArrayError::file(path, error))?;
        let changed = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let stamp = (metadata.len(), changed.unwrap_or_default().as_nanos());
        let wrong = |error: hdf5_metno::Error| ArrayError::file(path, format!("dataset {dataset}: {error}"));
        let opened = File::open(path).and_then(|file| file.dataset(dataset)).map_err(wrong)?;
        let had = opened.dtype().and_then(|dtype| dtype.to_descriptor()).map_err(wrong)?;
        if dtype(&had) != Some(T::DTYPE) {
            let had = dtype(&had).map_or_else(|| had.to_string(), |dtype| dtype.to_string());
            return Err(ArrayError::ElementType { path: path.to_owned(), had, wanted: T::DTYPE });
        }
        let shape = opened.shape();
        let file = Arc::new(Hdf5 { path: text, dataset: dataset.to_owned(), shape: shape.clone(), stamp });
        Array::made(&shape, "read_hdf5", move |region| T::read_hdf5(file.clone(), region.clone()))
    }

    /// Writes the array into the dataset of a new HDF5 file, one block after the other: the workers must see one file system. The file
    /// is made beside it, as `.NAME.….part`, and takes its name when all of it is there, in place of a file that has it; if a block
    /// fails it stays behind.
    ///
    /// The result is the number of bytes of the elements.
    ///
    /// # Errors
    /// If the path is none.
    pub fn to_hdf5(&self, path: impl AsRef<Path>, dataset: &str) -> Result<Delayed<u64>, ArrayError> {
        let name = path_text(path.as_ref())?;
        let path = beside(path.as_ref())?;
        let file = Arc::new(Hdf5 { path, dataset: dataset.to_owned(), shape: self.shape(), stamp: (0, 0) });
        let mut written = create_hdf5(file.clone(), T::DTYPE);
        for (region, block) in self.grid().regions().zip(self.lowered()) {
            written = T::write_hdf5(file.clone(), &written, region, block);
        }
        Ok(to_hdf5(file, name, written, self.nbytes()))
    }
}

/// The type of elements that a dataset has, if arrays have it too. Their bytes may lie in any order: the library turns them.
fn dtype(descriptor: &TypeDescriptor) -> Option<DType> {
    match descriptor {
        TypeDescriptor::Float(FloatSize::U8) => Some(DType::F64),
        TypeDescriptor::Float(FloatSize::U4) => Some(DType::F32),
        TypeDescriptor::Integer(IntSize::U8) => Some(DType::I64),
        TypeDescriptor::Integer(IntSize::U4) => Some(DType::I32),
        TypeDescriptor::Unsigned(IntSize::U1) => Some(DType::U8),
        TypeDescriptor::Boolean => Some(DType::Bool),
        _ => None,
    }
}

/// Reads a region.
pub(crate) fn read<T: Element + H5Type>(file: &Hdf5, region: &Region) -> Result<Block<T>, BlockError> {
    let fail = |reason: &dyn std::fmt::Display| BlockError::file(&file.name(), &format!("block {region}"), reason);
    let read = || {
        let dataset = File::open(&file.path)?.dataset(&file.dataset)?;
        if dataset.shape() != file.shape {
            return Err(hdf5_metno::Error::from(format!(
                "its shape was {:?}, and is {:?}",
                file.shape,
                dataset.shape()
            )));
        }
        if region.is_empty() {
            return Ok(ndarray::ArrayD::from_elem(IxDyn(&region.shape), T::default()));
        }
        dataset.read_slice::<T, _, IxDyn>(hyperslab(region))
    };
    read().map(Block::from).map_err(|error| fail(&error))
}

/// Writes a region, after others, of which `before` bytes were written; returns how many there are then.
pub(crate) fn write<T: Element + H5Type>(
    file: &Hdf5,
    before: u64,
    region: &Region,
    block: &Block<T>,
) -> Result<u64, BlockError> {
    let fail = |reason: &dyn std::fmt::Display| BlockError::file(&file.name(), &format!("block {region}"), reason);
    if block.shape() != region.shape {
        return Err(fail(&format!("a block of shape {:?} came for it", block.shape())));
    }
    let write = || -> hdf5_metno::Result<()> {
        if region.is_empty() {
            return Ok(());
        }
        let opened = File::open_rw(&file.path)?;
        opened.dataset(&file.dataset)?.write_slice(block.view(), hyperslab(region))?;
        opened.close()
    };
    write().map_err(|error| fail(&error))?;
    Ok(before + (block.len() * size_of::<T>()) as u64)
}

fn hyperslab(region: &Region) -> Hyperslab {
    let along = region.offset.iter().zip(&region.shape);
    along
        .map(|(start, count)| SliceOrIndex::SliceCount { start: *start, step: 1, count: *count, block: 1 })
        .collect::<Vec<_>>()
        .into()
}

/// Makes the file, with a dataset of zeros.
#[task]
fn create_hdf5(file: Arc<Hdf5>, dtype: DType) -> Result<u64, BlockError> {
    fn dataset<T: H5Type>(opened: &File, file: &Hdf5) -> hdf5_metno::Result<Dataset> {
        opened.new_dataset::<T>().shape(file.shape.clone()).create(file.dataset.trim_start_matches('/'))
    }
    let create = || -> hdf5_metno::Result<()> {
        // One that is there is from a run that was repeated.
        let opened = File::create(&file.path)?;
        match dtype {
            DType::F64 => dataset::<f64>(&opened, &file),
            DType::F32 => dataset::<f32>(&opened, &file),
            DType::I64 => dataset::<i64>(&opened, &file),
            DType::I32 => dataset::<i32>(&opened, &file),
            DType::U8 => dataset::<u8>(&opened, &file),
            DType::Bool => dataset::<bool>(&opened, &file),
        }?;
        opened.close()
    };
    create().map_err(|error| BlockError::file(&file.name(), "its header", error))?;
    Ok(0)
}

/// Gives the file its name.
#[task]
fn to_hdf5(file: Arc<Hdf5>, name: String, written: u64, wanted: u64) -> Result<u64, BlockError> {
    let fail = |reason: &dyn std::fmt::Display| BlockError::file(&name, "the whole file", reason);
    if written != wanted {
        return Err(fail(&format!("{written} bytes were written of {wanted}")));
    }
    let renamed =
        fs::File::open(&file.path).and_then(|file| file.sync_all()).and_then(|()| fs::rename(&file.path, &name));
    renamed.map_err(|error| fail(&error))?;
    Ok(wanted)
}
