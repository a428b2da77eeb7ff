//! The file of a checkpoint: a mark, what the values are and how many; then each value's key, length, bytes and hash.

use std::{
    fs::File,
    io::{self, BufReader, Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use brisk_core::{
    key::Key,
    value::{Datum, Value},
};

use crate::error::ClientError;

/// What every file begins with. The last byte is the format's version.
const MARK: [u8; 8] = *b"brisk\0k\x01";

/// The longest name of a type.
const MAX_NAME: u32 = 64 << 10;

/// Bytes of a value's hash.
const HASH: usize = 32;

/// What a file of so many values begins with.
pub(super) fn beginning(type_name: &str, count: usize) -> Vec<u8> {
    let mut bytes = MARK.to_vec();
    bytes.extend_from_slice(&(type_name.len() as u32).to_le_bytes());
    bytes.extend_from_slice(type_name.as_bytes());
    bytes.extend_from_slice(&(count as u64).to_le_bytes());
    bytes
}

/// Adds a value.
pub(super) fn write_value(file: &mut impl Write, key: Key, bytes: &[u8]) -> io::Result<()> {
    file.write_all(&key.as_u128().to_le_bytes())?;
    file.write_all(&(bytes.len() as u64).to_le_bytes())?;
    file.write_all(bytes)?;
    file.write_all(hash(key, bytes).as_bytes())
}

fn hash(key: Key, bytes: &[u8]) -> blake3::Hash {
    blake3::Hasher::new().update(&key.as_u128().to_le_bytes()).update(bytes).finalize()
}

/// A file that is read value by value.
pub(super) struct Reader {
    path: PathBuf,
    file: BufReader<File>,
    /// How many bytes there are from here: no length in the file may be more.
    left: u64,
    values: u64,
}

impl Reader {
    /// Opens a file of values of this type.
    pub(super) fn open<T: Value>(path: &Path) -> Result<Self, ClientError> {
        let unread = ClientError::file("the checkpoint can't be read", path);
        let opened = File::open(path).and_then(|file| Ok((file.metadata()?.len(), file)));
        let (left, file) = opened.map_err(unread)?;
        let mut reader = Reader { path: path.to_owned(), file: BufReader::new(file), left, values: 0 };
        if reader.array()? != MARK {
            return Err(reader.wrong("it is no checkpoint of this version of Brisk"));
        }
        let length = u32::from_le_bytes(reader.array()?);
        if length > MAX_NAME {
            return Err(reader.wrong("the name of its values' type is longer than any"));
        }
        let name = reader.bytes(u64::from(length))?;
        let wanted = std::any::type_name::<T>();
        if name != wanted.as_bytes() {
            return Err(reader.wrong(&format!("its values are {}, not {wanted}", String::from_utf8_lossy(&name))));
        }
        reader.values = u64::from_le_bytes(reader.array()?);
        Ok(reader)
    }

    /// The next value; none after the last.
    pub(super) fn next<T: Value>(&mut self) -> Result<Option<Arc<T>>, ClientError> {
        if self.values == 0 {
            let nothing_more = self.left == 0;
            return if nothing_more { Ok(None) } else { Err(self.wrong("there is something behind its last value")) };
        }
        self.values -= 1;
        let key = Key::from_u128(u128::from_le_bytes(self.array()?));
        let length = u64::from_le_bytes(self.array()?);
        let bytes = self.bytes(length)?;
        if self.array::<HASH>()? != *hash(key, &bytes).as_bytes() {
            return Err(self.wrong(&format!("the value of {key} is damaged")));
        }
        let value = Datum::from_bytes(bytes.into()).shared::<T>();
        value.map(Some).map_err(|error| self.wrong(&format!("the value of {key} can't be decoded: {error}")))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ClientError> {
        let mut array = [0; N];
        array.copy_from_slice(&self.bytes(N as u64)?);
        Ok(array)
    }

    fn bytes(&mut self, length: u64) -> Result<Vec<u8>, ClientError> {
        self.left = self.left.checked_sub(length).ok_or_else(|| self.wrong("it is cut off"))?;
        let mut bytes = Vec::new();
        let read = self.file.by_ref().take(length).read_to_end(&mut bytes);
        match read.map_err(ClientError::file("the checkpoint can't be read", &self.path))? as u64 == length {
            true => Ok(bytes),
            false => Err(self.wrong("it is cut off")),
        }
    }

    fn wrong(&self, why: &str) -> ClientError {
        ClientError::Checkpoint { path: self.path.clone(), why: why.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: Value>(path: &Path) -> Result<Vec<Arc<T>>, String> {
        let mut reader = Reader::open::<T>(path).map_err(|error| error.to_string())?;
        std::iter::from_fn(|| reader.next().transpose()).collect::<Result<_, _>>().map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_cut_or_changed_or_of_another_type_is_said() {
        let path = std::env::temp_dir().join(format!("brisk-checkpoint-file-{}", std::process::id()));
        let mut whole = beginning(std::any::type_name::<Vec<i64>>(), 2);
        for (number, value) in [(1, vec![1i64, 2]), (2, vec![3])] {
            let bytes = Datum::new(value).encode().unwrap();
            write_value(&mut whole, Key::from_u128(number), &bytes).unwrap();
        }
        let check = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            read::<Vec<i64>>(&path)
        };
        assert_eq!(check(&whole).unwrap(), [Arc::new(vec![1, 2]), Arc::new(vec![3])]);
        for cut in 0..whole.len() {
            check(&whole[..cut]).unwrap_err();
        }
        for place in 0..whole.len() {
            let mut changed = whole.clone();
            changed[place] ^= 0x11;
            check(&changed).unwrap_err();
        }
        check(&[&whole[..], b"x"].concat()).unwrap_err();
        std::fs::write(&path, &whole).unwrap();
        assert!(
            read::<Vec<u64>>(&path)
                .unwrap_err()
                .contains("its values are alloc::vec::Vec<i64>, not alloc::vec::Vec<u64>")
        );
        std::fs::remove_file(&path).unwrap();
        assert!(read::<i64>(&path).unwrap_err().contains("can't be read"));
    }
}
