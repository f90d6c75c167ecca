//! Folders of inputs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{Outcome, run};

/// More than this is no corpus for a repository: the smallest inputs stay.
const MOST_FILES: usize = 200;
const MOST_BYTES: u64 = 250 * 1024;

/// The files of a folder, by name; none if it isn't there.
pub(super) fn files(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let unreadable = |e| format!("{}: {e}", folder.display());
    let mut files = Vec::new();
    if folder.is_dir() {
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.is_file() {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

/// As few and as small inputs of `from` as reach the same code.
pub(super) fn merge(mut fuzzer: Command, into: &Path, from: &[&Path]) -> Outcome {
    // A new one each time.
    let _ = fs::remove_dir_all(into);
    fs::create_dir_all(into).map_err(|e| format!("{}: {e}", into.display()))?;
    run(fuzzer
        .args(["-set_cover_merge=1", "-use_counters=0", "-verbosity=0"])
        .arg(into)
        .args(from))?;
    let (files, bytes) = size(&files(into)?);
    println!("merged: {files} files, {bytes} bytes");
    Ok(())
}

/// Puts the smallest inputs of `merged` into the corpus, next to those that people named.
pub(super) fn replace(corpus: &Path, merged: &Path) -> Outcome {
    fs::create_dir_all(corpus).map_err(|e| format!("{}: {e}", corpus.display()))?;
    let named = |file: &PathBuf| !is_hash(&file.file_name().unwrap_or_default().to_string_lossy());
    for file in files(corpus)?.into_iter().filter(|file| !named(file)) {
        fs::remove_file(&file).map_err(|e| format!("{}: {e}", file.display()))?;
    }
    let (mut count, mut bytes) = size(&files(corpus)?);
    let mut found = files(merged)?;
    found.sort_by_key(|file| fs::metadata(file).map_or(0, |it| it.len()));
    for file in found {
        let size = fs::metadata(&file).map_or(0, |it| it.len());
        let into = corpus.join(file.file_name().unwrap_or_default());
        if count >= MOST_FILES || bytes + size > MOST_BYTES {
            break;
        }
        fs::copy(&file, &into).map_err(|e| format!("{}: {e}", into.display()))?;
        (count, bytes) = (count + 1, bytes + size);
    }
    println!("{}: {count} files, {bytes} bytes", corpus.display());
    Ok(())
}

fn size(files: &[PathBuf]) -> (usize, u64) {
    (files.len(), files.iter().map(|file| fs::metadata(file).map_or(0, |it| it.len())).sum())
}

/// The name that the fuzzer gives to what it found.
fn is_hash(name: &str) -> bool {
    name.len() == 40 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}
