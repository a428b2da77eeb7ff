//! Passing over a value, of which nothing is wanted but its end, and that it is JSON.

use super::{Read, unknown};

const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);

/// The text of a value that was passed over.
pub(super) struct Skipped<'de>(pub(super) &'de str);

impl<'de> Skipped<'de> {
    /// The value, as `serde_json` reads it.
    pub(super) fn by_serde<T>(
        &self,
        read: impl FnOnce(&mut serde_json::Deserializer<serde_json::de::StrRead<'de>>) -> serde_json::Result<T>,
    ) -> Read<T> {
        let mut deserializer = serde_json::Deserializer::from_str(self.0);
        let value = read(&mut deserializer).map_err(|_| unknown())?;
        deserializer.end().map_err(|_| unknown())?;
        Ok(value)
    }
}

/// Where the value ends that begins at `at`. It goes at most so deep.
pub(super) fn value(bytes: &[u8], mut at: usize, depth: u8) -> Read<usize> {
    // Of each level that is open a bit, the innermost lowest: whether it is an object.
    let (mut objects, mut level) = (0u128, 0u8);
    let mut names = Names::default();
    'value: loop {
        at = behind_space(bytes, at);
        match byte(bytes, at) {
            b'"' => at = text(bytes, at + 1)?,
            b'-' | b'0'..=b'9' => at = number(bytes, at)?,
            open @ (b'{' | b'[') => {
                if level >= depth {
                    return Err(unknown());
                }
                let is_object = open == b'{';
                (objects, level) = (objects << 1 | u128::from(is_object), level + 1);
                at = behind_space(bytes, at + 1);
                match (byte(bytes, at), is_object) {
                    (b'}', true) | (b']', false) => {
                        at += 1;
                        (objects, level) = (objects >> 1, level - 1);
                    }
                    (_, true) => {
                        names.next = 0;
                        at = names.behind(bytes, at)?;
                        continue 'value;
                    }
                    (_, false) => continue 'value,
                }
            }
            b't' => at = word(bytes, at, b"true")?,
            b'f' => at = word(bytes, at, b"false")?,
            b'n' => at = word(bytes, at, b"null")?,
            _ => return Err(unknown()),
        }
        // Behind a value: what is round it ends, or goes on.
        while level > 0 {
            at = behind_space(bytes, at);
            let is_object = objects & 1 == 1;
            match (byte(bytes, at), is_object) {
                (b',', true) => {
                    at = names.behind(bytes, behind_space(bytes, at + 1))?;
                    continue 'value;
                }
                (b',', false) => {
                    at += 1;
                    continue 'value;
                }
                (b'}', true) | (b']', false) => {
                    at += 1;
                    (objects, level) = (objects >> 1, level - 1);
                }
                _ => return Err(unknown()),
            }
        }
        return Ok(at);
    }
}

/// A byte, or one that is nowhere in JSON.
#[inline]
fn byte(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or(0)
}

#[inline]
fn behind_space(bytes: &[u8], mut at: usize) -> usize {
    while matches!(byte(bytes, at), b' ' | b'\n' | b'\t' | b'\r') {
        at += 1;
    }
    at
}

/// Names that were passed over, by their place in their object: those of the next object are mostly the same. To see that they are is
/// quick, and the processor goes on meanwhile as if they were; where a name ends that is looked for, it has to wait.
#[derive(Default)]
struct Names {
    known: [Name; 8],
    next: usize,
}

/// A short name with its quotes and its colon.
#[derive(Clone, Copy, Default)]
struct Name {
    words: [u64; 3],
    masks: [u64; 3],
    /// 0 if there is none.
    len: usize,
}

impl Names {
    /// Where the value of the name begins that begins at `at`.
    #[inline]
    fn behind(&mut self, bytes: &[u8], at: usize) -> Read<usize> {
        let known = &mut self.known[self.next % 8];
        self.next += 1;
        if known.len > 0
            && let Some(words) = words(bytes, at)
            && (0..3).all(|index| (words[index] ^ known.words[index]) & known.masks[index] == 0)
        {
            return Ok(at + known.len);
        }
        let end = key(bytes, at)?;
        *known = Name::default();
        if end - at <= 24
            && let Some(words) = words(bytes, at)
        {
            let len = end - at;
            let mask = |index: usize| match len.saturating_sub(8 * index) {
                0 => 0,
                1..8 => (1 << (8 * (len - 8 * index))) - 1,
                _ => u64::MAX,
            };
            *known = Name { words, masks: [mask(0), mask(1), mask(2)], len };
        }
        Ok(end)
    }
}

#[inline]
fn words(bytes: &[u8], at: usize) -> Option<[u64; 3]> {
    let bytes = bytes.get(at..)?.first_chunk::<24>()?;
    Some([eight(bytes, 0)?, eight(bytes, 8)?, eight(bytes, 16)?])
}

/// A name, and the colon behind it.
fn key(bytes: &[u8], at: usize) -> Read<usize> {
    if byte(bytes, at) != b'"' {
        return Err(unknown());
    }
    let at = behind_space(bytes, text(bytes, at + 1)?);
    if byte(bytes, at) == b':' { Ok(at + 1) } else { Err(unknown()) }
}

fn word(bytes: &[u8], at: usize, word: &[u8]) -> Read<usize> {
    if bytes[at..].starts_with(word) { Ok(at + word.len()) } else { Err(unknown()) }
}

/// A text, from behind its opening quote to behind its closing one.
#[inline]
fn text(bytes: &[u8], mut at: usize) -> Read<usize> {
    loop {
        at = plain(bytes, at);
        match byte(bytes, at) {
            b'"' => return Ok(at + 1),
            b'\\' => at = escape(bytes, at + 1)?,
            _ => return Err(unknown()),
        }
    }
}

/// The next byte from `at` on that is no plain one of a text: a quote, a backslash, or what must be escaped; the end if there is none.
#[inline]
pub(super) fn plain(bytes: &[u8], mut at: usize) -> usize {
    while let Some(word) = eight(bytes, at) {
        let none = |of: u64| of.wrapping_sub(ONES) & !of;
        let quote = none(word ^ (ONES * u64::from(b'"')));
        let backslash = none(word ^ (ONES * u64::from(b'\\')));
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let found = (quote | backslash | control) & HIGHS;
        if found != 0 {
            // A borrow can mark a byte behind one that was found, and never one before it.
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while !matches!(byte(bytes, at), b'"' | b'\\' | 0..0x20) {
        at += 1;
    }
    at
}

#[cold]
fn escape(bytes: &[u8], at: usize) -> Read<usize> {
    match byte(bytes, at) {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(at + 1),
        b'u' if (1..=4).all(|digit| byte(bytes, at + digit).is_ascii_hexdigit()) => Ok(at + 5),
        _ => Err(unknown()),
    }
}

/// A number: an optional sign, digits without a leading zero, and an optional fraction and power.
#[inline]
fn number(bytes: &[u8], at: usize) -> Read<usize> {
    match short_integer(bytes, at) {
        Some(short) => Ok(short.end),
        None => any_number(bytes, at),
    }
}

/// An integer of a few digits, read without asking how many.
pub(super) struct Short {
    pub(super) negative: bool,
    /// The digits, the first lowest, and whatever stands behind them.
    word: u64,
    digits: usize,
    pub(super) end: usize,
}

impl Short {
    /// What it is without its sign.
    #[inline]
    pub(super) fn number(&self) -> u64 {
        number_of(self.word, self.digits)
    }
}

/// Numbers are as long as they happen to be, so nothing is asked of their bytes one by one: a processor would guess wrong at each
/// number's end.
#[inline]
pub(super) fn short_integer(bytes: &[u8], at: usize) -> Option<Short> {
    let word = eight(bytes, at)?;
    let negative = word & 0xff == u64::from(b'-');
    let sign = usize::from(negative);
    let word = word >> (8 * sign);
    let digits = leading_digits(word);
    let end = at + sign + digits;
    let leads = word & 0xff == u64::from(b'0') && (digits > 1 || negative);
    if digits == 0 || digits + sign == 8 || leads || matches!(byte(bytes, end), b'.' | b'e' | b'E') {
        return None;
    }
    Some(Short { negative, word, digits, end })
}

fn any_number(bytes: &[u8], mut at: usize) -> Read<usize> {
    at += usize::from(byte(bytes, at) == b'-');
    let from = at;
    at = digits(bytes, from);
    if at == from || at - from > 1 && bytes[from] == b'0' {
        return Err(unknown());
    }
    if byte(bytes, at) == b'.' {
        at = some_digits(bytes, at + 1)?;
    }
    if matches!(byte(bytes, at), b'e' | b'E') {
        at += 1;
        if matches!(byte(bytes, at), b'+' | b'-') {
            at += 1;
        }
        at = some_digits(bytes, at)?;
    }
    Ok(at)
}

/// Behind the digits from `at` on.
pub(super) fn digits(bytes: &[u8], mut at: usize) -> usize {
    while byte(bytes, at).is_ascii_digit() {
        at += 1;
    }
    at
}

/// Eight bytes from `at` on, the first lowest.
#[inline]
fn eight(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().map(u64::from_le_bytes)
}

/// How many of eight bytes are digits, up to the first that is none.
#[inline]
fn leading_digits(eight: u64) -> usize {
    let digits = eight ^ (ONES * 0x30);
    // A digit is below 10 now: 0x76 more leave its highest bit as it was. What a byte carries into the next counts only behind a
    // byte that is no digit.
    let none = (digits.wrapping_add(ONES * 0x76) | digits) & HIGHS;
    none.trailing_zeros() as usize / 8
}

/// The number of one to eight digits, which are the first bytes of these.
#[inline]
fn number_of(eight: u64, digits: usize) -> u64 {
    // Zeros before them; then neighbours are put together, thrice.
    let number = (eight ^ (ONES * 0x30)) << (64 - 8 * digits);
    let pairs = number.wrapping_mul(10).wrapping_add(number >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100).wrapping_add(pairs >> 16) & 0x0000_ffff_0000_ffff;
    fours.wrapping_mul(10_000).wrapping_add(fours >> 32) & 0xffff_ffff
}

fn some_digits(bytes: &[u8], at: usize) -> Read<usize> {
    if byte(bytes, at).is_ascii_digit() { Ok(digits(bytes, at)) } else { Err(unknown()) }
}
