//! The header of a `.npy` file: a magic word, a version, a length, and a dictionary in Python's notation. The format is described in
//! NumPy's `numpy.lib.format`.

use std::io::{self, Read};

use super::super::element::DType;

const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// NumPy's own limit is 10,000 bytes for files that are not trusted.
const LONGEST: usize = 64 << 10;

/// Elements begin at a multiple of this, so that the file can be mapped into memory.
const ALIGNMENT: usize = 64;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) start: u64,
    pub(super) dtype: DType,
    pub(super) swapped: bool,
    pub(super) fortran: bool,
    pub(super) shape: Vec<usize>,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum HeaderError {
    #[error("it is no .npy file: it does not begin with NumPy's magic word")]
    Magic,
    #[error("its format has version {0}, which is not known here")]
    Version(u8),
    #[error("its header is {0} bytes long, which no array's is")]
    Long(usize),
    #[error("its header is cut off, or can't be read: {0}")]
    Io(#[from] io::Error),
    #[error("its header says nothing of `{0}`, or something that is not understood: {1}")]
    Key(&'static str, String),
    #[error("it holds elements of type {0}; arrays are of f64 (`<f8`), f32, i64, i32, u8 and bool")]
    Type(String),
}

/// Reads one.
pub(super) fn read(file: &mut impl Read) -> Result<Header, HeaderError> {
    let mut begin = [0; 8];
    file.read_exact(&mut begin)?;
    if !begin.starts_with(MAGIC) {
        return Err(HeaderError::Magic);
    }
    let mut length = [0; 4];
    let width = match begin[6] {
        1 => 2,
        2 | 3 => 4,
        version => return Err(HeaderError::Version(version)),
    };
    file.read_exact(&mut length[..width])?;
    let length = u32::from_le_bytes(length) as usize;
    if length > LONGEST {
        return Err(HeaderError::Long(length));
    }
    let mut text = vec![0; length];
    file.read_exact(&mut text)?;
    let text = String::from_utf8_lossy(&text);
    let (dtype, swapped) = dtype(&text)?;
    let fortran = match value(&text, "fortran_order").map(word) {
        Some("True") => true,
        Some("False") => false,
        _ => return Err(HeaderError::Key("fortran_order", text.into_owned())),
    };
    let shape = shape(&text).ok_or_else(|| HeaderError::Key("shape", text.into_owned()))?;
    Ok(Header { start: (8 + width + length) as u64, dtype, swapped, fortran, shape })
}

/// What stands behind a key.
fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let quoted = [format!("'{key}'"), format!("\"{key}\"")];
    let at = quoted.iter().find_map(|quoted| text.find(quoted.as_str()).map(|at| at + quoted.len()))?;
    text[at..].trim_start().strip_prefix(':').map(str::trim_start)
}

fn word(text: &str) -> &str {
    text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default()
}

fn dtype(text: &str) -> Result<(DType, bool), HeaderError> {
    let missing = || HeaderError::Key("descr", text.to_owned());
    let value = value(text, "descr").ok_or_else(missing)?;
    let quote = value.chars().next().ok_or_else(missing)?;
    if quote != '\'' && quote != '"' {
        return Err(HeaderError::Type(value.split('}').next().unwrap_or(value).to_owned()));
    }
    let name = value[1..].split(quote).next().ok_or_else(missing)?;
    let (order, name) = name.split_at_checked(1).ok_or_else(missing)?;
    let dtype = match name {
        "f8" => DType::F64,
        "f4" => DType::F32,
        "i8" => DType::I64,
        "i4" => DType::I32,
        "u1" => DType::U8,
        "b1" => DType::Bool,
        _ => return Err(HeaderError::Type(format!("{order}{name}"))),
    };
    let swapped = match order {
        "<" => cfg!(target_endian = "big"),
        ">" => cfg!(target_endian = "little"),
        "=" | "|" => false,
        _ => return Err(HeaderError::Type(format!("{order}{name}"))),
    };
    Ok((dtype, swapped && dtype.width() > 1))
}

fn shape(text: &str) -> Option<Vec<usize>> {
    let inside = value(text, "shape")?.strip_prefix('(')?.split(')').next()?;
    let numbers = inside.split(',').map(str::trim).filter(|number| !number.is_empty());
    numbers.map(|number| number.trim_end_matches('L').parse().ok()).collect()
}

/// Makes one, for elements as this machine holds them, the last axis fastest.
pub(super) fn write(dtype: DType, shape: &[usize]) -> Vec<u8> {
    let order = if cfg!(target_endian = "big") { '>' } else { '<' };
    let name = match dtype {
        DType::F64 => format!("{order}f8"),
        DType::F32 => format!("{order}f4"),
        DType::I64 => format!("{order}i8"),
        DType::I32 => format!("{order}i4"),
        DType::U8 => "|u1".to_owned(),
        DType::Bool => "|b1".to_owned(),
    };
    let shape = super::super::grid::Dims(shape).to_string();
    let mut text = format!("{{'descr': '{name}', 'fortran_order': False, 'shape': {shape}, }}");
    // As NumPy does: version 1, which every reader knows, unless the text is too long for the two bytes of its length.
    let padded = |width: usize| (MAGIC.len() + 2 + width + text.len() + 1).next_multiple_of(ALIGNMENT);
    let first = u16::try_from(padded(2) - MAGIC.len() - 4).ok();
    let width = if first.is_some() { 2 } else { 4 };
    let begin = MAGIC.len() + 2 + width;
    let all = padded(width);
    text.extend(std::iter::repeat_n(' ', all - begin - text.len() - 1));
    text.push('\n');
    let mut bytes = MAGIC.to_vec();
    match first {
        Some(length) => {
            bytes.extend([1, 0]);
            bytes.extend(length.to_le_bytes());
        }
        None => {
            bytes.extend([2, 0]);
            bytes.extend(u32::try_from(text.len()).expect("a shape has few axes").to_le_bytes());
        }
    }
    bytes.extend(text.into_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Header, HeaderError> {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend(u16::try_from(text.len()).unwrap().to_le_bytes());
        bytes.extend(text.bytes());
        read(&mut bytes.as_slice())
    }

    #[test]
    fn what_is_written_is_read() {
        for shape in [&[][..], &[0], &[3, 4], &[usize::MAX, 1, 7]] {
            for dtype in [DType::F64, DType::F32, DType::I64, DType::I32, DType::U8, DType::Bool] {
                let bytes = write(dtype, shape);
                assert!(bytes.len().is_multiple_of(ALIGNMENT));
                let header = read(&mut bytes.as_slice()).unwrap();
                let start = bytes.len() as u64;
                assert_eq!(header, Header { start, dtype, swapped: false, fortran: false, shape: shape.to_vec() });
            }
        }
    }

    #[test]
    fn a_header_is_of_the_first_version_unless_it_is_too_long_for_that() {
        assert_eq!(write(DType::F64, &[4_000, 4_000])[..10], *b"\x93NUMPY\x01\x00\x76\x00");
        let axes = vec![1; 21_845];
        let bytes = write(DType::U8, &axes);
        assert_eq!(bytes[6], 2);
        assert!(bytes.len().is_multiple_of(ALIGNMENT));
    }

    #[test]
    fn numpy_s_notation_is_understood() {
        let header = of("{'descr': '>f4', 'fortran_order': True, 'shape': (3L, 4), }").unwrap();
        assert_eq!((header.dtype, header.swapped, header.fortran, header.shape), (DType::F32, true, true, vec![3, 4]));
        assert_eq!(of("{\"shape\":(),\"descr\":\"|u1\",\"fortran_order\":False}").unwrap().shape.len(), 0);
    }

    #[test]
    fn other_headers_are_errors() {
        let text = |text: &str| of(text).unwrap_err().to_string();
        assert!(text("{'descr': '<c16', 'fortran_order': False, 'shape': (3,)}").contains("type <c16"));
        assert!(text("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (3,)}").contains("type [('a'"));
        assert!(text("{'descr': '<f8', 'fortran_order': Maybe, 'shape': (3,)}").contains("`fortran_order`"));
        assert!(text("{'descr': '<f8', 'fortran_order': False, 'shape': (-3,)}").contains("`shape`"));
        assert!(text("{'descr': '<f8', 'fortran_order': False}").contains("`shape`"));
        assert!(text("{'descr': ''}").contains("`descr`"));
        assert!(matches!(read(&mut &b"PK\x03\x04 this is a zip"[..]), Err(HeaderError::Magic)));
        assert!(matches!(read(&mut &b"\x93NUMPY\x01\x00\xff"[..]), Err(HeaderError::Io(_))));
        assert!(matches!(read(&mut &b"\x93NUMPY\x02\x00\xff\xff\xff\xff"[..]), Err(HeaderError::Long(_))));
        assert!(matches!(read(&mut &b"\x93NUMPY\x09\x00\xff\xff\xff\xff"[..]), Err(HeaderError::Version(9))));
    }
}
