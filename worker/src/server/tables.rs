//! What the machine knows, as text, for clients that dump a cluster's state.
//!
//! The machine is held meanwhile, for about half a second for each million of values and tasks; what happens waits.

use std::{
    io::{self, Write},
    sync::Arc,
};

use brisk_core::error::{ErrorKind, Failure};

use super::driver::Shared;
use crate::dump;

/// More is not told: it is kept in memory here, and by the client. Room for about half a million values and tasks.
const MOST_BYTES: usize = 128 << 20;

impl Shared {
    /// The worker's part of a dump.
    pub(super) fn tables(self: &Arc<Self>) -> Result<Vec<u8>, Box<Failure>> {
        let mut text = Limited { bytes: Vec::new(), most: MOST_BYTES };
        let written = self.with_machine(|machine| dump::write(machine, &self.name, &mut text));
        let failed = |kind, what: String| {
            let text = format!("what worker {} knows can't be told: {what}", self.name);
            Err(Box::new(Failure::new(kind, text)))
        };
        match written {
            Some(Ok(())) => Ok(text.bytes),
            Some(Err(error)) => failed(ErrorKind::TooLarge, error.to_string()),
            None => failed(ErrorKind::Closed, "it is about to end".to_owned()),
        }
    }
}

/// Bytes in memory, up to a number.
struct Limited {
    bytes: Vec<u8>,
    most: usize,
}

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.most {
            return Err(io::Error::other(format!("it is longer than {} bytes", self.most)));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_a_limit() {
        let mut text = Limited { bytes: Vec::new(), most: 5 };
        text.write_all(b"12345").unwrap();
        let error = text.write_all(b"6").unwrap_err();
        assert_eq!((error.to_string().as_str(), text.bytes.len()), ("it is longer than 5 bytes", 5));
    }
}
