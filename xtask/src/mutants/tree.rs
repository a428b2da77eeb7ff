//! A copy of the workspace, to be changed.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::list::Mutant;
use crate::{mutants::rewrite, tidy::Tree};

/// What is put into each crate that has mutants.
const SWITCH: &str = include_str!("switch.rs");

/// The copy.
pub(super) struct Scratch {
    pub(super) root: PathBuf,
    originals: Tree,
}

/// A file of the copy that has mutants in it.
pub(super) struct Source {
    /// From the root.
    pub(super) path: String,
    pub(super) branches: Vec<rewrite::Branch>,
}

impl Scratch {
    /// Makes `root` a copy of all text files. One that is there is brought up to date, so that cargo builds what changed.
    pub(super) fn new(root: PathBuf) -> Result<Self> {
        let originals = Tree::read()?;
        let wanted: BTreeSet<PathBuf> = originals.files.iter().map(|file| root.join(&file.path)).collect();
        for path in files_below(&root)? {
            if !wanted.contains(&path) {
                fs::remove_file(&path).with_context(|| path.display().to_string())?;
            }
        }
        let scratch = Scratch { root, originals };
        for file in &scratch.originals.files {
            // What gets mutants is written with them.
            if !scratch.root.join(&file.path).exists() || !file.path.ends_with(".rs") {
                scratch.write(&file.path, &file.text)?;
            }
        }
        Ok(scratch)
    }

    /// Writes all files: those that have mutants with these, the others as they are. Gives the former, and the mutants for
    /// which there can be no switch.
    pub(super) fn mutate(&self, mutants: &[(u32, &Mutant)], folders: &[String]) -> Result<(Vec<Source>, Vec<u32>)> {
        let (mut sources, mut left) = (Vec::new(), Vec::new());
        for file in self.originals.files.iter().filter(|file| file.path.ends_with(".rs")) {
            let here: Vec<_> = mutants.iter().filter(|(_, mutant)| mutant.file == file.path).copied().collect();
            if here.is_empty() {
                let is_root = folders.iter().any(|folder| file.path == format!("{folder}/src/lib.rs"));
                let text = if is_root { with_switch(&file.text) } else { file.text.clone() };
                self.write(&file.path, &text)?;
                continue;
            }
            let rewritten = rewrite::rewrite(&file.text, &here).with_context(|| file.path.clone())?;
            self.write(&file.path, &rewritten.text)?;
            left.extend(rewritten.left);
            sources.push(Source { path: file.path.clone(), branches: rewritten.branches });
        }
        for folder in folders {
            self.write(&format!("{folder}/src/mutant_switch.rs"), SWITCH)?;
        }
        Ok((sources, left))
    }

    /// What is as it should be is left alone, for cargo looks at when a file was written.
    fn write(&self, path: &str, text: &str) -> Result<()> {
        let path = self.root.join(path);
        if fs::read_to_string(&path).is_ok_and(|there| there == text) {
            return Ok(());
        }
        let folder = path.parent().unwrap_or(&self.root);
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        fs::write(&path, text).with_context(|| path.display().to_string())
    }
}

/// A crate's root that knows of the switch. What is made of it is nobody's style.
fn with_switch(text: &str) -> String {
    format!("#![allow(warnings)]\n{text}\nmod mutant_switch;\n")
}

fn files_below(root: &Path) -> Result<Vec<PathBuf>> {
    let (mut files, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        if !folder.exists() {
            continue;
        }
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    Ok(files)
}
