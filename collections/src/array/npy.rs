//! NumPy's `.npy` files: read and written by regions, on the workers.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::Path,
    time::UNIX_EPOCH,
};

use serde::{Deserialize, Serialize};

mod header;
mod store;

#[cfg(feature = "hdf5")]
pub(crate) use store::beside;
pub(crate) use store::path_text;

use super::{
    block::Block,
    element::{DType, Element},
    error::{ArrayError, BlockError},
    grid::{Region, indices},
};

/// A file, and how its elements lie in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Npy {
    /// Where it is, from the root.
    path: String,
    /// Where its elements begin.
    start: u64,
    /// What they are.
    dtype: DType,
    /// Whether their bytes are in the other order than this machine's.
    swapped: bool,
    /// Whether the first axis is the fastest.
    fortran: bool,
    shape: Vec<usize>,
    /// The file's length and time of change when it was looked at: another file is another call.
    stamp: (u64, u128),
}

impl Npy {
    /// Looks at a file.
    pub(crate) fn open(path: &Path) -> Result<Npy, ArrayError> {
        let text = path_text(path)?;
        let wrong = |reason: String| ArrayError::file(path, reason);
        let mut file = File::open(path).map_err(|error| wrong(error.to_string()))?;
        let metadata = file.metadata().map_err(|error| wrong(error.to_string()))?;
        let header = header::read(&mut file).map_err(|reason| wrong(reason.to_string()))?;
        let changed = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let stamp = (metadata.len(), changed.unwrap_or_default().as_nanos());
        let header::Header { start, dtype, swapped, fortran, shape } = header;
        let npy = Npy { path: text, start, dtype, swapped, fortran, shape, stamp };
        match npy.length() {
            Some(length) if length <= metadata.len() => Ok(npy),
            Some(length) => Err(wrong(format!("it is cut off: {length} bytes are wanted, it has {}", metadata.len()))),
            None => Err(wrong("its shape is longer than any file".to_owned())),
        }
    }

    pub(crate) fn dtype(&self) -> DType {
        self.dtype
    }

    pub(crate) fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The bytes that a file must have.
    fn length(&self) -> Option<u64> {
        let elements = self.shape.iter().try_fold(1u64, |all, length| all.checked_mul(u64::try_from(*length).ok()?))?;
        elements.checked_mul(self.dtype.width() as u64)?.checked_add(self.start)
    }

    /// Where in the file a region's elements are, in pieces of bytes that lie side by side, in the region's order; both axes and
    /// region are as they lie.
    fn pieces<'a>(shape: &'a [usize], region: &'a Region, width: usize) -> impl Iterator<Item = (u64, usize)> + 'a {
        // The axes from here on are whole, so they lie side by side, and with them the part of the axis before.
        let whole = (0..shape.len()).rev().take_while(|axis| region.shape[*axis] == shape[*axis]).count();
        let first = (shape.len() - whole).saturating_sub(1);
        let length: usize = region.shape[first..].iter().product();
        let outer = if region.is_empty() { vec![0] } else { region.shape[..first].to_vec() };
        indices(outer).map(move |index| {
            let at = region.offset.iter().zip(shape).enumerate().fold(0u64, |at, (axis, (offset, length))| {
                at * *length as u64 + (offset + index.get(axis).copied().unwrap_or(0)) as u64
            });
            (at * width as u64, length * width)
        })
    }

    /// The shape and a region of it as they lie in the file, the last axis fastest.
    fn as_it_lies(&self, region: &Region) -> (Vec<usize>, Region) {
        let mut region = region.clone();
        let mut shape = self.shape.clone();
        if self.fortran {
            shape.reverse();
            region.offset.reverse();
            region.shape.reverse();
        }
        (shape, region)
    }
}

/// Reads a region.
pub(crate) fn read<T: Element>(npy: &Npy, region: &Region) -> Result<Block<T>, BlockError> {
    let fail = |reason: &dyn std::fmt::Display| BlockError::file(&npy.path, &format!("block {region}"), reason);
    if npy.dtype != T::DTYPE || region.shape.len() != npy.shape.len() {
        return Err(fail(&format!("the file holds {} of shape {:?}", npy.dtype, npy.shape)));
    }
    let (shape, lies) = npy.as_it_lies(region);
    let mut fill = |bytes: &mut [u8]| -> io::Result<()> {
        let mut file = File::open(&npy.path)?;
        let mut rest = bytes;
        for (at, length) in Npy::pieces(&shape, &lies, npy.dtype.width()) {
            let (piece, after) = rest.split_at_mut(length);
            file.seek(SeekFrom::Start(npy.start + at))?;
            file.read_exact(piece)?;
            rest = after;
        }
        Ok(())
    };
    let elements = T::filled(region.len(), npy.swapped, &mut fill).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => fail(&"the file is cut off: it was longer when the array was opened"),
        _ => fail(&error),
    })?;
    let elements = elements.ok_or_else(|| fail(&"a byte of it is neither true nor false"))?;
    let block = Block::new(&lies.shape, elements).ok_or_else(|| fail(&"it has too few elements"))?;
    Ok(if npy.fortran { Block::from(block.into_ndarray().reversed_axes()) } else { block })
}

/// Makes the file, as long as it will be. It may be there already, from a run that was repeated.
pub(crate) fn create(npy: &Npy) -> Result<(), BlockError> {
    let create = || -> io::Result<()> {
        let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(&npy.path)?;
        file.write_all(&header::write(npy.dtype, &npy.shape))?;
        file.set_len(npy.stamp.0)
    };
    create().map_err(|error| BlockError::file(&npy.path, "its header", error))
}

/// Writes a region; returns how many bytes it has.
pub(crate) fn write<T: Element>(npy: &Npy, region: &Region, block: &Block<T>) -> Result<u64, BlockError> {
    let fail = |reason: &dyn std::fmt::Display| BlockError::file(&npy.path, &format!("block {region}"), reason);
    if block.shape() != region.shape || T::DTYPE != npy.dtype {
        return Err(fail(&format!("a block of {} and shape {:?} came for it", T::DTYPE, block.shape())));
    }
    let bytes: &[u8] = bytemuck::cast_slice(block.elements());
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).open(&npy.path)?;
        let mut rest = bytes;
        for (at, length) in Npy::pieces(&npy.shape, region, npy.dtype.width()) {
            let (piece, after) = rest.split_at(length);
            file.seek(SeekFrom::Start(npy.start + at))?;
            file.write_all(piece)?;
            rest = after;
        }
        Ok(())
    };
    write().map_err(|error| fail(&error))?;
    Ok(bytes.len() as u64)
}

/// Gives the file its name, once all of it is written. It may have it already, from a run that was repeated.
pub(crate) fn finish(npy: &Npy, name: &str, written: u64) -> Result<u64, BlockError> {
    let fail = |reason: &dyn std::fmt::Display| BlockError::file(name, "the whole file", reason);
    if npy.start + written != npy.stamp.0 {
        return Err(fail(&format!("{written} bytes were written of {}", npy.stamp.0 - npy.start)));
    }
    let renamed = || -> io::Result<()> {
        File::open(&npy.path)?.sync_all()?;
        fs::rename(&npy.path, name)
    };
    match renamed() {
        Ok(()) => Ok(npy.stamp.0),
        Err(error) if error.kind() == io::ErrorKind::NotFound => match fs::metadata(name) {
            Ok(there) if there.len() == npy.stamp.0 => Ok(npy.stamp.0),
            _ => Err(fail(&error)),
        },
        Err(error) => Err(fail(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_axes_are_read_at_once() {
        let pieces = |offset: &[usize], shape: &[usize]| {
            let region = Region { offset: offset.to_vec(), shape: shape.to_vec() };
            Npy::pieces(&[4, 3, 5], &region, 1).collect::<Vec<_>>()
        };
        assert_eq!(pieces(&[1, 0, 0], &[2, 3, 5]), [(15, 30)]);
        assert_eq!(pieces(&[1, 1, 0], &[2, 2, 5]), [(20, 10), (35, 10)]);
        assert_eq!(pieces(&[0, 2, 1], &[2, 1, 3]), [(11, 3), (26, 3)]);
        assert_eq!(pieces(&[0, 0, 0], &[0, 3, 5]), []);
        assert_eq!(Npy::pieces(&[], &Region { offset: vec![], shape: vec![] }, 8).collect::<Vec<_>>(), [(0, 8)]);
    }
}
