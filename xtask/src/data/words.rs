//! Text made up of words, of which few are frequent and most are rare, as in any language.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::Path,
};

use anyhow::{Context, Result};

use super::accounts::Random;

/// Words in a line.
const LINE: usize = 12;

/// Writes `files` files of `words` words each, named `words.N.txt`, into a directory.
pub(crate) fn write_to(directory: &Path, files: u32, words: usize) -> Result<()> {
    fs::create_dir_all(directory).with_context(|| format!("{} can't be made", directory.display()))?;
    let mut random = Random(7);
    for file in 0..files {
        let path = directory.join(format!("words.{file}.txt"));
        let written = File::create(&path).map_err(anyhow::Error::from).and_then(|made| {
            let mut text = BufWriter::new(made);
            for place in 1..=words {
                write_word(&mut text, &mut random)?;
                text.write_all(if place % LINE == 0 || place == words { b"\n" } else { b" " })?;
            }
            Ok(text.flush()?)
        });
        written.with_context(|| format!("{} can't be written", path.display()))?;
    }
    Ok(())
}

/// One of some 50,000 words: the number of each is as often below 10 as between 10 and 100, so it is rarer in about the measure in
/// which it is greater, as Zipf found.
fn write_word(text: &mut impl Write, random: &mut Random) -> Result<()> {
    const SYLLABLES: [&str; 16] =
        ["ba", "do", "ki", "lu", "me", "no", "pa", "ri", "so", "tu", "va", "wen", "xi", "yor", "za", "gesh"];
    let magnitude = random.below(157);
    let greatest = 2f64.powf(magnitude as f64 / 10.0) as u64;
    let mut number = random.below(greatest.max(1)) + 1;
    while number > 0 {
        text.write_all(SYLLABLES[(number % 16) as usize].as_bytes())?;
        number /= 16;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_words_are_frequent() {
        let (mut random, mut counts) = (Random(1), std::collections::HashMap::<Vec<u8>, u32>::new());
        for _ in 0..20_000 {
            let mut word = Vec::new();
            write_word(&mut word, &mut random).unwrap();
            *counts.entry(word).or_default() += 1;
        }
        let most = *counts.values().max().unwrap();
        assert!(counts.len() > 2_000 && most > 1_000, "{} words, {most} of one", counts.len());
    }
}
