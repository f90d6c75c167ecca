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
    let named = files(corpus)?;
    let (mut count, mut bytes) = size(&named);
    let read = |file: &PathBuf| fs::read(file).map_err(|e| format!("{}: {e}", file.display()));
    let have: Vec<Vec<u8>> = named.iter().map(read).collect::<Outcome<_>>()?;
    let mut found: Vec<Vec<u8>> = files(merged)?.iter().map(read).collect::<Outcome<_>>()?;
    found.retain(|input| !have.contains(input));
    found.sort_by_key(Vec::len);
    for input in found {
        if count >= MOST_FILES || bytes + input.len() as u64 > MOST_BYTES {
            break;
        }
        let into = corpus.join(name(&input));
        fs::write(&into, &input).map_err(|e| format!("{}: {e}", into.display()))?;
        (count, bytes) = (count + 1, bytes + input.len() as u64);
    }
    println!("{}: {count} files, {bytes} bytes", corpus.display());
    Ok(())
}

fn size(files: &[PathBuf]) -> (usize, u64) {
    (files.len(), files.iter().map(|file| fs::metadata(file).map_or(0, |it| it.len())).sum())
}

/// A name by what is in it, of the form that the fuzzer gives, too.
fn name(input: &[u8]) -> String {
    // FNV-1a, over as many bits as such a name has.
    let hash = |seed: u64| {
        let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        input.iter().fold(0xcbf2_9ce4_8422_2325 ^ seed, step)
    };
    format!("{:016x}{:016x}{:08x}", hash(0), hash(1), input.len())
}

/// The name that the fuzzer gives to what it found.
fn is_hash(name: &str) -> bool {
    name.len() == 40 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_named_stays_and_the_rest_is_replaced() {
        let folder = std::env::temp_dir().join(format!("clamator-corpus-{}", std::process::id()));
        let (corpus, merged) = (folder.join("corpus"), folder.join("merged"));
        for folder in [&corpus, &merged] {
            fs::create_dir_all(folder).unwrap();
        }
        fs::write(corpus.join("nan"), "NaN").unwrap();
        fs::write(corpus.join(name(b"old")), "old").unwrap();
        fs::write(merged.join(name(b"NaN")), "NaN").unwrap();
        fs::write(merged.join(name(b"new")), "new").unwrap();
        let outcome = replace(&corpus, &merged);
        let left: Vec<Vec<u8>> =
            files(&corpus).unwrap().iter().map(|file| fs::read(file).unwrap()).collect();
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(outcome, Ok(()));
        assert_eq!(left.len(), 2, "{left:?}");
        assert!(left.contains(&b"NaN".to_vec()) && left.contains(&b"new".to_vec()), "{left:?}");
    }

    #[test]
    fn names_by_content_are_told_from_those_of_people() {
        assert!(is_hash(&name(b"a")) && is_hash(&name(b"")));
        assert_ne!(name(b"a"), name(b"b"));
        assert!(!is_hash("number_that_is_too_large"));
    }
}
