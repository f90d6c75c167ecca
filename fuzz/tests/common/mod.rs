//! What the tests of the corpus have in common.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

/// The corpus of a target.
pub(crate) fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target)
}

/// The inputs of a corpus with their names, in the order of these.
pub(crate) fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let files = fs::read_dir(folder(target)).expect("there is a corpus");
    let mut inputs: Vec<(String, Vec<u8>)> = files
        .map(|file| {
            let file = file.expect("it can be listed");
            let data = fs::read(file.path()).expect("it can be read");
            (file.file_name().to_string_lossy().into_owned(), data)
        })
        .collect();
    inputs.sort();
    inputs
}

/// As much stack as a main thread has: what is naive goes as deep as its input.
pub(crate) fn on_a_large_stack(run: fn(&[u8]), data: Vec<u8>) -> thread::Result<()> {
    let thread = thread::Builder::new().stack_size(64 * 1024 * 1024);
    thread.spawn(move || run(&data)).expect("there is a thread").join()
}
