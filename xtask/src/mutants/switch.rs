//! Which mutant is on: put into each crate whose mutants are compiled in.
//!
//! `MUTANT` is its number. Without it none is on; and if `MUTANTS_REACHED` names a file, each thread adds a line to it for
//! each mutant that it comes by first: the thread's name, a tab, the number. A test's thread has the test's name.

use std::{
    cell::RefCell,
    collections::HashSet,
    env,
    fs::File,
    io::Write as _,
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

/// The mutant's number, or one of those below.
static MUTANT: AtomicU32 = AtomicU32::new(UNREAD);
const NONE: u32 = u32::MAX - 2;
const NOTE: u32 = u32::MAX - 1;
const UNREAD: u32 = u32::MAX;

thread_local! {
    static REACHED: RefCell<HashSet<u32>> = RefCell::default();
}

/// Whether this mutant is on.
#[inline]
pub(crate) fn on(number: u32) -> bool {
    let mutant = MUTANT.load(Ordering::Relaxed);
    mutant == number || (mutant > NONE && look(number))
}

#[cold]
#[inline(never)]
fn look(number: u32) -> bool {
    if MUTANT.load(Ordering::Relaxed) == UNREAD {
        let given = env::var("MUTANT").ok().and_then(|text| text.parse().ok());
        let otherwise = if env::var_os("MUTANTS_REACHED").is_some() { NOTE } else { NONE };
        MUTANT.store(given.unwrap_or(otherwise), Ordering::Relaxed);
        return on(number);
    }
    if REACHED.with_borrow_mut(|reached| reached.insert(number)) {
        let path = env::var_os("MUTANTS_REACHED").expect("it was there");
        let mut file = File::options().append(true).create(true).open(path).expect("the file can be written");
        let line = format!("{}\t{number}\n", thread::current().name().unwrap_or_default());
        file.write_all(line.as_bytes()).expect("the file can be written");
    }
    false
}
