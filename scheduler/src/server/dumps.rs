//! Dumps that clients fetch.
//!
//! A dump is taken at one moment, and sent in pages, as its client takes them. In between it is a file that nobody else can
//! open and that goes with its handle: it may be longer than what memory has room for. Taking it holds the scheduler up, for
//! about a second for each million tasks; what arrives meanwhile waits.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufWriter},
    os::unix::fs::{FileExt, OpenOptionsExt},
    time::Duration,
};

use brisk_core::{
    comm::PeerId,
    error::{ErrorKind, TaskError},
    id::ClientId,
    message::{Answer, DumpPage, DumpPlace, Told},
    payload::Payload,
    time::Moment,
};

use super::{Shared, drive::Core};
use crate::dump;

/// Bytes of a page: a frame may hold much more, and others have messages too.
const PAGE: u64 = 256 << 10;

/// How many dumps are kept at once.
const MOST: usize = 4;

/// For how long one is kept that is not read on.
const PATIENCE: Duration = Duration::from_secs(60);

/// Dumps that are being fetched.
#[derive(Debug, Default)]
pub(super) struct Dumps {
    kept: Vec<Kept>,
    last: u64,
}

#[derive(Debug)]
struct Kept {
    number: u64,
    by: PeerId,
    file: File,
    length: u64,
    read: Moment,
}

impl Dumps {
    /// A client has left.
    pub(super) fn forget(&mut self, client: PeerId) {
        self.kept.retain(|kept| kept.by != client);
    }
}

impl Core {
    /// Answers with a page of a dump that was taken before, or of a new one.
    pub(super) fn dump(&mut self, shared: &Shared, client: ClientId, place: Option<DumpPlace>) -> Answer {
        let now = shared.now();
        let by = PeerId(client.0.0);
        let page = match place {
            Some(place) => self.dumps.page(by, place, now),
            None => self.take_dump(shared, by, now).and_then(|place| self.dumps.page(by, place, now)),
        };
        match page {
            Ok(page) => Answer::Told(Box::new(Told::Dump(page))),
            Err(why) => Answer::Refused(TaskError::new(ErrorKind::Refused, why)),
        }
    }

    fn take_dump(&mut self, shared: &Shared, by: PeerId, now: Moment) -> Result<DumpPlace, String> {
        self.dumps.kept.retain(|kept| now.since(kept.read) <= PATIENCE);
        if self.dumps.kept.len() >= MOST {
            return Err(format!("{MOST} dumps of this scheduler are being fetched already: ask again in a while"));
        }
        let failed =
            |error| format!("the scheduler can't keep its dump in {}: {error}", std::env::temp_dir().display());
        let number = self.dumps.last + 1;
        let file = unnamed_file(number).map_err(failed)?;
        let records = shared.records.lock();
        let to = BufWriter::with_capacity(PAGE as usize, &file);
        dump::write(self.machine(), &*records, (&shared.config.name, now), to).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        self.dumps.last = number;
        self.dumps.kept.push(Kept { number, by, file, length, read: now });
        Ok(DumpPlace { number, offset: 0 })
    }
}

impl Dumps {
    fn page(&mut self, by: PeerId, place: DumpPlace, now: Moment) -> Result<DumpPage, String> {
        let gone = || format!("there is no such dump any more: one that is not read on for {PATIENCE:?} is dropped");
        let index = self.kept.iter().position(|kept| kept.number == place.number && kept.by == by).ok_or_else(gone)?;
        let kept = &mut self.kept[index];
        kept.read = now;
        let mut bytes = vec![0; kept.length.saturating_sub(place.offset).min(PAGE) as usize];
        kept.file
            .read_exact_at(&mut bytes, place.offset)
            .map_err(|error| format!("the dump can't be read: {error}"))?;
        let offset = place.offset.saturating_add(bytes.len() as u64);
        let next = (offset < kept.length).then_some(DumpPlace { number: place.number, offset });
        if next.is_none() {
            self.kept.swap_remove(index);
        }
        Ok(DumpPage { bytes: Payload::from_bytes(bytes), next })
    }
}

/// A new file that has no name, and goes with its handle.
fn unnamed_file(number: u64) -> io::Result<File> {
    let mut error = None;
    for attempt in 0..16 {
        let name = format!("brisk-dump-{}-{number}-{attempt}", std::process::id());
        let path = std::env::temp_dir().join(name);
        match OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path) {
            Ok(file) => {
                std::fs::remove_file(&path)?;
                return Ok(file);
            }
            Err(taken) if taken.kind() == io::ErrorKind::AlreadyExists => error = Some(taken),
            Err(other) => return Err(other),
        }
    }
    Err(error.unwrap_or_else(|| io::ErrorKind::AlreadyExists.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(number: u64, content: &[u8]) -> Kept {
        let file = unnamed_file(number).unwrap();
        file.write_all_at(content, 0).unwrap();
        Kept { number, by: PeerId(1), file, length: content.len() as u64, read: Moment::ORIGIN }
    }

    #[test]
    fn pages_are_given_in_turn_and_a_dump_goes_with_its_last() {
        let content: Vec<u8> = (0..PAGE + 10).map(|n| n as u8).collect();
        let mut dumps = Dumps { kept: vec![kept(1, &content), kept(2, b"x")], last: 2 };
        let mut page = |by, number, offset| dumps.page(PeerId(by), DumpPlace { number, offset }, Moment::ORIGIN);
        let first = page(1, 1, 0).unwrap();
        assert_eq!((first.bytes.len(), first.next), (PAGE, Some(DumpPlace { number: 1, offset: PAGE })));
        for (by, number, offset) in [(2, 1, 0), (1, 3, 0)] {
            assert!(page(by, number, offset).unwrap_err().contains("no such dump"), "{by} {number}");
        }
        let last = page(1, 1, PAGE).unwrap();
        assert_eq!(last.bytes.encode().unwrap(), content[PAGE as usize..]);
        assert_eq!(last.next, None);
        page(1, 1, 0).unwrap_err();
        // Beyond the end there is nothing, and no more memory is taken for it.
        assert_eq!(page(1, 2, u64::MAX).unwrap().bytes.len(), 0);
        dumps.kept.push(kept(3, b"y"));
        dumps.forget(PeerId(2));
        assert_eq!(dumps.kept.len(), 1);
        dumps.forget(PeerId(1));
        assert!(dumps.kept.is_empty());
    }
}
